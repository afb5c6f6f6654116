package import HSSModel

/// What the SCU wants the MDU to expect: one publisher of one stream.
package struct IngestOrder: Sendable, Equatable {
    package var stream: StreamID
    package var source: ChannelAddress
    /// A publisher with a newer epoch takes the stream over; an older one is refused.
    package var epoch: Epoch
    /// Bit/s, 0 for no limit (`max_bitrate`, Table I.2-12). A publisher of more is closed.
    package var maxBitrate: Int
    /// How long a lost packet may hold up what follows it, 20 ms to 8 s; nil: as the media server is set.
    package var latency: Duration?

    package init(
        stream: StreamID,
        source: ChannelAddress,
        epoch: Epoch,
        maxBitrate: Int,
        latency: Duration? = nil
    ) {
        self.stream = stream
        self.source = source
        self.epoch = epoch
        self.maxBitrate = maxBitrate
        self.latency = latency
    }
}

/// Where a unit publishes: the `url` of Table I.2-12. Holds a ticket and a passphrase.
package struct IngestAddress: Sendable {
    package var url: Secret

    package init(url: Secret) {
        self.url = url
    }
}

/// Where a customer watches one stream. Each address carries a play ticket, valid until `expiresAt`.
package struct PlayAddresses: Sendable {
    package var srt: Secret
    package var ts: Secret
    package var hls: Secret
    /// Fragmented MP4 over a WebSocket.
    package var ws: Secret
    /// The latest picture.
    package var jpeg: Secret
    package var expiresAt: WallTime

    package init(srt: Secret, ts: Secret, hls: Secret, ws: Secret, jpeg: Secret, expiresAt: WallTime) {
        self.srt = srt
        self.ts = ts
        self.hls = hls
        self.ws = ws
        self.jpeg = jpeg
        self.expiresAt = expiresAt
    }
}

/// Why a publisher or a viewer is no longer there.
package enum MediaEnd: String, Sendable, Equatable, CaseIterable {
    /// The peer closed its connection.
    case closedByPeer = "closed-by-peer"
    /// Nothing came for longer than allowed.
    case silent
    /// A publisher with a newer epoch took over.
    case displaced
    /// The platform no longer wants it.
    case closedByPlatform = "closed-by-platform"
    /// A viewer may watch no longer, though the stream goes on.
    case dismissed
    /// A viewer could not keep up.
    case tooSlow = "too-slow"
    /// What a publisher sent is no MPEG transport stream; what a viewer sent is not of its protocol.
    case malformed
    /// A publisher sent more than its order allows (``IngestOrder/maxBitrate``).
    case overBitrate = "over-bitrate"
    /// A transport stream without a programme: its tables never came.
    case noProgramme = "no-programme"
    /// A programme without pictures and without sound.
    case noMedia = "no-media"
    /// Pictures that are coded in a way that customers' players need not know.
    case unsupportedCodec = "unsupported-codec"
    /// An operator ended it.
    case closedByOperator = "closed-by-operator"
    /// A viewer's publisher did not come back in time.
    case publisherGone = "publisher-gone"
    /// The user watches more than one may.
    case userLimit = "user-limit"
    /// The rendition that was watched cannot be made.
    case transcodingFailed = "transcoding-failed"
    /// The unit codes its stream otherwise now, and the viewer asked for what it is not any more: to ask again helps.
    case formatChanged = "format-changed"
    case shuttingDown = "shutting-down"

    /// The unit sends what the platform will not have: to ask it again at once would only bring the same.
    package var isRejection: Bool {
        switch self {
        case .overBitrate, .noProgramme, .noMedia, .unsupportedCodec: true
        case .closedByPeer, .silent, .displaced, .closedByPlatform, .dismissed, .tooSlow, .malformed,
            .closedByOperator, .publisherGone, .userLimit, .transcodingFailed, .formatChanged, .shuttingDown:
            false
        }
    }
}

/// What the MDU tells the SCU, in the order in which it happened for one stream.
package enum MediaEvent: Sendable, Equatable {
    case published(StreamID, Epoch)
    case unpublished(StreamID, Epoch, MediaEnd)
    /// `viewers` counts those that now watch the stream.
    case viewerJoined(StreamID, LeaseID, viewers: Int)
    case viewerLeft(StreamID, LeaseID, viewers: Int, MediaEnd)
}

/// Figures of one stream, for operators.
package struct StreamStatus: Sendable, Equatable {
    package var stream: StreamID
    package var source: ChannelAddress?
    package var epoch: Epoch
    package var publishing: Bool
    package var viewers: Int
    package var bytesReceived: UInt64
    package var bytesSent: UInt64
    package var packetsLost: UInt64
    package var startedAt: WallTime
    /// Bit/s over the last seconds, from the publisher.
    package var bitrate: Int
    package var contents: StreamContents
    /// Of the publisher before this one, or of the last one.
    package var lastEnd: PublisherEnd?

    package init(
        stream: StreamID,
        source: ChannelAddress?,
        epoch: Epoch,
        publishing: Bool,
        viewers: Int,
        bytesReceived: UInt64,
        bytesSent: UInt64,
        packetsLost: UInt64,
        startedAt: WallTime,
        bitrate: Int = 0,
        contents: StreamContents = StreamContents(),
        lastEnd: PublisherEnd? = nil
    ) {
        self.stream = stream
        self.source = source
        self.epoch = epoch
        self.publishing = publishing
        self.viewers = viewers
        self.bytesReceived = bytesReceived
        self.bytesSent = bytesSent
        self.packetsLost = packetsLost
        self.startedAt = startedAt
        self.bitrate = bitrate
        self.contents = contents
        self.lastEnd = lastEnd
    }
}

package enum MediaError: Error, Equatable, CustomStringConvertible {
    /// At a limit of streams, viewers or memory.
    case busy(String)
    case noSuchStream(StreamID)
    case unavailable(String)
    /// This media server makes no renditions: it is switched off, or what it takes is not installed.
    case noTranscoding(String)
    /// No more renditions for now.
    case transcodingBusy(String)
    /// The rendition was tried and given up a short while ago.
    case transcodingFailed(String)

    package var description: String {
        switch self {
        case .noTranscoding(let reason): "renditions are not offered: \(reason); ask for the original"
        case .transcodingBusy(let limit): "no more renditions for now (\(limit)); the original can be had"
        case .transcodingFailed(let reason):
            "the rendition could not be made: \(reason); the original can be had"
        case .busy(let limit): "the media server is at its limit: \(limit)"
        case .noSuchStream(let stream): "stream \(stream) is not running"
        case .unavailable(let reason): "the media server is not available: \(reason)"
        }
    }
}

/// Reference point Sm, what the SCU asks of the MDU (§8.3.2 b).
package protocol MediaDistributor: Sendable {
    /// Prepares for a publisher and makes its address. Every call makes a new one-use ticket.
    func openIngest(_ order: IngestOrder) async throws(MediaError) -> IngestAddress

    /// Ends the stream: publisher and viewers are closed, tickets handed out for it no longer count.
    /// Nothing happens where there is no such stream.
    func close(_ stream: StreamID) async

    /// Ends the viewers of these leases; play tickets that were made for them no longer count.
    func dismiss(_ leases: [LeaseID], of stream: StreamID) async

    /// Whether renditions are made at all; to be asked before a unit is bothered for one.
    func checkOffer(of rendition: Rendition) async throws(MediaError)

    /// Makes play addresses for one lease on a stream. Reference point Cm carries the pictures. The rendition is begun by its
    /// first viewer; refused where there would be no room for it.
    func play(
        _ stream: StreamID,
        lease: LeaseID,
        rendition: Rendition,
        validFor: Duration
    ) async throws(MediaError) -> PlayAddresses

    /// Streams that have a publisher or viewers.
    func streams() async -> [StreamStatus]

    /// One of them, with its publisher and those viewers that came after `viewer`, at most `limit`; nil where it does
    /// not run. Figures of connections are taken now: ask for as many as are to be shown.
    func stream(_ stream: StreamID, viewersAfter viewer: ViewerID?, limit: Int) async -> StreamDetail?

    /// Ends one viewer for an operator, and whatever else was opened with the same play address, which counts no more.
    /// False where there is no such viewer.
    func kick(_ viewer: ViewerID, of stream: StreamID) async -> Bool

    /// Ends the push of a stream for an operator; its viewers wait for the next one as after any other end. False where
    /// nobody publishes.
    func kickPublisher(of stream: StreamID) async -> Bool

    /// Ends the newest viewers of one lease beyond `count`: its user has too many.
    func trim(_ lease: LeaseID, of stream: StreamID, to count: Int) async

    /// Everything that happens from the call on; a `published` for each stream that already runs comes first,
    /// followed by a `viewerJoined` for each of its viewers, so that a restarted SCU learns what is there.
    func events() async -> AsyncStream<MediaEvent>
}

extension MediaDistributor {
    /// The original's.
    package func play(
        _ stream: StreamID,
        lease: LeaseID,
        validFor: Duration
    ) async throws(MediaError) -> PlayAddresses {
        try await play(stream, lease: lease, rendition: .original, validFor: validFor)
    }
}
