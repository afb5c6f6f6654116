import Foundation
import HSSModel
import HostClock
import Store
import TestSupport
import Testing

extension EndToEnd {
    /// `kill -9` of the real platform while old recordings go: "deletion in two steps so that a crash leaves no orphan"
    /// (R8 and R10 of docs/design/recording.md).
    @Suite("Retention over kills of the platform") struct RetentionKillTests {
        private static let kills = Int(ProcessInfo.processInfo.environment["VEDETTE_TEST_KILLS"] ?? "") ?? 4
        private static let seed = UInt64(ProcessInfo.processInfo.environment["VEDETTE_SEED"] ?? "") ?? 1

        @Test func whatGoesIsGoneAndWhatIsKeptStays() async throws {
            let platform = try await PlatformProcess()
            let house = try await OldRecordings(platform)
            var random = SeededGenerator(seed: Self.seed)
            for round in 1...max(1, Self.kills) {
                // The instant is what is tried out: the walk begins with the start.
                let instant = Duration.microseconds(Int.random(in: 0...300_000, using: &random))
                try await platform.killAndRestart()
                try await Task.sleep(for: instant)
                platform.running.kill()
                _ = await platform.running.end()
                try await house.checkWhatCounts("kill \(round), seed \(Self.seed)")
            }
            try await platform.killAndRestart()
            try await eventually("what is old is gone", within: 120) { try await house.isOver }
            try await house.checkThatNothingElseIsLeft()
        }
    }
}

/// Recordings of a month ago, written while nobody looked, some of them in a kept clip.
private struct OldRecordings {
    private static let count = 4000
    private static let kept = 1000..<1100
    private static let content = Data("segment".utf8)

    private let area: String
    private let store: SQLiteStore
    private let recorded = RecordedChannel(
        ChannelAddress(unit: UnitID(unchecked: "cam-1"), number: 0),
        owner: nil
    )
    private let base = WallTime(milliseconds: (WallTime.now.milliseconds / 1000 - 30 * 86_400) * 1000)
    private let session = RecordSessionID(unchecked: "old")

    init(_ platform: PlatformProcess) async throws {
        area = platform.folder + "/data/blobs/segments"
        _ = try await platform.enrol("cam-1", mac: "001122334455")
        platform.running.kill()
        _ = await platform.running.end()
        store = try SQLiteStore(path: platform.folder + "/data/vedette.sqlite", at: .now)
        let begun = try await store.beginRecordSession(session, of: recorded.channel, at: base)
        try await store.endRecordSession(session, at: base + .seconds(86_400))
        var random = SeededGenerator(seed: 7)
        var rows: [SegmentRow] = []
        for number in 0..<Self.count {
            let name = (0..<32).map { _ in String(Int.random(in: 0..<16, using: &random), radix: 16) }
                .joined()
            let folder = area + "/" + name.prefix(2)
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Self.content.write(to: URL(fileURLWithPath: folder + "/" + name))
            rows.append(
                SegmentRow(
                    session: session,
                    channel: begun.channelID,
                    name: try #require(SegmentName(start: time(number))),
                    duration: .seconds(10),
                    size: Int64(Self.content.count),
                    discontinue: false,
                    blob: SegmentBlob(unchecked: name),
                    state: .saved
                )
            )
        }
        try await store.writeSegments(rows)
        let clip = KeptClip(
            id: ClipID(unchecked: "clip-1"),
            recorded: recorded,
            range: time(Self.kept.lowerBound)..<time(Self.kept.upperBound),
            note: "",
            keptBy: UserName(unchecked: "admin"),
            keptAt: .now
        )
        #expect(try await store.keep(clip, limit: 9))
    }

    private func time(_ number: Int) -> WallTime { base + .seconds(number * 10) }

    private var saved: [SegmentRow] {
        get async throws {
            try await store.savedSegments(
                of: recorded,
                in: base..<(base + .seconds(86_400)),
                after: nil,
                limit: 10_000,
                newestFirst: false
            )
        }
    }

    /// A segment that counts is whole at any instant, and no bytes are without a row.
    func checkWhatCounts(_ when: String) async throws {
        let rows = try await saved
        for row in rows {
            let path = "\(area)/\(row.blob.rawValue.prefix(2))/\(row.blob.rawValue)"
            #expect(FileManager.default.contents(atPath: path) == Self.content, "\(row.name), \(when)")
        }
        #expect(
            rows.count { (time(Self.kept.lowerBound)..<time(Self.kept.upperBound)).contains($0.start) } == 100
        )
        var known = Set(rows.map(\.blob.rawValue))
        var place: UnfinishedPlace?
        repeat {
            let page = try await store.unfinishedSegments(after: place, limit: 500)
            known.formUnion(page.rows.map(\.blob.rawValue))
            place = page.next
        } while place != nil
        #expect(files.isSubset(of: known), "\(when)")
    }

    private var files: Set<String> {
        let all = FileManager.default.enumerator(atPath: area)?.compactMap { $0 as? String } ?? []
        return Set(all.map { String($0.suffix(32)) }.filter { $0.utf8.count == 32 && !$0.contains("/") })
    }

    var isOver: Bool {
        get async throws {
            guard try await store.unfinishedSegments(after: nil, limit: 1).rows.isEmpty else { return false }
            return try await saved.count == Self.kept.count
        }
    }

    func checkThatNothingElseIsLeft() async throws {
        let rows = try await saved
        #expect(rows.map(\.start) == Self.kept.map(time))
        #expect(files == Set(rows.map(\.blob.rawValue)))
    }
}
