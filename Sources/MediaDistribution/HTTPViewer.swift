import Bus
import HSSModel
import HostClock
import NIOCore
import Synchronization

/// The queue between a stream and one HTTP response, or one WebSocket. Filled by the stream's lane, one wake-up for each
/// batch; emptied by the response.
///
/// Its size is bounded: at the bound everything in it is dropped, and the viewer goes on at the next key frame.
final class HTTPViewer: Sendable {
    private struct State {
        var queue: [ByteBuffer] = []
        var queuedBytes = 0
        var awaitsKeyFrame = true
        var isWriting = false
        var lastTaken: Instant
        var end: MediaEnd?
    }

    /// Batches handed to the connection at once.
    private static let batchesAtOnce = 16
    private static let longestLinger: Duration = .seconds(2)

    let tally: Tally
    /// What it is given is sent to somebody.
    let isCounted: Bool
    private let limitInBytes: Int
    private let state: Mutex<State>
    private let doorbell: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation
    private let ended: AsyncStream<Void>
    private let finishEnded: AsyncStream<Void>.Continuation

    init(limitInBytes: Int, isCounted: Bool = true, at now: Instant) {
        self.isCounted = isCounted
        self.limitInBytes = limitInBytes
        tally = Tally(at: now)
        state = Mutex(State(lastTaken: now))
        (doorbell, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (ended, finishEnded) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Begins with tables and a group of pictures, or with tables alone where any point will do.
    func begin(with batches: [ByteBuffer]) {
        state.withLock {
            guard $0.end == nil else { return }
            $0.queue = batches
            $0.queuedBytes = batches.reduce(0) { $0 + $1.readableBytes }
            $0.awaitsKeyFrame = false
        }
        ring.yield()
    }

    /// Its stream begins anew: what is queued goes out, and then it waits for a key frame.
    func restart() {
        state.withLock { $0.awaitsKeyFrame = true }
    }

    /// Takes the next batch of the stream. False: it was skipped.
    func push(_ batch: ByteBuffer, isKeyFrame: Bool, tables: ByteBuffer) -> Bool {
        let taken = state.withLock { state in
            guard state.end == nil, !state.awaitsKeyFrame || isKeyFrame else { return false }
            guard state.queuedBytes + batch.readableBytes + tables.readableBytes <= limitInBytes else {
                state.queue.removeAll()
                state.queuedBytes = 0
                state.awaitsKeyFrame = true
                return false
            }
            if state.awaitsKeyFrame {
                state.awaitsKeyFrame = false
                state.queue.append(tables)
                state.queuedBytes += tables.readableBytes
            }
            state.queue.append(batch)
            state.queuedBytes += batch.readableBytes
            return true
        }
        if taken { ring.yield() } else { tally.add(skips: 1) }
        return taken
    }

    /// Tables that hold from the next batch on. Whoever waits for a key frame gets them with it.
    func push(tables: ByteBuffer) {
        state.withLock { state in
            guard state.end == nil, !state.awaitsKeyFrame else { return }
            state.queue.append(tables)
            state.queuedBytes += tables.readableBytes
        }
        ring.yield()
    }

    /// What waits, at most ``batchesAtOnce``; waits for the first. `nil` when the viewing has ended and nothing is left.
    func next(_ bell: inout AsyncStream<Void>.Iterator) async -> [ByteBuffer]? {
        while true {
            let (batches, isOver) = state.withLock { state in
                let batches = Array(state.queue.prefix(Self.batchesAtOnce))
                state.queue.removeFirst(batches.count)
                state.queuedBytes -= batches.reduce(0) { $0 + $1.readableBytes }
                state.isWriting = !batches.isEmpty
                state.lastTaken = .now
                return (batches, state.end != nil)
            }
            guard batches.isEmpty else {
                tally.add(octets: batches.reduce(0) { $0 + $1.readableBytes })
                return batches
            }
            guard !isOver, !Task.isCancelled else { return nil }
            _ = await bell.next(isolation: #isolation)
        }
    }

    func makeBell() -> AsyncStream<Void>.Iterator { doorbell.makeAsyncIterator() }

    /// Returns when the viewing is to be broken off, or the task is cancelled. A viewing that the platform ends may
    /// first show what it was sent, for at most ``longestLinger``.
    func waitUntilBroken() async {
        for await _ in ended {}
        guard endReason?.letsViewersFinish ?? false else { return }
        try? await Task.sleep(for: Self.longestLinger)
    }

    /// The first reason counts.
    func end(_ reason: MediaEnd) {
        state.withLock {
            $0.end = $0.end ?? reason
            guard !($0.end?.letsViewersFinish ?? false) else { return }
            $0.queue.removeAll()
            $0.queuedBytes = 0
        }
        ring.finish()
        finishEnded.finish()
    }

    /// What waits for the connection.
    var queuedBytes: Int { state.withLock { $0.queuedBytes } }

    var endReason: MediaEnd? { state.withLock { $0.end } }

    /// The connection has not taken what it was given for longer than `limit`.
    func isStuck(at now: Instant, limit: Duration) -> Bool {
        state.withLock { $0.end == nil && $0.isWriting && now - $0.lastTaken > limit }
    }
}
