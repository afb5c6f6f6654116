import Bus
import HSSModel
import HostClock
import MediaFormats
import NIOCore
import NIOWebSocket
import ServerKit
import Synchronization

/// Makes fragments of one stream, for all of its viewers over WebSockets: one more reader of the stream, which takes whole
/// batches like a viewer over HTTP, in a task of its own. Each fragment is put into one frame, which goes to everybody.
final class FragmentMuxer: Sendable {
    private struct State {
        var viewers: [HTTPViewer] = []
        /// The frames that come first: what is to be shown, and the initialisation segment.
        var header = ByteBuffer()
        /// Frames since the last key frame, for those who come.
        var recent: [ByteBuffer] = []
        var recentInBytes = 0
        var isOver = false
    }

    let hub: StreamHub
    private let limits: MediaLimits
    private let metrics: MediaMetrics
    private let feed: HTTPViewer
    private let state = Mutex(State())
    /// Why the stream ends, for those who may see it to its end.
    private let reason = Mutex(MediaEnd.closedByPlatform)

    init(_ hub: StreamHub, limits: MediaLimits, metrics: MediaMetrics, at now: Instant) {
        self.hub = hub
        self.limits = limits
        self.metrics = metrics
        feed = HTTPViewer(limitInBytes: limits.viewerQueueInBytes, isCounted: false, at: now)
    }

    /// One picture each, or as many as there are in a thirtieth of a second; a fragment of its own for each key frame.
    private var segments: MediaSegmenter.Settings {
        var settings = MediaSegmenter.Settings()
        settings.part = 3000
        settings.shortestSegment = 1
        settings.longestSegment = 900_000
        settings.firstSegment = 900_000
        // A frame has to fit into a viewer's queue, beside a header.
        settings.largestSegment = limits.viewerQueueInBytes * 3 / 4
        settings.largestPart = min(settings.largestPart, settings.largestSegment)
        return settings
    }

    /// Reads the stream until ``stop()`` or ``finish(_:)``.
    @concurrent func run() async {
        metrics.fragmentMuxers.add(1)
        hub.add(feed)
        defer {
            hub.remove(feed)
            metrics.fragmentMuxers.add(-1)
        }
        var demultiplexer = TransportStreamDemultiplexer()
        var segmenter = MediaSegmenter(segments)
        var omitted = OmittedSound()
        var bell = feed.makeBell()
        while let batches = await feed.next(&bell) {
            for batch in batches {
                var outputs: [MediaSegmenter.Output] = []
                batch.withUnsafeReadableBytes { octets in
                    demultiplexer.take(octets) { event in
                        omitted.take(event)
                        segmenter.take(event) { outputs.append($0) }
                    }
                }
                publish(outputs, omitted)
            }
        }
        var outputs: [MediaSegmenter.Output] = []
        demultiplexer.finish { segmenter.take($0) { outputs.append($0) } }
        segmenter.breakOff { outputs.append($0) }
        publish(outputs, omitted)
        end()
    }

    /// It makes no more fragments.
    var hasEnded: Bool { feed.endReason != nil }

    /// Nobody watches any more.
    func stop() { feed.end(.closedByPeer) }

    /// The stream has ended: its viewers see it to its end.
    func finish(_ reason: MediaEnd) {
        self.reason.withLock { $0 = reason }
        feed.end(.closedByPlatform)
    }

    private func end() {
        let viewers = state.withLock { state in
            state.isOver = true
            state.recent = []
            return state.viewers
        }
        for viewer in viewers { viewer.end(reason.withLock(\.self)) }
    }

    // MARK: Fragments

    private func publish(_ outputs: [MediaSegmenter.Output], _ omitted: OmittedSound) {
        guard !outputs.isEmpty else { return }
        state.withLock { state in
            for output in outputs {
                switch output {
                case .header(let header):
                    state.header = Self.frames(of: header, omitted)
                    (state.recent, state.recentInBytes) = ([], 0)
                    for viewer in state.viewers { viewer.push(tables: state.header) }
                case .part(let part):
                    let frame = ByteBuffer(frame: .binary, part.bytes)
                    keep(frame, isKeyFrame: part.isIndependent, &state)
                    send(frame, isKeyFrame: part.isIndependent, state)
                }
            }
        }
    }

    private static func frames(of header: MP4Header, _ omitted: OmittedSound) -> ByteBuffer {
        let announcement = FragmentAnnouncement(header, omitted: omitted.name)
        var frames = ByteBuffer(frame: .text, Array(announcement.json.utf8))
        frames.writeImmutableBuffer(ByteBuffer(frame: .binary, header.bytes))
        return frames
    }

    /// Bounded: half a group of pictures shows nothing, and who comes then waits for the next key frame.
    private func keep(_ frame: ByteBuffer, isKeyFrame: Bool, _ state: inout State) {
        if isKeyFrame {
            state.recent = [frame]
            state.recentInBytes = frame.readableBytes
        } else if !state.recent.isEmpty {
            state.recent.append(frame)
            state.recentInBytes += frame.readableBytes
            if state.recentInBytes > limits.viewerQueueInBytes * 3 / 4 { state.recent = [] }
        }
    }

    private func send(_ frame: ByteBuffer, isKeyFrame: Bool, _ state: borrowing State) {
        for viewer in state.viewers {
            if viewer.push(frame, isKeyFrame: isKeyFrame, tables: state.header) {
                hub.count(sent: frame.readableBytes)
            } else {
                metrics.batchesSkipped.add()
            }
        }
    }

    // MARK: Viewers

    /// It gets what is kept at once.
    func add(_ viewer: HTTPViewer) {
        let isOver = state.withLock { state in
            guard !state.isOver else { return true }
            if !state.recent.isEmpty {
                viewer.begin(with: [state.header] + state.recent)
                hub.count(sent: state.header.readableBytes + state.recentInBytes)
            }
            state.viewers.append(viewer)
            return false
        }
        if isOver { viewer.end(reason.withLock(\.self)) }
    }

    func remove(_ viewer: HTTPViewer) {
        state.withLock { state in state.viewers.removeAll { $0 === viewer } }
    }

    /// Once a second: who takes nothing is ended.
    func endStuckViewers(at now: Instant) {
        let stuck = state.withLock { state in
            state.viewers.filter { $0.isStuck(at: now, limit: limits.slowness) }
        }
        for viewer in stuck { viewer.end(.tooSlow) }
    }
}

/// What a stream has that browsers do not play: G.711, which Media Source Extensions do not know.
struct OmittedSound {
    private(set) var name: String?

    mutating func take(_ event: TransportStreamDemultiplexer.Event) {
        switch event {
        case .content(let content) where !content.hasAudio: name = nil
        case .audio(let format):
            if case .aac = format.coding { name = nil } else { name = "g711" }
        default: break
        }
    }
}

/// The text message before an initialisation segment: what Media Source Extensions have to know to take it.
struct FragmentAnnouncement: Equatable {
    /// As `MediaSource.isTypeSupported()` takes it (RFC 6381).
    var mime: String
    var width: Int?
    var height: Int?
    /// Sound that the stream has and this does not.
    var omitted: String?

    init(_ header: MP4Header, omitted: String?) {
        mime = "\(header.video == nil ? "audio" : "video")/mp4; codecs=\"\(header.codecs)\""
        width = header.video.map { Int($0.width) }
        height = header.video.map { Int($0.height) }
        self.omitted = omitted
    }

    var json: String {
        var pairs = ["\"mime\":\(JSONText.quote(mime))"]
        if let width, let height { pairs.append("\"width\":\(width),\"height\":\(height)") }
        if let omitted { pairs.append("\"omitted\":\(JSONText.quote(omitted))") }
        return "{\(pairs.joined(separator: ","))}"
    }
}
