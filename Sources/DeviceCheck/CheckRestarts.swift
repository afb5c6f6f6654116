import HSSModel
import Vd

/// Connections that end, and whatever a device must be willing to lose.
extension CheckPlan {
    static let restarts: [CheckStep] =
        [
            CheckStep(
                clause: "I.2-6",
                rule:
                    "asks Vs at Reschedule, goes on until the answer is there, then logs in anew (§9.3.1.2)",
                changesOver: true,
                patience: { _ in .seconds(60) },
                orders: { _ in [.tell(Reschedule().event)] },
                judge: { memory, _ in
                    for entry in memory.recent {
                        switch entry.what {
                        case .closed: return .failed("it left before it had asked Vs")
                        case .scheduling(nil, _):
                            return memory.recentLogins.isEmpty
                                ? nil : .passed("asked, changed over, logged in")
                        default: continue
                        }
                    }
                    return nil
                }
            ),
            CheckStep(
                clause: "§9.3.2.1",
                rule: "closes a connection on which a malformed packet came",
                severity: .should,
                patience: { _ in .seconds(10) },
                orders: { _ in [.garbage(Array(#"{"req":"GetCap","seq":"#.utf8))] },
                judge: { memory, isOver in
                    let closed = memory.recent.contains { $0.what == .closed(byDevice: true) }
                    return closed ? .passed("closed") : isOver ? .failed("it goes on") : nil
                }
            ),
            CheckStep(
                clause: "§9.3.1.3",
                rule:
                    "comes back after a lost connection: a random wait within 5·N seconds before attempt N, 60 s beyond 12",
                // "It is recommended to follow the rules as given below".
                severity: .should,
                patience: { _ in .seconds(75) },
                orders: { _ in [.drop] },
                judge: { memory, _ in
                    guard let back = memory.recentLogins.first else { return nil }
                    let waited = back.time - memory.stepBegan
                    let attempt = max(1, memory.shortConnectionsBefore(back.time))
                    // Beside the wait: the handshake, and a device that takes its time.
                    let most = (attempt > 12 ? Duration.seconds(60) : .seconds(5 * attempt)) + .seconds(5)
                    let text = "\(CheckRhythm.seconds(waited)) before attempt \(attempt)"
                    return waited <= most ? .passed(text) : .failed(text)
                }
            ),
            CheckStep(
                clause: "Table 9-3",
                rule: "says reconnect=1 after a lost connection",
                needsConnection: false,
                skip: { $0.logins.count < 2 ? "it did not come back" : nil },
                judge: { memory, _ in
                    memory.logins.last?.url.reconnect == true
                        ? .passed("reconnect=1") : .failed("reconnect=0")
                }
            ),
        ] + destructive

    private static let destructive: [CheckStep] = [
        .ask("I.2-32", "formats its disk", isDestructive: true) { _ in FormatDisk() },
        .ask("I.2-21", "resets its configuration and stays connected", isDestructive: true) { _ in
            ResetConfig()
        },
        CheckStep(
            clause: "I.2-4",
            rule: "bears RebootChannel: answers, or logs in with reconnect=0",
            isDestructive: true,
            patience: { _ in .seconds(120) },
            orders: { [.tell(RebootChannel(channel: $0.channel).event), .ask(GetCap().request)] },
            judge: { memory, _ in
                if case .answered = memory.answer(0) { return .passed("it went on") }
                return memory.recentLogins.last.map { login in
                    login.url.reconnect ? .failed("reconnect=1 after a restart") : .passed("it restarted")
                }
            }
        ),
        CheckStep(
            clause: "I.2-5",
            rule: "restarts at RebootDevice, and logs in with reconnect=0",
            isDestructive: true,
            patience: { _ in .seconds(180) },
            orders: { _ in [.tell(RebootDevice().event)] },
            judge: { memory, _ in
                memory.recentLogins.first.map { login in
                    login.url.reconnect ? .failed("reconnect=1 after a restart") : .passed("reconnect=0")
                }
            }
        ),
        CheckStep(
            clause: "I.2-7",
            rule: "fetches the firmware that UpgradeFirmware names (no image: it is to refuse it)",
            isDestructive: true,
            patience: { _ in .seconds(60) },
            skip: noFirmware,
            orders: { memory in
                let url = memory.url(Names.firmware)
                return [.tell(UpgradeFirmware(firmwareModel: memory.settings.firmwareModel, url: url).event)]
            },
            judge: { memory, _ in
                memory.recent.contains { $0.what == .fetched(Names.firmware) }
                    ? .passed("the file was fetched") : nil
            }
        ),
        .ask("I.2-8", "tells in QueryUpgrade what comes of it", isDestructive: true, skip: noFirmware) { _ in
            QueryUpgrade()
        } problem: { answer, _ in
            answer.state == .notStarted ? "notstart, though it has fetched the file" : nil
        },
    ]
}

extension CheckPlan {
    private static let noFirmware: @Sendable (CheckMemory) -> String? = { memory in
        memory.capabilities?.supports(.firmwareDownloadHTTPS) == true
            ? nil : "GetCap does not announce firmware_download_https"
    }
}

extension CheckMemory {
    /// Connections in a row, up to `time`, that ended before they had held for long: the attempt that follows has
    /// their number.
    func shortConnectionsBefore(_ time: Instant) -> Int {
        var count = 0
        var since: Instant?
        for entry in journal where entry.time <= time {
            switch entry.what {
            case .login where entry.time < time: since = entry.time
            case .closed:
                let held = since.map { entry.time - $0 } ?? .zero
                count = held >= Self.steadyAfter ? 1 : count + 1
                since = nil
            default: break
            }
        }
        return count
    }
}
