package import HSSModel
package import Vd
package import Vs

/// Names one attempt to reach Vs or Vd, so that late news of an earlier one is known as such; never travels.
package struct AttemptID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// Where a unit opens Vd (Table 9-3).
package struct SignallingAddress: Equatable, Sendable {
    package var host: String
    package var port: Int
    /// wss; the plain form is used only where Vs names no other.
    package var isSecure: Bool
    /// Path and query; carries the login password.
    package var target: Secret

    package init(host: String, port: Int, isSecure: Bool, target: Secret) {
        self.host = host
        self.port = port
        self.isSecure = isSecure
        self.target = target
    }
}

/// A premises unit as H.627.2 wants it: scheduling (§9.3.1.1), login and heartbeat (§9.3.2), re-scheduling
/// (§9.3.1.2), reconnection (§9.3.1.3), live streams (I.2.12, I.2.13).
///
/// Knows no socket, clock or chance: an edge carries its actions out and tells what came of them. It asks for
/// one wake at a time.
package struct UnitMachine: Sendable {
    package enum Input: Sendable {
        case start
        /// `hostTime`: the host's wall clock when the answer came.
        case scheduled(AttemptID, SchedulingAnswer, hostTime: WallTime)
        case schedulingFailed(AttemptID, String)
        case connected(AttemptID)
        /// Also where the connection or the login did not come about.
        case disconnected(AttemptID, String)
        case message(AttemptID, RPCMessage)
        case malformed(AttemptID, MalformedPacket)
        case pushStarted(PushID)
        case pushEnded(PushID, PushEnd)
        /// The customer showed a code to the unit (Table I.2-3).
        case bind(String)
        /// The host's own clock was set as ``Action/setClock(_:)`` said.
        case clockWasSet
        /// One of the profile's channels lost its picture, was switched off, or is back.
        case channel(Int, ChannelState)
        case wake
        case stop
    }

    package enum Action: Equatable, Sendable {
        case schedule(AttemptID, SchedulingRequest)
        case connect(AttemptID, SignallingAddress)
        case send(AttemptID, RPCMessage)
        /// Bytes that are no packet of Vd (``FaultPlan/sendsGarbage``).
        case sendMalformed(AttemptID)
        /// Close the connection, or give it up where it is not open yet.
        case close(AttemptID)
        /// The unit's time is the host's and so much more.
        case setClock(Duration)
        case startPush(PushOrder)
        case stopPush(PushID)
        /// Replaces the wake before. Waking early does no harm.
        case wake(at: Instant)
        case report(UnitEvent)
    }

    /// An attempt that nobody reports on is given up after this time.
    package static let attemptTime: Duration = .seconds(30)
    /// A login that held for so long was a success: the count of attempts starts anew. One that is dropped at
    /// once is a failure, or a server that accepts and drops would be asked in an endless loop.
    package static let steadyAfter: Duration = .seconds(30)

    private enum Step { case schedule, connect }

    private enum State {
        case stopped
        case waiting(until: Instant, Step)
        case scheduling(AttemptID, deadline: Instant)
        case connecting(AttemptID, deadline: Instant)
        case online(UnitSession)
    }

    /// What goes on beside a running session after the `Reschedule` event (§9.3.1.2 item 2).
    private enum Rescheduler {
        case asking(AttemptID, deadline: Instant)
        case waiting(until: Instant)
    }

    private var profile: UnitProfile
    private let faults: FaultPlan
    private var state = State.stopped
    private var rescheduler: Rescheduler?
    /// The last answer of Vs.
    private var servers: SchedulingAnswer?
    private var rescheduling = Rescheduling()
    /// Attempts that failed one after another.
    private var failedAttempts = 0
    private var hasBeenConnected = false
    private var lastAttempt: UInt64 = 0
    private var clockOffset: Duration = .zero
    private var pushes: LivePushes
    private var bindCode: String?
    private var announcedWake: Instant?

    package init(_ profile: UnitProfile, faults: FaultPlan = FaultPlan()) {
        self.profile = profile
        self.faults = faults
        pushes = LivePushes(channels: profile.channels, faults: faults)
    }

    /// What the next heartbeat will tell.
    package var heartbeat: Keepalive {
        Keepalive(
            macID: profile.credentials.macIdentity.rawValue,
            state: .online,
            channels: profile.channels.sorted { $0.key < $1.key }.map { number, channel in
                Keepalive.Channel(number: number, state: channel.state, stream: pushes.stream(on: number))
            }
        )
    }

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
            return scheduled(attempt, answer, hostTime: hostTime, at: now)
        case .schedulingFailed(let attempt, let reason):
            return schedulingFailed(attempt, reason, at: now, using: &random)
        case .connected(let attempt):
            return connected(attempt, at: now, using: &random)
        case .disconnected(let attempt, let reason):
            guard isCurrent(attempt) else { return [] }
            return disconnected(reason, at: now, using: &random)
        case .message(let attempt, let message):
            return session(attempt, at: now, using: &random) { $0.receive(message, at: now) }
        case .malformed(let attempt, let problem):
            return session(attempt, at: now, using: &random) { $0.receive(problem, at: now) }
        case .pushStarted(let id):
            return take(pushes.started(id, at: now), at: now, using: &random)
        case .pushEnded(let id, let end):
            return take(pushes.ended(id, end, at: now), at: now, using: &random)
        case .bind(let code):
            bindCode = code
            guard case .online(let current) = state else { return [] }
            let event = bindEvent(code)
            return [.report(.bindSent)]
                + session(current.attempt, at: now, using: &random) { $0.bind(event, at: now) }
        case .clockWasSet:
            clockOffset = .zero
            return []
        case .channel(let number, let state):
            guard let known = profile.channels[number], known.state != state else { return [] }
            profile.channels[number]?.state = state
            return take(pushes.setState(state, of: number) + [.tellPlatform], at: now, using: &random)
        case .wake:
            announcedWake = nil
            return wake(at: now, using: &random)
        }
    }

    // MARK: Time

    private var nextWake: Instant? {
        let own: Instant? =
            switch state {
            case .stopped: nil
            case .waiting(let instant, _), .scheduling(_, let instant), .connecting(_, let instant): instant
            case .online(let session): session.nextWake
            }
        let beside: Instant? =
            switch rescheduler {
            case nil: nil
            case .asking(_, let instant), .waiting(let instant): instant
            }
        return [own, beside, pushes.nextWake].compactMap(\.self).min()
    }

    private mutating func wake(
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        var actions = take(pushes.wake(at: now), at: now, using: &random)
        switch rescheduler {
        case .asking(let attempt, let deadline) where deadline <= now:
            actions += schedulingFailed(attempt, "no answer in time", at: now, using: &random)
        case .waiting(let instant) where instant <= now:
            actions += askBeside(at: now)
        default: break
        }
        switch state {
        case .waiting(let instant, let step) where instant <= now:
            actions += step == .schedule ? schedule(at: now) : connect(at: now)
        case .scheduling(let attempt, let deadline) where deadline <= now:
            actions += schedulingFailed(attempt, "no answer in time", at: now, using: &random)
        case .connecting(let attempt, let deadline) where deadline <= now:
            actions.append(.close(attempt))
            actions += disconnected("the login was not answered in time", at: now, using: &random)
        case .online(let current):
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
        at now: Instant
    ) -> [Action] {
        var actions: [Action] = []
        switch state {
        case .scheduling(attempt, _): break
        case .online(let session):
            guard case .asking(attempt, _) = rescheduler else { return [] }
            actions = [.close(session.attempt), .report(.disconnected("it was rescheduled"))]
        default: return []
        }
        rescheduler = nil
        servers = answer
        rescheduling.startOver()
        let (host, port, _) = Self.server(of: answer)
        actions.append(.report(.scheduled(server: "\(host):\(port)")))
        let unitTime = hostTime + clockOffset
        if let correction = ClockRule.correction(platform: answer.syncTime, unit: unitTime) {
            clockOffset = correction - hostTime
            actions += [.setClock(clockOffset), .report(.clockSet(clockOffset))]
        }
        return actions + connect(at: now)
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

    private mutating func connect(at now: Instant) -> [Action] {
        guard let servers else { return schedule(at: now) }
        let (host, port, isSecure) = Self.server(of: servers)
        let login = UnitLoginURL(
            deviceID: profile.credentials.device.rawValue,
            password: profile.credentials.password.reveal(),
            hardwareModel: profile.hardwareModel,
            firmwareModel: profile.firmwareModel,
            sdk: profile.sdk,
            reconnect: hasBeenConnected
        )
        let attempt = nextAttempt()
        state = .connecting(attempt, deadline: now + Self.attemptTime)
        let address = SignallingAddress(
            host: host,
            port: port,
            isSecure: isSecure,
            target: Secret(login.requestTarget)
        )
        return [
            .report(.connecting(server: "\(host):\(port)", reconnect: hasBeenConnected)),
            .connect(attempt, address),
        ]
    }

    private mutating func connected(
        _ attempt: AttemptID,
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard case .connecting(attempt, _) = state else { return [] }
        state = .online(UnitSession(attempt: attempt, faults: faults, at: now))
        hasBeenConnected = true
        let mac = profile.credentials.macIdentity.rawValue
        let bind = bindCode.map(bindEvent)
        var actions: [Action] = [.report(.connected)]
        if bind != nil { actions.append(.report(.bindSent)) }
        return actions
            + session(attempt, at: now, using: &random) {
                $0.start(GetServerInfo(macID: mac, state: .online), bindEvent: bind, at: now)
            }
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
        var actions = pushes.stopAll().compactMap { Self.action($0) }
        switch state {
        case .stopped: return []
        case .connecting(let attempt, _): actions.append(.close(attempt))
        case .online(let session): actions.append(.close(session.attempt))
        case .waiting, .scheduling: break
        }
        state = .stopped
        rescheduler = nil
        return actions + [.report(.stopped)]
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
            case .send(let message): actions.append(.send(attempt, message))
            case .sendMalformed: actions.append(.sendMalformed(attempt))
            case .heartbeatDue:
                let heartbeat = heartbeat
                actions += self.session(attempt, at: now, using: &random) {
                    $0.heartbeat(heartbeat, at: now)
                }
            case .serve(let id, let request):
                let (answer, more) = serve(request)
                actions += take(more, at: now, using: &random)
                actions += self.session(attempt, at: now, using: &random) { $0.answer(id, answer, at: now) }
            case .reschedule:
                if rescheduler == nil { actions += askBeside(at: now) }
            case .bindArrived: bindCode = nil
            case .lost(let reason):
                actions.append(.close(attempt))
                actions += disconnected(reason, at: now, using: &random)
            }
        }
        return actions
    }

    private mutating func serve(_ request: RPCRequest) -> (RPCAnswer, [LivePushes.Action]) {
        switch Dialect.recommendation.name(ofWire: request.method) {
        case PushLive.name: pushes.pushLive(request.parameters)
        case StopLive.name: pushes.stopLive(request.parameters)
        default: (.failure(.unsupportedMethod(request.method)), [])
        }
    }

    private mutating func take(
        _ pushActions: [LivePushes.Action],
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        var actions = pushActions.compactMap { Self.action($0) }
        if pushActions.contains(.tellPlatform), case .online(let current) = state {
            let heartbeat = heartbeat
            actions += session(current.attempt, at: now, using: &random) { $0.heartbeat(heartbeat, at: now) }
        }
        return actions
    }

    private static func action(_ action: LivePushes.Action) -> Action? {
        switch action {
        case .start(let order): .startPush(order)
        case .stop(let id): .stopPush(id)
        case .report(let event): .report(event)
        case .tellPlatform: nil
        }
    }
}
