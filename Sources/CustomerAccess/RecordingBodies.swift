import Bus
import HSSModel
import ServerKit

/// `POST …/playback`
struct PlaybackRequestBody: Decodable {
    var from: String
    var to: String

    func range() throws -> Range<WallTime> {
        let rule = "expected a time such as 2026-11-21T08:00:00Z"
        guard let from = WallTime(rfc3339: from) else { throw ManagementError.invalid(field: "from", rule) }
        guard let to = WallTime(rfc3339: to) else { throw ManagementError.invalid(field: "to", rule) }
        return try Self.range(from, to, upTo: PlaybackLimits.longestPlayback, "25 hours")
    }

    static func range(
        _ from: WallTime,
        _ to: WallTime,
        upTo longest: Duration,
        _ words: String
    ) throws -> Range<WallTime> {
        guard from.milliseconds >= 0, to <= SegmentName.latestStart else {
            throw ManagementError.invalid(field: "from", "expected a time from 1970 to 9999")
        }
        guard from < to, to - from <= longest else {
            throw ManagementError.invalid(
                field: "to",
                "expected a time after from, and at most \(words) after it"
            )
        }
        return from..<to
    }
}

/// Addresses are below the one that was asked: a player needs no login for them.
struct PlaybackBody: Encodable {
    var hls: String
    var mp4: String
    var ts: String
    var expiresAt: String

    init(_ grant: PlaybackGrant, _ channel: ChannelAddress, _ range: Range<WallTime>) {
        let base = "/api/v1/devices/\(channel.unit)/channels/\(channel.number)/"
        let times = [("from", range.lowerBound), ("to", range.upperBound)]
            .map { "\($0)=\($1.rfc3339Exact)" }
        let query = "?" + (times + ["ticket=\(grant.ticket.reveal())"]).joined(separator: "&")
        hls = base + "playback.m3u8" + query
        mp4 = base + "export.mp4" + query
        ts = base + "export.ts" + query
        expiresAt = grant.expiresAt.rfc3339
    }
}

/// `GET …/recordings`
struct TimelineBody: Encodable {
    struct Part: Encodable {
        var start: String
        var end: String
        /// Seconds.
        var duration: Double
        var bytes: Int64
        /// Table I.2-16
        var alarmTypes: [Int]

        init(_ range: RecordedTimeline.Range, alarmTypes: [Int]) {
            start = range.start.rfc3339Exact
            end = range.end.rfc3339Exact
            duration = Double((range.end - range.start).wholeMilliseconds) / 1000
            bytes = range.bytes
            self.alarmTypes = alarmTypes
        }
    }

    /// Table I.3-5, as the unit told it.
    struct Loss: Encodable {
        var session: String
        var begunAt: String
        var endedAt: String?
        var droppedNb: Int
        /// Seconds.
        var droppedTime: Double

        init(_ loss: RecordedTimeline.Loss) {
            session = loss.session.rawValue
            begunAt = loss.begunAt.rfc3339Exact
            endedAt = loss.endedAt?.rfc3339Exact
            droppedNb = loss.segments
            droppedTime = Double(loss.time.wholeMilliseconds) / 1000
        }
    }

    var items: [Part]
    var lost: [Loss]
    /// False: there are more alarms than were looked at.
    var alarmsComplete: Bool
    /// Where the next page begins; absent: this is all.
    var nextFrom: String?
}

/// `GET …/recordings/span`
struct RecordedSpanBody: Encodable {
    /// Both absent: nothing is recorded.
    var oldest: String?
    var newest: String?
    var segments: Int
    var bytes: Int64
    /// Seconds.
    var duration: Double

    init(_ amounts: RecordedAmounts) {
        oldest = amounts.span?.lowerBound.rfc3339Exact
        newest = amounts.span?.upperBound.rfc3339Exact
        segments = amounts.segments
        bytes = amounts.bytes
        duration = Double(amounts.duration.wholeMilliseconds) / 1000
    }
}

/// `GET …/recordings/days`
struct RecordedDaysBody: Encodable {
    var month: String
    var zone: String
    var days: [String]
}
