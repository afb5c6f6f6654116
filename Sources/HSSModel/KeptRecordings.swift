// What an operator, or an owner, says of how long recordings stay.

/// What was set for one channel, or for all channels of one owner together.
package struct RecordingLimits: Sendable, Hashable {
    /// Nil: as the configuration says; zero: no limit.
    package var retention: Duration?
    /// The same, in bytes.
    package var bytes: Int64?

    package init(retention: Duration? = nil, bytes: Int64? = nil) {
        self.retention = retention
        self.bytes = bytes
    }
}

/// A clip that is kept (``KeptClip``).
package struct ClipID: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

/// A part of a recording that stays whatever its age and whatever room is wanted (a legal hold): every segment of which
/// something falls into it.
package struct KeptClip: Sendable, Hashable {
    /// Characters of ``note``.
    package static let longestNote = 500
    package static let longestRange: Duration = .seconds(31 * 86_400)

    package var id: ClipID
    package var recorded: RecordedChannel
    package var range: Range<WallTime>
    package var note: String
    package var keptBy: UserName
    package var keptAt: WallTime

    package init(
        id: ClipID,
        recorded: RecordedChannel,
        range: Range<WallTime>,
        note: String,
        keptBy: UserName,
        keptAt: WallTime
    ) {
        self.id = id
        self.recorded = recorded
        self.range = range
        self.note = note
        self.keptBy = keptBy
        self.keptAt = keptAt
    }
}
