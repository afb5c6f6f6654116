import ArgumentParser
import CustomerUnit
import HSSModel

extension CustomerCommand {
    struct Usage: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what your cameras sent and what was watched, day by day (UTC)."
        )

        @Flag(name: .long, help: "What you watched instead, on whichever device.") var watched = false
        @OptionGroup var days: DayOptions
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let path = (watched ? "/usage/watched" : "/usage") + days.query()
            let usage: [ChannelUsageAnswer] = try await session.withClient { try await $0.all(path) }
            guard !session.json else { return try Terminal.printJSON(usage) }
            guard !usage.isEmpty else { return print("Nothing was carried in these days.") }
            let headings =
                ["DAY", "CHANNEL"] + (watched ? [] : ["SENT", "LIVE"]) + ["DELIVERED", "VIEWERS"]
            Terminal.printTable(
                headings,
                usage.map { line in
                    let sent = [
                        UsageText.bytes(line.ingestBytes ?? 0), UsageText.time(line.liveSeconds ?? 0),
                    ]
                    return [line.day, "\(line.deviceId)/\(line.channel)"] + (watched ? [] : sent)
                        + [UsageText.bytes(line.deliveredBytes), UsageText.time(line.viewerSeconds)]
                }
            )
        }
    }
}

extension AdminCommand {
    struct Usage: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what was carried, by user, device or day (UTC).",
            discussion: """
                SENT, LIVE, DELIVERED and VIEWERS are of the channels that a user owned then; WATCHED is what the user \
                watched, on whichever device. '-' is nobody: devices without an owner.
                """
        )

        enum Grouping: String, ExpressibleByArgument, CaseIterable, Sendable {
            case user, device, day
        }

        @Option(name: .long, help: "Of this user alone.") var user: String?
        @Option(
            name: .long,
            help: "Sums by user, device or day; by user where none is named, else by device."
        )
        var by: Grouping?
        @OptionGroup var days: DayOptions
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let grouping = by ?? (user == nil ? .user : .device)
            if let user, !UserName.isValid(user) {
                throw ValidationError("expected a user name: 1 to 64 of A-Z a-z 0-9 . _ : -")
            }
            let path = "/admin/usage" + days.query([("by", grouping.rawValue), ("user", user)])
            let totals: [UsageTotalAnswer] = try await session.withClient { try await $0.all(path) }
            guard !session.json else { return try Terminal.printJSON(totals) }
            guard !totals.isEmpty else { return print("Nothing was carried in these days.") }
            Terminal.printTable(
                [grouping.rawValue.uppercased(), "SENT", "LIVE", "DELIVERED", "VIEWERS"]
                    + (grouping == .user ? ["WATCHED"] : []),
                totals.map { total in
                    [
                        total.user ?? total.deviceId ?? total.day ?? "-", UsageText.bytes(total.ingestBytes),
                        UsageText.time(total.liveSeconds), UsageText.bytes(total.deliveredBytes),
                        UsageText.time(total.viewerSeconds),
                    ] + (grouping == .user ? [UsageText.bytes(total.watchedBytes ?? 0)] : [])
                }
            )
        }
    }
}

/// `--from` and `--to`.
struct DayOptions: ParsableArguments {
    @Option(name: .long, help: "First day, such as 2025-11-21; without it the oldest that is kept.")
    var from: DayArgument?
    @Option(name: .long, help: "Last day; without it today.") var to: DayArgument?

    /// With `others`, where they have a value, which needs no escaping.
    func query(_ others: [(String, String?)] = []) -> String {
        let parts = [("from", from?.day.description), ("to", to?.day.description)] + others
        let set = parts.compactMap { name, value in value.map { "\(name)=\($0)" } }
        return set.isEmpty ? "" : "?" + set.joined(separator: "&")
    }
}

struct DayArgument: ExpressibleByArgument {
    let day: CalendarDay

    init?(argument: String) {
        guard let day = CalendarDay(argument) else { return nil }
        self.day = day
    }
}

/// One line of `GET /usage` and `GET /usage/watched`.
private struct ChannelUsageAnswer: Codable, Sendable {
    var day: String
    var deviceId: String
    var channel: Int
    var ingestBytes: Int64?
    var liveSeconds: Int64?
    var deliveredBytes: Int64
    var viewerSeconds: Int64
}

/// One line of `GET /admin/usage`.
private struct UsageTotalAnswer: Codable, Sendable {
    var user: String?
    var deviceId: String?
    var day: String?
    var ingestBytes: Int64
    var liveSeconds: Int64
    var deliveredBytes: Int64
    var viewerSeconds: Int64
    var watchedBytes: Int64?
    var watchedSeconds: Int64?
}

/// Amounts for people.
enum UsageText {
    /// In thousands, as providers count traffic: `1.23 GB`.
    static func bytes(_ count: Int64) -> String {
        let units = ["kB", "MB", "GB", "TB", "PB", "EB"]
        guard count >= 1000 else { return "\(count) B" }
        var hundredths = count / 10
        var unit = 0
        while hundredths >= 100_000, unit < units.count - 1 {
            hundredths /= 1000
            unit += 1
        }
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) \(units[unit])"
    }

    /// `1:02:03`
    static func time(_ seconds: Int64) -> String {
        func two(_ number: Int64) -> String { (number < 10 ? "0" : "") + "\(number)" }
        return "\(seconds / 3600):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    }
}
