import HSSModel
package import NIOWebSocket

/// Why we close a WebSocket, as the peer hears it.
package struct WebSocketClose: Sendable, Equatable {
    package var code: WebSocketErrorCode
    /// For people and programs; what is above 123 octets is cut off (RFC 6455, 5.5).
    package var reason: String

    package init(_ code: WebSocketErrorCode, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    /// The payload of the frame.
    package var payload: [UInt8] {
        let code = UInt16(webSocketErrorCode: code)
        return [UInt8(code >> 8), UInt8(truncatingIfNeeded: code)] + Self.cut(reason)
    }

    /// No character is cut in two: the text has to be UTF-8.
    private static func cut(_ reason: String) -> [UInt8] {
        var octets: [UInt8] = []
        for character in reason.unicodeScalars {
            let next = Array(String(character).utf8)
            guard octets.count + next.count <= 123 else { break }
            octets += next
        }
        return octets
    }
}

/// How a WebSocket ended.
package enum WebSocketEnd: Sendable, Equatable {
    /// With or without a farewell.
    case closedByPeer
    /// The peer answered no ping.
    case silent
    /// The peer broke the rules.
    case faulty(WebSocketErrorCode)
    case closedByUs
    /// This server shuts down.
    case goingAway
}

/// The server's side of a WebSocket on which only the server sends data, as a value: pings and their answers, and the way
/// to the end (RFC 6455, 5.5 and 7).
struct WebSocketConversation {
    enum Input {
        case frame(WebSocketFrameReader.Frame)
        case fault(WebSocketFrameReader.Fault)
        case wake
        case close(WebSocketClose)
        /// This server shuts down.
        case quiesce
    }

    enum Action: Equatable {
        case send(WebSocketOpcode, [UInt8])
        /// What was to be sent is sent no more.
        case end(WebSocketEnd)
        /// Both have said farewell.
        case hangUp
        /// Without a word: nobody is there to hear it.
        case cut
    }

    /// Frames of a peer between two of our pings. It owes us a pong, and may ask as often itself.
    static let mostFrames = 100
    /// How long the peer's farewell is waited for.
    static let farewell: Duration = .seconds(1)

    private enum State: Equatable { case open, closing, over }

    private let pingInterval: Duration
    private var state = State.open
    private var hasHeard = true
    private var frames = 0
    /// When ``Input/wake`` has to come; `nil`: not any more.
    private(set) var wakeAt: Instant?

    init(pingInterval: Duration, at now: Instant) {
        self.pingInterval = pingInterval
        wakeAt = now + pingInterval
    }

    /// Data may be sent.
    var isOpen: Bool { state == .open }

    mutating func receive(_ input: Input, at now: Instant) -> [Action] {
        switch (state, input) {
        case (.over, _): []
        case (.open, .frame(let frame)): take(frame, at: now)
        case (.open, .fault(let fault)): refuse(fault.code, fault.what, at: now)
        case (.open, .wake): wake(at: now)
        case (.open, .close(let close)): say(close, .closedByUs, at: now)
        case (.open, .quiesce): say(WebSocketClose(.goingAway, "shutting-down"), .goingAway, at: now)
        case (.closing, .frame(let frame)) where frame.opcode == .connectionClose: finish(.hangUp)
        case (.closing, .wake), (.closing, .fault): finish(.cut)
        case (.closing, _): []
        }
    }

    private mutating func take(_ frame: WebSocketFrameReader.Frame, at now: Instant) -> [Action] {
        hasHeard = true
        frames += 1
        guard frames <= Self.mostFrames else { return refuse(.policyViolation, "too many frames", at: now) }
        switch frame.opcode {
        case .ping: return [.send(.pong, frame.payload)]
        case .pong: return []
        case .connectionClose:
            // 5.5.1: "the endpoint typically echos the status code it received".
            guard frame.payload.count != 1 else { return refuse(.protocolError, "half a code", at: now) }
            return [.send(.connectionClose, Array(frame.payload.prefix(2))), .end(.closedByPeer)]
                + finish(.hangUp)
        case .text, .binary, .continuation:
            return refuse(.unacceptableData, "nothing is expected", at: now)
        default: return refuse(.protocolError, "an unknown opcode", at: now)
        }
    }

    private mutating func wake(at now: Instant) -> [Action] {
        guard hasHeard else { return [.end(.silent)] + finish(.cut) }
        hasHeard = false
        frames = 0
        wakeAt = now + pingInterval
        return [.send(.ping, [])]
    }

    private mutating func refuse(
        _ code: WebSocketErrorCode,
        _ what: String,
        at now: Instant
    ) -> [Action] {
        say(WebSocketClose(code, what), .faulty(code), at: now)
    }

    private mutating func say(_ close: WebSocketClose, _ end: WebSocketEnd, at now: Instant) -> [Action] {
        state = .closing
        wakeAt = now + Self.farewell
        return [.send(.connectionClose, close.payload), .end(end)]
    }

    private mutating func finish(_ action: Action) -> [Action] {
        state = .over
        wakeAt = nil
        return [action]
    }
}
