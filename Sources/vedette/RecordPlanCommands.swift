import ArgumentParser
import CustomerUnit

extension CustomerCommand.Record {
    struct Plan: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record a camera week by week.",
            subcommands: [Show.self, Set.self, Clear.self]
        )
    }

    struct Rule: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record a camera when it reports alarms.",
            subcommands: [Show.self, Set.self, Clear.self]
        )
    }
}

extension CustomerCommand.Record.Plan {
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the weekly plan of a camera.")

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let plan: RecordingPlanMessage = try await session.withClient {
                try await $0.call(.get, channel.path + "/record/plan")
            }
            try plan.show(json: session.json)
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record a camera at these times of every week.",
            discussion: """
                WINDOW is days and times: "mon-fri 08:00-18:00", "sat,sun 00:00-24:00", "fri 22:00-06:00" into Saturday; \
                'always' is all of them. The times are those of a clock on the wall in the zone: an hour that is skipped \
                in spring is not recorded, one that comes twice in autumn is recorded twice. A camera that sleeps is not \
                woken for its plan.
                """
        )

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @Argument(help: "Days and times, several.") var windows: [WindowArgument]
        @Option(help: "Time zone, such as Europe/Berlin.") var zone = "UTC"
        @Option(help: "Length of each segment, 2s to 300s.") var segment: SecondsArgument?
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let body = RecordingPlanMessage(
                zone: zone,
                windows: windows.flatMap(\.windows),
                segDuration: segment?.seconds
            )
            let plan: RecordingPlanMessage = try await session.withClient {
                try await $0.call(.put, channel.path + "/record/plan", sending: body)
            }
            try plan.show(json: session.json)
        }
    }

    struct Clear: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Follow no plan any more.")

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.delete, channel.path + "/record/plan")
            }
            if !session.json { print("\(channel) has no plan any more.") }
        }
    }
}

extension CustomerCommand.Record.Rule {
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show what alarms of a camera record.")

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let rule: RecordingRuleMessage = try await session.withClient {
                try await $0.call(.get, channel.path + "/record/rule")
            }
            try rule.show(json: session.json)
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record a camera when it reports alarms of these types.",
            discussion: """
                Types are external, motion, intrusion, cry, face, sound, low_power, lock_picking, bell_ring, human and \
                infrared_motion. An alarm that comes while the camera is recorded anyway changes nothing.
                """
        )

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @Option(help: "Types of alarms, separated by commas.") var types: String
        @Option(help: "How much from before the alarm, up to 60s; 5s unless told.")
        var prerecord: SecondsArgument?
        @Option(help: "From the start of the alarm on, up to 10m; 30s unless told.")
        var clip: SecondsArgument?
        @Option(help: "The most, however long an alarm lasts; 10m unless told.")
        var longest: SecondsArgument?
        @Option(help: "Length of each segment, 2s to 300s.") var segment: SecondsArgument?
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let body = RecordingRuleMessage(
                types: types.split(separator: ",").map(String.init),
                prerecordSeconds: prerecord?.seconds,
                clipSeconds: clip?.seconds,
                maxSeconds: longest?.seconds,
                segDuration: segment?.seconds
            )
            let rule: RecordingRuleMessage = try await session.withClient {
                try await $0.call(.put, channel.path + "/record/rule", sending: body)
            }
            try rule.show(json: session.json)
        }
    }

    struct Clear: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let alarms record nothing any more.")

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.delete, channel.path + "/record/rule")
            }
            if !session.json { print("Alarms of \(channel) record nothing any more.") }
        }
    }
}

/// `mon-fri 08:00-18:00`, `sat,sun 00:00-24:00`, `always`. Days and times are judged by the platform.
struct WindowArgument: ExpressibleByArgument {
    private static let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

    let windows: [RecordingPlanMessage.Window]

    init?(argument: String) {
        guard argument != "always" else {
            windows = [.init(days: Self.days, from: "00:00", to: "24:00")]
            return
        }
        let words = argument.split(separator: " ")
        let times = words.last.map { $0.split(separator: "-") } ?? []
        guard words.count == 2, times.count == 2, let days = Self.days(words[0]) else { return nil }
        windows = [.init(days: days, from: String(times[0]), to: String(times[1]))]
    }

    /// `mon-fri,sun`; a range may go over Sunday.
    private static func days(_ text: Substring) -> [String]? {
        var found: [String] = []
        for part in text.lowercased().split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false)
                .map { end in days.firstIndex { $0 == end } }
            guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1] else {
                return nil
            }
            let count = (last - first + days.count) % days.count
            found += (0...count).map { days[(first + $0) % days.count] }
        }
        return found
    }
}

extension RecordingPlanMessage {
    fileprivate func show(json: Bool) throws {
        guard !json else { return try Terminal.printJSON(self) }
        var pairs = windows.map { ($0.days.joined(separator: ","), "\($0.from) to \($0.to)") }
        pairs.append(("zone", zone))
        if let segDuration { pairs.append(("segments", "\(segDuration) s")) }
        Terminal.printPairs(pairs)
    }
}

extension RecordingRuleMessage {
    fileprivate func show(json: Bool) throws {
        guard !json else { return try Terminal.printJSON(self) }
        var pairs = [("alarms", types.joined(separator: ", "))]
        for (name, seconds) in [
            ("before", prerecordSeconds), ("clip", clipSeconds), ("at most", maxSeconds),
            ("segments", segDuration),
        ] {
            if let seconds { pairs.append((name, "\(seconds) s")) }
        }
        Terminal.printPairs(pairs)
    }
}
