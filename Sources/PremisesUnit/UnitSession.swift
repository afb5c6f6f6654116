import HSSModel
import Vd

/// One login of a unit: its heartbeat and its answers on one Vd connection (§9.3.2).
struct UnitSession: Sendable {
    enum Output: Equatable {
        case send(RPCMessage)
        /// ``FaultPlan/sendsGarbage``
        case sendMalformed
        /// Give the unit's state to ``heartbeat(_:at:)``.
        case heartbeatDue
        /// Answer with ``answer(_:_:at:)``.
        case serve(ServeID, RPCRequest)
        case deliver(RPCEvent)
        /// What the platform said to ``tell(_:at:)``.
        case alarmAnswered(RPCAnswer)
        /// The platform wants the unit to ask Vs again (Table I.2-6).
        case reschedule
        case informed(ServerInfo)
        /// An answer to something that was sent later shows that the bind code arrived.
        case bindArrived
        /// The connection is of no more use; always the last output.
        case lost(String)
    }

    private static let usualInterval: Duration = .seconds(10)
    private static let infoCall = CallID(0)
    private static let heartbeatCall = CallID(1)
    private static let alarmCall = CallID(2)

    private struct LateAnswer {
        var due: Instant
        var id: ServeID
        var answer: RPCAnswer
    }

    let attempt: AttemptID
    let since: Instant
    private let faults: FaultPlan
    private var rpc = RPCSession(limits: RPCSession.Limits(waitingCalls: 8, waitingServes: 16))
    private var interval = usualInterval
    private var nextHeartbeat: Instant
    private var rpcWake: Instant?
    /// ``FaultPlan/slowAnswers``; at most as many as ``rpc`` lets wait.
    private var late: [LateAnswer] = []
    /// Own requests without an answer, and how many of them were sent before the bind code.
    private var waitingCalls = 0
    private var callsBeforeBind: Int?

    init(attempt: AttemptID, faults: FaultPlan, at now: Instant) {
        self.attempt = attempt
        self.faults = faults
        since = now
        nextHeartbeat = now
    }

    /// Asks for the server's information, once after each login (Table I.2-2), and begins the heartbeat.
    mutating func start(_ info: GetServerInfo, bindEvent: RPCEvent?, at now: Instant) -> [Output] {
        var outputs: [Output] = []
        if let bindEvent { outputs += bind(bindEvent, at: now) }
        outputs += call(Self.infoCall, info.request, at: now)
        outputs += wake(at: now)
        if faults.sendsGarbage { outputs.append(.sendMalformed) }
        return outputs
    }

    mutating func bind(_ event: RPCEvent, at now: Instant) -> [Output] {
        callsBeforeBind = waitingCalls
        return take(rpc.receive(.notify(event), at: now), at: now)
    }

    mutating func heartbeat(_ heartbeat: Keepalive, at now: Instant) -> [Output] {
        nextHeartbeat = now + interval
        return faults.isMute ? [] : call(Self.heartbeatCall, heartbeat.request, at: now)
    }

    mutating func notify(_ event: RPCEvent, at now: Instant) -> [Output] {
        take(rpc.receive(.notify(event), at: now), at: now)
    }

    /// One at a time (Table I.2-16).
    mutating func tell(_ alarm: AlarmNotify, at now: Instant) -> [Output] {
        call(Self.alarmCall, alarm.request, at: now)
    }

    mutating func receive(_ message: RPCMessage, at now: Instant) -> [Output] {
        take(rpc.receive(.message(message), at: now), at: now)
    }

    mutating func receive(_ problem: MalformedPacket, at now: Instant) -> [Output] {
        take(rpc.receive(.malformed(problem), at: now), at: now)
    }

    mutating func answer(_ id: ServeID, _ answer: RPCAnswer, at now: Instant) -> [Output] {
        if let delay = faults.slowAnswers {
            late.append(LateAnswer(due: now + delay, id: id, answer: answer))
            return []
        }
        return take(rpc.receive(.answer(id, answer), at: now), at: now)
    }

    var nextWake: Instant {
        let dropAt = faults.dropAfter.map { since + $0 }
        return [nextHeartbeat, rpcWake, late.first?.due, dropAt].compactMap(\.self).min() ?? nextHeartbeat
    }

    mutating func wake(at now: Instant) -> [Output] {
        if let dropAfter = faults.dropAfter, now >= since + dropAfter { return [.lost("dropped on purpose")] }
        var outputs: [Output] = []
        if let rpcWake, rpcWake <= now {
            self.rpcWake = nil
            outputs += take(rpc.receive(.wake, at: now), at: now)
            if rpc.isClosed { return outputs }
        }
        while let first = late.first, first.due <= now {
            late.removeFirst()
            outputs += take(rpc.receive(.answer(first.id, first.answer), at: now), at: now)
        }
        if nextHeartbeat <= now {
            nextHeartbeat = now + interval
            outputs.append(.heartbeatDue)
        }
        return outputs
    }

    // MARK: Requests and events

    private mutating func call(_ id: CallID, _ request: RPCRequest, at now: Instant) -> [Output] {
        waitingCalls += 1
        return take(rpc.receive(.call(id, request), at: now), at: now)
    }

    private mutating func take(_ actions: [RPCSession.Action], at now: Instant) -> [Output] {
        var outputs: [Output] = []
        for action in actions {
            switch action {
            case .send(let message): outputs.append(.send(message))
            case .serve(let id, let request): outputs.append(.serve(id, request))
            case .deliver(let event) where event.name == Reschedule.name: outputs.append(.reschedule)
            case .deliver(let event): outputs.append(.deliver(event))
            case .finish(let id, let outcome): outputs += finished(id, outcome, at: now)
            case .wake(let instant): rpcWake = instant
            case .close(let reason): outputs.append(.lost(reason.description))
            }
        }
        return outputs
    }

    private mutating func finished(_ id: CallID, _ outcome: CallOutcome, at now: Instant) -> [Output] {
        waitingCalls -= 1
        guard case .answered(let answer) = outcome else {
            // An end of the connection is told by ``Output/lost(_:)``; a full one lets it be tried again.
            return outcome == .busy && id == Self.alarmCall
                ? [.alarmAnswered(.failure(.internalError("too many requests wait")))] : []
        }
        var outputs: [Output] = id == Self.alarmCall ? [.alarmAnswered(answer)] : []
        if id == Self.infoCall, case .success(let result) = answer,
            let info = try? ServerInfo(result)
        {
            adopt(info, at: now)
            outputs.append(.informed(info))
        }
        // Answers come in the order of the requests (§9.3.2.1.1).
        guard let before = callsBeforeBind else { return outputs }
        callsBeforeBind = before > 0 ? before - 1 : nil
        if before == 0 { outputs.append(.bindArrived) }
        return outputs
    }

    /// A broken answer leaves the usual interval: a unit without a heartbeat would be worse.
    private mutating func adopt(_ info: ServerInfo, at now: Instant) {
        // With a hibernation server the interval is that of its heartbeats.
        guard info.hibernation == nil, let seconds = info.heartbeatSeconds else { return }
        nextHeartbeat = nextHeartbeat + (.seconds(seconds) - interval)
        interval = .seconds(seconds)
        // A long interval may come after a short one has passed.
        if nextHeartbeat < now { nextHeartbeat = now }
    }
}
