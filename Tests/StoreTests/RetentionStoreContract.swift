import Foundation
import GRDB
import HSSModel
import Store
import Testing

@Suite("Retention and kept clips") struct RetentionStoreContract {
    private static let (cam, den) = (Sample.recorded("cam"), Sample.recorded("den"))

    private func withHouse(
        _ backend: Backend,
        _ body: (any PlatformStore) async throws -> Void
    ) async throws {
        try await backend.withStore { store async throws in
            try await Sample.recordingHouse(in: store)
            try await Sample.begin("s1", in: store)
            try await Sample.begin("d1", of: Sample.channel("den"), in: store)
            try await body(store)
        }
    }

    private static func clip(
        _ id: String,
        _ from: Int64,
        _ to: Int64,
        of recorded: RecordedChannel = cam
    ) -> KeptClip {
        KeptClip(
            id: ClipID(unchecked: id),
            recorded: recorded,
            range: Sample.time(from)..<Sample.time(to),
            note: "Zeugenaussage „Müller“",
            keptBy: Sample.anna,
            keptAt: Sample.start
        )
    }

    @Test(arguments: Backend.available) func limitsAreSetTakenBackAndGoWithTheDevice(
        _ backend: Backend
    )
        async throws
    {
        let (one, two) = (Sample.channel("cam", 0), Sample.channel("cam", 1))
        let month = RecordingLimits(retention: .seconds(30 * 86_400))
        let none = RecordingLimits(retention: .zero, bytes: 0)
        try await backend.withRestart { store in
            try await Sample.recordingHouse(in: store)
            try await store.setRecordingLimits(month, of: one)
            try await store.setRecordingLimits(RecordingLimits(bytes: 7), of: two)
            try await store.setRecordingLimits(none, of: two)
            try await store.setRecordingLimits(RecordingLimits(bytes: 1 << 40), of: Sample.anna)
            await #expect(throws: StoreError.notFound("channel cam/7")) {
                try await store.setRecordingLimits(month, of: Sample.channel("cam", 7))
            }
            await #expect(throws: StoreError.notFound("user ghost")) {
                try await store.setRecordingLimits(month, of: UserName(unchecked: "ghost"))
            }
        } then: { store in
            #expect(
                try await store.recordingLimits()
                    == StoredRecordingLimits(
                        channels: [one: month, two: none],
                        owners: [Sample.anna: RecordingLimits(bytes: 1 << 40)]
                    )
            )
            try await store.setRecordingLimits(RecordingLimits(), of: Sample.anna)
            try await store.setRecordingLimits(RecordingLimits(), of: one)
            #expect(try await store.recordingLimits() == StoredRecordingLimits(channels: [two: none]))
            try await store.removeDevice(UnitID(unchecked: "cam"))
            #expect(try await store.recordingLimits() == StoredRecordingLimits())
        }
    }

    @Test(arguments: Backend.available) func clipsAreKeptListedAndReleased(_ backend: Backend) async throws {
        let annas = Sample.recorded("cam", of: Sample.anna)
        try await withHouse(backend) { store async throws in
            for number in 0..<3 {
                let clip = Self.clip("c\(number)", Int64(number) * 100, Int64(number) * 100 + 150, of: annas)
                #expect(try await store.keep(clip, limit: 3))
            }
            #expect(try await store.keep(Self.clip("c9", 0, 1, of: annas), limit: 3) == false)
            #expect(try await store.keep(Self.clip("d0", 0, 1, of: Self.den), limit: 3), "of another owner")
            // A device that is removed takes no clip with it.
            try await store.removeDevice(UnitID(unchecked: "cam"))
            func ids(_ owner: UserName?, after: String?) async throws -> String {
                let after = after.map { ClipID(unchecked: $0) }
                return try await store.keptClips(owner: owner, after: after, limit: 2).map(\.id.rawValue)
                    .joined(separator: " ")
            }
            #expect(try await ids(Sample.anna, after: nil) == "c0 c1")
            #expect(try await ids(Sample.anna, after: "c1") == "c2")
            #expect(try await ids(nil, after: "c1") == "c2 d0")
            #expect(try await ids(Sample.bert, after: nil) == "")
            let clip = Self.clip("c1", 100, 250, of: annas)
            #expect(try await store.keptClip(clip.id) == clip)
            let ranges = try await store.keptRanges(of: annas, endingAfter: Sample.time(150), limit: 9)
            #expect(ranges.map(\.lowerBound.milliseconds) == [100, 200])
            #expect(
                try await store.keptRanges(of: Self.cam, endingAfter: Sample.time(0), limit: 9).isEmpty
            )
            try await store.releaseClip(clip.id)
            try await store.releaseClip(clip.id)
            #expect(try await store.keptClip(clip.id) == nil)
        }
    }

    /// "Kept clips survive every rule": also one that was kept between the look and the mark.
    @Test(arguments: Backend.available) func onlyWhatIsSavedAndUnkeptIsMarked(_ backend: Backend) async throws
    {
        try await withHouse(backend) { store async throws in
            let rows = try (0..<6).map { try Sample.segment(Int64($0) * 10_000) }
            let other = try Sample.segment(20_000, "d1", unit: "den", blob: 77)
            try await store.writeSegments(rows + [other])
            // From the last millisecond of the second to the first of the fourth.
            _ = try await store.keep(Self.clip("c", 19_999, 30_001), limit: 9)
            var renewed = rows[4]
            renewed.blob = Sample.blob(99)
            try await store.writeSegments([renewed])
            try await store.deleteSegments([rows[5].name], of: rows[5].session)
            let marked = try await store.markDropping(rows + [other])
            #expect(marked.map(\.start.milliseconds) == [0, 20_000])
            #expect(marked.map(\.session.rawValue) == ["s1", "d1"], "the clip is of another channel")
            #expect(marked.allSatisfy { $0.state == .dropping })
            #expect(try await store.recordedAmounts(of: Self.cam).segments == 4)
            #expect(try await store.recordedAmounts(of: Self.den) == RecordedAmounts())
            #expect(try await store.markDropping(rows).isEmpty, "once")
        }
    }

    /// Between mark and end of a clean-up a unit may begin the same segment anew.
    @Test(arguments: Backend.available) func whatWasBegunAnewIsNotDeleted(_ backend: Backend) async throws {
        try await withHouse(backend) { store async throws in
            let rows = try [Sample.segment(0), Sample.segment(10_000), Sample.segment(20_000)]
            try await store.writeSegments(rows)
            let marked = try await store.markDropping(rows)
            var renewed = rows[1]
            renewed.blob = Sample.blob(99)
            renewed.state = .created
            var dropping = marked[2]
            dropping.blob = Sample.blob(100)
            try await store.writeSegments([renewed, dropping])
            try await store.deleteDropped(marked)
            #expect(try await store.segments(rows.map(\.name), of: rows[0].session) == [renewed, dropping])
        }
    }

    @Test(arguments: Backend.available) func formerOwnersAreToldFromOwners(_ backend: Backend) async throws {
        try await withHouse(backend) { store async throws in
            try await Sample.bind("den", to: Sample.anna, in: store)
            try await Sample.begin("d2", of: Sample.channel("den"), in: store)
            try await store.writeSegments([
                try Sample.segment(0), try Sample.segment(0, "d1", unit: "den", blob: 7),
                try Sample.segment(50_000, "d2", unit: "den", size: 5),
            ])
            func former() async throws -> [String] {
                try await store.retainedChannels(after: nil, limit: 9).map {
                    "\($0.recorded.channel) \($0.recorded.owner?.rawValue ?? "-") \($0.isFormer)"
                }
            }
            #expect(try await former() == ["cam/0 - false", "den/0 - true", "den/0 anna false"])
            _ = try await store.unbind(UnitID(unchecked: "den"), owner: nil)
            try await store.removeDevice(UnitID(unchecked: "cam"))
            #expect(try await former() == ["cam/0 - true", "den/0 - false", "den/0 anna true"])
            let page = try await store.retainedChannels(after: Sample.recorded("den"), limit: 9)
            #expect(page.map(\.amounts.bytes) == [5])
        }
    }

    @Test func noQuestionSortsOrWalksWhatItIsNotAsked() async throws {
        let folder = TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path("db")
        try SQLiteStore(path: path, at: Sample.start).close()
        let queue = try DatabaseQueue(path: path)
        for sql in [
            SQLiteStore.retainedChannelsAfter, SQLiteStore.keptClipsAfter, SQLiteStore.keptClipsOfOwnerAfter,
            SQLiteStore.keptRanges, SQLiteStore.keptClipOfSegment,
        ] {
            let plan = try await queue.read { database in
                let statement = try database.makeStatement(sql: "EXPLAIN QUERY PLAN \(sql)")
                statement.setUncheckedArguments([])
                return try Row.fetchAll(statement).map { $0["detail"] as String }
            }
            #expect(!plan.contains { $0.contains("SCAN") || $0.contains("TEMP B-TREE") }, "\(sql)\n\(plan)")
        }
        try queue.close()
    }
}
