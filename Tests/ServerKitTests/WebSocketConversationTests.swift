import HSSModel
import NIOWebSocket
import Testing

@testable import ServerKit

/// The server's side of a WebSocket, RFC 6455, 5.5 and 7.
@Suite("WebSocket on which only the server sends, RFC 6455") struct WebSocketConversationTests {
    private typealias Frame = WebSocketFrameReader.Frame

    private let start = Instant(nanoseconds: 0)
    private let interval: Duration = .seconds(20)

    private func conversation() -> WebSocketConversation {
        WebSocketConversation(pingInterval: interval, at: start)
    }

    private func frame(_ opcode: WebSocketOpcode, _ payload: [UInt8] = []) -> WebSocketConversation.Input {
        .frame(Frame(isFinal: true, opcode: opcode, payload: payload))
    }

    /// 5.5.3: "A Pong frame sent in response to a Ping frame must have identical 'Application data'".
    @Test func aPingIsAnsweredWithItsData() {
        var conversation = conversation()
        #expect(conversation.receive(frame(.ping, [1, 2]), at: start) == [.send(.pong, [1, 2])])
        #expect(conversation.receive(frame(.pong), at: start).isEmpty)
    }

    @Test func whoAnswersNoPingIsGone() {
        var conversation = conversation()
        let first = start + interval
        #expect(conversation.wakeAt == first)
        #expect(conversation.receive(.wake, at: first) == [.send(.ping, [])])
        _ = conversation.receive(frame(.pong), at: first)
        let second = first + interval
        #expect(conversation.wakeAt == second)
        #expect(conversation.receive(.wake, at: second) == [.send(.ping, [])])
        #expect(conversation.receive(.wake, at: second + interval) == [.end(.silent), .cut])
        #expect(conversation.wakeAt == nil)
        #expect(conversation.receive(frame(.ping), at: second + interval).isEmpty)
    }

    /// 5.5.1: "If an endpoint receives a Close frame and did not previously send a Close frame, the endpoint MUST send a
    /// Close frame in response."
    @Test(
        arguments: [([], []), ([3, 232], [3, 232]), ([3, 233, 65, 66], [3, 233])] as [([UInt8], [UInt8])]
    )
    func aFarewellIsReturned(payload: [UInt8], answer: [UInt8]) {
        var conversation = conversation()
        let actions = conversation.receive(frame(.connectionClose, payload), at: start)
        #expect(actions == [.send(.connectionClose, answer), .end(.closedByPeer), .hangUp])
        #expect(!conversation.isOpen)
        #expect(conversation.receive(.close(WebSocketClose(.normalClosure, "")), at: start).isEmpty)
    }

    /// 7.4.1: 1002, 1003, 1008, 1009. Then a second for the peer's farewell.
    @Test(
        arguments: [
            (frameOf(.text, []), .unacceptableData), (frameOf(.binary, [1]), .unacceptableData),
            (frameOf(.continuation, []), .unacceptableData),
            (frameOf(.connectionClose, [3]), .protocolError),
            (.fault(.init(what: "without a mask")), .protocolError), (.fault(.tooLarge), .messageTooLarge),
        ] as [(WebSocketConversation.Input, WebSocketErrorCode)]
    ) func whatIsAgainstTheRules(input: WebSocketConversation.Input, code: WebSocketErrorCode) {
        var conversation = conversation()
        let actions = conversation.receive(input, at: start)
        guard case .send(.connectionClose, let payload) = actions.first else {
            Issue.record("\(actions)")
            return
        }
        #expect(Array(payload.prefix(2)) == Array(WebSocketClose(code, "").payload))
        #expect(actions.last == .end(.faulty(code)))
        #expect(conversation.receive(frame(.binary, [1]), at: start).isEmpty)
        #expect(conversation.wakeAt == start + WebSocketConversation.farewell)
        #expect(conversation.receive(.wake, at: start + .seconds(1)) == [.cut])
    }

    @Test func aFloodOfPingsEndsIt() {
        var conversation = conversation()
        for _ in 0..<WebSocketConversation.mostFrames {
            #expect(conversation.receive(frame(.ping), at: start) == [.send(.pong, [])])
        }
        let actions = conversation.receive(frame(.ping), at: start)
        #expect(actions.last == .end(.faulty(.policyViolation)))
        // The next interval has its own.
        var other = self.conversation()
        for round in 1...10 {
            for _ in 0..<60 { _ = other.receive(frame(.ping), at: start) }
            _ = other.receive(.wake, at: start + interval * round)
        }
        #expect(other.isOpen)
    }

    /// 7.1.1: the server closes first, once both have said farewell.
    @Test func weCloseAndWaitForTheFarewell() {
        var conversation = conversation()
        let close = WebSocketClose(.policyViolation, "dismissed")
        let farewell = [3, 240] + Array("dismissed".utf8)
        #expect(
            conversation.receive(.close(close), at: start) == [
                .send(.connectionClose, farewell), .end(.closedByUs),
            ]
        )
        #expect(conversation.receive(.close(close), at: start).isEmpty)
        #expect(conversation.receive(frame(.connectionClose, [3, 240]), at: start) == [.hangUp])
        var other = self.conversation()
        #expect(other.receive(.quiesce, at: start).last == .end(.goingAway))
    }

    /// 5.5: a control frame has 125 octets at most, and its text is UTF-8 (5.5.1).
    @Test func aLongReasonIsCutBetweenCharacters() {
        let payload = WebSocketClose(.normalClosure, String(repeating: "ä", count: 100)).payload
        #expect(payload.count == 124)
        #expect(String(validating: payload.dropFirst(2), as: UTF8.self)?.count == 61)
    }

    private static func frameOf(_ opcode: WebSocketOpcode, _ payload: [UInt8]) -> WebSocketConversation.Input
    {
        .frame(Frame(isFinal: true, opcode: opcode, payload: payload))
    }
}
