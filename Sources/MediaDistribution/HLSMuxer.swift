import Bus
import HSSModel
import HostClock
import MediaFormats
import NIOCore
import ServerKit
import Synchronization

/// Makes parts and playlists of one stream, for all of its viewers over HLS: one more reader of the stream, which takes
/// whole batches like a viewer over HTTP, in a task of its own. It begins with the group of pictures that is kept.
final class HLSMuxer: Sendable {
    /// Until two key frames have come, their distance is not known: GOPs of cameras are 1 to 4 s.
    private static let usualTargetDuration = 4
    private static let longestTargetDuration = 10

    private struct Waiter {
        let deadline: Instant
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var window: HLSWindow<ByteBuffer>
        var waiters: [UInt64: Waiter] = [:]
        var lastWaiter: UInt64 = 0
        /// Counts changes of the window, so that none is slept through.
        var version: UInt64 = 0
        var isOver = false
    }

    let hub: StreamHub
    /// How long a request waits for what comes next (RFC 8216bis, 6.2.5.2: three target durations).
    let longestWait: Duration
    private let feed: HTTPViewer
    private let metrics: MediaMetrics
    private let segmentSettings: MediaSegmenter.Settings
    private let state: Mutex<State>

    init(_ hub: StreamHub, limits: MediaLimits, metrics: MediaMetrics, at now: Instant) {
        self.hub = hub
        self.metrics = metrics
        let target = Self.targetDuration(hub.keyInterval)
        var window = HLSWindow<ByteBuffer>.Settings()
        window.limitInBytes = limits.hlsWindowInBytes
        window.targetDuration = target
        var segments = MediaSegmenter.Settings()
        segments.longestSegment = Int64(target) * 90_000
        segments.shortestSegment = 45_000
        segments.part = limits.hlsPart.wholeMilliseconds * 90
        segments.largestSegment = min(segments.largestSegment, limits.hlsWindowInBytes / 3)
        segments.largestPart = min(segments.largestPart, segments.largestSegment)
        segmentSettings = segments
        state = Mutex(State(window: HLSWindow(window)))
        longestWait = .seconds(3 * target)
        feed = HTTPViewer(limitInBytes: limits.viewerQueueInBytes, isCounted: false, at: now)
    }

    /// Whole seconds; arrivals that vary by a twentieth do not make it longer.
    static func targetDuration(_ keyInterval: Duration?) -> Int {
        guard let keyInterval else { return usualTargetDuration }
        let seconds = Double(keyInterval.wholeMilliseconds) / 1000 * 0.95
        return min(max(1, Int(seconds.rounded(.up))), longestTargetDuration)
    }

    /// Reads the stream until ``stop()`` or ``finish()``.
    @concurrent func run() async {
        metrics.hlsMuxers.add(1)
        hub.add(feed)
        defer {
            hub.remove(feed)
            metrics.hlsMuxers.add(-1)
        }
        var demultiplexer = TransportStreamDemultiplexer()
        var segmenter = MediaSegmenter(segmentSettings)
        var bell = feed.makeBell()
        var dropped = 0
        while let batches = await feed.next(&bell) {
            for batch in batches {
                // One batch at a time: what a hostile stream makes of it is published, and bounded, before the next.
                var outputs: [MediaSegmenter.Output] = []
                batch.withUnsafeReadableBytes { octets in
                    demultiplexer.take(octets) { segmenter.take($0) { outputs.append($0) } }
                }
                publish(outputs, segmenter)
            }
            metrics.hlsPicturesDropped.add(max(0, demultiplexer.droppedPictures - dropped))
            dropped = demultiplexer.droppedPictures
        }
        var outputs: [MediaSegmenter.Output] = []
        demultiplexer.finish { segmenter.take($0) { outputs.append($0) } }
        segmenter.breakOff { outputs.append($0) }
        publish(outputs, segmenter)
        change { state in
            state.window.finish()
            state.isOver = true
        }
    }

    /// It makes no more parts.
    var hasEnded: Bool { feed.endReason != nil }

    /// Nobody watches any more.
    func stop() { feed.end(.closedByPeer) }

    /// The stream has ended: its viewers see it to its end.
    func finish() { feed.end(.closedByPlatform) }

    private func publish(_ outputs: [MediaSegmenter.Output], _ segmenter: MediaSegmenter) {
        guard !outputs.isEmpty else { return }
        let now = WallTime.now
        change { state in
            for output in outputs {
                switch output {
                case .header(let header): state.window.add(header, ByteBuffer(bytes: header.bytes))
                case .part(let part):
                    let target = segmenter.partTarget ?? segmentSettings.part
                    state.window.add(part, ByteBuffer(bytes: part.bytes), partTarget: target)
                }
            }
            state.window.anchor(segmenter.lastTime, at: now.milliseconds)
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let waiters = state.withLock { state in
            body(&state)
            state.version += 1
            defer { state.waiters = [:] }
            return state.waiters.values.map(\.continuation)
        }
        for waiter in waiters { waiter.resume() }
    }

    // MARK: What viewers ask

    enum Answer<Content: Sendable>: Sendable {
        case content(Content)
        /// It does not exist, or not any more.
        case missing
        /// The player is further ahead than can be waited for.
        case tooFarAhead
        /// Nothing came in time.
        case timedOut
    }

    /// The media playlist, once it has what the request names.
    func playlist(_ request: HLSRequest, until deadline: Instant) async -> Answer<String> {
        await answer(until: deadline) { window in
            switch window.decide(request) {
            case .answer: .content(window.playlist(skips: request.skips))
            case .refuse: .tooFarAhead
            case .wait: nil
            }
        }
    }

    func multivariantPlaylist(_ name: String, until deadline: Instant) async -> Answer<String> {
        await answer(until: deadline) { window in
            guard window.decide(HLSRequest()) == .answer else { return nil }
            return window.multivariantPlaylist(mediaPlaylist: name).map { .content($0) } ?? .missing
        }
    }

    /// A part, once it has come if it is the next one.
    func part(_ place: HLSPlace, until deadline: Instant) async -> Answer<[ByteBuffer]> {
        await answer(until: deadline) { window in
            switch window.decide(part: place) {
            case .answer: window.part(place).map { .content([$0]) } ?? .missing
            case .refuse: .missing
            case .wait: nil
            }
        }
    }

    func segment(_ number: Int) -> [ByteBuffer]? { state.withLock { $0.window.segment(number) } }

    func header(_ number: Int) -> ByteBuffer? { state.withLock { $0.window.header(number) } }

    /// Asks again with each change; `nil` is worth a wait.
    private func answer<Content>(
        until deadline: Instant,
        _ look: @Sendable (HLSWindow<ByteBuffer>) -> Answer<Content>?
    ) async -> Answer<Content> {
        while true {
            let (found, version, isOver) = state.withLock { (look($0.window), $0.version, $0.isOver) }
            if let found { return found }
            guard !isOver else { return .missing }
            guard Instant.now < deadline, !Task.isCancelled else { return .timedOut }
            await waitForChange(after: version, until: deadline)
        }
    }

    private func waitForChange(after version: UInt64, until deadline: Instant) async {
        let id = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isLate = state.withLock { state in
                    guard state.version == version, !Task.isCancelled else { return true }
                    state.waiters[id] = Waiter(deadline: deadline, continuation: continuation)
                    return false
                }
                if isLate { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id)?.continuation }?.resume()
        }
    }

    /// Once a second: who waits too long hears it.
    func sweep(at now: Instant) {
        let late = state.withLock { state in
            let late = state.waiters.filter { $0.value.deadline <= now }
            for id in late.keys { state.waiters[id] = nil }
            return late.values.map(\.continuation)
        }
        for waiter in late { waiter.resume() }
    }
}
