package import HSSModel

/// `StartRecord` (Table I.2-14): asks a unit to record one channel and to upload the segments over Vr.
///
/// One record session per channel: the same session again is a success and changes nothing, another one ends the
/// old one first.
package struct StartRecord: VdRequest {
    package typealias Answer = NoResult
    package static let name = "StartRecord"

    /// The record session as the platform names it.
    package var session: String
    package var channel: Int
    /// Bit/s, 0 for no limit; a unit whose stream is larger answers error 11.
    package var maxBitrate: Int
    package var segmentSeconds: Int
    package var segmentMaxBytes: Int
    /// Segments that the unit may hold in memory.
    package var segmentMaxCount: Int
    /// Seconds before the trigger that are recorded too; nil or 0: none.
    package var prerecordSeconds: Int?
    /// Seconds since the epoch at which the first segment starts; 0 or less: the unit uses its own clock.
    package var startTimestamp: Double
    /// The Vr address of the channel; carries a key.
    package var callbackURL: Secret

    package static let longestCallbackURL = 256

    package init(
        session: String,
        channel: Int,
        maxBitrate: Int,
        segmentSeconds: Int,
        segmentMaxBytes: Int,
        segmentMaxCount: Int,
        prerecordSeconds: Int? = nil,
        startTimestamp: Double,
        callbackURL: Secret
    ) {
        self.session = session
        self.channel = channel
        self.maxBitrate = maxBitrate
        self.segmentSeconds = segmentSeconds
        self.segmentMaxBytes = segmentMaxBytes
        self.segmentMaxCount = segmentMaxCount
        self.prerecordSeconds = prerecordSeconds
        self.startTimestamp = startTimestamp
        self.callbackURL = callbackURL
    }

    package init(_ object: JSONObject) throws(FieldError) {
        session = try object.recordSession()
        channel = try object.channel()
        maxBitrate = try object.maxBitrate()
        segmentSeconds = try object.integer("seg_duration", 1...86_400)
        segmentMaxBytes = try object.integer("seg_max_size", 1...Int(Int32.max))
        segmentMaxCount = try object.integer("seg_max_count", 1...Int(Int32.max))
        prerecordSeconds = try object.optionalInteger("prerecord_seconds", 0...86_400)
        startTimestamp = try object.number("start_ts", -1e12...1e12)
        callbackURL = Secret(try object.string("cbk_url", 1...Self.longestCallbackURL))
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("session_id", session)
            $0.field("channel", channel)
            $0.field("max_bitrate", maxBitrate)
            $0.field("seg_duration", segmentSeconds)
            $0.field("seg_max_size", segmentMaxBytes)
            $0.field("seg_max_count", segmentMaxCount)
            $0.field("prerecord_seconds", prerecordSeconds)
            $0.field("start_ts", startTimestamp)
            $0.field("cbk_url", callbackURL.reveal())
        }
    }
}

/// `StopRecord` (Table I.2-15): asks a unit to end one record session. A success also where there is none.
package struct StopRecord: VdRequest {
    package typealias Answer = NoResult
    package static let name = "StopRecord"

    package var session: String
    package var channel: Int

    package init(session: String, channel: Int) {
        self.session = session
        self.channel = channel
    }

    package init(_ object: JSONObject) throws(FieldError) {
        session = try object.recordSession()
        channel = try object.channel()
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("session_id", session)
            $0.field("channel", channel)
        }
    }
}

extension JSONObject {
    fileprivate func recordSession() throws(FieldError) -> String { try string("session_id", 1...64) }
}
