import ArgumentParser
import CustomerUnit
import FoundationEssentials
import HSSModel

extension AdminCommand {
    struct Stream: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "See what runs live and who watches it, and end it.",
            subcommands: [List.self, Show.self, Kick.self]
        )

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "List the streams that run.")

            @OptionGroup var watching: WatchOptions
            @OptionGroup var session: SessionOptions

            func run() async throws {
                try await watching.run(session) { client in
                    let streams: [StreamAnswer] = try await client.all("/admin/streams")
                    guard !session.json else { return try Terminal.printJSON(streams) }
                    Terminal.printTable(
                        ["STREAM", "CHANNEL", "STATE", "MBIT/S", "CODING", "VIEWERS", "LOST", "SINCE"],
                        streams.map {
                            [
                                $0.streamId, $0.source, $0.publishing ? "live" : "waiting",
                                StreamAnswer.megabits($0.bitrate), $0.coding, "\($0.viewers)",
                                "\($0.packetsLost)", $0.startedAt,
                            ]
                        }
                    )
                }
            }
        }

        struct Show: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Show a stream with its publisher and its viewers."
            )

            @Argument(help: "Name of the stream, as list shows it.") var stream: String
            @OptionGroup var watching: WatchOptions
            @OptionGroup var session: SessionOptions

            func run() async throws {
                try await watching.run(session) { client in
                    // The first page has the stream; the rest of the viewers follows.
                    let path = "/admin/streams/\(stream)"
                    let answer: StreamDetailAnswer = try await client.call(.get, path + "?limit=1")
                    let viewers: [ViewerAnswer] = try await client.all(path)
                    guard !session.json else {
                        return try Terminal.printJSON(StreamDetailAnswer(answer, viewers: viewers))
                    }
                    answer.print(viewers)
                }
            }
        }

        struct Kick: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "End a viewer, or the push of a stream.",
                discussion: """
                    With --viewer that viewer ends, and whatever else was opened with the same address, which works no \
                    more; the user may ask for another one. Without it the push ends: its viewers stay, and where \
                    somebody watches or may watch the unit is asked to push again.
                    """
            )

            @Argument(help: "Name of the stream.") var stream: String
            @Option(name: .long, help: "Number of the viewer, as show has it.") var viewer: String?
            @OptionGroup var session: SessionOptions

            private struct KickedAnswer: Codable, Sendable {
                var streamId: String
                var viewers: Int
            }

            func run() async throws {
                guard let viewer else {
                    let answer: KickedAnswer = try await session.withClient {
                        try await $0.call(.delete, "/admin/streams/\(stream)")
                    }
                    guard !session.json else { return try Terminal.printJSON(answer) }
                    print("The push of \(stream) has ended; \(answer.viewers) viewers wait for the next one.")
                    return
                }
                let _: PlatformClient.Nothing = try await session.withClient {
                    try await $0.call(.delete, "/admin/streams/\(stream)/viewers/\(viewer)")
                }
                if !session.json { print("Viewer \(viewer) of \(stream) has ended.") }
            }
        }
    }
}

/// Shows something again and again.
struct WatchOptions: ParsableArguments {
    @Flag(name: .long, help: "Show it again every two seconds, until Ctrl-C.") var watch = false

    func run(
        _ session: SessionOptions,
        _ show: @escaping @Sendable (PlatformClient) async throws -> Void
    ) async throws {
        try await session.withClient { client in
            while true {
                // To the top of the screen, and what was there is cleared. Programs get one text after the other.
                if watch, !session.json { print("\u{1B}[H\u{1B}[2J", terminator: "") }
                try await show(client)
                guard watch else { return }
                try await Task.sleep(for: .seconds(2))
            }
        }
    }
}

/// One entry of `GET /admin/streams`.
private struct StreamAnswer: Codable, Sendable {
    struct End: Codable, Sendable {
        var reason: String
        var at: String
    }

    var streamId: String
    var deviceId: String?
    var channel: Int?
    var epoch: UInt64
    var publishing: Bool
    var viewers: Int
    var bitrate: Int
    var video: String?
    var audio: String?
    var bytesReceived: UInt64
    var bytesSent: UInt64
    var packetsLost: UInt64
    var startedAt: String
    var lastEnd: End?

    var source: String { deviceId.map { "\($0)/\(channel ?? 0)" } ?? "-" }

    var coding: String {
        let names = [video, audio].compactMap { $0 }
        return names.isEmpty ? "-" : names.joined(separator: "+")
    }

    static func megabits(_ bitrate: Int) -> String {
        let hundredths = (bitrate + 5000) / 10_000
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}

private struct ViewerAnswer: Codable, Sendable {
    var viewerId: String
    var user: String?
    var `protocol`: String
    var rendition: String
    var remoteAddress: String?
    var encrypted: Bool
    var connectedSince: String
    var bytesSent: UInt64
    var bitrate: Int
    var skipped: UInt64
    var bytesQueued: Int
    var srt: SRTFigures?
}

/// `GET /admin/streams/{stream}`.
private struct StreamDetailAnswer: Codable, Sendable {
    struct Publisher: Codable, Sendable {
        var `protocol`: String
        var remoteAddress: String?
        var encrypted: Bool
        var connectedSince: String
        var bytesReceived: UInt64
        var bitrate: Int
        var latencyMs: Int
        var srt: SRTFigures?
    }

    struct Format: Codable, Sendable {
        var width: Int?
        var height: Int?
        var frameRate: Double?
        var profile: String?
        var level: String?
        var samplingRate: Int?
        var channels: Int?
        var codecs: String

        var text: String {
            let size = width.flatMap { width in height.map { "\(width)x\($0)" } }
            let claim = profile.map { $0 + (level.map { " " + $0 } ?? "") }
            let sound = samplingRate.flatMap { rate in channels.map { "\(rate) Hz x \($0)" } }
            return [size, frameRate.map { "\($0) pictures/s" }, claim, sound].compactMap { $0 }
                .joined(separator: ", ")
        }
    }

    struct Rendition: Codable, Sendable {
        var rendition: String
        var state: String
        var viewers: Int
        var cpuPercent: Int
        var cpuSeconds: Double
        var bitrate: Int
        var bytesQueued: Int
        var skipped: UInt64
        var restarts: Int
    }

    var stream: StreamAnswer
    var format: Format?
    var publisher: Publisher?
    var renditions: [Rendition]
    var items: [ViewerAnswer]

    private enum CodingKeys: CodingKey { case format, publisher, renditions, items }

    init(_ answer: StreamDetailAnswer, viewers: [ViewerAnswer]) {
        self = answer
        items = viewers
    }

    init(from decoder: any Decoder) throws {
        stream = try StreamAnswer(from: decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        format = try container.decodeIfPresent(Format.self, forKey: .format)
        publisher = try container.decodeIfPresent(Publisher.self, forKey: .publisher)
        renditions = try container.decode([Rendition].self, forKey: .renditions)
        items = try container.decode([ViewerAnswer].self, forKey: .items)
    }

    func encode(to encoder: any Encoder) throws {
        try stream.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(format, forKey: .format)
        try container.encodeIfPresent(publisher, forKey: .publisher)
        try container.encode(renditions, forKey: .renditions)
        try container.encode(items, forKey: .items)
    }

    func print(_ viewers: [ViewerAnswer]) {
        let coded = format.map { "  " + $0.text } ?? ""
        Swift.print("\(stream.streamId)  \(stream.source)  \(stream.coding)\(coded)")
        if let publisher {
            let rate = StreamAnswer.megabits(publisher.bitrate)
            let trip = publisher.srt.map { ", round trip \(Self.milliseconds($0.msRtt))" } ?? ""
            let losses = publisher.srt.map { ", \($0.packetsReceivedLoss) packets missed on the way" } ?? ""
            Swift.print(
                "pushed by \(publisher.remoteAddress ?? "-") since \(publisher.connectedSince): \(rate) Mbit/s"
                    + ", latency \(publisher.latencyMs) ms\(trip)\(losses), \(stream.packetsLost) lost\(publisher.encrypted ? "" : ", not encrypted")"
            )
        } else if let end = stream.lastEnd {
            Swift.print("not pushed since \(end.at): \(end.reason)")
        }
        if !renditions.isEmpty {
            Terminal.printTable(
                ["RENDITION", "STATE", "VIEWERS", "CPU", "MBIT/S", "QUEUED", "SKIPPED", "RESTARTS"],
                renditions.map {
                    [
                        $0.rendition, $0.state, "\($0.viewers)", "\($0.cpuPercent) %",
                        StreamAnswer.megabits($0.bitrate), "\($0.bytesQueued)", "\($0.skipped)",
                        "\($0.restarts)",
                    ]
                }
            )
        }
        Terminal.printTable(
            [
                "VIEWER", "USER", "PROTOCOL", "RENDITION", "ADDRESS", "MBIT/S", "RTT", "RETRANS", "SKIPPED",
                "QUEUED",
                "SINCE",
            ],
            viewers.map {
                [
                    $0.viewerId, $0.user ?? "-", $0.protocol + ($0.encrypted ? "" : " (clear)"),
                    $0.rendition, $0.remoteAddress ?? "-", StreamAnswer.megabits($0.bitrate),
                    $0.srt.map { Self.milliseconds($0.msRtt) } ?? "-",
                    $0.srt.map { "\($0.packetsRetrans)" } ?? "-", "\($0.skipped)",
                    "\($0.bytesQueued)", $0.connectedSince,
                ]
            }
        )
    }

    private static func milliseconds(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) ms"
    }
}
