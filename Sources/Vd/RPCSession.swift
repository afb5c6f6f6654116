package import HSSModel

/// Names one call made on this side of a connection; never travels.
package struct CallID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// Names one request of the peer until it is answered; never travels.
package struct ServeID: Hashable, Sendable {
    fileprivate let position: UInt64
}

/// Why a connection is closed.
package enum CloseReason: Equatable, Sendable, CustomStringConvertible {
    case malformed(MalformedPacket)
    /// An answer that nobody waits for now.
    case unexpectedAnswer(seq: Int)
    /// The peer owed an answer for ``RPCSession/Limits/answerTime``.
    case unanswered(seq: Int)
    /// More requests at once than this side queues.
    case tooManyRequests
    /// The peer is gone.
    case peerGone
    /// This side wants it: shutdown, takeover, a disabled device.
    case local(String)

    package var description: String {
        switch self {
        case .malformed(let error): "malformed packet: \(error)"
        case .unexpectedAnswer(let seq): "answer \(seq) is not the next one expected"
        case .unanswered(let seq): "request \(seq) was not answered in time"
        case .tooManyRequests: "too many requests at once"
        case .peerGone: "the peer is gone"
        case .local(let reason): reason
        }
    }
}

/// How a call ended. Every call ends exactly once.
package enum CallOutcome: Equatable, Sendable {
    case answered(RPCAnswer)
    /// The connection ended before the answer: whether the peer acted is unknown.
    case lost(CloseReason)
    /// Too many calls wait already; nothing was sent.
    case busy
}

/// One Vd connection: matches answers to requests, in both directions. Both ends run it (§9.3.2.1.1).
///
/// - A side numbers its requests 1, 2, 3 …, and the peer answers them in that order.
/// - Requests of the peer may be answered here in any order: their answers leave in the order of arrival.
/// - An answer out of order, a malformed packet, or no answer within 20 s closes the connection
///   (deployed practice); everything that waits then hears of it.
package struct RPCSession: Sendable {
    package struct Limits: Sendable {
        /// How long a request may stay unanswered.
        package var answerTime: Duration
        /// Own requests that wait for an answer.
        package var waitingCalls: Int
        /// Requests of the peer that wait for an answer of this side.
        package var waitingServes: Int

        package init(answerTime: Duration = .seconds(20), waitingCalls: Int = 32, waitingServes: Int = 16) {
            self.answerTime = answerTime
            self.waitingCalls = waitingCalls
            self.waitingServes = waitingServes
        }
    }

    package enum Input: Sendable {
        case call(CallID, RPCRequest)
        case notify(RPCEvent)
        case answer(ServeID, RPCAnswer)
        case message(RPCMessage)
        case malformed(MalformedPacket)
        case wake
        case close(CloseReason)
    }

    package enum Action: Equatable, Sendable {
        case send(RPCMessage)
        /// The peer asks; answer with ``Input/answer(_:_:)``.
        case serve(ServeID, RPCRequest)
        case deliver(RPCEvent)
        case finish(CallID, CallOutcome)
        /// Replaces the wake before. Waking early does no harm.
        case wake(at: Instant)
        /// Always the last one of a session.
        case close(CloseReason)
    }

    private struct Call {
        var id: CallID
        var seq: Int
        var deadline: Instant
    }

    private struct Serve {
        var seq: Int
        var answer: RPCAnswer?
    }

    private let limits: Limits
    /// Oldest first: the peer answers in the order in which it was asked.
    private var calls: [Call] = []
    /// Oldest first; an answer leaves when everything before it has left.
    private var serves: [Serve] = []
    private var firstServe: UInt64 = 0
    private var lastSeq = 0
    private var closed: CloseReason?

    package init(limits: Limits = Limits()) {
        self.limits = limits
    }

    package var isClosed: Bool { closed != nil }

    package mutating func receive(_ input: Input, at now: Instant) -> [Action] {
        if let closed { return Self.afterClose(input, closed) }
        switch input {
        case .call(let id, let request): return call(id, request, at: now)
        case .notify(let event): return [.send(.event(event))]
        case .answer(let id, let answer): return answered(id, answer)
        case .message(.request(let request, let seq)): return asked(request, seq: seq)
        case .message(.answer(let answer, let seq)): return finished(answer, seq: seq)
        case .message(.event(let event)): return [.deliver(event)]
        case .malformed(let error): return close(.malformed(error))
        case .wake: return woken(at: now)
        case .close(let reason): return close(reason)
        }
    }

    // MARK: Requests of this side

    private mutating func call(_ id: CallID, _ request: RPCRequest, at now: Instant) -> [Action] {
        guard calls.count < limits.waitingCalls else { return [.finish(id, .busy)] }
        lastSeq += 1
        calls.append(Call(id: id, seq: lastSeq, deadline: now + limits.answerTime))
        let send = Action.send(.request(request, seq: lastSeq))
        return calls.count == 1 ? [send] + nextWake : [send]
    }

    private mutating func finished(_ answer: RPCAnswer, seq: Int) -> [Action] {
        guard seq == calls.first?.seq else { return close(.unexpectedAnswer(seq: seq)) }
        return [.finish(calls.removeFirst().id, .answered(answer))] + nextWake
    }

    private mutating func woken(at now: Instant) -> [Action] {
        guard let oldest = calls.first, oldest.deadline <= now else { return nextWake }
        return close(.unanswered(seq: oldest.seq))
    }

    private var nextWake: [Action] {
        calls.first.map { [.wake(at: $0.deadline)] } ?? []
    }

    // MARK: Requests of the peer

    private mutating func asked(_ request: RPCRequest, seq: Int) -> [Action] {
        guard serves.count < limits.waitingServes else { return close(.tooManyRequests) }
        serves.append(Serve(seq: seq))
        return [.serve(ServeID(position: firstServe + UInt64(serves.count - 1)), request)]
    }

    private mutating func answered(_ id: ServeID, _ answer: RPCAnswer) -> [Action] {
        guard id.position >= firstServe, id.position - firstServe < UInt64(serves.count) else { return [] }
        let index = Int(id.position - firstServe)
        if serves[index].answer == nil { serves[index].answer = answer }
        var actions: [Action] = []
        while let oldest = serves.first, let answer = oldest.answer {
            actions.append(.send(.answer(answer, seq: oldest.seq)))
            serves.removeFirst()
            firstServe += 1
        }
        return actions
    }

    // MARK: The end

    private mutating func close(_ reason: CloseReason) -> [Action] {
        closed = reason
        serves = []
        defer { calls = [] }
        return calls.map { .finish($0.id, .lost(reason)) } + [.close(reason)]
    }

    private static func afterClose(_ input: Input, _ reason: CloseReason) -> [Action] {
        guard case .call(let id, _) = input else { return [] }
        return [.finish(id, .lost(reason))]
    }
}
