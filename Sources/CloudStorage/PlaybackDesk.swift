package import Bus
package import HSSModel
import HostClock
package import Logging
package import ServerKit
package import Store
package import Vr

/// Gives recordings back: what is there, playlists and segments, files of any range, pictures.
///
/// Every request is judged anew: its ticket by its signature, the right of its user by ``PlaybackAccess``, each segment by
/// the index, which lists it for one channel and one owner.
package final class PlaybackDesk: PlaybackPoint {
    package struct Settings: Sendable {
        /// From the answer until a ticket opens nothing new any more. A player pauses, a download breaks off.
        package var ticketTime: Duration = .seconds(6 * 3600)
        /// How long the addresses in a playlist are good for: longer than anybody plays a day.
        package var viewTime: Duration = .seconds(36 * 3600)
        /// Segments of one timeline, playlist or file: a day of segments of five seconds.
        package var mostSegments = 20_000
        /// What may still come when recording has stopped; a playlist grows until then.
        package var settling: Duration = .seconds(60)
        /// Files that are made at a time, in all and for one user (`limits.exports`, `limits.exports_per_user`).
        package var exports = 64
        package var exportsPerUser = 4
        /// Up to this a file is measured before it is sent, so that its length is known, in bytes.
        package var measuredUnasked: Int64 = 32 << 20
        /// JPEGs that are kept, in bytes.
        package var pictureCache = 16 << 20
        package var pictures = 4

        package init() {}
    }

    let segments: any SegmentStore
    let sessions: any RecordSessionStore
    let bytes: SegmentBytes
    let key: RecordKey
    let access: PlaybackAccess
    let exports: ExportSlots
    let sizes = ExportSizes()
    let settings: Settings
    let metrics: PlaybackMetrics
    let logger: Logger
    let pictures: RecordedPictures

    package init(
        segments: any SegmentStore,
        sessions: any RecordSessionStore,
        bytes: SegmentBytes,
        key: RecordKey,
        rights: any PlaybackRights,
        pictures: (any KeyFramePictures)?,
        settings: Settings = Settings(),
        metrics: MetricRegistry,
        logger: Logger
    ) {
        self.segments = segments
        self.sessions = sessions
        self.bytes = bytes
        self.key = key
        self.settings = settings
        self.logger = logger
        self.metrics = PlaybackMetrics(metrics)
        access = PlaybackAccess(rights)
        exports = ExportSlots(most: settings.exports, mostOfOne: settings.exportsPerUser)
        self.pictures = RecordedPictures(
            pictures,
            cacheInBytes: settings.pictureCache,
            most: settings.pictures
        )
    }

    // MARK: PlaybackPoint

    package func timeline(
        of recorded: RecordedChannel,
        in range: Range<WallTime>
    ) async throws(RecordingError) -> RecordedTimeline {
        let (rows, next) = try await rows(of: recorded, in: range)
        let timeline = Timeline(rows.map { TimelineSegment($0) })
        let shown = range.lowerBound..<(next ?? range.upperBound)
        let stored = try await storing { () async throws(StoreError) in
            try await self.sessions.recordSessions(of: recorded, in: shown, limit: Self.mostSessions)
        }
        return RecordedTimeline(
            ranges: timeline.ranges(in: shown).map { .init(start: $0.start, end: $0.end, bytes: $0.bytes) },
            losses: stored.filter { $0.droppedCount > 0 || $0.droppedTime > .zero }.map {
                .init(
                    session: $0.id,
                    begunAt: $0.begunAt,
                    endedAt: $0.endedAt,
                    segments: $0.droppedCount,
                    time: $0.droppedTime
                )
            },
            next: next
        )
    }

    private static let mostSessions = 1000

    package func amounts(of recorded: RecordedChannel) async throws(RecordingError) -> RecordedAmounts {
        try await storing { () async throws(StoreError) in
            try await self.segments.recordedAmounts(of: recorded)
        }
    }

    package func recorded(
        _ recorded: RecordedChannel,
        on days: [Range<WallTime>]
    ) async throws(RecordingError) -> [Bool] {
        try await storing { () async throws(StoreError) in
            try await self.segments.recorded(recorded, in: days)
        }
    }

    package func openPlayback(
        of recorded: RecordedChannel,
        in range: Range<WallTime>,
        for user: UserName
    ) async throws(RecordingError) -> PlaybackGrant {
        let ticket = PlaybackTicket(
            purpose: .open,
            user: user,
            recorded: recorded,
            range: range,
            expiresAt: .now + settings.ticketTime
        )
        return PlaybackGrant(ticket: ticket.text(key: key), expiresAt: ticket.expiresAt)
    }

    package func picture(
        of recorded: RecordedChannel,
        at time: WallTime,
        width: Int?
    ) async throws(PictureError) -> Picture {
        let oldest = WallTime(milliseconds: 0)
        // Whoever asks may name any time.
        guard (oldest...SegmentName.latestStart).contains(time) else { throw .none }
        let found: [SegmentRow]
        do throws(RecordingError) {
            found = try await storing { () async throws(StoreError) in
                try await self.segments.savedSegments(
                    of: recorded,
                    in: oldest..<(time + .milliseconds(1)),
                    after: nil,
                    limit: 1,
                    newestFirst: true
                )
            }
        } catch {
            throw .unavailable("\(error)")
        }
        guard let row = found.first else { throw .none }
        return try await pictures.picture(of: row, at: time, width: width, bytes)
    }

    // MARK: The index

    /// `segmentPageLimit` of ``SegmentStore``.
    private static let page = 10_000

    /// Saved segments of a range, and from where on there are more than may be read at once.
    func rows(
        of recorded: RecordedChannel,
        in range: Range<WallTime>
    ) async throws(RecordingError) -> (rows: [SegmentRow], next: WallTime?) {
        let most = settings.mostSegments
        var rows: [SegmentRow] = []
        while true {
            let limit = min(Self.page, most + 1 - rows.count)
            let after = rows.last.map { SegmentPlace($0) }
            let page = try await storing { () async throws(StoreError) in
                try await self.segments.savedSegments(
                    of: recorded,
                    in: range,
                    after: after,
                    limit: limit,
                    newestFirst: false
                )
            }
            rows += page
            if page.count < limit { return (rows, nil) }
            if rows.count > most, let next = rows.popLast() {
                // A segment that began before the range cannot be where the next one begins.
                guard next.start > range.lowerBound else {
                    throw .conflict("too many segments begin before this range; ask for another one")
                }
                return (rows, next.start)
            }
        }
    }

    /// What is played of a range, with the rows behind it. `conflict` where there is too much.
    func played(
        of recorded: RecordedChannel,
        in range: Range<WallTime>
    ) async throws(RecordingError) -> [PlayedPiece] {
        let (rows, next) = try await rows(of: recorded, in: range)
        guard next == nil else {
            throw .conflict("more than \(settings.mostSegments) segments; ask for a shorter range")
        }
        let byPlace = Dictionary(rows.map { (SegmentPlace($0), $0) }, uniquingKeysWith: { first, _ in first })
        let pieces = Timeline(rows.map { TimelineSegment($0) }).pieces(in: range)
        return pieces.indices.compactMap { index in
            let piece = pieces[index]
            let place = SegmentPlace(start: piece.segment.start, session: piece.segment.session)
            let goesOn = index + 1 < pieces.count && !pieces[index + 1].isDiscontinuous
            return byPlace[place].map { PlayedPiece(piece, $0, goesOn: goesOn) }
        }
    }

    func storing<Value>(
        _ body: () async throws(StoreError) -> Value
    ) async throws(RecordingError) -> Value {
        do throws(StoreError) { return try await body() } catch {
            logger.error("the index of recordings cannot be read", metadata: ["reason": "\(error)"])
            throw .unavailable("the index cannot be read")
        }
    }
}

/// A part of a segment that is played, and where it is kept.
struct PlayedPiece: Sendable {
    let piece: TimelinePiece
    let row: SegmentRow
    /// Where it is cut; nil: what there is of the segment belongs to it.
    let end: WallTime?

    /// `goesOn`: the piece behind it follows without a break. Then nothing is cut: lengths that units announce are rounded,
    /// and what looks like an overlap is none.
    init(_ piece: TimelinePiece, _ row: SegmentRow, goesOn: Bool = false) {
        self.piece = piece
        self.row = row
        end = piece.to < piece.segment.end && !goesOn ? piece.to : nil
    }
}

extension [PlayedPiece] {
    /// What was asked for is there to its end, so nothing is waited for.
    func reach(_ end: WallTime) -> Bool { last.map { $0.piece.to >= end } ?? false }
}
