import Foundation
import HSSModel
import HostClock
import Store
import TestSupport

/// The index of recordings, filled with a week of segments of ten seconds of as many channels as it takes: what a day's
/// listing, a month's days and the rows of one more segment cost.
struct TimelineBenchmark {
    private static let length: Int64 = 10_000
    private static let day: Int64 = 86_400_000
    private static let begin: Int64 = 1_763_683_200_000
    private static let segmentsOfChannel = 7 * 8640

    let folder: String
    let segments: Int

    private var channels: Int { max(1, segments / Self.segmentsOfChannel) }
    private var ofEach: Int { segments / channels }

    func run(_ report: inout Report) async throws {
        let path = folder + "/recordings.sqlite"
        let store = try SQLiteStore(path: path, at: .now)
        try await enrol(in: store)
        try await fill(store)
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
        let label = "\(channels * ofEach) segments"
        report.add("index of \(label), on the disk for each", Double(size) / Double(channels * ofEach), "B")

        var random = SeededGenerator(seed: 1)
        var listed = 0
        let days = try await times(300) { _ in
            let range = randomDay(&random)
            listed = try await store.savedSegments(
                of: recorded(Int.random(in: 0..<channels, using: &random)),
                in: range,
                after: nil,
                limit: 10_000,
                newestFirst: false
            ).count
        }
        add("a day's listing, \(listed) of \(label)", days, &report, target: 100)
        let months = try await times(300) { _ in
            let first = Self.begin - 20 * Self.day
            _ = try await store.recorded(
                recorded(Int.random(in: 0..<channels, using: &random)),
                in: (0..<31).map { Self.range(first + $0 * Self.day, Self.day) }
            )
        }
        add("days of a month", months, &report, target: 10)
        let totals = try await times(100) { _ in _ = try await store.recordedTotal(of: nil) }
        add("bytes and seconds of all channels", totals, &report)
        let writes = try await times(500) { number in
            // What a create that confirms the segment before it writes: two rows, one commit.
            let place = ofEach + number
            let channel = number % channels
            let rows = [
                try row(channel, place, state: .saved, number: place),
                try row(channel, place + 1, state: .created, number: place + 1),
            ]
            try await store.writeSegments(rows)
        }
        add("rows of one more segment, synced", writes, &report, target: 50)
        try store.close()
    }

    private func add(_ figure: String, _ times: [Double], _ report: inout Report, target: Double? = nil) {
        report.add(figure + ", p50", times.percentile(0.5), "ms")
        report.add(figure + ", p99", times.percentile(0.99), "ms", target: target)
    }

    /// In milliseconds.
    private func times(_ count: Int, _ body: (Int) async throws -> Void) async throws -> [Double] {
        var times: [Double] = []
        for number in 0..<count {
            let begin = Instant.now
            try await body(number)
            times.append((Instant.now - begin).inSeconds * 1000)
        }
        return times
    }

    // MARK: Filling

    private func enrol(in store: SQLiteStore) async throws {
        for channel in 0..<channels {
            try await store.add(
                StoredDevice(
                    unit: UnitID(unchecked: "cam-\(channel)"),
                    macIdentity: MACIdentity(unchecked: "mac-\(channel)"),
                    name: "cam-\(channel)",
                    channels: [0: ChannelID(unchecked: "cam-\(channel)-0")],
                    passwordHash: Secret("none"),
                    createdAt: .now
                )
            )
            _ = try await store.beginRecordSession(
                RecordSessionID(unchecked: "s\(channel)"),
                of: recorded(channel).channel,
                at: WallTime(milliseconds: Self.begin)
            )
        }
    }

    /// An hour of one channel after the other, as it would come.
    private func fill(_ store: SQLiteStore) async throws {
        let hour = 360
        for first in stride(from: 0, to: ofEach, by: hour) {
            for channel in 0..<channels {
                let rows = try (first..<min(first + hour, ofEach)).map {
                    try row(channel, $0, state: .saved, number: $0)
                }
                try await store.writeSegments(rows)
            }
            if first % (24 * hour) == 0 { say("  filling: \(first * channels) segments") }
        }
    }

    private func recorded(_ channel: Int) -> RecordedChannel {
        RecordedChannel(
            ChannelAddress(unit: UnitID(unchecked: "cam-\(channel)"), number: 0),
            owner: nil
        )
    }

    private func row(_ channel: Int, _ place: Int, state: SegmentRowState, number: Int) throws -> SegmentRow {
        guard let name = SegmentName(start: WallTime(milliseconds: Self.begin + Int64(place) * Self.length))
        else { throw BenchmarkError.tool("timeline", "has a time that is none") }
        // Names of blobs come in no order.
        var chance = SeededGenerator(seed: UInt64(channel) << 32 | UInt64(number))
        let halves = [chance.next(), chance.next()].map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return SegmentRow(
            session: RecordSessionID(unchecked: "s\(channel)"),
            channel: ChannelID(unchecked: "cam-\(channel)-0"),
            name: name,
            duration: .milliseconds(Self.length),
            size: 2_500_000,
            discontinue: false,
            blob: SegmentBlob(unchecked: halves.joined()),
            state: state,
            sha256: state == .saved ? halves.joined() + halves.joined() : nil
        )
    }

    private func randomDay(_ random: inout SeededGenerator) -> Range<WallTime> {
        let last = max(0, Int64(ofEach) * Self.length - Self.day)
        return Self.range(Self.begin + Int64.random(in: 0...last, using: &random), Self.day)
    }

    private static func range(_ start: Int64, _ length: Int64) -> Range<WallTime> {
        WallTime(milliseconds: start)..<WallTime(milliseconds: start + length)
    }
}
