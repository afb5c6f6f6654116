import Crypto
package import NIOCore
package import NIOWebSocket

extension ByteBuffer {
    /// One whole frame of a server (RFC 6455, 5.2: final, not masked). Header and payload in one piece: written apart, as
    /// NIO's encoder does, each would become a TLS record of its own.
    package init(frame opcode: WebSocketOpcode, _ payload: [UInt8]) {
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

    /// The answer that opens a WebSocket (RFC 6455, 4.2.2), in one piece too.
    package init(openingFor key: String) {
        // 1.3: the key and this text, hashed.
        let digest = Insecure.SHA1.hash(data: Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))
        self.init(
            string: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: \(Self.base64(Array(digest)))\r\n\r\n"
        )
    }

    /// With padding.
    private static func base64(_ bytes: [UInt8]) -> String {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let bits = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
            for index in 0..<4 {
                text.append(index > part.count ? UInt8(ascii: "=") : letters[bits >> (18 - 6 * index) & 63])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
