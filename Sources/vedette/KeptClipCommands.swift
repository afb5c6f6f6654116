import ArgumentParser
import CustomerUnit
import HSSModel

/// Clips that stay whatever their age, for owners (`cu`) and operators (`admin recording`).
struct KeepClip: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keep",
        abstract: "Keep a part of a recording whatever its age.",
        discussion:
            "It counts for quotas all the same. At most 31 days at once, and 1,000 clips of one owner."
    )

    @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
    @Option(name: .long, help: "From when on, such as 2025-11-21T08:00:00Z.") var from: String
    @Option(name: .long, help: "Until when.") var to: String
    @Option(name: .long, help: "Why, for whoever finds it later.") var note: String = ""
    @OptionGroup var session: SessionOptions

    func run() async throws {
        let body = ["from": from, "to": to, "note": note]
        let clip: KeptClipAnswer = try await session.withClient {
            try await $0.call(.post, channel.path + "/kept-clips", body)
        }
        guard !session.json else { return try Terminal.printJSON(clip) }
        print("\(clip.clipId): \(channel) is kept from \(clip.from) to \(clip.to).")
    }
}

struct KeptClips: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kept",
        abstract: "List the clips that are kept."
    )

    @Option(name: .long, help: "Of this user alone; an operator sees those of all without it.")
    var user: String?
    @OptionGroup var session: SessionOptions

    func run() async throws {
        let path = "/kept-clips" + (try UserQuery.text(user))
        let clips: [KeptClipAnswer] = try await session.withClient { try await $0.all(path) }
        guard !session.json else { return try Terminal.printJSON(clips) }
        guard !clips.isEmpty else { return print("No clip is kept.") }
        Terminal.printTable(
            ["CLIP", "CHANNEL", "OWNER", "FROM", "TO", "BY", "NOTE"],
            clips.map {
                [
                    $0.clipId, "\($0.deviceId)/\($0.channel)", $0.owner ?? "-", $0.from, $0.to, $0.keptBy,
                    $0.note,
                ]
            }
        )
    }
}

struct ReleaseClip: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Keep a clip no longer.",
        discussion: """
            From then on its recording goes when its age or the room says so. What an operator keeps only an operator \
            releases.
            """
    )

    @Argument(help: "Name of the clip, as the list has it.") var clip: String
    @OptionGroup var session: SessionOptions

    func run() async throws {
        let _: PlatformClient.Nothing = try await session.withClient {
            try await $0.call(.delete, "/kept-clips/\(clip)")
        }
        if !session.json { print("\(clip) is kept no longer.") }
    }
}

extension CustomerCommand {
    struct Clip: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep parts of your recordings.",
            subcommands: [KeepClip.self, KeptClips.self, ReleaseClip.self]
        )
    }
}

/// One of `GET /kept-clips`.
private struct KeptClipAnswer: Codable, Sendable {
    var clipId: String
    var deviceId: String
    var channel: Int
    var owner: String?
    var from: String
    var to: String
    var note: String
    var keptBy: String
    var keptAt: String
}
