package import HSSModel

/// Where a segment stands in a listing by time.
package struct SegmentPlace: Sendable, Hashable, Comparable {
    package var start: WallTime
    package var session: RecordSessionID

    package init(start: WallTime, session: RecordSessionID) {
        self.start = start
        self.session = session
    }

    package init(_ row: SegmentRow) { self.init(start: row.start, session: row.session) }

    package static func < (left: SegmentPlace, right: SegmentPlace) -> Bool {
        (left.start, left.session) < (right.start, right.session)
    }
}

/// Where a listing of unfinished segments goes on, in the store's own order.
package struct UnfinishedPlace: Sendable, Equatable {
    package var session: Int64
    package var start: Int64

    package init(session: Int64, start: Int64) {
        self.session = session
        self.start = start
    }
}

/// Segments that are neither saved nor gone.
package struct UnfinishedPage: Sendable, Equatable {
    /// Those of one session are neighbours.
    package var rows: [SegmentRow]
    /// Nil: that was all.
    package var next: UnfinishedPlace?

    package init(rows: [SegmentRow], next: UnfinishedPlace?) {
        self.rows = rows
        self.next = next
    }
}

/// The index of recordings: millions of rows, of which each call touches few. Every call is one transaction; what it
/// returned from is durable. Bytes, seconds and spans are accounted in the transaction that changes them.
package protocol SegmentStore: Sendable {
    // MARK: The life of segments (docs/design/recording.md)

    /// Commits, so that what a killed process left in the log of the database is durable.
    func commitSegments() async throws(StoreError)

    /// Rows of these names; a name without one is left out.
    func segments(
        _ names: [SegmentName],
        of session: RecordSessionID
    ) async throws(StoreError) -> [SegmentRow]

    /// Replaced by session and name, all or none. `notFound` where a session is not there, `conflict` where it is of
    /// another channel or a blob has another row.
    func writeSegments(_ rows: [SegmentRow]) async throws(StoreError)

    /// Those that are there go, all or none.
    func deleteSegments(_ names: [SegmentName], of session: RecordSessionID) async throws(StoreError)

    /// Those in `created` or `dropping`, session by session, those after `after`; 1 to ``pageLimit``. However many there
    /// are, a page costs what it has.
    func unfinishedSegments(after: UnfinishedPlace?, limit: Int) async throws(StoreError) -> UnfinishedPage

    /// Marks those that are saved still, with these bytes, and of no kept clip: a clip that was kept a moment ago stays.
    /// Returns them as they are now.
    func markDropping(_ rows: [SegmentRow]) async throws(StoreError) -> [SegmentRow]

    /// Deletes those that are being dropped still, with these bytes: what a unit began anew meanwhile stays.
    func deleteDropped(_ rows: [SegmentRow]) async throws(StoreError)

    /// Rows, in any state, that know of these blobs.
    func segments(withBlobs blobs: [SegmentBlob]) async throws(StoreError) -> [SegmentRow]

    /// All rows, by blob, those after `after`; at most ``pageLimit``: for a check. Blobs of 32 hexadecimal digits are in
    /// the order of their text, behind all others.
    func segmentsByBlob(after: SegmentBlob?, limit: Int) async throws(StoreError) -> [SegmentRow]

    // MARK: The timeline: saved segments only

    /// Those that overlap the range, by ``SegmentPlace``, those after `after`; at most ``segmentPageLimit``. `newestFirst`
    /// turns the order, and `after`, round. Checksums are not looked at.
    func savedSegments(
        of recorded: RecordedChannel,
        in range: Range<WallTime>,
        after: SegmentPlace?,
        limit: Int,
        newestFirst: Bool
    ) async throws(StoreError) -> [SegmentRow]

    /// Of each range whether something of it is recorded: days of a calendar. At most ``segmentPageLimit`` ranges.
    func recorded(
        _ recorded: RecordedChannel,
        in ranges: [Range<WallTime>]
    ) async throws(StoreError) -> [Bool]

    /// What is recorded of a channel for an owner.
    func recordedAmounts(of recorded: RecordedChannel) async throws(StoreError) -> RecordedAmounts

    // MARK: Retention and accounts

    /// Of every channel, by device, channel and owner, those after `after`; at most ``pageLimit``. With `owner`, those
    /// of this user.
    func recordedChannels(
        owner: UserName?,
        after: RecordedChannel?,
        limit: Int
    ) async throws(StoreError) -> [(RecordedChannel, RecordedAmounts)]

    /// The sum over one user's channels; nil: over all.
    func recordedTotal(of owner: UserName?) async throws(StoreError) -> RecordedAmounts
}

extension SegmentStore {
    /// Rows of one page of a listing by time: a day of segments of ten seconds.
    package static var segmentPageLimit: Int { 10_000 }
}
