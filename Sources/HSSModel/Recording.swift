// What recording is spoken of with.

/// One order to record one channel, as the platform names it (`session_id`, Table I.2-14).
package struct RecordSessionID: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

/// Where the bytes of one segment lie. Each life of a segment has a fresh one, so that whatever is late for an earlier
/// life cannot touch the bytes of a later one.
package struct SegmentBlob: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

/// A segment within its record session: when it starts (§9.3.4, Table I.3-1). Nothing else names it, so a unit that
/// repeats a lost request speaks of the same segment.
///
/// Its text, `1574322174000.ts`, is what a unit is told as `name`: milliseconds since the epoch.
package struct SegmentName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The last millisecond of the year 9999: what is later is no time of a recording.
    package static let latestStart = WallTime(milliseconds: 253_402_300_799_999)
    private static let suffix = ".ts"

    package let start: WallTime

    /// Nil: before 1970, or later than ``latestStart``.
    package init?(start: WallTime) {
        guard start.milliseconds >= 0, start <= Self.latestStart else { return nil }
        self.start = start
    }

    /// Nil for text that ``description`` never writes: one segment has one text.
    package init?(_ text: String) {
        guard text.hasSuffix(Self.suffix), text.utf8.count <= 18,
            let milliseconds = Int64(text.dropLast(Self.suffix.count))
        else { return nil }
        self.init(start: WallTime(milliseconds: milliseconds))
        guard description == text else { return nil }
    }

    package var description: String { "\(start.milliseconds)\(Self.suffix)" }

    package static func < (left: SegmentName, right: SegmentName) -> Bool { left.start < right.start }
}

/// Whose recordings of which channel. A device that changes hands begins anew: what was recorded for its former owner is
/// not its next one's.
package struct RecordedChannel: Hashable, Sendable {
    package var channel: ChannelAddress
    /// The owner of the device when the record session began; nil: it had none.
    package var owner: UserName?

    package init(_ channel: ChannelAddress, owner: UserName?) {
        self.channel = channel
        self.owner = owner
    }
}

/// What recordings take up. What is being dropped counts no more.
package struct RecordedAmounts: Sendable, Hashable {
    package var segments: Int
    package var bytes: Int64
    package var duration: Duration
    /// The start of the oldest and the end of the newest; nil: there are none.
    package var span: Range<WallTime>?

    package init(
        segments: Int = 0,
        bytes: Int64 = 0,
        duration: Duration = .zero,
        span: Range<WallTime>? = nil
    ) {
        self.segments = segments
        self.bytes = bytes
        self.duration = duration
        self.span = span
    }
}
