import Bus
import HSSModel

// What operators and owners see of streams that run.

struct StreamBody: Encodable {
    var streamId: String
    var deviceId: String?
    var channel: Int?
    var epoch: UInt64
    var publishing: Bool
    var viewers: Int
    /// Bit/s over the last seconds.
    var bitrate: Int
    var video: String?
    var audio: String?
    var bytesReceived: UInt64
    var bytesSent: UInt64
    var packetsLost: UInt64
    var startedAt: String
    var lastEnd: EndBody?

    init(_ stream: StreamStatus) {
        streamId = stream.stream.rawValue
        deviceId = stream.source?.unit.rawValue
        channel = stream.source?.number
        epoch = stream.epoch.rawValue
        publishing = stream.publishing
        viewers = stream.viewers
        bitrate = stream.bitrate
        video = stream.contents.video
        audio = stream.contents.audio
        bytesReceived = stream.bytesReceived
        bytesSent = stream.bytesSent
        packetsLost = stream.packetsLost
        startedAt = stream.startedAt.rfc3339
        lastEnd = stream.lastEnd.map { EndBody($0) }
    }
}

/// How a stream is coded; what it does not say is left out.
struct StreamFormatBody: Encodable {
    var width: Int?
    var height: Int?
    var frameRate: Double?
    var profile: String?
    var level: String?
    var samplingRate: Int?
    var channels: Int?
    var codecs: String

    init(_ format: StreamFormat) {
        width = format.width
        height = format.height
        frameRate = format.frameRate
        profile = format.profile
        level = format.level
        samplingRate = format.samplingRate
        channels = format.channels
        codecs = format.codecs.joined(separator: ",")
    }
}

struct EndBody: Encodable {
    var reason: String
    var at: String

    init(_ end: PublisherEnd) {
        reason = end.reason.rawValue
        at = end.time.rfc3339
    }
}

/// `GET /admin/streams/{stream}`: the stream, and a page of its viewers.
struct StreamDetailBody: Encodable {
    var stream: StreamBody
    var format: StreamFormatBody?
    var publisher: PublisherBody?
    var renditions: [RenditionBody]
    var items: [ViewerBody]
    var nextCursor: String?

    private enum CodingKeys: CodingKey { case format, publisher, renditions, items, nextCursor }

    func encode(to encoder: any Encoder) throws {
        try stream.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(format, forKey: .format)
        try container.encodeIfPresent(publisher, forKey: .publisher)
        try container.encode(renditions, forKey: .renditions)
        try container.encode(items, forKey: .items)
        try container.encodeIfPresent(nextCursor, forKey: .nextCursor)
    }
}

/// A rendition that is made now.
struct RenditionBody: Encodable {
    var rendition: String
    var state: String
    var viewers: Int
    /// Of one core, over the last seconds.
    var cpuPercent: Int
    var cpuSeconds: Double
    var bitrate: Int
    /// Of the original, what waits for it.
    var bytesQueued: Int
    var skipped: UInt64
    var restarts: Int

    init(_ status: RenditionStatus) {
        rendition = status.rendition.rawValue
        state = status.activity.rawValue
        viewers = status.viewers
        cpuPercent = Int((status.cores * 100).rounded())
        cpuSeconds = (status.cpuTime.inSeconds * 1000).rounded() / 1000
        bitrate = status.bitrate
        bytesQueued = status.queuedBytes
        skipped = status.skipped
        restarts = status.restarts
    }
}

struct PublisherBody: Encodable {
    var `protocol`: String
    var remoteAddress: String?
    var encrypted: Bool
    var connectedSince: String
    var bytesReceived: UInt64
    var bitrate: Int
    var latencyMs: Int64
    var srt: SRTFigures?

    init(_ publisher: PublisherStatus) {
        `protocol` = publisher.kind.rawValue
        remoteAddress = publisher.peer
        encrypted = publisher.isEncrypted
        connectedSince = publisher.connectedSince.rfc3339
        bytesReceived = publisher.bytesReceived
        bitrate = publisher.bitrate
        latencyMs = publisher.latency.wholeMilliseconds
        srt = publisher.srt
    }
}

struct ViewerBody: Encodable {
    var viewerId: String
    /// Absent where its lease is not known any more.
    var user: String?
    var `protocol`: String
    var rendition: String
    var remoteAddress: String?
    var encrypted: Bool
    var connectedSince: String
    var bytesSent: UInt64
    var bitrate: Int
    var skipped: UInt64
    var bytesQueued: Int
    var srt: SRTFigures?

    init(_ viewer: ViewerStatus, user: UserName?) {
        viewerId = viewer.id.description
        self.user = user?.rawValue
        `protocol` = viewer.kind.rawValue
        rendition = viewer.rendition.rawValue
        remoteAddress = viewer.peer
        encrypted = viewer.isEncrypted
        connectedSince = viewer.connectedSince.rfc3339
        bytesSent = viewer.bytesSent
        bitrate = viewer.bitrate
        skipped = viewer.skipped
        bytesQueued = viewer.queuedBytes
        srt = viewer.srt
    }
}

/// `GET /devices/{id}/channels/{n}/live`.
struct LiveStatusBody: Encodable {
    struct Watching: Encodable {
        var user: String
        var viewers: Int
    }

    var state: String
    var streamId: String?
    var since: String?
    var bitrate: Int?
    var video: String?
    var audio: String?
    var format: StreamFormatBody?
    var viewers: Int
    /// For the owner and operators only.
    var watching: [Watching]?
    var lastEnd: EndBody?

    init(_ live: LiveStatus, _ detail: StreamDetail?, showsUsers: Bool) {
        let stream = detail?.stream
        format = detail?.format.map { StreamFormatBody($0) }
        state = live.activity.rawValue
        streamId = live.stream?.rawValue
        since = live.since?.rfc3339
        bitrate = stream?.bitrate
        video = stream?.contents.video
        audio = stream?.contents.audio
        viewers = live.viewers
        if showsUsers {
            watching = live.audience.sorted { $0.key < $1.key }.map {
                Watching(user: $0.key.rawValue, viewers: $0.value)
            }
        }
        lastEnd = live.lastEnd.map { EndBody($0) }
    }
}

/// `DELETE /admin/streams/{stream}`: whether a new push is to be expected.
struct KickedBody: Encodable {
    var streamId: String
    /// They wait for the next push.
    var viewers: Int
}
