import HSSModel
import Store
import Synchronization
import TestSupport

/// A database whose commits fail, happen with a lost answer, or are the last thing that its process did. What it has
/// committed stays: SQLite syncs it (`synchronous=FULL`).
final class MortalStore: RecordSessionStore, SegmentStore {
    private struct Dice {
        var random: SeededGenerator
        var deaths: Int
        var faults: Int

        mutating func chance(_ thousandths: Int) -> Bool {
            thousandths > 0 && Int.random(in: 0..<1000, using: &random) < thousandths
        }
    }

    private let store: SQLiteStore
    private let life: Life
    private let dice: Mutex<Dice>

    init(_ store: SQLiteStore, seed: UInt64, deaths: Int, faults: Int, life: Life) {
        self.store = store
        self.life = life
        dice = Mutex(Dice(random: SeededGenerator(seed: seed), deaths: deaths, faults: faults))
    }

    func calm() {
        dice.withLock { ($0.deaths, $0.faults) = (0, 0) }
    }

    private func call<Value: Sendable>(
        _ body: () async throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        guard !life.isOver else { throw .unavailable("the process is dead") }
        let (dies, fails, happens) = dice.withLock {
            ($0.chance($0.deaths), $0.chance($0.faults), $0.chance(500))
        }
        if dies || fails, !happens {
            if dies { life.end() }
            throw .unavailable("the disk fails")
        }
        let value = try await body()
        if dies { life.end() }
        if dies || fails || life.isOver { throw .unavailable("the answer is lost") }
        return value
    }

    // MARK: Sessions

    func beginRecordSession(
        _ id: RecordSessionID,
        of channel: ChannelAddress,
        at now: WallTime
    ) async throws(StoreError) -> StoredRecordSession {
        try await call { () throws(StoreError) in
            try await store.beginRecordSession(id, of: channel, at: now)
        }
    }

    func endRecordSession(_ id: RecordSessionID, at time: WallTime) async throws(StoreError) {
        try await call { () throws(StoreError) in try await store.endRecordSession(id, at: time) }
    }

    func endForeignRecordSessions(at time: WallTime) async throws(StoreError) -> Int {
        try await store.endForeignRecordSessions(at: time)
    }

    func recordSession(_ id: RecordSessionID) async throws(StoreError) -> StoredRecordSession? {
        try await call { () throws(StoreError) in try await store.recordSession(id) }
    }

    func runningRecordSessions(
        after: RecordSessionID?,
        limit: Int
    ) async throws(StoreError) -> [StoredRecordSession] {
        try await store.runningRecordSessions(after: after, limit: limit)
    }

    func recordSessions(
        of recorded: RecordedChannel,
        in range: Range<WallTime>,
        limit: Int
    ) async throws(StoreError) -> [StoredRecordSession] {
        try await store.recordSessions(of: recorded, in: range, limit: limit)
    }

    func addDropped(
        _ count: Int,
        _ time: Duration,
        to session: RecordSessionID
    ) async throws(StoreError) {
        try await call { () throws(StoreError) in try await store.addDropped(count, time, to: session) }
    }

    func dropRecordSessions(endedBefore time: WallTime, limit: Int) async throws(StoreError) -> Int {
        try await store.dropRecordSessions(endedBefore: time, limit: limit)
    }

    // MARK: Segments

    func commitSegments() async throws(StoreError) {
        try await call { () throws(StoreError) in try await store.commitSegments() }
    }

    func segments(
        _ names: [SegmentName],
        of session: RecordSessionID
    ) async throws(StoreError) -> [SegmentRow] {
        try await call { () throws(StoreError) in try await store.segments(names, of: session) }
    }

    func writeSegments(_ rows: [SegmentRow]) async throws(StoreError) {
        try await call { () throws(StoreError) in try await store.writeSegments(rows) }
    }

    func deleteSegments(_ names: [SegmentName], of session: RecordSessionID) async throws(StoreError) {
        try await call { () throws(StoreError) in try await store.deleteSegments(names, of: session) }
    }

    func unfinishedSegments(
        after: UnfinishedPlace?,
        limit: Int
    ) async throws(StoreError) -> UnfinishedPage {
        try await call { () throws(StoreError) in
            try await store.unfinishedSegments(after: after, limit: limit)
        }
    }

    func markDropping(_ rows: [SegmentRow]) async throws(StoreError) -> [SegmentRow] {
        try await call { () throws(StoreError) in try await store.markDropping(rows) }
    }

    func deleteDropped(_ rows: [SegmentRow]) async throws(StoreError) {
        try await call { () throws(StoreError) in try await store.deleteDropped(rows) }
    }

    func segments(withBlobs blobs: [SegmentBlob]) async throws(StoreError) -> [SegmentRow] {
        try await call { () throws(StoreError) in try await store.segments(withBlobs: blobs) }
    }

    func segmentsByBlob(after: SegmentBlob?, limit: Int) async throws(StoreError) -> [SegmentRow] {
        try await call { () throws(StoreError) in
            try await store.segmentsByBlob(after: after, limit: limit)
        }
    }

    func savedSegments(
        of recorded: RecordedChannel,
        in range: Range<WallTime>,
        after: SegmentPlace?,
        limit: Int,
        newestFirst: Bool
    ) async throws(StoreError) -> [SegmentRow] {
        try await store.savedSegments(
            of: recorded,
            in: range,
            after: after,
            limit: limit,
            newestFirst: newestFirst
        )
    }

    func recorded(
        _ recorded: RecordedChannel,
        in ranges: [Range<WallTime>]
    ) async throws(StoreError) -> [Bool] {
        try await store.recorded(recorded, in: ranges)
    }

    func recordedAmounts(of recorded: RecordedChannel) async throws(StoreError) -> RecordedAmounts {
        try await store.recordedAmounts(of: recorded)
    }

    func recordedChannels(
        owner: UserName?,
        after: RecordedChannel?,
        limit: Int
    ) async throws(StoreError) -> [(RecordedChannel, RecordedAmounts)] {
        try await store.recordedChannels(owner: owner, after: after, limit: limit)
    }

    func recordedTotal(of owner: UserName?) async throws(StoreError) -> RecordedAmounts {
        try await store.recordedTotal(of: owner)
    }
}
