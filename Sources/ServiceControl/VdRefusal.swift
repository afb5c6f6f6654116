import NIOCore
import NIOHTTP1
import ServerKit
import Vd

/// Why a request is not answered with a WebSocket.
struct VdRefusal: Error, Equatable {
    var status: HTTPResponseStatus
    var text: String
    var retryAfterSeconds: Int?

    /// The unit is not at fault and should come again.
    static func busy(_ text: String) -> VdRefusal {
        VdRefusal(status: .serviceUnavailable, text: text, retryAfterSeconds: 5)
    }

    /// The whole answer, `{"info": "…"}` as Vs has it; the connection ends behind it.
    var answer: ByteBuffer {
        let body = "{\"info\":\(JSONText.quote(text))}"
        var fields = [
            "content-type: application/json; charset=utf-8", "content-length: \(body.utf8.count)",
            "connection: close",
        ]
        if let retryAfterSeconds { fields.append("retry-after: \(retryAfterSeconds)") }
        // RFC 6455, 4.4: which version is spoken here.
        if status == .upgradeRequired { fields += ["upgrade: websocket", "sec-websocket-version: 13"] }
        let head = ["HTTP/1.1 \(status.code) \(status.reasonPhrase)"] + fields
        return ByteBuffer(string: head.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }
}

extension VdRefusal {
    init(_ fault: OpeningRequest.Fault) {
        switch fault {
        case .malformed(let what): self.init(status: .badRequest, text: what)
        case .tooLarge: self.init(status: .requestHeaderFieldsTooLarge, text: "the request is too large")
        case .notWebSocket: self.init(status: .upgradeRequired, text: "this port speaks WebSocket")
        }
    }
}
