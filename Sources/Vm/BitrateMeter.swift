package import HSSModel

/// Holds what a publisher sends against `max_bitrate` (Table I.2-12).
///
/// The Recommendation names no span over which bits are counted. A stream may burst, for a key frame is as large as many
/// other pictures, and an encoder meets its rate only on average: so what counts is what came within ``window``, and a
/// tenth more than the limit is let pass. A stream that just keeps its limit is never refused, one of twice as much after
/// some 6 s, a flood at once.
package struct BitrateMeter: Sendable {
    package static let window: Duration = .seconds(10)
    private static let tolerance = 1.1
    /// What is looked at more often is not noted each time: at most some 40 notes.
    private static let interval: Duration = .milliseconds(250)

    private struct Note {
        var at: Instant
        var octets: Int
    }

    private let octetsPerSecond: Double
    /// Oldest first; the first is the newest that is no younger than ``window``, where there is one.
    private var notes: [Note]

    /// `limit` in bit/s; `nil` for 0, which is no limit.
    package init?(limit: Int, at now: Instant) {
        guard limit > 0 else { return nil }
        octetsPerSecond = Double(limit) / 8
        notes = [Note(at: now, octets: 0)]
    }

    /// `octets`: everything that has come up to now.
    package mutating func isExceeded(by octets: Int, at now: Instant) -> Bool {
        while notes.count > 1, now - notes[1].at >= Self.window { notes.removeFirst() }
        let oldest = notes[0]
        let span = max(now - oldest.at, Self.window).inSeconds
        if now - notes[notes.count - 1].at >= Self.interval { notes.append(Note(at: now, octets: octets)) }
        return Double(octets - oldest.octets) > octetsPerSecond * Self.tolerance * span
    }
}
