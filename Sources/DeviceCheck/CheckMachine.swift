package import HSSModel
package import Vd
import Vs

/// Names one WebSocket of the device.
package struct CheckConnection: Hashable, Sendable {
    package let number: Int

    package init(_ number: Int) {
        self.number = number
    }
}

/// A platform that looks at one device, rule by rule. Knows no socket, clock or chance: an edge tells what the device
/// does, and carries out what is wanted.
package struct CheckMachine: Sendable {
    package enum Input: Sendable {
        /// Vs was asked, with each `macid` and `Mac-Identity` as often as it was there.
        case scheduling(macids: [String], headers: [String])
        case login(CheckConnection, UnitLoginURL)
        case loginRefused(String)
        case message(CheckConnection, [UInt8])
        case closed(CheckConnection)
        case uploaded(CheckUpload)
        case fetched(String)
        case streamBegan(StreamID)
        case streamSeen(StreamID, StreamSight)
        case streamEnded(StreamID)
        /// Something came that is no part of Vs, Vd or Vm, in words for whoever looks at the device.
        case trouble(String)
        /// The same of the SRT port.
        case mediaTrouble(String)
        case wake
        /// Nobody waits for the rest.
        case interrupt
    }

    package enum Action: Sendable, Equatable {
        case send(CheckConnection, RPCMessage)
        case sendBytes(CheckConnection, [UInt8])
        case close(CheckConnection)
        case report(CheckFinding)
        /// Always the last one.
        case finish
    }

    private enum State {
        /// The next step needs a connection.
        case absent(until: Instant)
        case running(until: Instant)
        case finished
    }

    /// The longest wait of §9.3.1.3, an attempt, and a restart.
    private static let returnTime = Duration.seconds(100)

    package private(set) var report = CheckReport()
    let settings: CheckSettings
    private let steps: [CheckStep]
    var memory: CheckMemory
    private var state = State.finished
    private var position = 0
    private var asked = ""
    /// The rule during which the last connection ended.
    private var lostDuring = ""
    private var connection: (id: CheckConnection, session: RPCSession)?
    private var sessionWake: Instant?
    private var firstCall: UInt64 = 1
    private var lastCall: UInt64 = 0
    /// What the step that runs has asked.
    private var methods: [String] = []

    package init(_ settings: CheckSettings, at now: Instant, wall: WallTime) {
        self.settings = settings
        let steps = CheckPlan.steps.filter { step in
            settings.only.isEmpty || settings.only.contains(step.clause) || step.isGroundwork
        }
        // Groundwork is laid for what was chosen, and no further.
        let last = steps.lastIndex { settings.only.isEmpty || settings.only.contains($0.clause) }
        self.steps = Array(steps[...(last ?? 0)])
        memory = CheckMemory(settings, at: now, wall: wall)
        state = .running(until: now + settings.patience)
        memory.beginStep(at: now)
    }

    /// The clauses and tables that `only` may name.
    package static var clauses: Set<String> { Set(CheckPlan.steps.map(\.clause)) }

    /// When to come back at the latest.
    package var nextWake: Instant? {
        switch state {
        case .absent(let until), .running(let until): [until, sessionWake].compactMap(\.self).min()
        case .finished: nil
        }
    }

    package mutating func receive(_ input: Input, at now: Instant) -> [Action] {
        if case .finished = state { return [] }
        if case .interrupt = input { return interrupt() }
        var actions = take(input, at: now)
        advance(&actions, at: now)
        return actions
    }

    // MARK: What the device does

    private mutating func take(_ input: Input, at now: Instant) -> [Action] {
        switch input {
        case .scheduling(let macids, let headers):
            var problem: String?
            do throws(SchedulingFailure) {
                let request = try SchedulingRequest(macids: macids, headers: headers)
                if request.macIdentity.canonical != settings.macIdentity.canonical {
                    problem = "macid: found \(request.macIdentity), expected \(settings.macIdentity)"
                }
            } catch {
                problem = error.info
            }
            memory.note(.scheduling(problem: problem, hasHeader: !headers.isEmpty), at: now)
            return []
        case .login(let id, let url):
            var actions: [Action] = []
            if connection != nil {
                if !steps[position].changesOver {
                    memory.noteProblem(
                        "§9.3.1.3",
                        "it logged in while its connection was open: two devices with this ID, or one that forgets to close"
                    )
                }
                actions = end(byDevice: true, at: now)
            }
            connection = (id, RPCSession())
            memory.note(.login(url), at: now)
            return actions
        case .loginRefused(let reason):
            memory.note(.loginRefused(reason), at: now)
            return []
        case .message(let id, let bytes):
            guard id == connection?.id else { return [] }
            do throws(MalformedPacket) {
                return session(.message(try RPCMessage(parsing: bytes)), at: now)
            } catch {
                return session(.malformed(error), at: now)
            }
        case .closed(let id):
            guard id == connection?.id else { return [] }
            return end(byDevice: true, at: now)
        case .uploaded(let upload): memory.note(.uploaded(upload), at: now)
        case .fetched(let name): memory.note(.fetched(name), at: now)
        case .streamBegan(let stream): memory.note(.streamBegan(stream), at: now)
        case .streamSeen(let stream, let sight): memory.note(.streamSeen(stream, sight), at: now)
        case .streamEnded(let stream): memory.note(.streamEnded(stream), at: now)
        case .trouble(let what): memory.noteTrouble(what)
        case .mediaTrouble(let what): memory.noteMediaTrouble(what)
        case .wake:
            if let sessionWake, sessionWake <= now { return session(.wake, at: now) }
        case .interrupt: break
        }
        return []
    }

    private mutating func session(_ input: RPCSession.Input, at now: Instant) -> [Action] {
        guard let (id, current) = connection else { return [] }
        var session = current
        let outputs = session.receive(input, at: now)
        connection?.session = session
        sessionWake = nil
        var actions: [Action] = []
        for output in outputs {
            switch output {
            case .send(let message): actions.append(.send(id, message))
            case .serve(let serve, let request):
                memory.note(.request(request), at: now)
                actions += self.session(.answer(serve, answer(request)), at: now)
            case .deliver(let event):
                memory.note(.event(event), at: now)
                look(at: event)
            case .finish(let call, let outcome):
                guard call.rawValue >= firstCall else { continue }
                note(call, outcome, at: now)
            case .wake(let instant): sessionWake = instant
            case .close(let reason):
                note(reason)
                actions.append(.close(id))
                memory.note(.closed(byDevice: false), at: now)
                connection = nil
                lostDuring = steps[position].rule
            }
        }
        return actions
    }

    /// An answer to a request of the step that runs.
    private mutating func note(_ call: CallID, _ outcome: CallOutcome, at now: Instant) {
        let index = Int(call.rawValue - firstCall)
        memory.note(.answer(index, outcome), at: now)
        if index < methods.count { memory.learn(methods[index], outcome) }
    }

    private mutating func note(_ reason: CloseReason) {
        switch reason {
        case .malformed: memory.noteProblem("§9.3.2.1", reason.description)
        case .unexpectedAnswer, .unanswered, .tooManyRequests:
            memory.noteProblem("§9.3.2.1.1", reason.description)
        case .peerGone, .local: break
        }
    }

    /// The connection is over; its calls hear of it.
    private mutating func end(byDevice: Bool, at now: Instant) -> [Action] {
        guard let (id, current) = connection else { return [] }
        var session = current
        for case .finish(let call, let outcome) in session.receive(.close(.peerGone), at: now)
        where call.rawValue >= firstCall {
            note(call, outcome, at: now)
        }
        connection = nil
        sessionWake = nil
        if position < steps.count { lostDuring = steps[position].rule }
        memory.note(.closed(byDevice: byDevice), at: now)
        return [.close(id)]
    }

    // MARK: Steps

    private mutating func advance(_ actions: inout [Action], at now: Instant) {
        while true {
            switch state {
            case .finished: return
            case .absent(let until):
                if connection != nil {
                    start(&actions, at: now)
                } else if memory.logins.isEmpty {
                    // Why it did not, the report has said at the rule of the login.
                    giveUp("the device did not log in", &actions)
                } else if until <= now {
                    // Whatever the rule weighs: a device that stays away conforms to nothing.
                    conclude(.failed(absence), severity: .must, &actions)
                    giveUp("the device was not there", &actions)
                } else {
                    return
                }
            case .running(let until):
                let step = steps[position]
                guard let verdict = step.judge(memory, until <= now) ?? (until <= now ? silence : nil)
                else { return }
                conclude(verdict, &actions)
                // Nothing can be said of a device that never came.
                if memory.journal.isEmpty {
                    giveUp("the device was not there", &actions)
                } else {
                    next(&actions, at: now)
                }
            }
        }
    }

    private var silence: CheckVerdict { .failed("nothing came in time" + hint) }

    /// Of a device that is needed and not there.
    private var absence: String {
        "the device did not come back; its connection ended at: \(lostDuring)" + hint
    }

    /// What came instead, while there was no connection.
    private var hint: String {
        guard connection == nil, let trouble = memory.trouble else { return "" }
        return "; seen last: \(trouble)"
    }

    private mutating func conclude(
        _ verdict: CheckVerdict,
        severity: CheckSeverity? = nil,
        _ actions: inout [Action]
    ) {
        let step = steps[position]
        var isTold = settings.only.isEmpty || settings.only.contains(step.clause)
        // What was not chosen, and is the reason why what was chosen could not be looked at.
        if step.isGroundwork, case .failed = verdict { isTold = true }
        if isTold {
            let finding = CheckFinding(
                clause: step.clause,
                rule: step.rule,
                severity: severity ?? step.severity,
                asked: asked,
                verdict: verdict
            )
            report.findings.append(finding)
            actions.append(.report(finding))
        }
        asked = ""
        position += 1
    }

    private mutating func giveUp(_ reason: String, _ actions: inout [Action]) {
        while position < steps.count {
            let step = steps[position]
            let summary = step.isSummary && !memory.logins.isEmpty ? step.judge(memory, true) : nil
            conclude(summary ?? .skipped(ifSpared(step) ?? reason), &actions)
        }
        finish(&actions)
    }

    private mutating func interrupt() -> [Action] {
        var actions: [Action] = []
        report.wasInterrupted = true
        giveUp("the check was interrupted", &actions)
        return actions
    }

    /// Why a rule that costs the device something is left out.
    private func ifSpared(_ step: CheckStep) -> String? {
        step.isDestructive && !settings.isDestructive ? "looked at only with --destructive" : nil
    }

    private mutating func next(_ actions: inout [Action], at now: Instant) {
        guard position < steps.count else { return finish(&actions) }
        if let reason = ifSpared(steps[position]) {
            conclude(.skipped(reason), &actions)
            return next(&actions, at: now)
        }
        // `start` may answer at once, and its answer belongs to the new step.
        memory.beginStep(at: now)
        if steps[position].needsConnection, connection == nil {
            state = .absent(until: now + Self.returnTime)
        } else {
            start(&actions, at: now)
        }
    }

    private mutating func start(_ actions: inout [Action], at now: Instant) {
        memory.beginStep(at: now)
        let step = steps[position]
        if let reason = step.skip(memory) {
            conclude(.skipped(reason), &actions)
            return next(&actions, at: now)
        }
        state = .running(until: now + step.patience(memory))
        firstCall = lastCall + 1
        methods = []
        let orders = step.orders(memory)
        asked = orders.map(\.description).joined(separator: ", ")
        for order in orders {
            guard let id = connection?.id else { return }
            switch order {
            case .ask(let request):
                lastCall += 1
                methods.append(request.method)
                actions += session(.call(CallID(lastCall), request), at: now)
            case .tell(let event): actions += session(.notify(event), at: now)
            case .garbage(let bytes): actions.append(.sendBytes(id, bytes))
            case .drop: actions += end(byDevice: false, at: now)
            }
        }
    }

    private mutating func finish(_ actions: inout [Action]) {
        actions += end(byDevice: false, at: memory.stepBegan)
        state = .finished
        actions.append(.finish)
    }
}
