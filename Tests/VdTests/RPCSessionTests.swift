import HSSModel
import TestSupport
import Testing

@testable import Vd

private let start = Instant(nanoseconds: 0)
private let ask = RPCRequest("DevStatus")

@Suite("Calls on one connection, §9.3.2.1.1") struct RPCSessionTests {
    /// "seq: the calculation value adds one for each request" (Table 9-1).
    @Test func numbersItsRequests() {
        var session = RPCSession()
        let deadline = start + .seconds(20)
        #expect(
            session.receive(.call(CallID(1), ask), at: start) == [
                .send(.request(ask, seq: 1)), .wake(at: deadline),
            ]
        )
        #expect(session.receive(.call(CallID(2), ask), at: start) == [.send(.request(ask, seq: 2))])
    }

    /// "The responder is required to process and reply to the request according to the timing order of arrivals."
    @Test func answersLeaveInTheOrderOfArrival() throws {
        var session = RPCSession()
        var served: [ServeID] = []
        for seq in [5, 6, 7] {
            for case .serve(let id, _) in session.receive(.message(.request(ask, seq: seq)), at: start) {
                served.append(id)
            }
        }
        let ok = RPCAnswer.success(.empty)
        #expect(session.receive(.answer(served[2], ok), at: start) == [])
        #expect(session.receive(.answer(served[0], ok), at: start) == [.send(.answer(ok, seq: 5))])
        #expect(
            session.receive(.answer(served[1], ok), at: start)
                == [.send(.answer(ok, seq: 6)), .send(.answer(ok, seq: 7))]
        )
        #expect(session.receive(.answer(served[1], ok), at: start) == [], "a second answer is dropped")
    }

    /// "A response whose seq is not the next one expected … close the WebSocket" (deployed practice).
    @Test func anAnswerOutOfOrderCloses() {
        var session = RPCSession()
        _ = session.receive(.call(CallID(1), ask), at: start)
        _ = session.receive(.call(CallID(2), ask), at: start)
        let reason = CloseReason.unexpectedAnswer(seq: 2)
        #expect(
            session.receive(.message(.answer(.success(.empty), seq: 2)), at: start) == [
                .finish(CallID(1), .lost(reason)), .finish(CallID(2), .lost(reason)), .close(reason),
            ]
        )
    }

    /// "no response within 20 s: close the WebSocket" (deployed practice).
    @Test func silenceFor20SecondsCloses() {
        var session = RPCSession()
        _ = session.receive(.call(CallID(1), ask), at: start)
        let early = start + .milliseconds(19_999)
        #expect(session.receive(.wake, at: early) == [.wake(at: start + .seconds(20))])
        let reason = CloseReason.unanswered(seq: 1)
        #expect(
            session.receive(.wake, at: start + .seconds(20))
                == [.finish(CallID(1), .lost(reason)), .close(reason)]
        )
        #expect(session.isClosed)
    }

    @Test func boundsBothDirections() {
        var session = RPCSession(limits: .init(waitingCalls: 2, waitingServes: 2))
        for id in UInt64(1)...2 { _ = session.receive(.call(CallID(id), ask), at: start) }
        #expect(session.receive(.call(CallID(3), ask), at: start) == [.finish(CallID(3), .busy)])
        for seq in 1...2 { _ = session.receive(.message(.request(ask, seq: seq)), at: start) }
        let actions = session.receive(.message(.request(ask, seq: 3)), at: start)
        #expect(actions.last == .close(.tooManyRequests))
    }

    @Test func afterTheEndEveryCallHearsWhy() {
        var session = RPCSession()
        _ = session.receive(.close(.peerGone), at: start)
        #expect(session.receive(.call(CallID(1), ask), at: start) == [.finish(CallID(1), .lost(.peerGone))])
        #expect(session.receive(.message(.event(Reschedule().event)), at: start) == [])
    }

    /// Whatever arrives, in whatever order: every caller hears once, and never another's answer.
    @Test func everyCallFinishesOnce() {
        for seed in UInt64(0)..<500 {
            var random = SeededGenerator(seed: seed)
            var session = RPCSession(limits: .init(waitingCalls: 8, waitingServes: 4))
            let hostility = Int.random(in: 0...20, using: &random)  // percent: some runs calm, some wild
            var now = start
            var asked: [UInt64: Int] = [:]  // call → seq
            var open: [Int] = []  // seqs the peer has not answered
            var finished: [UInt64: Int] = [:]
            var serves: [ServeID] = []
            var closes = 0
            func take(_ actions: [RPCSession.Action], calling: UInt64? = nil) {
                for action in actions {
                    switch action {
                    case .send(.request(_, let seq)):
                        if let calling { asked[calling] = seq }
                        open.append(seq)
                    case .finish(let id, let outcome):
                        finished[id.rawValue, default: 0] += 1
                        if case .answered(.success(let result)) = outcome {
                            #expect(
                                (try? result.integer("of", 0...1000)) == asked[id.rawValue],
                                "seed \(seed)"
                            )
                        }
                    case .serve(let id, _): serves.append(id)
                    case .close: closes += 1
                    case .send, .deliver, .wake: break
                    }
                }
            }
            for step in UInt64(0)..<120 {
                now = now + .milliseconds(Int64.random(in: 0...900, using: &random))
                if Int.random(in: 0..<100, using: &random) < hostility {
                    let seq = Int.random(in: 0...100, using: &random)
                    take(session.receive(.message(.answer(.success(.empty), seq: seq)), at: now))
                    continue
                }
                switch Int.random(in: 0...4, using: &random) {
                case 0: take(session.receive(.call(CallID(step), ask), at: now), calling: step)
                case 1:
                    guard !open.isEmpty else { continue }
                    let seq = open.removeFirst()
                    let result = JSONObject { $0.field("of", seq) }
                    take(session.receive(.message(.answer(.success(result), seq: seq)), at: now))
                case 2: take(session.receive(.message(.request(ask, seq: Int(step))), at: now))
                case 3:
                    guard let id = serves.randomElement(using: &random) else { continue }
                    take(session.receive(.answer(id, .success(.empty)), at: now))
                default: take(session.receive(.wake, at: now))
                }
            }
            take(session.receive(.close(.peerGone), at: now))
            for id in asked.keys { #expect(finished[id] == 1, "call \(id), seed \(seed)") }
            #expect(closes == 1, "seed \(seed)")
        }
    }
}
