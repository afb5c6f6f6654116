/// How far a segment has come, as the database has it. What lies between `created` and `saved` needs no row: whether the
/// bytes are there is seen from the blob.
package enum SegmentRowState: String, Sendable, CaseIterable {
    case created
    /// Counts: it is in the timeline, and stays until retention drops it.
    case saved
    /// Is being cleaned up: first the bytes go, then the row.
    case dropping
}

/// What the database has of one segment.
package struct SegmentRow: Sendable, Hashable {
    package var session: RecordSessionID
    package var channel: ChannelID
    package var name: SegmentName
    /// Whole milliseconds.
    package var duration: Duration
    /// Bytes.
    package var size: Int64
    /// Nil: the unit did not say.
    package var discontinue: Bool?
    package var blob: SegmentBlob
    package var state: SegmentRowState
    /// SHA-256 of its bytes in lower-case hexadecimal, for checks. A saved segment has it; nil: not known, not looked at.
    package var sha256: String?

    package init(
        session: RecordSessionID,
        channel: ChannelID,
        name: SegmentName,
        duration: Duration,
        size: Int64,
        discontinue: Bool?,
        blob: SegmentBlob,
        state: SegmentRowState,
        sha256: String? = nil
    ) {
        self.session = session
        self.channel = channel
        self.name = name
        self.duration = duration
        self.size = size
        self.discontinue = discontinue
        self.blob = blob
        self.state = state
        self.sha256 = sha256
    }

    package var start: WallTime { name.start }
    package var end: WallTime { name.start + duration }
}

/// A row, and how many bytes lie under its blob; nil: there is none.
package struct StoredSegment: Sendable, Hashable {
    package var row: SegmentRow
    package var blobSize: Int64?

    package init(row: SegmentRow, blobSize: Int64?) {
        self.row = row
        self.blobSize = blobSize
    }
}
