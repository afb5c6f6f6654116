import ArgumentParser
import CustomerUnit
import FoundationEssentials
import HSSModel
import ServerKit

extension AdminCommand {
    struct Recording: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "See what recordings take up, and say how long they stay.",
            subcommands: [Usage.self, Limits.self, KeepClip.self, KeptClips.self, ReleaseClip.self]
        )

        struct Usage: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Show what is recorded, by channel and owner."
            )

            @Option(name: .long, help: "Of this user alone.") var user: String?
            @OptionGroup var session: SessionOptions

            func run() async throws {
                let path = "/admin/usage/recordings" + (try UserQuery.text(user))
                try await RecordedUseAnswer.show(path, session, owners: true)
            }
        }

        struct Limits: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Show or set how long recordings stay, and how much of them.",
                discussion: """
                    Of one channel, or with --user of all channels of an owner: --retention holds for each of them, --quota \
                    for all of them together. What is set for a channel goes before what is set for its owner, and that \
                    before the configuration. What is over a limit goes within a minute, the oldest first; kept clips stay.
                    """
            )

            @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument?
            @Option(name: .long, help: "Of this user's channels.") var user: String?
            @Option(
                name: .long,
                help:
                    "How long they stay, such as 30d; 'none' for no limit, 'default' for that of the configuration."
            )
            var retention: LimitArgument<RetentionLimit>?
            @Option(
                name: .long,
                help:
                    "How much of them, such as 20GiB; 'none' for no limit, 'default' for that of the configuration."
            )
            var quota: LimitArgument<QuotaLimit>?
            @OptionGroup var session: SessionOptions

            func validate() throws {
                guard (channel == nil) != (user == nil) else {
                    throw ValidationError("expected either DEVICE/CHANNEL or --user")
                }
                _ = try UserQuery.text(user)
            }

            func run() async throws {
                let path =
                    channel.map { "/admin" + $0.path } ?? "/admin/users/\(user ?? "")"
                let answer: LimitsAnswer = try await session.withClient { client in
                    let now: LimitsAnswer = try await client.call(.get, path + "/recording-limits")
                    guard retention != nil || quota != nil else { return now }
                    let wanted = LimitsAnswer.Wanted(
                        retentionSeconds: retention.map(\.value) ?? now.retentionSeconds,
                        quotaBytes: quota.map(\.value) ?? now.quotaBytes
                    )
                    return try await client.call(.put, path + "/recording-limits", sending: wanted)
                }
                guard !session.json else { return try Terminal.printJSON(answer) }
                answer.print()
            }
        }
    }
}

/// `?user=NAME`, which needs no escaping.
enum UserQuery {
    static func text(_ user: String?) throws -> String {
        guard let user else { return "" }
        guard UserName.isValid(user) else {
            throw ValidationError("expected a user name: 1 to 64 of A-Z a-z 0-9 . _ : -")
        }
        return "?user=\(user)"
    }
}

/// How an amount is written on the command line.
protocol LimitUnit: Sendable {
    static func value(_ text: String) -> Int64?
}

enum RetentionLimit: LimitUnit {
    static func value(_ text: String) -> Int64? { Quantity.duration(text)?.components.seconds }
}

enum QuotaLimit: LimitUnit {
    static func value(_ text: String) -> Int64? { Quantity.bytes(text).map(Int64.init) }
}

/// An amount, `none` or `default`.
struct LimitArgument<Unit: LimitUnit>: ExpressibleByArgument, Sendable {
    /// Nil: that of the configuration; 0: no limit.
    let value: Int64?

    init?(argument: String) {
        switch argument {
        case "default": value = nil
        case "none": value = 0
        default:
            guard let amount = Unit.value(argument), amount > 0 else { return nil }
            value = amount
        }
    }
}

/// `…/recording-limits`.
private struct LimitsAnswer: Codable, Sendable {
    struct InForce: Codable, Sendable {
        var retentionSeconds: Int64?
        var quotaBytes: Int64?
    }

    struct Wanted: Encodable, Sendable {
        var retentionSeconds: Int64?
        var quotaBytes: Int64?
    }

    var retentionSeconds: Int64?
    var quotaBytes: Int64?
    var inForce: InForce

    func print() {
        let time = inForce.retentionSeconds.map { Quantity.text(Duration.seconds($0)) } ?? "no limit"
        let size = inForce.quotaBytes.map { Quantity.text(bytes: Int($0)) } ?? "no limit"
        Terminal.printTable(
            ["LIMIT", "VALUE", "FROM"],
            [
                ["retention", time, retentionSeconds == nil ? "configuration or owner" : "set here"],
                ["quota", size, quotaBytes == nil ? "configuration" : "set here"],
            ]
        )
    }
}

/// One line of `GET /usage/recordings` and `GET /admin/usage/recordings`.
struct RecordedUseAnswer: Codable, Sendable {
    var deviceId: String
    var channel: Int
    var owner: String?
    var segments: Int
    var bytes: Int64
    var recordedSeconds: Int64
    var oldest: String?
    var newest: String?

    static func show(_ path: String, _ session: SessionOptions, owners: Bool) async throws {
        let lines: [RecordedUseAnswer] = try await session.withClient { try await $0.all(path) }
        guard !session.json else { return try Terminal.printJSON(lines) }
        guard !lines.isEmpty else { return Swift.print("Nothing is recorded.") }
        Terminal.printTable(
            ["CHANNEL"] + (owners ? ["OWNER"] : []) + ["BYTES", "TIME", "SEGMENTS", "OLDEST", "NEWEST"],
            lines.map { line in
                ["\(line.deviceId)/\(line.channel)"] + (owners ? [line.owner ?? "-"] : [])
                    + [
                        UsageText.bytes(line.bytes), UsageText.time(line.recordedSeconds),
                        "\(line.segments)", line.oldest ?? "-", line.newest ?? "-",
                    ]
            }
        )
        let (bytes, time) = lines.reduce((0, 0)) { ($0.0 + $1.bytes, $0.1 + $1.recordedSeconds) }
        Swift.print("\(UsageText.bytes(bytes)) and \(UsageText.time(time)) in all")
    }
}
