import HSSModel
import Store
package import Vr

extension RetentionKeeper {
    /// What one walk did.
    package struct Report: Sendable, Equatable {
        /// Segments, by the reason why they went.
        package var dropped: [RetentionPass.Reason: Int] = [:]
        /// Clean-ups that had been broken off.
        package var finished = 0
        package var sessions = 0
        /// False: more is to go, and the next walk may begin at once.
        package var isComplete = true

        var droppedCount: Int { dropped.values.reduce(0, +) }
    }
}

/// How far a walk has come along the saved segments of one channel.
struct RetentionCursor {
    let recorded: RecordedChannel
    let isFormer: Bool
    /// Of the next segment, at the earliest.
    fileprivate(set) var start: WallTime
    /// Behind what the walk has seen.
    fileprivate(set) var place: SegmentPlace?

    init(_ channel: RetainedChannel) {
        recorded = channel.recorded
        isFormer = channel.isFormer
        start = channel.amounts.span?.lowerBound ?? SegmentName.latestStart
    }

    mutating func pass(_ row: SegmentRow) { (place, start) = (SegmentPlace(row), row.start) }

    mutating func stop(before row: SegmentRow) { start = row.start }

    /// What starts before `time` is not looked at.
    mutating func skip(to time: WallTime) {
        guard time > start else { return }
        let last = WallTime(milliseconds: time.milliseconds - 1)
        (place, start) = (SegmentPlace(start: last, session: Self.behindAll), time)
    }

    /// Sorts behind the name of every session.
    private static let behindAll = RecordSessionID(unchecked: "~")
}

/// Channels by their next segment, so that the oldest of all of them goes first.
struct RetentionQueue {
    /// The oldest last.
    private var cursors: [RetentionCursor]

    init(_ cursors: [RetentionCursor]) {
        self.cursors = cursors.sorted { $0.start > $1.start }
    }

    var oldest: WallTime? { cursors.last?.start }

    mutating func popOldest() -> RetentionCursor? { cursors.popLast() }

    mutating func insert(_ cursor: RetentionCursor) {
        var (low, high) = (0, cursors.count)
        while low < high {
            let middle = (low + high) / 2
            if cursors[middle].start > cursor.start { low = middle + 1 } else { high = middle }
        }
        cursors.insert(cursor, at: low)
    }
}

/// Clips of one channel that are kept, by their start.
struct KeptRanges {
    private let ranges: [Range<WallTime>]

    init(_ ranges: [Range<WallTime>]) { self.ranges = ranges }

    /// Until when something is kept without a gap of which this segment is a part; nil: it is of no kept clip.
    func end(covering row: SegmentRow) -> WallTime? {
        var end: WallTime?
        for range in ranges where range.upperBound > row.start && range.lowerBound < (end ?? row.end) {
            end = max(end ?? range.upperBound, range.upperBound)
        }
        return end
    }
}
