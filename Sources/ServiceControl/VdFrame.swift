import NIOCore
import NIOWebSocket

extension ByteBuffer {
    /// One whole frame of a server (RFC 6455, 5.2: final, not masked). Header and payload in one piece: written apart, as
    /// NIO's encoder does, each would become a TLS record of its own.
    init(frame opcode: WebSocketOpcode, _ payload: [UInt8]) {
        self = ByteBufferAllocator().buffer(capacity: payload.count + 10)
        writeInteger(0x80 | UInt8(webSocketOpcode: opcode))
        switch payload.count {
        case ...125:
            writeInteger(UInt8(payload.count))
        case ...0xFFFF:
            writeInteger(126 as UInt8)
            writeInteger(UInt16(payload.count))
        default:
            writeInteger(127 as UInt8)
            writeInteger(UInt64(payload.count))
        }
        writeBytes(payload)
    }
}

extension WebSocketFrame {
    /// The payload as the peer meant it (RFC 6455, 5.3), copied once: the read buffer is small and used again.
    var unmaskedBytes: [UInt8] {
        let masked = data
        guard let maskKey else { return Array(buffer: masked) }
        let key = (maskKey[0], maskKey[1], maskKey[2], maskKey[3])
        return masked.withUnsafeReadableBytes { source in
            [UInt8](unsafeUninitializedCapacity: source.count) { target, count in
                var index = 0
                while index < source.count {
                    let octet =
                        switch index & 3 {
                        case 0: key.0
                        case 1: key.1
                        case 2: key.2
                        default: key.3
                        }
                    target.initializeElement(at: index, to: source[index] ^ octet)
                    index += 1
                }
                count = source.count
            }
        }
    }
}
