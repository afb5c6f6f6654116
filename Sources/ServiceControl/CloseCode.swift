import NIOWebSocket
import Vd

extension CloseReason {
    var isFaultOfPeer: Bool {
        switch self {
        case .malformed, .unexpectedAnswer, .unanswered, .tooManyRequests: true
        case .peerGone, .local: false
        }
    }

    /// RFC 6455, 7.4.1.
    var webSocketCode: WebSocketErrorCode {
        switch self {
        case .malformed, .unexpectedAnswer: .protocolError
        case .unanswered, .tooManyRequests: .policyViolation
        case .peerGone: .normalClosure
        case .local: .goingAway
        }
    }
}
