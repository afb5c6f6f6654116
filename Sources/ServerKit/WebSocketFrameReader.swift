package import NIOCore
package import NIOWebSocket

/// Takes a client's frames out of the bytes of its connection (RFC 6455, 5.2).
///
/// Payloads are copied once, while their mask is taken off. The read buffer belongs to TLS and is used again: what has
/// come of an unfinished frame is copied by ``settle()``.
package struct WebSocketFrameReader {
    package struct Frame: Equatable {
        package var isFinal: Bool
        package var opcode: WebSocketOpcode
        package var payload: [UInt8]
    }

    /// Why the connection has to end.
    package struct Fault: Error, Equatable {
        package var what: String
        package var code: WebSocketErrorCode

        package init(what: String, code: WebSocketErrorCode = .protocolError) {
            self.what = what
            self.code = code
        }

        package static let tooLarge = Fault(
            what: "a message above the largest allowed",
            code: .messageTooLarge
        )
    }

    private static let longestControl = 125

    /// The largest payload of one frame, in bytes.
    private let largest: Int
    private var input = ByteBuffer()
    /// `input` is a copy of our own.
    private var isCopy = false

    package init(largest: Int) {
        self.largest = largest
    }

    /// Bytes that came. Take the frames by ``next()``, then ``settle()``.
    package mutating func append(_ bytes: ByteBuffer) {
        if isCopy { input.writeImmutableBuffer(bytes) } else { input = bytes }
    }

    /// Nil: the rest of a frame is to come.
    package mutating func next() throws(Fault) -> Frame? {
        guard let (first, second) = input.getMultipleIntegers(at: input.readerIndex, as: (UInt8, UInt8).self)
        else { return nil }
        // 5.1: a server closes the connection when a frame of the client is not masked.
        guard second & 0x80 != 0 else { throw Fault(what: "without a mask") }
        // 5.2: no extension was agreed that gives these bits a meaning.
        guard first & 0x70 == 0 else { throw Fault(what: "with reserved bits") }
        guard let opcode = WebSocketOpcode(encodedWebSocketOpcode: first & 0x0F) else {
            throw Fault(what: "with a reserved opcode")
        }
        let isFinal = first & 0x80 != 0
        guard let (length, header) = length(second & 0x7F) else { return nil }
        if first & 0x08 != 0 {
            // 5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented."
            guard isFinal, length <= Self.longestControl else {
                throw Fault(what: "a control frame that is too long")
            }
        }
        guard length <= largest else { throw .tooLarge }
        guard input.readableBytes >= header + 4 + Int(length),
            let mask = input.getInteger(at: input.readerIndex + header, endianness: .little, as: UInt32.self)
        else { return nil }
        input.moveReaderIndex(forwardBy: header + 4)
        return Frame(isFinal: isFinal, opcode: opcode, payload: unmasked(Int(length), mask))
    }

    /// To be called when ``next()`` gives nothing more of what has come.
    package mutating func settle() {
        if input.readableBytes == 0 {
            input = ByteBuffer()
            isCopy = false
        } else if isCopy {
            input.discardReadBytes()
        } else {
            input = ByteBuffer(bytes: input.readableBytesView)
            isCopy = true
        }
    }

    /// The payload's length and the octets before the mask; nil: they have not come yet.
    private func length(_ short: UInt8) -> (length: UInt64, header: Int)? {
        switch short {
        case 126: input.getInteger(at: input.readerIndex + 2, as: UInt16.self).map { (UInt64($0), 4) }
        case 127: input.getInteger(at: input.readerIndex + 2, as: UInt64.self).map { ($0, 10) }
        default: (UInt64(short), 2)
        }
    }

    /// 5.3, eight octets at a time: a heartbeat has about 150.
    private mutating func unmasked(_ count: Int, _ mask: UInt32) -> [UInt8] {
        let wide = UInt64(mask) << 32 | UInt64(mask)
        let payload = input.withUnsafeReadableBytes { source in
            [UInt8](unsafeUninitializedCapacity: count) { target, written in
                let target = UnsafeMutableRawBufferPointer(target)
                var index = 0
                while index + 8 <= count {
                    let word = source.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    target.storeBytes(of: word ^ wide.littleEndian, toByteOffset: index, as: UInt64.self)
                    index += 8
                }
                while index < count {
                    target[index] = source[index] ^ UInt8(truncatingIfNeeded: mask >> (8 * UInt32(index & 3)))
                    index += 1
                }
                written = count
            }
        }
        input.moveReaderIndex(forwardBy: count)
        return payload
    }
}
