package import HSSModel

/// One viewer's connection; the MDU numbers them, and uses no number twice in one run.
package struct ViewerID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// As ``description`` writes it.
    package init?(_ text: String) {
        guard let value = UInt64(text) else { return nil }
        rawValue = value
    }

    package var description: String { String(rawValue) }

    package static func < (left: ViewerID, right: ViewerID) -> Bool { left.rawValue < right.rawValue }
}

/// What carries a stream to a viewer.
package enum MediaProtocol: String, Sendable, CaseIterable {
    case srt
    /// MPEG-TS as the body of one answer.
    case ts
    /// Playlists and parts; one session is one viewer.
    case hls
    /// Fragmented MP4 over a WebSocket.
    case ws
}

/// What the programme tables of a stream say is in it.
package struct StreamContents: Sendable, Equatable {
    /// `h264`, `h265`; nil without pictures.
    package var video: String?
    /// `aac`, `g711`, …; nil without sound.
    package var audio: String?

    package init(video: String? = nil, audio: String? = nil) {
        self.video = video
        self.audio = audio
    }
}

/// How a running stream is coded, as its parameter sets, headers and times tell. Nil: it does not say.
package struct StreamFormat: Sendable, Equatable {
    package var width: Int?
    package var height: Int?
    /// Pictures in a second, measured over those that are kept.
    package var frameRate: Double?
    /// Such as `High`.
    package var profile: String?
    /// Such as `3.1`.
    package var level: String?
    /// In Hz.
    package var samplingRate: Int?
    package var channels: Int?
    /// RFC 6381, pictures before sound.
    package var codecs: [String] = []

    package init() {}
}

/// Who sends a stream.
package struct PublisherStatus: Sendable, Equatable {
    package var kind: MediaProtocol
    /// Address and port.
    package var peer: String?
    package var isEncrypted: Bool
    package var connectedSince: WallTime
    package var bytesReceived: UInt64
    /// Bit/s over the last seconds.
    package var bitrate: Int
    /// How long a lost packet may hold up what follows it.
    package var latency: Duration
    package var srt: SRTFigures?

    package init(
        kind: MediaProtocol,
        peer: String?,
        isEncrypted: Bool,
        connectedSince: WallTime,
        bytesReceived: UInt64,
        bitrate: Int,
        latency: Duration,
        srt: SRTFigures?
    ) {
        self.latency = latency
        self.kind = kind
        self.peer = peer
        self.isEncrypted = isEncrypted
        self.connectedSince = connectedSince
        self.bytesReceived = bytesReceived
        self.bitrate = bitrate
        self.srt = srt
    }
}

/// Who watches a stream.
package struct ViewerStatus: Sendable, Equatable {
    package var id: ViewerID
    package var lease: LeaseID
    package var kind: MediaProtocol
    /// As it was asked for.
    package var rendition: Rendition
    /// Address, with its port where it is known.
    package var peer: String?
    package var isEncrypted: Bool
    package var connectedSince: WallTime
    package var bytesSent: UInt64
    /// Bit/s over the last seconds.
    package var bitrate: Int
    /// Messages (SRT) or batches (HTTP) passed over because it was too slow.
    package var skipped: UInt64
    /// Octets that wait for it.
    package var queuedBytes: Int
    package var srt: SRTFigures?

    package init(
        id: ViewerID,
        lease: LeaseID,
        kind: MediaProtocol,
        rendition: Rendition = .original,
        peer: String?,
        isEncrypted: Bool,
        connectedSince: WallTime,
        bytesSent: UInt64,
        bitrate: Int,
        skipped: UInt64,
        queuedBytes: Int,
        srt: SRTFigures?
    ) {
        self.id = id
        self.lease = lease
        self.kind = kind
        self.rendition = rendition
        self.peer = peer
        self.isEncrypted = isEncrypted
        self.connectedSince = connectedSince
        self.bytesSent = bytesSent
        self.bitrate = bitrate
        self.skipped = skipped
        self.queuedBytes = queuedBytes
        self.srt = srt
    }
}

/// How the last push of a stream ended.
package struct PublisherEnd: Sendable, Equatable {
    package var reason: MediaEnd
    package var time: WallTime

    package init(reason: MediaEnd, time: WallTime) {
        self.reason = reason
        self.time = time
    }
}

/// A rendition that is being made.
package struct RenditionStatus: Sendable, Equatable {
    package enum Activity: String, Sendable, Equatable {
        /// Nothing has come out of it yet.
        case starting
        case running
        /// Its process ended, and another one is about to be started.
        case restarting
    }

    package var rendition: Rendition
    package var activity: Activity
    package var viewers: Int
    /// How many cores it takes now, over the last seconds.
    package var cores: Double
    /// All that its processes have used.
    package var cpuTime: Duration
    /// Bit/s that come out of it, over the last seconds.
    package var bitrate: Int
    /// Octets of the original that wait for it.
    package var queuedBytes: Int
    /// Batches of the original passed over because it was too slow.
    package var skipped: UInt64
    /// Processes that ended of themselves, or hung.
    package var restarts: Int

    package init(
        rendition: Rendition,
        activity: Activity,
        viewers: Int,
        cores: Double,
        cpuTime: Duration,
        bitrate: Int,
        queuedBytes: Int,
        skipped: UInt64,
        restarts: Int
    ) {
        self.rendition = rendition
        self.activity = activity
        self.viewers = viewers
        self.cores = cores
        self.cpuTime = cpuTime
        self.bitrate = bitrate
        self.queuedBytes = queuedBytes
        self.skipped = skipped
        self.restarts = restarts
    }
}

/// One stream as an operator sees it, with some of its viewers in the order in which they came.
package struct StreamDetail: Sendable, Equatable {
    package var stream: StreamStatus
    package var publisher: PublisherStatus?
    package var viewers: [ViewerStatus]
    /// Nil while nothing is known of it.
    package var format: StreamFormat?
    /// Those that are made now.
    package var renditions: [RenditionStatus]

    package init(
        stream: StreamStatus,
        publisher: PublisherStatus?,
        viewers: [ViewerStatus],
        renditions: [RenditionStatus] = []
    ) {
        self.stream = stream
        self.publisher = publisher
        self.viewers = viewers
        self.renditions = renditions
    }
}
