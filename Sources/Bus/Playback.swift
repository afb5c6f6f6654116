package import HSSModel

/// What is recorded of a range without a gap, and what is known beside it.
package struct RecordedTimeline: Sendable, Equatable {
    package struct Range: Sendable, Equatable {
        package var start: WallTime
        package var end: WallTime
        package var bytes: Int64

        package init(start: WallTime, end: WallTime, bytes: Int64) {
            self.start = start
            self.end = end
            self.bytes = bytes
        }
    }

    /// What a unit said that it could not upload (`stat`, Table I.3-5).
    package struct Loss: Sendable, Equatable {
        package var session: RecordSessionID
        package var begunAt: WallTime
        package var endedAt: WallTime?
        package var segments: Int
        package var time: Duration

        package init(
            session: RecordSessionID,
            begunAt: WallTime,
            endedAt: WallTime?,
            segments: Int,
            time: Duration
        ) {
            self.session = session
            self.begunAt = begunAt
            self.endedAt = endedAt
            self.segments = segments
            self.time = time
        }
    }

    package var ranges: [Range]
    /// Of sessions that lost something, by begin.
    package var losses: [Loss]
    /// From when on to ask again; nil: this is all.
    package var next: WallTime?
    /// When the first session began that is known of this owner: what was before may be a former owner's. Nil: none did.
    package var since: WallTime?

    package init(ranges: [Range], losses: [Loss], next: WallTime?, since: WallTime? = nil) {
        self.ranges = ranges
        self.losses = losses
        self.next = next
        self.since = since
    }
}

/// Permission to play one range of one channel's recordings.
package struct PlaybackGrant: Sendable, Equatable {
    package var ticket: Secret
    package var expiresAt: WallTime

    package init(ticket: Secret, expiresAt: WallTime) {
        self.ticket = ticket
        self.expiresAt = expiresAt
    }
}

/// What customers ask of the storage (§8.3.2, reference point Cm). Whoever calls has checked the right to do so, and names
/// the owner of now: what was recorded for a former one is not there.
package protocol PlaybackPoint: Sendable {
    /// Counts a request of this user that costs a look into the index; false: there were too many.
    func mayAsk(_ user: UserName) -> Bool

    /// `range` is at most ``PlaybackLimits/longestListing``.
    func timeline(
        of recorded: RecordedChannel,
        in range: Range<WallTime>
    ) async throws(RecordingError) -> RecordedTimeline

    func amounts(of recorded: RecordedChannel) async throws(RecordingError) -> RecordedAmounts

    /// Of each day whether something of it is recorded; at most ``PlaybackLimits/mostDays``.
    func recorded(
        _ recorded: RecordedChannel,
        on days: [Range<WallTime>]
    ) async throws(RecordingError) -> [Bool]

    /// `range` is at most ``PlaybackLimits/longestPlayback``.
    func openPlayback(
        of recorded: RecordedChannel,
        in range: Range<WallTime>,
        for user: UserName
    ) async throws(RecordingError) -> PlaybackGrant

    /// Of the key frame at `time`, or the last one before it.
    func picture(
        of recorded: RecordedChannel,
        at time: WallTime,
        width: Int?
    ) async throws(PictureError) -> Picture
}

package enum PlaybackLimits {
    package static let longestListing: Duration = .seconds(7 * 86_400)
    /// A day of 25 hours, as there is one each autumn.
    package static let longestPlayback: Duration = .seconds(25 * 3600)
    package static let mostDays = 31
}

/// Whether somebody may play recordings at this moment: the storage asks again and again while something is played.
package protocol PlaybackRights: Sendable {
    /// False also where the device has another owner than that of the recordings.
    func mayPlay(_ recorded: RecordedChannel, _ user: UserName) async throws(RecordingError) -> Bool
}

/// Makes a JPEG of a key frame that is no stream's: of a recording.
package protocol KeyFramePictures: Sendable {
    /// `bytes` are NAL units behind start codes, the parameter sets first. `width` in pixels, nil for the whole size.
    func picture(
        ofKeyFrame bytes: [UInt8],
        _ coding: PictureCoding,
        takenAt: WallTime,
        width: Int?
    ) async throws(PictureError) -> Picture
}

package enum PictureCoding: String, Sendable {
    case h264, h265
}
