import HSSModel
import Vd

/// Every rule that is looked at, in the order in which it is.
enum CheckPlan {
    static let steps: [CheckStep] = access + envelope + time + media + messages + restarts + throughout

    // MARK: Vs and login

    private static let access: [CheckStep] = [
        CheckStep(
            clause: "Table I.1",
            rule: "asks /Vs/getServerAddr with its macid, once and well-formed",
            needsConnection: false,
            isGroundwork: true,
            patience: { $0.settings.patience },
            judge: { memory, _ in
                for entry in memory.recent {
                    guard case .scheduling(let problem, _) = entry.what else { continue }
                    return problem.map { .failed($0) } ?? .passed("macid of the device")
                }
                return nil
            }
        ),
        CheckStep(
            clause: "§9.2",
            rule: "repeats its identity in the header Mac-Identity",
            severity: .should,
            needsConnection: false,
            judge: { memory, _ in
                for entry in memory.journal {
                    if case .scheduling(_, true) = entry.what { return .passed("Mac-Identity was there") }
                }
                return .failed("no Mac-Identity")
            }
        ),
        CheckStep(
            clause: "Table 9-3",
            rule: "logs in at the address that Vs named, with every required field and its own password",
            needsConnection: false,
            isGroundwork: true,
            patience: { _ in .seconds(60) },
            judge: { memory, _ in
                for entry in memory.journal {
                    switch entry.what {
                    case .login(let url):
                        return .passed(
                            "\(url.hardwareModel.prefix(40)), firmware \(url.firmwareModel.prefix(40))"
                        )
                    case .loginRefused(let reason): return .failed(reason)
                    default: continue
                    }
                }
                return nil
            }
        ),
        CheckStep(
            clause: "Table 9-3",
            rule: "the first login after a start says reconnect=0",
            severity: .should,
            needsConnection: false,
            judge: { memory, _ in
                guard let first = memory.logins.first else { return .skipped("it did not log in") }
                return first.url.reconnect
                    ? .failed("reconnect=1; true only where it was connected before") : .passed("reconnect=0")
            }
        ),
        CheckStep(
            clause: "I.2-1",
            rule: "sends Keepalive soon after its login, with mac_id, state and its channels",
            isGroundwork: true,
            patience: { memory in .seconds(memory.settings.heartbeatSeconds + 10) },
            judge: { memory, isOver in
                if let first = memory.heartbeats.first {
                    let count = first.body.channels.count
                    return count == 0 ? .failed("no channel is told") : .passed("channels told: \(count)")
                }
                guard isOver else { return nil }
                let problem = memory.problems.first { $0.clause == "I.2-1" }
                return .failed(problem?.what ?? "no Keepalive")
            }
        ),
        CheckStep(
            clause: "I.2-2",
            rule: "asks GetServerInfo after its login",
            severity: .should,
            patience: { _ in .seconds(5) },
            judge: { memory, isOver in
                let came = memory.journal.contains { entry in
                    if case .request(let request) = entry.what {
                        request.method == GetServerInfo.name
                    } else {
                        false
                    }
                }
                return came ? .passed("it was asked") : isOver ? .failed("it was not asked") : nil
            }
        ),
        .capabilities,
    ]

    // MARK: The envelope

    private static let envelope: [CheckStep] = [
        CheckStep(
            clause: "§9.3.2.1.1",
            rule: "answers a method that it does not know with error 101",
            orders: { _ in [.ask(RPCRequest("NoSuchMethod"))] },
            judge: { memory, _ in
                memory.answer(0).map { outcome in
                    if case .answered(.failure(let failure)) = outcome, failure.code == 101 {
                        return .passed("error 101")
                    }
                    return .failed(outcome.text)
                }
            }
        ),
        CheckStep(
            clause: "§9.3.2.1.1",
            rule: "answers requests that come at once, in the order in which they came",
            orders: { _ in
                [
                    .ask(DevStatus().request), .ask(GetCap().request), .ask(RPCRequest("NoSuchMethod")),
                    .ask(QueryTime().request),
                ]
            },
            judge: { memory, _ in
                let outcomes = (0..<4).compactMap { memory.answer($0) }
                for case .lost(let reason) in outcomes { return .failed(reason.description) }
                return outcomes.count == 4 ? .passed("4 answers in order") : nil
            }
        ),
        CheckStep(
            clause: "§9.3.2.1.2",
            rule: "bears an event that it does not know, and answers none",
            orders: { _ in [.tell(RPCEvent("NoSuchEvent")), .ask(GetCap().request)] },
            judge: alive
        ),
        CheckStep(
            clause: "§9.3.2.1",
            rule: "ignores fields that it does not know",
            // A camera without GetCap has StopLive, which succeeds for a stream that does not run.
            orders: { memory in
                memory.capabilities == nil
                    ? [.ask(RPCRequest(StopLive.name, Texts.stopWithUnknownField))]
                    : [.ask(RPCRequest(GetCap.name, Texts.unknownField))]
            },
            judge: { memory, _ in
                guard let outcome = memory.answer(0) else { return nil }
                switch outcome {
                case .answered(.success): return .passed("answered with success")
                case .answered(.failure(let failure)) where failure.code == 101 && memory.capabilities == nil:
                    return .skipped("the device cannot do it: error 101")
                default: return .failed(outcome.text)
                }
            }
        ),
        .refusal("I.2-12", "refuses a parameter that breaks a rule with error 12", code: 12) { _ in
            RPCRequest(PushLive.name, Texts.brokenPush)
        },
        .refusal(
            "I.2-12",
            "refuses a channel that it does not have with error 102",
            code: 102,
            skip: { $0.missingChannel == nil ? "the device has all 256 channels" : nil },
            { memory in
                let stream = StreamID(unchecked: "check-none")
                let channel = memory.missingChannel ?? 0
                return PushLive(
                    channel: channel,
                    url: memory.settings.pushURL(stream),
                    stream: stream,
                    maxBitrate: 0
                ).request
            }
        ),
    ]

    static let alive: @Sendable (CheckMemory, Bool) -> CheckVerdict? = { memory, _ in
        guard let outcome = memory.answer(0) else { return nil }
        if case .answered = outcome { return .passed("the next request was answered") }
        return .failed(outcome.text)
    }

    // MARK: What is known at the end

    private static let throughout: [CheckStep] = [
        CheckStep(
            clause: "I.2-1",
            rule: "sends Keepalive as often as it was told",
            patience: CheckRhythm.patience,
            judge: CheckRhythm.judge
        ),
        reported("§9.3.2.1", "sends packets of Tables 9-1 and 9-2 only"),
        reported("§9.3.2.1.1", "answers every request within 20 s, once, in order"),
        reported(
            "§9.3.1.3",
            "keeps one connection: logs in again when the last one has ended",
            severity: .should
        ),
        reported("Table 9-4", "sends only messages that a unit may send"),
        reported("I.2-1", "keeps the rules of Keepalive all the time"),
        told("I.2-3", Bind.name, "reports a bind code with its own mac_id"),
        told("I.2-16", AlarmNotify.name, "tells alarms by the rules"),
        told("I.2-27", BatteryChange.name, "tells its battery by the rules"),
    ]

    private static func reported(
        _ clause: String,
        _ rule: String,
        severity: CheckSeverity = .must
    ) -> CheckStep {
        CheckStep(clause: clause, rule: rule, severity: severity, needsConnection: false, isSummary: true) {
            memory,
            _ in
            let problem = memory.problems.first { $0.clause == clause }
            return problem.map { .failed($0.what) } ?? .passed("nothing else came")
        }
    }

    /// What a device tells when it has something to tell.
    private static func told(_ clause: String, _ name: String, _ rule: String) -> CheckStep {
        CheckStep(clause: clause, rule: rule, needsConnection: false, isSummary: true) { memory, _ in
            if let problem = memory.problems.first(where: { $0.clause == clause }) {
                return .failed(problem.what)
            }
            let came = memory.journal.contains { entry in
                switch entry.what {
                case .request(let request): request.method == name
                case .event(let event): event.name == name
                default: false
                }
            }
            return came
                ? .passed("it came") : .skipped("none came; let the device tell one while the check runs")
        }
    }
}

/// The distance of heartbeats on one connection.
enum CheckRhythm {
    /// Until they have been watched for as long as is wanted, and for four of them.
    @Sendable static func patience(_ memory: CheckMemory) -> Duration {
        let watched = memory.logins.first.map { memory.stepBegan - $0.time } ?? .zero
        let four = Duration.seconds(memory.settings.heartbeatSeconds * 4 + 1)
        return max(four, memory.settings.duration - watched)
    }

    @Sendable static func judge(_ memory: CheckMemory, isOver: Bool) -> CheckVerdict? {
        let interval = Duration.seconds(memory.settings.heartbeatSeconds)
        var last: Instant?
        var distances: [Duration] = []
        for entry in memory.journal {
            switch entry.what {
            case .login, .closed: last = nil
            case .request(let request) where request.method == Keepalive.name:
                if let last { distances.append(entry.time - last) }
                last = entry.time
            default: break
            }
        }
        let longest = distances.max() ?? .zero
        if longest > interval + interval / 2 + .seconds(1) {
            return .failed("\(seconds(longest)) between two; told: \(seconds(interval))")
        }
        guard isOver else { return nil }
        guard distances.count >= 3 else { return .failed("only \(distances.count) came in time") }
        // A change of state is told at once; far more than that is a device that does not heed the interval.
        let mean = distances.reduce(.zero, +) / distances.count
        return mean < interval / 4
            ? .failed("one every \(seconds(mean)); told: \(seconds(interval))")
            : .passed("at most \(seconds(longest)) between two")
    }

    static func seconds(_ duration: Duration) -> String {
        let tenths = duration.wholeMilliseconds / 100
        return "\(tenths / 10).\(tenths % 10) s"
    }
}

/// Parameters that no typed message can hold.
enum Texts {
    static let unknownField = JSONObject { $0.field(named: "no_such_field", "of a later version") }
    static let stopWithUnknownField = JSONObject {
        $0.field(named: "channel", 0)
        $0.field(named: "stream_id", "check-none")
        $0.field(named: "no_such_field", "of a later version")
    }
    static let brokenPush = JSONObject {
        $0.field(named: "channel", "zero")
        $0.field(named: "stream_id", "check-none")
    }
}
