import NIOCore
import NIOWebSocket
import TestSupport
import Testing

@testable import ServerKit

@Suite("Frames of a WebSocket, RFC 6455") struct WebSocketFrameTests {
    /// 5.2: "The length of the 'Payload data', in bytes: if 0-125, that is the payload length. If 126, the following 2
    /// bytes … If 127, the following 8 bytes …"
    @Test(
        arguments: [
            (0, [0x81, 0]), (125, [0x81, 125]), (126, [0x81, 126, 0, 126]),
            (0xFFFF, [0x81, 126, 0xFF, 0xFF]),
            (0x10000, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] as [(Int, [UInt8])]
    ) func theLengthStandsInTheShortestForm(count: Int, header: [UInt8]) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        #expect(Array(buffer: ByteBuffer(frame: .text, payload)) == header + payload)
    }

    @Test func theOpcodeStandsInTheFirstOctet() {
        #expect(Array(buffer: ByteBuffer(frame: .connectionClose, [3, 232])) == [0x88, 2, 3, 232])
        #expect(Array(buffer: ByteBuffer(frame: .pong, [])) == [0x8A, 0])
    }

    /// 1.3: "dGhlIHNhbXBsZSBub25jZQ==" is answered with "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".
    @Test func theOpeningIsOnePiece() {
        let text = String(buffer: ByteBuffer(openingFor: "dGhlIHNhbXBsZSBub25jZQ=="))
        #expect(
            text == """
                HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n
                """
        )
    }

    // MARK: Of the client

    private static let masks: [[UInt8]] = [[0xA5, 0, 0xFF, 0x11], [0, 0, 0, 0], [1, 2, 3, 4]]

    /// 5.3: "Octet i of the transformed data is the XOR of octet i of the original data with octet at index i modulo 4 of
    /// the masking key".
    @Test(arguments: Array(0...17) + [125, 126, 1000, 65_535, 65_536]) func theMaskIsTakenOff(
        count: Int
    ) throws {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        for mask in count < 1000 ? Self.masks : [Self.masks[0]] {
            var reader = WebSocketFrameReader(largest: 70_000)
            // Not at the beginning of its buffer, as it arrives.
            var bytes = ByteBuffer(bytes: [1, 2, 3] + Self.frame(0x81, payload, mask))
            bytes.moveReaderIndex(forwardBy: 3)
            reader.append(bytes)
            #expect(
                try reader.next()
                    == WebSocketFrameReader.Frame(isFinal: true, opcode: .text, payload: payload)
            )
            #expect(try reader.next() == nil)
        }
    }

    /// However the bytes are divided: the same frames, and none is lost or read twice.
    @Test func everyDivisionGivesTheSameFrames() throws {
        let sent: [(UInt8, Int)] = [
            (0x01, 3), (0x89, 0), (0x80, 200), (0x82, 5000), (0x8A, 125), (0x88, 2),
        ]
        var bytes: [UInt8] = []
        var expected: [WebSocketFrameReader.Frame] = []
        for (number, (first, count)) in sent.enumerated() {
            let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 + number) }
            bytes += Self.frame(first, payload, Self.masks[number % 3])
            let opcode = try #require(WebSocketOpcode(encodedWebSocketOpcode: first & 15))
            expected.append(.init(isFinal: first & 0x80 != 0, opcode: opcode, payload: payload))
        }
        for seed in 0..<16 {
            var random = SeededGenerator(seed: UInt64(seed))
            let largest = [1, 7, 1024, 100_000][seed % 4]
            var reader = WebSocketFrameReader(largest: 5000)
            var rest = bytes[...]
            var received: [WebSocketFrameReader.Frame] = []
            while !rest.isEmpty {
                let part = rest.prefix(Int.random(in: 1...largest, using: &random))
                rest = rest.dropFirst(part.count)
                reader.append(ByteBuffer(bytes: part))
                while let frame = try reader.next() { received.append(frame) }
                reader.settle()
            }
            #expect(received == expected, "seed \(seed)")
        }
    }

    /// 5.1, 5.2, 5.5; refused with the header, before anything is kept of the payload.
    @Test(
        arguments: [
            ([0x81, 0x00], "without a mask", .protocolError),
            ([0xC1, 0x80], "with reserved bits", .protocolError),
            ([0x91, 0x80], "with reserved bits", .protocolError),
            ([0x09, 0x80], "a control frame that is too long", .protocolError),
            ([0x89, 0xFE, 0, 126], "a control frame that is too long", .protocolError),
            ([0x81, 0xFE, 0x04, 0x01], "a message above the largest allowed", .messageTooLarge),
            (
                [0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], "a message above the largest allowed",
                .messageTooLarge
            ),
        ] as [([UInt8], String, WebSocketErrorCode)]
    ) func whatIsRefused(header: [UInt8], what: String, code: WebSocketErrorCode) {
        var reader = WebSocketFrameReader(largest: 1024)
        reader.append(ByteBuffer(bytes: header))
        #expect(throws: WebSocketFrameReader.Fault(what: what, code: code)) { try reader.next() }
    }

    /// Random bytes end in a refusal or wait for more; nothing traps.
    @Test func rubbishDoesNotTrap() {
        for seed in 0..<200 {
            var random = SeededGenerator(seed: UInt64(seed))
            var reader = WebSocketFrameReader(largest: 300)
            reading: for _ in 0..<20 {
                let count = Int.random(in: 0...40, using: &random)
                reader.append(
                    ByteBuffer(
                        bytes: (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) | 0x80 }
                    )
                )
                do {
                    while let frame = try reader.next() { #expect(frame.payload.count <= 300) }
                } catch {
                    break reading
                }
                reader.settle()
            }
        }
    }

    private static func frame(_ first: UInt8, _ payload: [UInt8], _ mask: [UInt8]) -> [UInt8] {
        var header = [first]
        switch payload.count {
        case ...125: header.append(0x80 | UInt8(payload.count))
        case ...0xFFFF: header += [0xFE, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        default: header += [0xFF] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        return header + mask + payload.enumerated().map { $0.element ^ mask[$0.offset & 3] }
    }
}
