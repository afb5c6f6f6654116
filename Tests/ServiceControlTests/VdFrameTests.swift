import NIOCore
import NIOWebSocket
import Testing

@testable import ServiceControl

@Suite("Frames of Vd, RFC 6455") struct VdFrameTests {
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

    /// 5.3: "Octet i of the transformed data is the XOR of octet i of the original data with octet at index i modulo 4 of
    /// the masking key".
    @Test(arguments: 0...17) func theMaskIsTakenOff(count: Int) throws {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        let key = try #require(WebSocketMaskingKey([0xA5, 0, 0xFF, 0x11] as [UInt8]))
        // Not at the beginning of its buffer, as it arrives.
        var masked = ByteBuffer(bytes: [1, 2, 3] + payload)
        masked.moveReaderIndex(forwardBy: 3)
        masked.webSocketMask(key)
        #expect(WebSocketFrame(fin: true, opcode: .text, maskKey: key, data: masked).unmaskedBytes == payload)
    }
}
