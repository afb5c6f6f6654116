import ArgumentParser
import CustomerUnit
import FoundationEssentials
import HSSModel
import HostClock
import ServerKit

/// What a customer does with recordings.
extension CustomerCommand {
    struct Recordings: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what is recorded of a camera on one day (UTC).",
            discussion: """
                A bar of 24 hours, a quarter of an hour each: █ all of it is recorded, ▒ some of it; below it ! where \
                there was an alarm. Then what is recorded without a gap.
                """
        )

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @Option(name: .long, help: "Day, such as 2026-11-21; without it today.") var day: DayArgument?
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let day = day?.day ?? CalendarDay(of: .now)
            let start = WallTime(milliseconds: Int64(day.number) * 86_400_000)
            let answer = try await session.withClient { try await Self.read($0, channel, start) }
            guard !session.json else { return try Terminal.printJSON(answer) }
            let parts = answer.items.compactMap { RecordedPart($0) }
            print("\(channel)  \(day)")
            for line in DayBar(start: start, parts: parts).lines { print(line) }
            guard !parts.isEmpty else { return print("Nothing is recorded on this day.") }
            Terminal.printTable(
                ["FROM", "TO", "LENGTH", "MB", "ALARMS"],
                parts.map { part in
                    [
                        part.range.lowerBound.clock, part.range.upperBound.clock, part.length,
                        "\(part.bytes / 1_000_000).\(part.bytes / 100_000 % 10)", part.alarms,
                    ]
                }
            )
            for loss in answer.lost {
                print(
                    "session \(loss.session) lost \(loss.droppedNb) segments, \(Int(loss.droppedTime)) s, on the camera"
                )
            }
        }

        /// All pages of a day.
        private static func read(
            _ client: PlatformClient,
            _ channel: ChannelArgument,
            _ start: WallTime
        ) async throws -> TimelineAnswer {
            let end = (start + .seconds(86_400)).rfc3339Exact
            var answer = TimelineAnswer(from: start.rfc3339Exact)
            while let from = answer.nextFrom {
                let page: TimelineAnswer = try await client.call(
                    .get,
                    channel.path + "/recordings?from=\(from)&to=\(end)"
                )
                answer.items += page.items
                answer.lost += page.lost.filter { loss in !answer.lost.contains { $0.session == loss.session }
                }
                answer.alarmsComplete = answer.alarmsComplete && page.alarmsComplete
                answer.nextFrom = page.nextFrom
            }
            return answer
        }
    }

    struct Download: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write what a camera recorded into a file.",
            discussion: """
                Gaps are closed up. clip.mp4 is exact to the picture at both ends; clip.ts begins with the key frame \
                before --from. A download that broke off goes on with the same command.
                """
        )

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @OptionGroup var range: RangeOptions
        @Option(name: .shortAndLong, help: "File to write, NAME.mp4 or NAME.ts.") var output: String
        @OptionGroup var session: SessionOptions

        func validate() throws {
            guard output.hasSuffix(".mp4") || output.hasSuffix(".ts") else {
                throw ValidationError("--output: expected NAME.mp4 or NAME.ts")
            }
        }

        func run() async throws {
            let line = ProgressLine(isQuiet: session.json)
            defer { line.end() }
            let (channel, range, isMP4) = (channel, range.from.time..<range.to.time, output.hasSuffix(".mp4"))
            let size = try await session.withClient { client in
                let download = CustomerUnit.Download(
                    to: output,
                    address: { () async throws(CustomerError) -> String in
                        let answer = try await RangeOptions.open(range, client, channel)
                        return isMP4 ? answer.mp4 : answer.ts
                    },
                    report: { line.show(Self.text($0)) }
                )
                return try await download.run(with: client)
            }
            line.end()
            if session.json {
                try Terminal.printJSON(["file": output, "bytes": "\(size)"])
            } else {
                print("\(output): \(size) bytes")
            }
        }

        private static func text(_ progress: CustomerUnit.Download.Progress) -> String {
            let megabytes = progress.received / 1_000_000
            guard let size = progress.size, size > 0 else { return "\(megabytes) MB" }
            return "\(progress.received * 100 / size) %, \(megabytes) of \(size / 1_000_000) MB"
        }
    }
}

/// `--from` and `--to` of a range of recordings.
struct RangeOptions: ParsableArguments {
    @Option(name: .long, help: "Where it begins, such as 2026-11-21T08:00:00Z.") var from: TimeArgument
    @Option(name: .long, help: "Where it ends.") var to: TimeArgument

    func validate() throws {
        guard from.time < to.time else { throw ValidationError("--to: expected a time after --from") }
    }

    /// A ticket, and the addresses that it opens.
    static func open(
        _ range: Range<WallTime>,
        _ client: PlatformClient,
        _ channel: ChannelArgument
    ) async throws(CustomerError) -> PlaybackAnswer {
        try await client.call(
            .post,
            channel.path + "/playback",
            ["from": range.lowerBound.rfc3339Exact, "to": range.upperBound.rfc3339Exact]
        )
    }
}

struct TimeArgument: ExpressibleByArgument {
    let time: WallTime

    init?(argument: String) {
        guard let time = WallTime(rfc3339: argument) else { return nil }
        self.time = time
    }
}

/// What is recorded without a gap.
private struct RecordedPart {
    var range: Range<WallTime>
    var bytes: Int64
    var hasAlarm: Bool
    var alarms: String

    init?(_ answer: TimelineAnswer.Part) {
        guard let start = WallTime(rfc3339: answer.start), let end = WallTime(rfc3339: answer.end),
            start < end
        else { return nil }
        range = start..<end
        bytes = answer.bytes
        hasAlarm = !answer.alarmTypes.isEmpty
        alarms = hasAlarm ? answer.alarmTypes.map { "\($0)" }.joined(separator: " ") : "-"
    }

    /// `1:02:03`
    var length: String {
        let seconds = (range.upperBound - range.lowerBound).wholeMilliseconds / 1000
        func two(_ number: Int64) -> String { (number < 10 ? "0" : "") + "\(number)" }
        return "\(seconds / 3600):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    }
}

/// A day as a bar: four characters an hour.
private struct DayBar {
    private static let cells = 96
    private static let cell: Int64 = 900_000

    var start: WallTime
    var parts: [RecordedPart]

    var lines: [String] {
        let hours = stride(from: 0, to: 24, by: 2).map { ($0 < 10 ? "0" : "") + "\($0)      " }.joined()
        var bar = ""
        var alarms = ""
        for index in 0..<Self.cells {
            let begin = start + .milliseconds(Int64(index) * Self.cell)
            let cell = begin..<(begin + .milliseconds(Self.cell))
            let within = parts.filter { $0.range.overlaps(cell) }
            let covered = within.reduce(Int64(0)) { sum, part in
                sum
                    + (part.range.clamped(to: cell).upperBound - part.range.clamped(to: cell).lowerBound)
                    .wholeMilliseconds
            }
            // A gap of a second is not shown.
            bar += covered >= Self.cell - 1000 ? "█" : covered > 0 ? "▒" : "·"
            alarms += within.contains(where: \.hasAlarm) ? "!" : " "
        }
        let isCalm = alarms.allSatisfy { $0 == " " }
        return [hours, bar] + (isCalm ? [] : [alarms])
    }
}

extension WallTime {
    /// `08:00:00`
    fileprivate var clock: String { String(rfc3339Exact.dropFirst(11).prefix(8)) }
}
