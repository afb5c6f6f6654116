import ArgumentParser
import DeviceCheck
import FoundationEssentials
import HSSModel
import Logging
import ServerKit
import UnixSignals

extension UnitCommand {
    /// `vedette pu check`: what a maker runs against a device.
    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Play the platform for one device and report what it does, clause by clause.",
            discussion: """
                Prints the address, device ID, MAC identity and password to put into the device, waits for it, and \
                looks at each rule of Vs, Vd and Vm that it can see. Exit status 0 when every 'must' was kept, 1 \
                otherwise.
                """
        )

        @Option(name: .long, help: "Address to listen on.") var host = "0.0.0.0"
        @Option(name: .long, help: "Port for Vs, Vd and files; 0 takes a free one.") var port = 0
        @Option(name: .long, help: "Name or address under which the device reaches this host.")
        var domain = "localhost"
        @Option(name: .long, help: "Data folder; its tls/ca.pem is what the device must trust.") var data =
            "./var"
        @Flag(name: .long, help: "HTTP and ws without TLS.") var plain = false
        @Option(name: .long, help: "Device ID to give to the device.") var device = "check-1"
        @Option(name: .long, help: "MAC identity of the device.") var mac: String
        @Option(name: .long, help: "Only these tables and clauses, such as I.2-22,§9.3.1.3.") var only:
            String?
        @Flag(name: .long, help: "Also restart the device, reset it, format its disk and send firmware.")
        var destructive = false
        @Option(name: .long, help: "How long heartbeats are watched.") var duration = "60s"
        @Option(name: .long, help: "How long to wait for the device at first.") var wait = "10m"
        @Option(name: .long, help: "Seconds between heartbeats that the device is told.") var heartbeat = 10
        @Flag(name: .long, help: "Do not open an SRT port; pictures are not looked at.") var noMedia = false
        @Flag(name: .long, help: "Print JSON lines instead of text.") var json = false

        func run() async throws {
            let settings = try settings()
            let address = try address()
            let json = json
            let check = Task {
                try await CheckHost.run(settings, at: address) { url in
                    present(url, settings)
                } tell: { finding in
                    Self.tell(finding, json: json)
                }
            }
            let signals = Task {
                for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { check.cancel() }
            }
            let report: CheckReport
            do {
                report = try await check.value
            } catch let error as CheckError {
                throw Failure(error.description)
            }
            signals.cancel()
            if json {
                try Terminal.printJSON(Summary(report))
            } else {
                Terminal.printLine(report.summary)
                Terminal.printLine(Self.sentence(report))
            }
            if !report.conforms { throw ExitCode(1) }
        }

        private func settings() throws -> CheckSettings {
            guard let unit = UnitID(rawValue: device), let identity = MACIdentity(rawValue: mac) else {
                throw ValidationError("--device and --mac: expected 1 to 64 of A-Z a-z 0-9 . _ : -")
            }
            guard (1...3600).contains(heartbeat) else {
                throw ValidationError("--heartbeat: expected 1 to 3600, found \(heartbeat)")
            }
            var settings = CheckSettings(
                device: unit,
                macIdentity: identity,
                password: Secret(Self.randomText(32))
            )
            settings.passphrase = Secret(Self.randomText(24))
            // As long as the platform's: a device must have room for it.
            settings.ticket = Secret(Self.randomText(96))
            settings.isDestructive = destructive
            settings.duration = try Self.time(duration, "--duration")
            settings.patience = try Self.time(wait, "--wait")
            settings.heartbeatSeconds = heartbeat
            if let only {
                settings.only = Set(only.split(separator: ",").map(String.init))
                let known = CheckMachine.clauses
                if let unknown = settings.only.subtracting(known).min() {
                    throw ValidationError(
                        "--only: no rule of \(unknown) is looked at; known: \(known.sorted().joined(separator: ", "))"
                    )
                }
            }
            return settings
        }

        private func address() throws -> CheckAddress {
            var address = CheckAddress(domain: domain, trust: nil)
            address.host = host
            address.port = port
            address.hasMedia = !noMedia
            guard !plain else { return address }
            do throws(ServerError) {
                let identity = try ServerIdentity(
                    .local(dataFolder: data, domain: domain),
                    logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() }
                )
                address.trust = identity.currentContext
            } catch {
                throw Failure(error.description)
            }
            return address
        }

        private func present(_ url: String, _ settings: CheckSettings) {
            let password = settings.password.reveal()
            if json {
                var ready = [
                    "event": "ready", "platform": url, "device": settings.device.rawValue,
                    "mac": settings.macIdentity.rawValue, "password": password,
                ]
                if !plain { ready["trust"] = "\(data)/tls/ca.pem" }
                try? Terminal.printJSON(ready)
                return
            }
            Terminal.printLine("Put this into the device:")
            Terminal.printLine("  platform   \(url)")
            Terminal.printLine("  device ID  \(settings.device)")
            Terminal.printLine("  MAC        \(settings.macIdentity)")
            Terminal.printLine("  password   \(password)")
            if !plain { Terminal.printLine("  trust      \(data)/tls/ca.pem") }
            Terminal.printLine("Waiting for it.")
        }

        private static func tell(_ finding: CheckFinding, json: Bool) {
            let (verdict, seen) =
                switch finding.verdict {
                case .passed(let seen): ("pass", seen)
                case .failed(let seen): ("FAIL", seen)
                case .skipped(let seen): ("skip", seen)
                }
            if json {
                try? Terminal.printJSON([
                    "event": "finding", "clause": finding.clause, "rule": finding.rule,
                    "severity": finding.severity.rawValue, "asked": finding.asked,
                    "verdict": verdict.lowercased(), "seen": clean(seen),
                    "guide": CheckGuide.heading(for: finding.clause),
                ])
                return
            }
            let weight = finding.severity == .should ? " (should)" : ""
            Terminal.printLine("\(verdict)  \(finding.clause)  \(finding.rule)\(weight)")
            let asked = finding.asked.isEmpty ? "" : "\(finding.asked) → "
            Terminal.printLine("      \(asked)\(clean(seen))")
            if case .failed = finding.verdict {
                let heading = CheckGuide.heading(for: finding.clause)
                Terminal.printLine("      how it is done: docs/device-guide.md, \(heading)")
            }
        }

        private static func sentence(_ report: CheckReport) -> String {
            if report.wasInterrupted { return "Interrupted: whether the device conforms is not known." }
            if report.conforms { return "The device conforms in everything that was looked at." }
            if report.broken.isEmpty { return "Nothing could be looked at." }
            return "The device does not conform: \(report.broken.joined(separator: ", "))."
        }

        /// Words of a device must not steer a terminal.
        private static func clean(_ text: String) -> String {
            String(
                text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : Character($0) }
            )
        }

        private static func time(_ text: String, _ option: String) throws -> Duration {
            guard let duration = Quantity.duration(text), duration > .zero, duration <= .seconds(86_400)
            else {
                throw ValidationError("\(option): expected a time such as 60s, up to 24h, found \(text)")
            }
            return duration
        }

        /// 5 bits a letter.
        private static func randomText(_ count: Int) -> String {
            let letters = Array("abcdefghijklmnopqrstuvwxyz234567")
            var random = SystemRandomNumberGenerator()
            return String((0..<count).map { _ in letters[Int.random(in: 0..<letters.count, using: &random)] })
        }

        private struct Summary: Encodable {
            let event = "summary"
            let conforms: Bool
            let interrupted: Bool
            let broken: [String]
            let passed: Int
            let failed: Int
            let failedThatOnlyShould: Int
            let skipped: Int

            init(_ report: CheckReport) {
                conforms = report.conforms
                interrupted = report.wasInterrupted
                broken = report.broken
                passed = report.passed
                failed = report.failed(.must)
                failedThatOnlyShould = report.failed(.should)
                skipped = report.skipped
            }
        }
    }
}
