import Bus
import HSSModel
import MediaFormats
import NIOCore
import SRTTransport
import ServerKit
import Synchronization

/// One stream from its publisher to its viewers. The publisher's lane brings packets; each goes to every SRT viewer at
/// once, because libsrt's send buffer is their queue, and into a batch for the group of pictures and the HTTP viewers.
///
/// The lock is taken once for each message; only joining viewers and other lanes ever contend for it.
final class StreamHub: Sendable {
    /// 24 SRT messages: large enough for few wake-ups, small enough to be sent at once.
    private static let batchInBytes = 24 * SRTSocket.usualMessage
    /// How long a batch waits to be filled; a viewer over HTTP lags by so much at most.
    static let batchInterval: Duration = .milliseconds(25)

    private struct SRTViewer {
        let id: UInt64
        let socket: SRTSocket
        let stop: @Sendable (MediaEnd) -> Void
        var awaitsKeyFrame = true
        /// Since when nothing could be sent.
        var stuckSince: Instant?
    }

    private struct State {
        var publisher: UInt64?
        var srtViewers: [SRTViewer] = []
        var httpViewers: [HTTPViewer] = []
        var pictures: GroupOfPictures
        var tables = ByteBuffer()
        /// There are no pictures in this stream: every point is as good as another.
        var beginsAnywhere = false
        var pending = ByteBuffer()
        var pendingIsKeyFrame = false
        var pendingSince = Instant(nanoseconds: 0)
    }

    private let limits: MediaLimits
    private let metrics: MediaMetrics
    private let state: Mutex<State>
    private let received = Atomic<UInt64>(0)
    private let sent = Atomic<UInt64>(0)
    private let lost = Atomic<UInt64>(0)

    init(limits: MediaLimits, metrics: MediaMetrics) {
        self.limits = limits
        self.metrics = metrics
        state = Mutex(State(pictures: GroupOfPictures(limitInBytes: limits.picturesInBytes)))
    }

    var bytesReceived: UInt64 { received.load(ordering: .relaxed) }
    var bytesSent: UInt64 { sent.load(ordering: .relaxed) }
    var packetsLost: UInt64 { lost.load(ordering: .relaxed) }

    // MARK: The publisher

    /// From now on only `publisher` is heard. Viewers go on at its first key frame.
    func begin(publisher: UInt64) {
        state.withLock { state in
            flush(&state)
            state.publisher = publisher
            state.pictures.drop()
            state.tables = ByteBuffer()
            state.beginsAnywhere = false
            for index in state.srtViewers.indices { state.srtViewers[index].awaitsKeyFrame = true }
        }
    }

    func setTables(_ tables: TransportStreamScanner.Tables, of publisher: UInt64) {
        state.withLock { state in
            guard state.publisher == publisher else { return }
            state.tables = ByteBuffer(bytes: tables.packets)
            state.beginsAnywhere = tables.video == .none
        }
    }

    /// Takes whole transport stream packets, at most one SRT message of them. `keyFrame` is the offset at which a key
    /// frame begins.
    func ingest(_ run: UnsafeRawBufferPointer, keyFrame: Int?, from publisher: UInt64, at now: Instant) {
        received.wrappingAdd(UInt64(run.count), ordering: .relaxed)
        metrics.bytesReceived.add(run.count)
        state.withLock { state in
            guard state.publisher == publisher else { return }
            if let keyFrame {
                append(UnsafeRawBufferPointer(rebasing: run[..<keyFrame]), &state, now)
                flush(&state)
                state.pictures.begin()
                state.pendingIsKeyFrame = true
                append(UnsafeRawBufferPointer(rebasing: run[keyFrame...]), &state, now)
            } else {
                append(run, &state, now)
            }
            sendToSRTViewers(run, keyFrame, &state, now)
        }
    }

    func countLost(_ packets: Int) {
        lost.wrappingAdd(UInt64(packets), ordering: .relaxed)
        metrics.packetsLost.add(packets)
    }

    /// Sends off a batch that has waited long enough.
    func flushIfOld(at now: Instant) {
        state.withLock { state in
            guard state.pending.readableBytes > 0, now - state.pendingSince >= Self.batchInterval else {
                return
            }
            flush(&state)
        }
    }

    func flush() {
        state.withLock { flush(&$0) }
    }

    private func append(_ run: UnsafeRawBufferPointer, _ state: inout State, _ now: Instant) {
        guard run.count > 0 else { return }
        if state.pending.readableBytes == 0 {
            state.pending.reserveCapacity(Self.batchInBytes)
            state.pendingSince = now
        }
        state.pending.writeBytes(run)
        if state.pending.readableBytes + SRTSocket.usualMessage > Self.batchInBytes { flush(&state) }
    }

    private func flush(_ state: inout State) {
        guard state.pending.readableBytes > 0 else { return }
        // A copy of its size: at 2 Mbit/s a batch fills a fifth of the buffer, and the group keeps hundreds of them.
        let batch = ByteBuffer(bytes: state.pending.readableBytesView)
        let isKeyFrame = state.pendingIsKeyFrame || state.beginsAnywhere
        state.pending.clear()
        state.pendingIsKeyFrame = false
        state.pictures.append(batch)
        for viewer in state.httpViewers {
            if viewer.push(batch, isKeyFrame: isKeyFrame, tables: state.tables) {
                count(sent: batch.readableBytes)
            } else {
                metrics.batchesSkipped.add()
            }
        }
    }

    private func sendToSRTViewers(
        _ run: UnsafeRawBufferPointer,
        _ keyFrame: Int?,
        _ state: inout State,
        _ now: Instant
    ) {
        for index in state.srtViewers.indices {
            if state.srtViewers[index].awaitsKeyFrame {
                guard keyFrame != nil || state.beginsAnywhere else { continue }
                let start = UnsafeRawBufferPointer(rebasing: run[(keyFrame ?? 0)...])
                let begins = send(state.tables.readableBytesView, to: state.srtViewers[index].socket)
                guard begins, send(start, to: state.srtViewers[index].socket) else {
                    stick(&state.srtViewers[index], now)
                    continue
                }
                state.srtViewers[index].awaitsKeyFrame = false
                state.srtViewers[index].stuckSince = nil
            } else if send(run, to: state.srtViewers[index].socket) {
                state.srtViewers[index].stuckSince = nil
            } else {
                stick(&state.srtViewers[index], now)
            }
        }
    }

    /// Its send buffer is full: it goes on at a key frame, because pictures that lack some of their data show worse.
    private func stick(_ viewer: inout SRTViewer, _ now: Instant) {
        viewer.awaitsKeyFrame = true
        viewer.stuckSince = viewer.stuckSince ?? now
        metrics.packetsSkipped.add()
    }

    // MARK: Viewers

    func add(_ id: UInt64, _ socket: SRTSocket, stop: @escaping @Sendable (MediaEnd) -> Void) {
        state.withLock { state in
            var viewer = SRTViewer(id: id, socket: socket, stop: stop)
            let fits = state.pictures.sizeInBytes < limits.sendBufferInBytes * 3 / 4
            if state.pictures.isWhole, fits {
                let beginning = [state.tables] + state.pictures.batches + [state.pending]
                viewer.awaitsKeyFrame = !beginning.allSatisfy { send($0.readableBytesView, to: socket) }
            } else if state.beginsAnywhere {
                viewer.awaitsKeyFrame = !send(state.tables.readableBytesView, to: socket)
            }
            state.srtViewers.append(viewer)
        }
    }

    func add(_ viewer: HTTPViewer) {
        state.withLock { state in
            let fits = state.pictures.sizeInBytes < limits.viewerQueueInBytes * 3 / 4
            if state.pictures.isWhole, fits {
                flush(&state)
                let beginning = [state.tables] + state.pictures.batches
                viewer.begin(with: beginning)
                count(sent: beginning.reduce(0) { $0 + $1.readableBytes })
            } else if state.beginsAnywhere {
                viewer.begin(with: [state.tables])
            }
            state.httpViewers.append(viewer)
        }
    }

    func remove(_ id: UInt64) {
        state.withLock { state in
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

    private func send(_ bytes: ByteBufferView, to socket: SRTSocket) -> Bool {
        bytes.withUnsafeBytes { all in
            var start = 0
            while start < all.count {
                let end = min(start + SRTSocket.usualMessage, all.count)
                guard send(UnsafeRawBufferPointer(rebasing: all[start..<end]), to: socket) else {
                    return false
                }
                start = end
            }
            return true
        }
    }

    /// A connection that is gone shows up in its own lane, which closes it; here it is only one that takes nothing.
    private func send(_ message: UnsafeRawBufferPointer, to socket: SRTSocket) -> Bool {
        do throws(SRTError) {
            guard try socket.send(message) else { return false }
            count(sent: message.count)
            return true
        } catch {
            return false
        }
    }

    private func count(sent bytes: Int) {
        sent.wrappingAdd(UInt64(bytes), ordering: .relaxed)
        metrics.bytesSent.add(bytes)
    }
}
