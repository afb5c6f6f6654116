import Bus
import HSSModel
import MediaFormats
import NIOCore
import SRTTransport
import ServerKit
import Synchronization

/// One stream from its publisher to its viewers. The publisher's lane brings packets, and with each tick moves every
/// viewer over SRT on through them; viewers over HTTP are woken once for a batch.
///
/// The lock is taken once for each message and once for each tick; only joining viewers and other lanes ever contend
/// for it.
final class StreamHub: Sendable {
    /// 24 SRT messages: large enough for few wake-ups, small enough to be sent at once.
    private static let batchInBytes = 24 * SRTSocket.usualMessage
    /// How long a batch waits to be filled; a viewer over HTTP lags by so much at most.
    static let batchInterval: Duration = .milliseconds(25)

    private struct State {
        var publisher: UInt64?
        var srtViewers: [SRTViewer] = []
        var httpViewers: [HTTPViewer] = []
        var media: RecentMedia
        /// How far those viewers over SRT are that keep up.
        var advancedTo = 0
        /// Some of them are behind.
        var hasLaggards = false
        var tables = ByteBuffer()
        /// Another publisher sent before this one, and viewers may have seen it.
        var isContinued = false
        /// What has to be marked from the point on where viewers go on.
        var comingMarker: DiscontinuityMarker?
        /// Marks what follows; nil once everything is marked.
        var marker: DiscontinuityMarker?
        /// There are no pictures in this stream: every point is as good as another.
        var beginsAnywhere = false
        /// The next batch of the viewers over HTTP; empty where there are none.
        var pending = ByteBuffer()
        var pendingIsKeyFrame = false
        var pendingSince = Instant(nanoseconds: 0)
        var lastKeyFrame: Instant?
        var keyInterval: Duration?

        mutating func advance(_ viewer: Int, isPaced: Bool, at now: Instant) -> SRTViewer.Progress {
            srtViewers[viewer].advance(
                through: media,
                tables: tables,
                beginsAnywhere: beginsAnywhere,
                isPaced: isPaced,
                at: now
            )
        }
    }

    private let limits: MediaLimits
    private let metrics: MediaMetrics
    /// What it takes was made here, and is not counted as received.
    private let isRendition: Bool
    private let state: Mutex<State>
    private let received = Atomic<UInt64>(0)
    private let sent = Atomic<UInt64>(0)
    private let lost = Atomic<UInt64>(0)

    init(limits: MediaLimits, metrics: MediaMetrics, isRendition: Bool = false) {
        self.limits = limits
        self.metrics = metrics
        self.isRendition = isRendition
        state = Mutex(State(media: RecentMedia(limitInBytes: limits.picturesInBytes)))
    }

    var bytesReceived: UInt64 { received.load(ordering: .relaxed) }
    var bytesSent: UInt64 { sent.load(ordering: .relaxed) }
    var packetsLost: UInt64 { lost.load(ordering: .relaxed) }
    /// Between the last two key frames, as they came; `nil` before the second one.
    var keyInterval: Duration? { state.withLock(\.keyInterval) }

    /// The key frame with which a viewer would begin now; `nil`: there is none.
    var keyFrame: KeyFrameMark? {
        state.withLock { state in
            guard state.media.isWhole, let publisher = state.publisher else { return nil }
            return state.lastKeyFrame.map { KeyFrameMark(publisher: publisher, time: $0) }
        }
    }

    /// The tables and what has come since the last key frame; empty where that is not whole.
    var keptMedia: [ByteBuffer] {
        state.withLock { $0.media.isWhole ? [$0.tables] + $0.media.chunks : [] }
    }

    // MARK: The publisher

    /// From now on only `publisher` is heard. Viewers go on at its first key frame.
    func begin(publisher: UInt64, at now: Instant) {
        state.withLock { state in
            finish(&state, now)
            state.isContinued = state.publisher != nil
            (state.comingMarker, state.marker) = (nil, nil)
            state.publisher = publisher
            state.media.drop()
            state.tables = ByteBuffer()
            state.beginsAnywhere = false
            (state.lastKeyFrame, state.keyInterval) = (nil, nil)
            for index in state.srtViewers.indices { state.srtViewers[index].restart() }
            for viewer in state.httpViewers { viewer.restart() }
        }
    }

    func setTables(_ tables: TransportStreamScanner.Tables, of publisher: UInt64) {
        state.withLock { state in
            guard state.publisher == publisher else { return }
            state.beginsAnywhere = tables.video == .none
            guard state.isContinued else {
                state.tables = ByteBuffer(bytes: tables.packets)
                return
            }
            state.tables = ByteBuffer(bytes: DiscontinuityMarker.marked(tables))
            state.comingMarker = DiscontinuityMarker(tables)
            if state.beginsAnywhere { beginMarking(&state) }
        }
    }

    /// Takes whole transport stream packets, at most one SRT message of them. `keyFrame` is the offset at which a key
    /// frame begins.
    func ingest(_ run: UnsafeRawBufferPointer, keyFrame: Int?, from publisher: UInt64, at now: Instant) {
        received.wrappingAdd(UInt64(run.count), ordering: .relaxed)
        if !isRendition { metrics.bytesReceived.add(run.count) }
        state.withLock { state in
            guard state.publisher == publisher else { return }
            guard let keyFrame else { return append(run, &state, now) }
            append(UnsafeRawBufferPointer(rebasing: run[..<keyFrame]), &state, now)
            // What belongs to the last group reaches those who keep up before it is forgotten.
            advance(&state, now)
            flush(&state)
            state.keyInterval = state.lastKeyFrame.map { now - $0 }
            state.lastKeyFrame = now
            state.media.begin()
            state.pendingIsKeyFrame = true
            if state.comingMarker != nil { beginMarking(&state) }
            append(UnsafeRawBufferPointer(rebasing: run[keyFrame...]), &state, now)
        }
    }

    func countLost(_ packets: Int) {
        lost.wrappingAdd(UInt64(packets), ordering: .relaxed)
        metrics.packetsLost.add(packets)
    }

    /// Moves the viewers on: with each tick of the publisher's lane, whether something came or not.
    func tick(at now: Instant) {
        state.withLock { state in
            if state.advancedTo < state.media.end || state.hasLaggards { advance(&state, now) }
            guard state.pending.readableBytes > 0, now - state.pendingSince >= Self.batchInterval else {
                return
            }
            flush(&state)
        }
    }

    /// The publisher has gone: everything that is there goes out.
    func finish(at now: Instant) {
        state.withLock { finish(&$0, now) }
    }

    private func finish(_ state: inout State, _ now: Instant) {
        advance(&state, now, isPaced: false)
        flush(&state)
    }

    /// Once for each publisher that continues the stream of another, where its viewers go on.
    private func beginMarking(_ state: inout State) {
        swap(&state.marker, &state.comingMarker)
        state.comingMarker = nil
        state.isContinued = false
    }

    private func append(_ run: UnsafeRawBufferPointer, _ state: inout State, _ now: Instant) {
        guard var marker = state.marker else { return put(run, &state, now) }
        marker.mark(run).withUnsafeBytes { put($0, &state, now) }
        state.marker = marker.isDone ? nil : marker
    }

    private func put(_ run: UnsafeRawBufferPointer, _ state: inout State, _ now: Instant) {
        guard run.count > 0 else { return }
        state.media.append(run)
        guard !state.httpViewers.isEmpty else { return }
        if state.pending.readableBytes == 0 {
            state.pending.reserveCapacity(Self.batchInBytes)
            state.pendingSince = now
        }
        state.pending.writeBytes(run)
        if state.pending.readableBytes + SRTSocket.usualMessage > Self.batchInBytes { flush(&state) }
    }

    private func flush(_ state: inout State) {
        let isKeyFrame = state.pendingIsKeyFrame || state.beginsAnywhere
        state.pendingIsKeyFrame = false
        guard state.pending.readableBytes > 0 else { return }
        // A copy of its size: at 2 Mbit/s a batch fills a fifth of the buffer, and slow viewers keep many of them.
        let batch = ByteBuffer(bytes: state.pending.readableBytesView)
        state.pending.clear()
        for viewer in state.httpViewers {
            if viewer.push(batch, isKeyFrame: isKeyFrame, tables: state.tables) {
                if viewer.isCounted { count(sent: batch.readableBytes) }
            } else {
                metrics.batchesSkipped.add()
            }
        }
    }

    /// One viewer after the other, each as far as it goes: libsrt's state of one connection is in the cache only once.
    private func advance(_ state: inout State, _ now: Instant, isPaced: Bool = true) {
        var total = SRTViewer.Progress()
        state.hasLaggards = false
        for index in state.srtViewers.indices {
            let progress = state.advance(index, isPaced: isPaced, at: now)
            total.octets += progress.octets
            total.skipped += progress.skipped
            if state.srtViewers[index].isBehind { state.hasLaggards = true }
        }
        state.advancedTo = state.media.end
        state.media.discard()
        count(total)
    }

    // MARK: Viewers

    /// The new viewer gets the beginning of what is kept at once, and the rest with the ticks of the publisher's lane.
    func add(
        _ id: UInt64,
        _ connection: any SRTViewer.Connection,
        tally: Tally,
        at now: Instant,
        stop: @escaping @Sendable (MediaEnd) -> Void
    ) {
        state.withLock { state in
            state.srtViewers.append(SRTViewer(id: id, connection, tally: tally, stop: stop))
            let last = state.srtViewers.count - 1
            count(state.advance(last, isPaced: true, at: now))
            if state.srtViewers[last].isBehind { state.hasLaggards = true }
        }
    }

    func add(_ viewer: HTTPViewer) {
        state.withLock { state in
            // What it begins with holds what waits for the others.
            flush(&state)
            let fits = state.media.sizeInBytes < limits.viewerQueueInBytes * 3 / 4
            if state.media.isWhole, fits {
                let beginning = [state.tables] + state.media.chunks
                viewer.begin(with: beginning)
                if viewer.isCounted { count(sent: beginning.reduce(0) { $0 + $1.readableBytes }) }
            } else if state.beginsAnywhere {
                viewer.begin(with: [state.tables])
            }
            state.httpViewers.append(viewer)
        }
    }

    /// `isPaced`: what it has not been sent is of no use. Else it goes out at once.
    func remove(_ id: UInt64, isPaced: Bool = true, at now: Instant) {
        state.withLock { state in
            if !isPaced, let index = state.srtViewers.firstIndex(where: { $0.id == id }) {
                count(state.advance(index, isPaced: false, at: now))
            }
            state.srtViewers.removeAll { $0.id == id }
        }
    }

    func remove(_ viewer: HTTPViewer) {
        state.withLock { state in
            state.httpViewers.removeAll { $0 === viewer }
        }
    }

    /// Ends viewers that take nothing.
    func endStuckViewers(at now: Instant) {
        let (srt, http) = state.withLock { state in
            (
                state.srtViewers.filter { $0.stuckSince.map { now - $0 > limits.slowness } ?? false },
                state.httpViewers.filter { $0.isStuck(at: now, limit: limits.slowness) }
            )
        }
        for viewer in srt { viewer.stop(.tooSlow) }
        for viewer in http { viewer.end(.tooSlow) }
    }

    private func count(_ progress: SRTViewer.Progress) {
        if progress.octets > 0 { count(sent: progress.octets) }
        if progress.skipped > 0 { metrics.packetsSkipped.add(progress.skipped) }
    }

    func count(sent bytes: Int) {
        sent.wrappingAdd(UInt64(bytes), ordering: .relaxed)
        metrics.bytesSent.add(bytes)
    }
}
