package import HSSModel
package import MediaFormats

/// Tells when segments began, by the unit's clock (`start`, Table I.3-1).
///
/// Within a recording the timestamps of the stream count: each segment starts where the one before it ended, to the
/// millisecond. The encoder's clock is not the unit's, so the line is bent towards it, less than anybody sees; a
/// clock that was set, or timestamps that jump, begin it anew.
package struct RecordClock: Sendable {
    /// What networks and encoders hold a picture back for.
    private static let tolerance: Duration = .milliseconds(250)
    /// At most this is bent with each segment.
    private static let bend: Duration = .milliseconds(40)
    private static let longestDrift: Duration = .seconds(2)

    /// Ticks of the stream, and the time that they stand for.
    private var anchor: (ticks: Int64, time: WallTime)?
    private var first: WallTime?
    /// What the platform calls the time less what the unit's clock says.
    private var shift: Duration = .zero

    /// `first`: `start_ts` (Table I.2-14), which the first segment starts at; nil: the unit's clock tells.
    package init(startingAt first: WallTime?) {
        self.first = first
    }

    /// `arrival`: the unit's time when the first picture of the segment came.
    package mutating func place(_ segment: MediaSegment, arrival: WallTime) -> RecordedSegment {
        let start = start(of: segment, arrival: arrival)
        return RecordedSegment(
            bytes: segment.bytes,
            start: start,
            duration: time(segment.start + segment.duration) - start,
            isDiscontinuous: segment.isDiscontinuous
        )
    }

    private mutating func start(of segment: MediaSegment, arrival: WallTime) -> WallTime {
        if let first { shift = first - arrival }
        first = nil
        let observed = arrival + shift
        guard let anchor, !segment.isDiscontinuous else { return begin(segment, at: observed) }
        let expected = time(segment.start)
        let drift = observed - expected
        let distance = drift < .zero ? .zero - drift : drift
        guard distance <= Self.longestDrift else { return begin(segment, at: observed) }
        guard distance > Self.tolerance else { return expected }
        let bend = min(distance / 10, Self.bend)
        self.anchor = (anchor.ticks, anchor.time + (drift < .zero ? .zero - bend : bend))
        return time(segment.start)
    }

    private mutating func begin(_ segment: MediaSegment, at time: WallTime) -> WallTime {
        anchor = (segment.start, time)
        return time
    }

    private func time(_ ticks: Int64) -> WallTime {
        guard let anchor else { return WallTime(milliseconds: 0) }
        return anchor.time + .milliseconds((ticks - anchor.ticks) / 90)
    }

    /// The unit's clock was set by so much.
    package mutating func clockMoved(by correction: Duration) {
        if let anchor { self.anchor = (anchor.ticks, anchor.time + correction) }
    }
}
