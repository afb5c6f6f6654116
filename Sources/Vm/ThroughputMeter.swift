package import HSSModel

/// How fast something counts up now: over the last 3 to 6 s, from looks that need not be regular.
///
/// A key frame comes once a second or two, so a shorter span would show the key frames and not the stream.
package struct ThroughputMeter: Sendable {
    package static let span: Duration = .seconds(3)

    private struct Look {
        var at: Instant
        var octets: UInt64
    }

    private var older: Look
    private var newer: Look

    package init(octets: UInt64 = 0, at now: Instant) {
        older = Look(at: now, octets: octets)
        newer = older
    }

    /// To be called once in a while, each second or so; `octets`: everything up to now.
    package mutating func look(at octets: UInt64, now: Instant) {
        guard now - newer.at >= Self.span else { return }
        older = newer
        newer = Look(at: now, octets: octets)
    }

    /// Bit/s; 0 in the first moments.
    package func bitrate(at octets: UInt64, now: Instant) -> Int {
        let seconds = (now - older.at).inSeconds
        guard seconds >= 0.5, octets > older.octets else { return 0 }
        return Int(Double(octets - older.octets) * 8 / seconds)
    }
}
