package import HSSModel

/// `PushLive` (Table I.2-12): asks a unit to push one channel to an address.
///
/// One stream per channel: the same `stream` again is a success and changes nothing, another one stops the
/// old push first.
package struct PushLive: VdRequest {
    package typealias Answer = NoResult
    package static let name = "PushLive"

    package var channel: Int
    /// `srt://host:port?streamid=…`; carries a ticket and a passphrase.
    package var url: Secret
    package var stream: StreamID
    /// Bit/s, 0 for no limit; a unit whose stream is larger answers error 11.
    package var maxBitrate: Int

    package init(channel: Int, url: Secret, stream: StreamID, maxBitrate: Int) {
        self.channel = channel
        self.url = url
        self.stream = stream
        self.maxBitrate = maxBitrate
    }

    package init(_ object: JSONObject) throws(FieldError) {
        channel = try object.channel()
        url = try object.url()
        stream = try object.stream()
        maxBitrate = try object.maxBitrate()
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("channel", channel)
            $0.field("url", url.reveal())
            $0.field("stream_id", stream.rawValue)
            $0.field("max_bitrate", maxBitrate)
        }
    }
}

/// `StopLive` (Table I.2-13): asks a unit to stop one push. A success also where there is none.
package struct StopLive: VdRequest {
    package typealias Answer = NoResult
    package static let name = "StopLive"

    package var stream: StreamID
    package var channel: Int

    package init(stream: StreamID, channel: Int) {
        self.stream = stream
        self.channel = channel
    }

    package init(_ object: JSONObject) throws(FieldError) {
        stream = try object.stream()
        channel = try object.channel()
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("stream_id", stream.rawValue)
            $0.field("channel", channel)
        }
    }
}

extension JSONObject {
    fileprivate func stream() throws(FieldError) -> StreamID {
        guard let stream = StreamID(rawValue: try string("stream_id", 1...64)) else {
            throw FieldError("stream_id", "expected 1 to 64 characters of A-Z a-z 0-9 . _ : -")
        }
        return stream
    }
}
