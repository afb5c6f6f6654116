import ArgumentParser
import CustomerUnit

extension CustomerCommand {
    struct Alarms: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What cameras reported.",
            subcommands: [List.self, Picture.self],
            defaultSubcommand: List.self
        )
    }
}

extension CustomerCommand.Alarms {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List alarms, newest first.")

        @Option(name: .long, help: "Of this device alone.") var device: String?
        @Option(name: .long, help: "Of this type alone, such as motion or bell_ring.") var type: String?
        @Option(name: .long, help: "Only from this time on, such as 2025-11-21T08:00:00Z.") var from: String?
        @Option(name: .long, help: "Only before this time.") var to: String?
        @Option(name: .long, help: "At most so many, 1 to 200.") var limit = 50
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let filters = [("device", device), ("type", type), ("from", from), ("to", to)]
            let query =
                filters.compactMap { name, value in value.map { "\(name)=\($0)" } } + [
                    "limit=\(limit)"
                ]
            let path = "/alarms?" + query.joined(separator: "&").replacing("+", with: "%2B")
            let page: Page<AlarmAnswer> = try await session.withClient { try await $0.call(.get, path) }
            guard !session.json else { return try Terminal.printJSON(page.items) }
            guard !page.items.isEmpty else { return print("No alarms.") }
            Terminal.printTable(
                ["STARTED", "ENDED", "CHANNEL", "TYPE", "PICTURE", "ALARM", "DESCRIPTION"],
                page.items.map {
                    [
                        $0.startedAt, $0.active ? "lasts" : $0.endedAt ?? "-", "\($0.deviceId)/\($0.channel)",
                        $0.name, $0.picture == nil ? "-" : "yes", $0.alarmId, $0.description,
                    ]
                }
            )
        }
    }

    struct Picture: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the picture that a camera sent with an alarm."
        )

        @Argument(help: "Name of the alarm, as the list has it.") var alarm: String
        @Option(name: .shortAndLong, help: "File to write, - for standard output.") var output: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let picture = try await session.withClient {
                try await $0.bytes(.get, "/alarms/\(alarm)/picture")
            }
            try CustomerCommand.write(picture, to: output, session)
        }
    }
}

private struct AlarmAnswer: Codable, Sendable {
    var alarmId: String
    var deviceId: String
    var channel: Int
    var type: Int
    var name: String
    var description: String
    var active: Bool
    var startedAt: String
    var endedAt: String?
    var receivedAt: String
    var startInferred: Bool
    var endInferred: Bool
    var picture: String?
}
