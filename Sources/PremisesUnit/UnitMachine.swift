package import HSSModel
package import Vd
import Vs

/// A premises unit as H.627.2 wants it: scheduling (§9.3.1.1), login and heartbeat (§9.3.2), re-scheduling
/// (§9.3.1.2), reconnection (§9.3.1.3). What it does for the platform once it is there: ``UnitDuties``.
///
/// Knows no socket, clock or chance: an edge carries its actions out and tells what came of them. It asks for
/// one wake at a time.
package struct UnitMachine: Sendable {
    /// An attempt that nobody reports on is given up after this time.
    package static let attemptTime: Duration = .seconds(30)
    /// A login that held for so long was a success: the count of attempts starts anew. One that is dropped at
    /// once is a failure, or a server that accepts and drops would be asked in an endless loop.
    package static let steadyAfter: Duration = .seconds(30)
    /// A device that starts anew is away for so long.
    package static let restartTime: Duration = .seconds(3)

    private enum Step { case schedule, connect }

    private enum State {
        case stopped
        case waiting(until: Instant, Step)
        case scheduling(AttemptID, deadline: Instant)
        case connecting(AttemptID, deadline: Instant)
        case online(UnitSession)
        /// Its main chip is down.
        case asleep
    }

    /// What goes on beside a running session after the `Reschedule` event (§9.3.1.2 item 2).
    private enum Rescheduler {
        case asking(AttemptID, deadline: Instant)
        case waiting(until: Instant)
    }

    private let faults: FaultPlan
    private var state = State.stopped
    private var rescheduler: Rescheduler?
    /// The last answer of Vs.
    private var servers: SchedulingAnswer?
    private var rescheduling = Rescheduling()
    private var login: UnitLoginRule
    /// Attempts that failed one after another.
    private var failedAttempts = 0
    private var hasBeenConnected = false
    private var lastAttempt: UInt64 = 0
    private var duties: UnitDuties
    private var sleep: SleepRule
    private var bindCode: String?
    /// ``FaultPlan/messages``
    private var line: FaultyLine?
    private var announcedWake: Instant?

    package init(_ profile: UnitProfile, faults: FaultPlan = FaultPlan()) {
        self.faults = faults
        duties = UnitDuties(profile, faults: faults)
        login = UnitLoginRule(profile.login)
        sleep = SleepRule(after: profile.sleepAfter)
        if !faults.messages.isEmpty { line = FaultyLine(faults.messages) }
    }

    private var profile: UnitProfile { duties.profile }
    private var isOnline: Bool { if case .online = state { true } else { false } }

    /// What the next heartbeat will tell.
    package var heartbeat: Keepalive { duties.heartbeat }

    package mutating func receive(
        _ input: Input,
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        var actions = handle(input, at: now, using: &random)
        let next = nextWake
        if let next, next != announcedWake { actions.append(.wake(at: next)) }
        announcedWake = next
        return actions
    }

    private mutating func handle(
        _ input: Input,
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        switch input {
        case .start:
            guard case .stopped = state else { return [] }
            return schedule(at: now)
        case .stop:
            return stop()
        case .scheduled(let attempt, let answer, let hostTime):
            return scheduled(attempt, answer, hostTime: hostTime, at: now, using: &random)
        case .schedulingFailed(let attempt, let reason):
            return schedulingFailed(attempt, reason, at: now, using: &random)
        case .connected(let attempt):
            return connected(attempt, at: now, using: &random)
        case .disconnected(let attempt, let reason):
            guard isCurrent(attempt) else { return [] }
            return disconnected(reason, at: now, using: &random)
        case .refused(let attempt, let reason):
            guard isCurrent(attempt) else { return [] }
            // A signature needs the platform's time, which Vs tells.
            if login.signs { servers = nil }
            return disconnected(reason, at: now, using: &random)
        case .message(let attempt, let message):
            return session(attempt, at: now, using: &random) { $0.receive(message, at: now) }
        case .malformed(let attempt, let problem):
            return session(attempt, at: now, using: &random) { $0.receive(problem, at: now) }
        case .pushStarted(let id):
            return take(duties.take(duties.pushes.started(id, at: now)), at: now, using: &random)
        case .pushEnded(let id, let end):
            return take(duties.take(duties.pushes.ended(id, end, at: now)), at: now, using: &random)
        case .bind(let code):
            bindCode = code
            guard case .online(let current) = state else { return [] }
            let event = bindEvent(code)
            return [.report(.bindSent)]
                + session(current.attempt, at: now, using: &random) { $0.bind(event, at: now) }
        case .clockWasSet:
            duties.clock.offset = .zero
            return []
        case .channel(let number, let state):
            return take(duties.setState(state, of: number), at: now, using: &random)
        case .alarm(let alarm):
            let actions = take(duties.raise(alarm, at: now, isOnline: isOnline), at: now, using: &random)
            return actions + rouse(at: now, using: &random)
        case .roused:
            return rouse(at: now, using: &random)
        case .tired:
            sleep.hurry(at: now)
            return []
        case .device(let job, let answer):
            return take(duties.receive(job, answer, at: now), at: now, using: &random)
        case .news(let news):
            return take(duties.receive(news, isOnline: isOnline), at: now, using: &random)
        case .transfer(let job, let news):
            return take(duties.receive(job, news, at: now), at: now, using: &random)
        case .recording(let id, let news):
            return take(duties.receive(id, news, at: now), at: now, using: &random)
        case .vr(let id, let number, let reply):
            return take(duties.receive(id, number: number, reply, at: now), at: now, using: &random)
        case .clock(let job, let host):
            return take(duties.clockRead(job, host: host), at: now, using: &random)
        case .wake:
            announcedWake = nil
            return wake(at: now, using: &random)
        }
    }

    // MARK: Time

    private var nextWake: Instant? {
        let own: Instant? =
            switch state {
            case .stopped, .asleep: nil
            case .waiting(let instant, _), .scheduling(_, let instant), .connecting(_, let instant): instant
            case .online(let session): min(session.nextWake, sleep.nextWake ?? session.nextWake)
            }
        let beside: Instant? =
            switch rescheduler {
            case nil: nil
            case .asking(_, let instant), .waiting(let instant): instant
            }
        return [own, beside, duties.nextWake, line?.nextWake].compactMap(\.self).min()
    }

    private mutating func wake(
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        var actions = take(duties.wake(at: now, isOnline: isOnline), at: now, using: &random)
        if case .online(let current) = state, let late = line?.wake(at: now) {
            actions += late.map { Self.action(current.attempt, $0) }
        }
        switch rescheduler {
        case .asking(let attempt, let deadline) where deadline <= now:
            actions += schedulingFailed(attempt, "no answer in time", at: now, using: &random)
        case .waiting(let instant) where instant <= now:
            actions += askBeside(at: now)
        default: break
        }
        switch state {
        case .waiting(let instant, let step) where instant <= now:
            actions += step == .schedule ? schedule(at: now) : connect(at: now, using: &random)
        case .scheduling(let attempt, let deadline) where deadline <= now:
            actions += schedulingFailed(attempt, "no answer in time", at: now, using: &random)
        case .connecting(let attempt, let deadline) where deadline <= now:
            actions.append(.close(attempt))
            actions += disconnected("the login was not answered in time", at: now, using: &random)
        case .online(let current):
            if let order = sleep.due(at: now, isBusy: duties.isBusy || rescheduler != nil) {
                return actions + leave(for: .asleep)
                    + [.hibernate(order), .report(.fellAsleep(server: "\(order.host):\(order.port)"))]
            }
            actions += session(current.attempt, at: now, using: &random) { $0.wake(at: now) }
        default: break
        }
        return actions
    }

    // MARK: Scheduling, §9.3.1.1 and §9.3.1.2

    private mutating func nextAttempt() -> AttemptID {
        lastAttempt += 1
        return AttemptID(lastAttempt)
    }

    private var request: SchedulingRequest { SchedulingRequest(macIdentity: profile.credentials.macIdentity) }

    private mutating func schedule(at now: Instant) -> [Action] {
        let attempt = nextAttempt()
        state = .scheduling(attempt, deadline: now + Self.attemptTime)
        return [.report(.scheduling), .schedule(attempt, request)]
    }

    /// All sessions go on while the answer is awaited.
    private mutating func askBeside(at now: Instant) -> [Action] {
        let attempt = nextAttempt()
        rescheduler = .asking(attempt, deadline: now + Self.attemptTime)
        return [.report(.scheduling), .schedule(attempt, request)]
    }

    private mutating func scheduled(
        _ attempt: AttemptID,
        _ answer: SchedulingAnswer,
        hostTime: WallTime,
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        var actions: [Action] = []
        switch state {
        case .scheduling(attempt, _): break
        case .online(let session):
            guard case .asking(attempt, _) = rescheduler else { return [] }
            duties.connectionLost()
            actions = [.close(session.attempt), .report(.disconnected("it was rescheduled"))]
        default: return []
        }
        rescheduler = nil
        servers = answer
        rescheduling.startOver()
        let (host, port, _) = Self.server(of: answer)
        actions.append(.report(.scheduled(server: "\(host):\(port)")))
        if let news = login.adopt(answer, at: now) { actions.append(.report(news)) }
        let unitTime = duties.clock.time(hostTime)
        if let correction = ClockRule.correction(platform: answer.syncTime, unit: unitTime) {
            let offset = correction - hostTime
            duties.clock.offset = offset
            actions += [.setClock(offset), .report(.clockSet(offset))]
        }
        return actions + connect(at: now, using: &random)
    }

    private mutating func schedulingFailed(
        _ attempt: AttemptID,
        _ reason: String,
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        if case .scheduling(attempt, _) = state {
            return [.report(.schedulingFailed(reason))] + wait(then: .schedule, at: now, using: &random)
        }
        guard case .asking(attempt, _) = rescheduler else { return [] }
        failedAttempts = min(failedAttempts + 1, ReconnectDelay.lastSpreadAttempt + 1)
        let delay = ReconnectDelay.before(attempt: failedAttempts, using: &random)
        rescheduler = .waiting(until: now + delay)
        return [
            .report(.schedulingFailed(reason)), .report(.waiting(delay, attempt: failedAttempts)),
        ]
    }

    // MARK: Connection, §9.3.1.3

    private static func server(of answer: SchedulingAnswer) -> (host: String, port: Int, isSecure: Bool) {
        let isSecure = answer.signallingSecurePort != 0
        let port = isSecure ? answer.signallingSecurePort : answer.signalling.port
        return (answer.signalling.domain, port, isSecure)
    }

    private mutating func rouse(
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard case .asleep = state else { return [] }
        return [.report(.roused)] + connect(at: now, using: &random)
    }

    private mutating func connect(
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard let servers else { return schedule(at: now) }
        let address = login.address(
            of: profile,
            at: Self.server(of: servers),
            reconnect: hasBeenConnected,
            now: now,
            using: &random
        )
        let attempt = nextAttempt()
        state = .connecting(attempt, deadline: now + Self.attemptTime)
        let server = "\(address.host):\(address.port)"
        return [
            .report(.connecting(server: server, reconnect: hasBeenConnected)), .connect(attempt, address),
        ]
    }

    private mutating func connected(
        _ attempt: AttemptID,
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard case .connecting(attempt, _) = state else { return [] }
        state = .online(UnitSession(attempt: attempt, faults: faults, at: now))
        sleep.connected(at: now)
        line?.clear()
        hasBeenConnected = true
        let mac = profile.credentials.macIdentity.rawValue
        let bind = bindCode.map(bindEvent)
        var actions: [Action] = [.report(.connected)]
        if bind != nil { actions.append(.report(.bindSent)) }
        let info = GetServerInfo(macID: mac, state: duties.heartbeat.state)
        actions += session(attempt, at: now, using: &random) { $0.start(info, bindEvent: bind, at: now) }
        return actions + take(duties.connected(at: now), at: now, using: &random)
    }

    private func bindEvent(_ code: String) -> RPCEvent {
        Bind(macID: profile.credentials.macIdentity.rawValue, bindID: code).event
    }

    private func isCurrent(_ attempt: AttemptID) -> Bool {
        switch state {
        case .connecting(attempt, _): true
        case .online(let session): session.attempt == attempt
        default: false
        }
    }

    /// The live streams go on: media and signalling fail apart from each other.
    private mutating func disconnected(
        _ reason: String,
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        if case .online(let session) = state, now - session.since >= Self.steadyAfter {
            failedAttempts = 0
            rescheduling.startOver()
        } else {
            rescheduling.connectionFailed()
        }
        duties.connectionLost()
        let report = Action.report(.disconnected(reason))
        switch rescheduler {
        case .asking(let attempt, let deadline):
            rescheduler = nil
            state = .scheduling(attempt, deadline: deadline)
            return [report]
        case .waiting:
            rescheduler = nil
            return [report] + wait(then: .schedule, at: now, using: &random)
        case nil:
            return [report] + wait(then: rescheduling.isDue ? .schedule : .connect, at: now, using: &random)
        }
    }

    private mutating func wait(
        then step: Step,
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        failedAttempts = min(failedAttempts + 1, 1_000_000)
        let delay = ReconnectDelay.before(attempt: failedAttempts, using: &random)
        state = .waiting(until: now + delay, step)
        return [.report(.waiting(delay, attempt: failedAttempts))]
    }

    private mutating func stop() -> [Action] {
        if case .stopped = state { return [] }
        return leave(for: .stopped) + [.report(.stopped)]
    }

    /// Table I.2-5: as after the power was off and on again.
    private mutating func restart(_ reason: String, at now: Instant) -> [Action] {
        if case .stopped = state { return [] }
        hasBeenConnected = false
        failedAttempts = 0
        rescheduling.startOver()
        return leave(for: .waiting(until: now + Self.restartTime, .schedule)) + [.report(.restarting(reason))]
    }

    private mutating func leave(for next: State) -> [Action] {
        var actions = duties.restart().compactMap { if case .act(let action) = $0 { action } else { nil } }
        switch state {
        case .connecting(let attempt, _): actions.append(.close(attempt))
        case .online(let session): actions.append(.close(session.attempt))
        case .stopped, .waiting, .scheduling, .asleep: break
        }
        state = next
        rescheduler = nil
        return actions
    }

    // MARK: The session

    /// Lets the session of `attempt` act, if it is the current one.
    private mutating func session(
        _ attempt: AttemptID,
        at now: Instant,
        using random: inout some RandomNumberGenerator,
        _ act: (inout UnitSession) -> [UnitSession.Output]
    ) -> [Action] {
        guard case .online(var session) = state, session.attempt == attempt else { return [] }
        let outputs = act(&session)
        state = .online(session)
        var actions: [Action] = []
        for output in outputs {
            switch output {
            case .send(let message): actions += send(message, attempt, at: now, using: &random)
            case .sendMalformed: actions.append(.sendMalformed(attempt))
            case .heartbeatDue:
                let heartbeat = heartbeat
                actions += self.session(attempt, at: now, using: &random) {
                    $0.heartbeat(heartbeat, at: now)
                }
            case .serve(let id, let request):
                let caller = UnitDuties.Caller(attempt: attempt, serve: id)
                if request.method == KeepAwaken.name, let order = try? KeepAwaken(request.parameters) {
                    sleep.stayAwake(for: .seconds(order.seconds), at: now)
                }
                actions += take(duties.serve(request, for: caller, at: now), at: now, using: &random)
            case .deliver(let event):
                actions += take(duties.receive(event, at: now), at: now, using: &random)
            case .alarmAnswered(let answer):
                actions += take(duties.alarmAnswered(answer, at: now), at: now, using: &random)
            case .reschedule:
                if rescheduler == nil { actions += askBeside(at: now) }
            case .informed(let info): sleep.adopt(info, macIdentity: profile.credentials.macIdentity)
            case .bindArrived: bindCode = nil
            case .lost(let reason):
                actions.append(.close(attempt))
                actions += disconnected(reason, at: now, using: &random)
            }
        }
        return actions
    }

    private mutating func take(
        _ outputs: [UnitDuties.Output],
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        var actions: [Action] = []
        for output in outputs {
            switch output {
            case .act(let action): actions.append(action)
            case .answer(let caller, let answer):
                actions += session(caller.attempt, at: now, using: &random) {
                    $0.answer(caller.serve, answer, at: now)
                }
            case .tell(let alarm): actions += current(at: now, using: &random) { $0.tell(alarm, at: now) }
            case .notify(let event): actions += current(at: now, using: &random) { $0.notify(event, at: now) }
            case .heartbeat:
                let heartbeat = heartbeat
                actions += current(at: now, using: &random) { $0.heartbeat(heartbeat, at: now) }
            case .restart(let reason): actions += restart(reason, at: now)
            }
        }
        return actions
    }

    /// Nothing where the unit is not logged in.
    private mutating func current(
        at now: Instant,
        using random: inout some RandomNumberGenerator,
        _ act: (inout UnitSession) -> [UnitSession.Output]
    ) -> [Action] {
        guard case .online(let current) = state else { return [] }
        return session(current.attempt, at: now, using: &random, act)
    }

    private mutating func send(
        _ message: RPCMessage,
        _ attempt: AttemptID,
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard let outputs = line?.send(message, at: now, using: &random) else {
            return [.send(attempt, message)]
        }
        return outputs.map { Self.action(attempt, $0) }
    }

    private static func action(_ attempt: AttemptID, _ output: FaultyLine.Output) -> Action {
        switch output {
        case .message(let message): .send(attempt, message)
        case .bytes(let bytes): .sendBytes(attempt, bytes)
        }
    }
}
