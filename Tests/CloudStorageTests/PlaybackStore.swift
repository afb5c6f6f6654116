import HSSModel
import Store
import Synchronization

/// The index of recordings in memory, as playback reads it: rows of one session each, in any order.
final class PlaybackStore: SegmentStore, RecordSessionStore {
    private struct State {
        var sessions: [RecordSessionID: StoredRecordSession] = [:]
        var rows: [SegmentRow] = []
        var failure: StoreError?
    }

    private let state = Mutex(State())

    func add(_ session: StoredRecordSession) { state.withLock { $0.sessions[session.id] = session } }
    func add(_ row: SegmentRow) { state.withLock { $0.rows.append(row) } }
    func fail(_ failure: StoreError?) { state.withLock { $0.failure = failure } }
    func removeRows() { state.withLock { $0.rows = [] } }

    private func read<Value>(_ body: (State) -> Value) throws(StoreError) -> Value {
        let (value, failure) = state.withLock { (body($0), $0.failure) }
        if let failure { throw failure }
        return value
    }

    private static func rows(_ state: State, of recorded: RecordedChannel) -> [SegmentRow] {
        state.rows.filter { $0.state == .saved && state.sessions[$0.session]?.recorded == recorded }
    }

    // MARK: What playback reads

    func savedSegments(
        of recorded: RecordedChannel,
        in range: Range<WallTime>,
        after: SegmentPlace?,
        limit: Int,
        newestFirst: Bool
    ) async throws(StoreError) -> [SegmentRow] {
        try read { state in
            let found = Self.rows(state, of: recorded)
                .filter { $0.start < range.upperBound && $0.end > range.lowerBound }
                .sorted { (SegmentPlace($0) < SegmentPlace($1)) != newestFirst }
            let rest = found.filter { row in
                after.map { newestFirst ? SegmentPlace(row) < $0 : SegmentPlace(row) > $0 } ?? true
            }
            return Array(rest.prefix(limit))
        }
    }

    func recorded(
        _ recorded: RecordedChannel,
        in ranges: [Range<WallTime>]
    ) async throws(StoreError) -> [Bool] {
        try read { state in
            let rows = Self.rows(state, of: recorded)
            return ranges.map { range in
                rows.contains { $0.start < range.upperBound && $0.end > range.lowerBound }
            }
        }
    }

    func recordedAmounts(of recorded: RecordedChannel) async throws(StoreError) -> RecordedAmounts {
        try read { state in
            let rows = Self.rows(state, of: recorded)
            let span = rows.map(\.start).min().flatMap { start in rows.map(\.end).max().map { start..<$0 } }
            return RecordedAmounts(
                segments: rows.count,
                bytes: rows.reduce(0) { $0 + $1.size },
                duration: rows.reduce(.zero) { $0 + $1.duration },
                span: span
            )
        }
    }

    func recordSessions(
        of recorded: RecordedChannel,
        in range: Range<WallTime>,
        limit: Int
    ) async throws(StoreError) -> [StoredRecordSession] {
        try read { state in
            let found = state.sessions.values.filter { session in
                session.recorded == recorded && session.begunAt < range.upperBound
                    && (session.endedAt.map { $0 > range.lowerBound } ?? true)
            }
            return Array(found.sorted { $0.begunAt < $1.begunAt }.prefix(limit))
        }
    }

    func recordSession(_ id: RecordSessionID) async throws(StoreError) -> StoredRecordSession? {
        try read { $0.sessions[id] }
    }

    // MARK: What it does not

    private static let unused = StoreError.unavailable("playback does not ask this")

    func commitSegments() async throws(StoreError) { throw Self.unused }
    func segments(
        _ names: [SegmentName],
        of session: RecordSessionID
    ) async throws(StoreError) -> [SegmentRow] { throw Self.unused }
    func writeSegments(_ rows: [SegmentRow]) async throws(StoreError) { throw Self.unused }
    func deleteSegments(
        _ names: [SegmentName],
        of session: RecordSessionID
    ) async throws(StoreError) { throw Self.unused }
    func unfinishedSegments(
        after: UnfinishedPlace?,
        limit: Int
    ) async throws(StoreError) -> UnfinishedPage { throw Self.unused }
    func markDropping(_ rows: [SegmentRow]) async throws(StoreError) -> [SegmentRow] { throw Self.unused }
    func deleteDropped(_ rows: [SegmentRow]) async throws(StoreError) { throw Self.unused }
    func endForeignRecordSessions(at time: WallTime) async throws(StoreError) -> Int { throw Self.unused }
    func segments(withBlobs blobs: [SegmentBlob]) async throws(StoreError) -> [SegmentRow] {
        throw Self.unused
    }
    func segmentsByBlob(after: SegmentBlob?, limit: Int) async throws(StoreError) -> [SegmentRow] {
        throw Self.unused
    }
    func recordedChannels(
        owner: UserName?,
        after: RecordedChannel?,
        limit: Int
    ) async throws(StoreError) -> [(RecordedChannel, RecordedAmounts)] { throw Self.unused }
    func recordedTotal(of owner: UserName?) async throws(StoreError) -> RecordedAmounts { throw Self.unused }
    func beginRecordSession(
        _ id: RecordSessionID,
        of channel: ChannelAddress,
        at now: WallTime
    ) async throws(StoreError) -> StoredRecordSession { throw Self.unused }
    func endRecordSession(_ id: RecordSessionID, at time: WallTime) async throws(StoreError) {
        throw Self.unused
    }
    func runningRecordSessions(
        after: RecordSessionID?,
        limit: Int
    ) async throws(StoreError) -> [StoredRecordSession] { throw Self.unused }
    func addDropped(
        _ count: Int,
        _ time: Duration,
        to session: RecordSessionID
    ) async throws(StoreError) { throw Self.unused }
    func dropRecordSessions(
        endedBefore time: WallTime,
        limit: Int
    ) async throws(StoreError) -> Int { throw Self.unused }
}
