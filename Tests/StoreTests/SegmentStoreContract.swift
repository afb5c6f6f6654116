import Foundation
import GRDB
import HSSModel
import Store
import Testing

@Suite("Segments") struct SegmentStoreContract {
    private static let (one, two) = (RecordSessionID(unchecked: "s1"), RecordSessionID(unchecked: "s2"))
    private static let cam = Sample.recorded("cam")
    private static let always = Sample.time(0)..<Sample.time(1 << 50)

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

    private static func starts(_ rows: [SegmentRow]) -> [Int64] { rows.map(\.start.milliseconds) }

    @Test(arguments: Backend.available) func whatIsWrittenIsReadAndIsDurable(_ backend: Backend) async throws
    {
        var rows = try [Sample.segment(0, state: .created), Sample.segment(10_000), Sample.segment(20_000)]
        rows[0].discontinue = true
        rows[1].discontinue = false
        rows[1].blob = SegmentBlob(unchecked: "of-another-form")
        rows[2].blob = SegmentBlob(unchecked: "ABCDEF0123456789ABCDEF0123456789")
        rows[2].size = Int64(Int32.max)
        rows[1].sha256 = String(repeating: "0123456789abcdef", count: 4)
        rows[2].sha256 = "of another form"
        let written = rows
        try await backend.withRestart { store in
            try await Sample.recordingHouse(in: store)
            try await Sample.begin("s1", in: store)
            try await store.writeSegments(written)
            try await store.commitSegments()
        } then: { store in
            let names = written.map(\.name)
            #expect(try await store.segments(names + [try Sample.name(5)], of: Self.one) == written)
            #expect(try await store.segments(names, of: Self.two).isEmpty)
            var changed = written[0]
            changed.state = .saved
            changed.duration = .seconds(7)
            changed.blob = Sample.blob(77)
            try await store.writeSegments([changed])
            #expect(try await store.segments([changed.name], of: Self.one) == [changed])
            #expect(try await store.segments(withBlobs: [written[0].blob]).isEmpty)
            let blobs = written.map(\.blob) + [changed.blob, SegmentBlob(unchecked: "unknown")]
            #expect(try await Set(store.segments(withBlobs: blobs)) == Set(written.dropFirst() + [changed]))
        }
    }

    @Test(arguments: Backend.available) func aBatchIsWrittenWholeOrNotAtAll(_ backend: Backend) async throws {
        try await withHouse(backend) { store async throws in
            let good = try Sample.segment(0)
            await #expect(throws: StoreError.notFound("record session ghost")) {
                try await store.writeSegments([good, try Sample.segment(10_000, "ghost")])
            }
            await #expect(throws: StoreError.conflict("record session s1 is not of channel den-0")) {
                try await store.writeSegments([good, try Sample.segment(10_000, unit: "den")])
            }
            await #expect(throws: StoreError.self, "a blob has one row") {
                try await store.writeSegments([good, try Sample.segment(10_000, blob: 0)])
            }
            #expect(try await store.segments([good.name], of: Self.one).isEmpty)
            #expect(try await store.recordedAmounts(of: Self.cam) == RecordedAmounts())
            try await store.writeSegments([good, good])
            #expect(try await store.recordedAmounts(of: Self.cam).segments == 1, "one row, counted once")
        }
    }

    /// "saved → dropping": what is being dropped counts no more, and is in no listing.
    @Test(arguments: Backend.available) func whatIsBeingDroppedIsOffTheAccountAtOnce(
        _ backend: Backend
    ) async throws {
        try await withHouse(backend) { store async throws in
            var first = try Sample.segment(0, size: 700)
            let second = try Sample.segment(12_000, size: 50)
            let third = try Sample.segment(22_000, size: 3, state: .created)
            try await store.writeSegments([first, second, third])
            let both = RecordedAmounts(
                segments: 2,
                bytes: 750,
                duration: .seconds(20),
                span: Sample.time(0)..<Sample.time(22_000)
            )
            #expect(try await store.recordedAmounts(of: Self.cam) == both)
            #expect(try await store.recordedTotal(of: nil) == both)
            first.state = .dropping
            try await store.writeSegments([first])
            let left = RecordedAmounts(
                segments: 1,
                bytes: 50,
                duration: .seconds(10),
                span: Sample.time(12_000)..<Sample.time(22_000)
            )
            #expect(try await store.recordedAmounts(of: Self.cam) == left)
            let rows = try await store.savedSegments(
                of: Self.cam,
                in: Self.always,
                after: nil,
                limit: 9,
                newestFirst: false
            )
            #expect(rows == [second])
            let unfinished = try await store.unfinishedSegments(after: nil, limit: 9)
            #expect(unfinished == UnfinishedPage(rows: [first, third], next: nil))
            try await store.deleteSegments([first.name, second.name, third.name], of: Self.one)
            try await store.deleteSegments([first.name], of: Self.two)
            #expect(try await store.recordedAmounts(of: Self.cam) == RecordedAmounts())
            #expect(try await store.unfinishedSegments(after: nil, limit: 9).rows.isEmpty)
        }
    }

    /// Half open, to the millisecond.
    @Test(arguments: Backend.available) func aListingHasWhatOverlapsItsRange(_ backend: Backend) async throws
    {
        try await withHouse(backend) { store async throws in
            let rows = try [
                Sample.segment(0, lasting: 60_000), Sample.segment(20_000), Sample.segment(30_000),
                Sample.segment(50_000),
            ]
            try await store.writeSegments(rows)
            try await store.writeSegments([try Sample.segment(35_000, "d1", unit: "den")])
            func listed(_ from: Int64, _ to: Int64) async throws -> [Int64] {
                let range = Sample.time(from)..<Sample.time(to)
                let forth = try await store.savedSegments(
                    of: Self.cam,
                    in: range,
                    after: nil,
                    limit: 9,
                    newestFirst: false
                )
                let back = try await store.savedSegments(
                    of: Self.cam,
                    in: range,
                    after: nil,
                    limit: 9,
                    newestFirst: true
                )
                #expect(forth == back.reversed())
                let isRecorded = try await store.recorded(Self.cam, in: [range, range])
                #expect(isRecorded == [!forth.isEmpty, !forth.isEmpty], "\(range)")
                return Self.starts(forth)
            }
            #expect(try await listed(29_999, 30_000) == [0, 20_000])
            #expect(try await listed(30_000, 30_001) == [0, 30_000])
            #expect(try await listed(59_999, 60_000) == [0, 50_000])
            #expect(try await listed(60_000, 70_000) == [])
            #expect(try await listed(-100, 1) == [0])
            #expect(try await listed(-100, 0) == [])
            #expect(try await listed(25_000, 25_000) == [])
            #expect(try await listed(.min, .max) == [0, 20_000, 30_000, 50_000])
            let other = Sample.recorded("cam", of: Sample.anna)
            #expect(try await store.recorded(other, in: [Self.always]) == [false])
        }
    }

    /// Two sessions may have a segment each at one moment; a page may end between the two.
    @Test(arguments: Backend.available) func pagesGoOnWhereTheLastOneEnded(_ backend: Backend) async throws {
        try await withHouse(backend) { store async throws in
            // Made in an order that is not that of their names.
            for session in ["s9", "s0", "s5"] { try await Sample.begin(session, in: store) }
            var rows: [SegmentRow] = []
            for (index, session) in ["s9", "s0", "s5", "s1"].enumerated() {
                for start in stride(from: Int64(0), to: 50_000, by: 10_000) {
                    rows.append(try Sample.segment(start, session, blob: Int(start) * 10 + index))
                }
            }
            try await store.writeSegments(rows)
            rows.sort { SegmentPlace($0) < SegmentPlace($1) }
            for newestFirst in [false, true] {
                var seen: [SegmentRow] = []
                while true {
                    let page = try await store.savedSegments(
                        of: Self.cam,
                        in: Self.always,
                        after: seen.last.map { SegmentPlace($0) },
                        limit: 3,
                        newestFirst: newestFirst
                    )
                    seen += page
                    if page.count < 3 { break }
                }
                #expect(seen == (newestFirst ? rows.reversed() : rows))
            }
            var blobs: [SegmentRow] = []
            while true {
                let page = try await store.segmentsByBlob(after: blobs.last?.blob, limit: 7)
                blobs += page
                if page.count < 7 { break }
            }
            #expect(blobs.map(\.blob) == rows.map(\.blob).sorted())
        }
    }

    @Test(arguments: Backend.available) func unfinishedOnesComeBySessionAndName(
        _ backend: Backend
    ) async throws {
        try await withHouse(backend) { store async throws in
            for session in ["s3", "s2"] { try await Sample.begin(session, in: store) }
            var rows: [SegmentRow] = []
            for (index, session) in ["s1", "s2", "s3"].enumerated() {
                for start in [30_000, 10_000, 20_000] as [Int64] {
                    let state: SegmentRowState = start == 10_000 ? .dropping : .created
                    rows.append(try Sample.segment(start, session, state: state, blob: Int(start) + index))
                }
            }
            try await store.writeSegments(rows)
            rows.sort { ($0.session, $0.name) < ($1.session, $1.name) }
            var seen: [SegmentRow] = []
            var place: UnfinishedPlace?
            repeat {
                let page = try await store.unfinishedSegments(after: place, limit: 2)
                seen += page.rows
                place = page.next
            } while place != nil
            // Sessions in the store's own order, each with its segments by their start.
            var sessions: [RecordSessionID] = []
            for row in seen where sessions.last != row.session { sessions.append(row.session) }
            #expect(sessions.count == 3, "each comes once")
            #expect(seen.sorted { ($0.session, $0.name) < ($1.session, $1.name) } == rows)
            for session in sessions {
                let names = seen.filter { $0.session == session }.map(\.name)
                #expect(names == names.sorted())
            }
        }
    }

    /// "Bytes and seconds per owner": what was recorded for somebody stays on that account when the device changes hands.
    @Test(arguments: Backend.available) func accountsAreOfTheOwnerOfThatTime(_ backend: Backend) async throws
    {
        try await withHouse(backend) { store async throws in
            try await store.writeSegments([try Sample.segment(0, size: 1)])
            try await Sample.bind("cam", to: Sample.anna, in: store)
            try await Sample.begin("s2", in: store)
            try await store.writeSegments([
                try Sample.segment(20_000, "s2", size: 20), try Sample.segment(30_000, "s2", size: 20),
            ])
            _ = try await store.unbind(UnitID(unchecked: "cam"), owner: nil)
            try await Sample.bind("cam", to: Sample.bert, in: store)
            try await Sample.bind("den", to: Sample.bert, in: store)
            try await Sample.begin("s3", in: store)
            try await Sample.begin("d2", of: Sample.channel("den"), in: store)
            try await store.writeSegments([
                try Sample.segment(40_000, "s3", size: 300),
                try Sample.segment(60_000, "d2", unit: "den", size: 4000),
            ])
            #expect(try await store.recordedTotal(of: Sample.anna).bytes == 40)
            let bert = try await store.recordedTotal(of: Sample.bert)
            let span = Sample.time(40_000)..<Sample.time(70_000)
            #expect(
                bert == RecordedAmounts(segments: 2, bytes: 4300, duration: .seconds(20), span: span)
            )
            #expect(try await store.recordedTotal(of: nil).bytes == 4341)
            #expect(
                try await store.recordedTotal(of: UserName(unchecked: "nobody")) == RecordedAmounts()
            )
            for (owner, expected) in [
                (
                    Sample.bert,
                    [Sample.recorded("cam", of: Sample.bert), Sample.recorded("den", of: Sample.bert)]
                ),
                (
                    nil,
                    [
                        Sample.recorded("cam"), Sample.recorded("cam", of: Sample.anna),
                        Sample.recorded("cam", of: Sample.bert), Sample.recorded("den"),
                        Sample.recorded("den", of: Sample.bert),
                    ]
                ),
            ] as [(UserName?, [RecordedChannel])] {
                var seen: [RecordedChannel] = []
                while true {
                    let page = try await store.recordedChannels(owner: owner, after: seen.last, limit: 2)
                    seen += page.map(\.0)
                    for (recorded, amounts) in page {
                        #expect(try await store.recordedAmounts(of: recorded) == amounts)
                    }
                    if page.count < 2 { break }
                }
                #expect(seen == expected)
            }
        }
    }

    /// Five million rows must be read and kept in order by index, and sums by what they say of themselves.
    @Test func noQuestionWalksAllSegments() async throws {
        let folder = TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path("db")
        try SQLiteStore(path: path, at: Sample.start).close()
        let queue = try DatabaseQueue(path: path)
        let statements =
            [
                SQLiteStore.segmentNamed, SQLiteStore.segmentWithBlob, SQLiteStore.segmentsByBlobAfter,
                SQLiteStore.recordedWithin, SQLiteStore.recordedInto, SQLiteStore.channelsAfter,
                SQLiteStore.channelsOfOwnerAfter, SQLiteStore.sumsOfOwner, SQLiteStore.recordSessionNamed,
                SQLiteStore.runningSessionsAfter, SQLiteStore.recordSessionsInRange,
                SQLiteStore.endRunningSessions, SQLiteStore.emptySessions,
                SQLiteStore.forgetChannelWithoutSessions,
            ] + [true, false].map { SQLiteStore.savedSegments(newestFirst: $0) }
            + SQLiteStore.sumStatements
        for sql in statements {
            let plan = try await Self.plan(of: sql, queue)
            // Sessions that have a segment in the same millisecond are sorted, nothing else.
            #expect(
                !plan.contains { $0.contains("SCAN") || $0.hasSuffix("USE TEMP B-TREE FOR ORDER BY") },
                "\(sql)\n\(plan)"
            )
        }
        // A page begins where the one before it ended, nothing is sorted, and what is finished is not looked at.
        let unfinished = try await Self.plan(of: SQLiteStore.unfinishedAfter, queue)
        #expect(
            unfinished.filter { $0.contains("segments") } == [
                "SEARCH segments USING INDEX segments_unfinished ((session_key,start)>(?,?))"
            ] && !unfinished.contains { $0.contains("TEMP B-TREE") },
            "\(unfinished)"
        )
        try queue.close()
    }

    private static func plan(of sql: String, _ queue: DatabaseQueue) async throws -> [String] {
        try await queue.read { database in
            let statement = try database.makeStatement(sql: "EXPLAIN QUERY PLAN \(sql)")
            statement.setUncheckedArguments([])
            return try Row.fetchAll(statement).map { $0["detail"] as String }
        }
    }
}
