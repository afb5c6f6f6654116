import ArgumentParser
import CustomerUnit
import HSSModel
import ServerKit

extension CustomerCommand {
    /// `vedette cu record`: what is recorded of a camera, and when.
    struct Record: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "record",
            abstract: "Record a camera: now, by a weekly plan, or when it reports alarms.",
            subcommands: [Start.self, Stop.self, Status.self, Plan.self, Rule.self]
        )
    }
}

extension CustomerCommand.Record {
    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record from now on.",
            discussion: """
                A camera that is away records as soon as it is back; one that sleeps is woken, and kept awake as long as \
                you record. The same command again goes on recording, with the new end.
                """
        )

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @Option(name: .customLong("for"), help: "How long, such as 10m; without it until you stop it.")
        var time: SecondsArgument?
        @Option(help: "Length of each segment, 2s to 300s; kept for later recordings too.")
        var segment: SecondsArgument?
        @Option(help: "How much from before now, up to 60s, as far as the camera still has it.")
        var prerecord: SecondsArgument?
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let status: RecordingAnswer = try await session.withClient {
                try await $0.call(
                    .post,
                    channel.path + "/record",
                    sending: RecordingRequest(
                        segDuration: segment?.seconds,
                        prerecordSeconds: prerecord?.seconds,
                        durationSeconds: time?.seconds
                    )
                )
            }
            try status.show(of: channel, json: session.json)
        }
    }

    struct Stop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End what 'record start' began.",
            discussion: "What a plan or an alarm wants goes on."
        )

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let status: RecordingAnswer = try await session.withClient {
                try await $0.call(.delete, channel.path + "/record")
            }
            try status.show(of: channel, json: session.json)
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show whether a camera is recorded, why, and what is in the way."
        )

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let status: RecordingAnswer = try await session.withClient {
                try await $0.call(.get, channel.path + "/record")
            }
            try status.show(of: channel, json: session.json)
        }
    }
}

extension RecordingAnswer {
    /// For people, in the order in which they ask.
    fileprivate func show(of channel: ChannelArgument, json: Bool) throws {
        guard !json else { return try Terminal.printJSON(self) }
        var pairs = [("channel", "\(channel)"), ("state", words)]
        if !wantedBy.isEmpty { pairs.append(("wanted by", wantedBy.joined(separator: ", "))) }
        if let command {
            let end = command.until.map { "until \($0)" } ?? "until it is stopped"
            pairs.append(("command", "of \(command.user) since \(command.begunAt), \(end)"))
        }
        if let since { pairs.append(("since", since)) }
        if let session { pairs.append(("session", session)) }
        pairs.append(("segments", "\(segDuration) s"))
        if droppedNb > 0 || droppedTime > 0 {
            pairs.append(("lost", "\(droppedNb) segments, \(droppedTime) s"))
        }
        if let nextChange { pairs.append(("next change", nextChange)) }
        if let problem { pairs.append(("problem", "\(problem.detail) (\(problem.at))")) }
        Terminal.printPairs(pairs)
    }

    private var words: String {
        switch state {
        case "idle": "not recorded"
        case "offline": "wanted; the camera is away and records as soon as it is back"
        case "asleep": "wanted; the camera sleeps"
        case "starting": "the camera has been told"
        case "refused": "wanted; the camera does not do it and is asked again"
        case "stopping": "ending"
        default: state
        }
    }
}

/// `10s`, `5m`, `2h`: whole seconds.
struct SecondsArgument: ExpressibleByArgument {
    let seconds: Int

    init?(argument: String) {
        guard let duration = Quantity.duration(argument), duration.components.attoseconds == 0 else {
            return nil
        }
        seconds = Int(duration.components.seconds)
    }
}
