package import HSSModel

/// A saved segment as a timeline sees it.
package struct TimelineSegment: Sendable, Hashable {
    package var session: RecordSessionID
    package var start: WallTime
    /// After the start.
    package var end: WallTime
    package var bytes: Int64
    /// As the unit announced it; nil: it did not say.
    package var discontinue: Bool?

    package init(
        session: RecordSessionID,
        start: WallTime,
        end: WallTime,
        bytes: Int64,
        discontinue: Bool? = nil
    ) {
        self.session = session
        self.start = start
        self.end = max(end, start + .milliseconds(1))
        self.bytes = bytes
        self.discontinue = discontinue
    }

    package init(_ row: SegmentRow) {
        self.init(
            session: row.session,
            start: row.start,
            end: row.end,
            bytes: row.size,
            discontinue: row.discontinue
        )
    }
}

/// A part of one segment that is played or exported.
package struct TimelinePiece: Sendable, Hashable {
    package var segment: TimelineSegment
    package var from: WallTime
    package var to: WallTime
    /// Timestamps do not go on from the piece before (`EXT-X-DISCONTINUITY`).
    package var isDiscontinuous: Bool

    package var duration: Duration { to - from }
    /// Its share of the segment's bytes.
    package var bytes: Int64 {
        let (whole, part) = ((segment.end - segment.start).wholeMilliseconds, duration.wholeMilliseconds)
        return part == whole ? segment.bytes : Int64(Double(segment.bytes) * Double(part) / Double(whole))
    }
}

/// What is recorded without a gap.
package struct TimelineRange: Sendable, Hashable {
    package var start: WallTime
    package var end: WallTime
    package var bytes: Int64
}

/// The recordings of one channel, as far as they were read: some of its segments, in any order.
///
/// A range is half open, to the millisecond: its start belongs to it, its end does not. What it delivers is what is recorded
/// between the two, no more and no less.
package struct Timeline: Sendable {
    /// Gaps up to this are none: `start` and `duration` are rounded by units, and a frame lasts up to 100 ms.
    package static let tolerance: Duration = .milliseconds(500)

    private let segments: [TimelineSegment]

    package init(_ segments: some Sequence<TimelineSegment>) {
        self.segments = segments.sorted { ($0.start, $0.end, $0.session) < ($1.start, $1.end, $1.session) }
    }

    package var oldest: WallTime? { segments.first?.start }
    package var newest: WallTime? { segments.map(\.end).max() }

    /// What is played of a range. Where segments overlap, the one that starts last is taken while it lasts: of the one
    /// before it a tail is cut off then, which needs no key frame.
    package func pieces(in range: Range<WallTime>) -> [TimelinePiece] {
        var sweep = Sweep(range)
        for segment in segments where segment.end > range.lowerBound && segment.start < range.upperBound {
            sweep.advance(to: segment.start)
            sweep.running.append(segment)
        }
        sweep.advance(to: range.upperBound)
        return sweep.pieces
    }

    /// What is recorded of a range, gaps as gaps. Of a segment that is cut only its share of bytes counts.
    package func ranges(in range: Range<WallTime>) -> [TimelineRange] {
        var ranges: [TimelineRange] = []
        for piece in pieces(in: range) {
            if let last = ranges.last, piece.from - last.end <= Self.tolerance {
                ranges[ranges.count - 1].end = piece.to
                ranges[ranges.count - 1].bytes += piece.bytes
            } else {
                ranges.append(TimelineRange(start: piece.from, end: piece.to, bytes: piece.bytes))
            }
        }
        return ranges
    }

    /// Days of a zone on which something is recorded within a range.
    package func days(in range: Range<WallTime>, zone: ZoneOffsets) -> [LocalDay] {
        var days: Set<LocalDay> = []
        for recorded in ranges(in: range) {
            var day = zone.day(at: recorded.start)
            let last = zone.day(at: WallTime(milliseconds: recorded.end.milliseconds - 1))
            // A range of segments of a day each can be long, a listing of days is not.
            while day <= last, days.count < Self.mostDays {
                days.insert(day)
                day = day.next
            }
        }
        return days.sorted()
    }

    /// Ten years.
    package static let mostDays = 3660
}

/// Goes along the time and says which segment is played.
private struct Sweep {
    private let end: WallTime
    private var time: WallTime
    /// Those that have started, the last one on top; it is the one that plays.
    var running: [TimelineSegment] = []
    private(set) var pieces: [TimelinePiece] = []

    init(_ range: Range<WallTime>) {
        time = range.lowerBound
        end = range.upperBound
    }

    mutating func advance(to limit: WallTime) {
        let limit = min(max(limit, time), end)
        while let playing = running.last {
            if playing.end <= time {
                running.removeLast()
                continue
            }
            guard time < limit else { break }
            let until = min(playing.end, limit)
            append(playing, until: until)
            time = until
        }
        time = limit
    }

    private mutating func append(_ segment: TimelineSegment, until: WallTime) {
        if let last = pieces.last, last.segment == segment, last.to == time {
            pieces[pieces.count - 1].to = until
            return
        }
        pieces.append(
            TimelinePiece(
                segment: segment,
                from: time,
                to: until,
                isDiscontinuous: pieces.last.map { isBroken(after: $0, segment) } ?? false
            )
        )
    }

    /// Timestamps go on only where the unit says so, and where nothing was cut or left out between the two.
    private func isBroken(after last: TimelinePiece, _ segment: TimelineSegment) -> Bool {
        let gap =
            segment.start > last.segment.end
            ? segment.start - last.segment.end : last.segment.end - segment.start
        return segment.discontinue != false || segment.session != last.segment.session
            || gap > Timeline.tolerance || time > max(segment.start, last.segment.end)
    }
}
