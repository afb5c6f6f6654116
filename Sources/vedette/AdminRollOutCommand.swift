import ArgumentParser
import CustomerUnit

extension AdminCommand.Firmware {
    struct RollOut: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "roll-out",
            abstract: "Let cameras install a firmware.",
            discussion: """
                Cameras are told between --opens and --closes, spread over --spread, so many at a time. The roll-out \
                stops itself when more than --error-limit percent of those that finished have failed. With --follow \
                the command shows how far it is until it ends, and fails where a camera failed.
                """
        )

        @Argument(help: "Firmware ID.") var firmware: String
        @Option(name: .long, help: "Percent of all cameras of the hardware; 10 are among the later 50.")
        var percent: Int?
        @Option(name: .customLong("device"), help: "One camera; may be given several times.")
        var devices: [String] = []
        @Option(name: .long, help: "From when on, as 2026-01-31T02:00:00Z; now by default.")
        var opens: String?
        @Option(name: .long, help: "Until when; a week after --opens by default.") var closes: String?
        @Option(name: .long, help: "Seconds over which the begin is spread.") var spread: Int?
        @Option(name: .long, help: "Cameras at a time, 20 by default.") var atOnce: Int?
        @Option(name: .long, help: "Percent that may fail, 5 by default.") var errorLimit: Int?
        @Option(name: .long, help: "Cameras before the percentage counts, 10 by default.")
        var errorSample: Int?
        @Option(name: .long, help: "Times that a camera is told, 3 by default.") var attempts: Int?
        @Option(name: .long, help: "Seconds that a camera may take, 1800 by default.") var patience: Int?
        @Flag(name: .long, help: "Show how far it is until it ends.") var follow = false
        @OptionGroup var session: SessionOptions

        private struct Order: Encodable {
            var firmwareId: String
            var units: [String]?
            var percent: Int?
            var opensAt: String?
            var closesAt: String?
            var spreadSeconds: Int?
            var mostAtOnce: Int?
            var errorLimit: Int?
            var errorSample: Int?
            var attempts: Int?
            var patienceSeconds: Int?
        }

        func validate() throws {
            guard (percent == nil) != devices.isEmpty else {
                throw ValidationError("give either --percent or --device")
            }
        }

        func run() async throws {
            let order = Order(
                firmwareId: firmware,
                units: devices.isEmpty ? nil : devices,
                percent: percent,
                opensAt: opens,
                closesAt: closes,
                spreadSeconds: spread,
                mostAtOnce: atOnce,
                errorLimit: errorLimit,
                errorSample: errorSample,
                attempts: attempts,
                patienceSeconds: patience
            )
            try await session.withClient { client in
                let answer: RollOutAnswer = try await client.call(.post, "/admin/roll-outs", sending: order)
                guard follow else {
                    if session.json { return try Terminal.printJSON(answer) }
                    return print("Roll-out \(answer.rollOutId) of \(answer.version): \(answer.text).")
                }
                if !session.json { print("Roll-out \(answer.rollOutId) of \(answer.version).") }
                try await RollOutFollower(client: client, json: session.json).follow(answer.rollOutId)
            }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show roll-outs, or the cameras of one and what they wait for."
        )

        @Argument(help: "Roll-out ID; without it all of them.") var rollOut: String?
        @Option(name: .long, help: "Only cameras in this state: waiting, updating, done, failed, missed.")
        var state: String?
        @Flag(name: .long, help: "Show how far it is until it ends.") var follow = false
        @OptionGroup var session: SessionOptions

        func validate() throws {
            guard rollOut != nil || (state == nil && !follow) else {
                throw ValidationError("--state and --follow need a roll-out")
            }
        }

        func run() async throws {
            try await session.withClient { client in
                guard let rollOut else { return try await list(client) }
                if follow {
                    return try await RollOutFollower(client: client, json: session.json).follow(rollOut)
                }
                try await show(rollOut, client)
            }
        }

        private func list(_ client: PlatformClient) async throws {
            let all: [RollOutAnswer] = try await client.all("/admin/roll-outs")
            guard !session.json else { return try Terminal.printJSON(all) }
            Terminal.printTable(
                ["ROLL-OUT", "HARDWARE", "VERSION", "PHASE", "CAMERAS"],
                all.map { [$0.rollOutId, $0.hardwareModel, $0.version, $0.phase, $0.text] }
            )
        }

        private func show(_ rollOut: String, _ client: PlatformClient) async throws {
            let path = "/admin/roll-outs/\(rollOut.queryEscaped)"
            let answer: RollOutAnswer = try await client.call(.get, path)
            let suffix = state.map { "?state=\($0.queryEscaped)" } ?? ""
            let units: [RollOutUnitAnswer] = try await client.all(path + "/units" + suffix)
            guard !session.json else { return try Terminal.printJSON(Report(rollOut: answer, units: units)) }
            print("\(answer.version) for \(answer.hardwareModel): \(answer.phase), \(answer.text)")
            Terminal.printTable(
                ["DEVICE", "STATE", "STEP", "TRIES", "WHY"],
                units.map { unit in
                    let step = unit.step.map { "\($0) \(unit.progress ?? 0) %" } ?? "-"
                    let until = unit.holdsUntil.map { " (until \($0))" } ?? ""
                    let why = [unit.reason, unit.hold.map { $0 + until }].compactMap(\.self)
                    return [
                        unit.deviceId, unit.state, step, unit.attempts.map(String.init) ?? "-",
                        why.isEmpty ? "-" : why.joined(separator: "; "),
                    ]
                }
            )
        }

        private struct Report: Encodable {
            var rollOut: RollOutAnswer
            var units: [RollOutUnitAnswer]
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tell no more cameras; those that have begun are followed."
        )

        @Argument(help: "Roll-out ID.") var rollOut: String
        @OptionGroup var session: SessionOptions

        func run() async throws { try await AdminCommand.Firmware.steer(rollOut, "pause", session) }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Go on with a roll-out that was paused or stopped itself."
        )

        @Argument(help: "Roll-out ID.") var rollOut: String
        @OptionGroup var session: SessionOptions

        func run() async throws { try await AdminCommand.Firmware.steer(rollOut, "resume", session) }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a roll-out; those that have begun are followed."
        )

        @Argument(help: "Roll-out ID.") var rollOut: String
        @OptionGroup var session: SessionOptions

        func run() async throws { try await AdminCommand.Firmware.steer(rollOut, "cancel", session) }
    }

    private static func steer(_ rollOut: String, _ order: String, _ session: SessionOptions) async throws {
        let path = "/admin/roll-outs/\(rollOut.queryEscaped)/\(order)"
        let answer: RollOutAnswer = try await session.withClient { try await $0.call(.post, path) }
        guard !session.json else { return try Terminal.printJSON(answer) }
        print("Roll-out \(answer.rollOutId) is \(answer.phase): \(answer.text).")
    }
}

/// Shows how far a roll-out is until it ends or stops.
private struct RollOutFollower {
    private static let interval = Duration.seconds(2)

    let client: PlatformClient
    let json: Bool

    func follow(_ rollOut: String) async throws {
        let progress = ProgressLine(isQuiet: json)
        defer { progress.end() }
        let path = "/admin/roll-outs/\(rollOut.queryEscaped)"
        while true {
            let answer: RollOutAnswer = try await client.call(.get, path)
            progress.show("\(answer.phase): \(answer.text)")
            if answer.endedAt != nil || answer.phase == "stopped" {
                progress.end()
                return try finish(answer)
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    private func finish(_ answer: RollOutAnswer) throws {
        if json { try Terminal.printJSON(answer) } else { print("\(answer.phase): \(answer.text)") }
        guard answer.phase == "finished", answer.counts.done == answer.counts.all else {
            throw Failure(
                "not every camera runs \(answer.version); 'vedette admin firmware status \(answer.rollOutId)' says why"
            )
        }
    }
}

extension RollOutAnswer {
    fileprivate var text: String {
        let parts = [
            (counts.done, "done"), (counts.updating, "updating"), (counts.waiting, "waiting"),
            (counts.failed, "failed"), (counts.missed, "missed"),
        ]
        return parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
    }
}
