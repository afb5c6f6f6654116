import Bus
import HSSModel
import HostClock
import Synchronization
import Vm

/// Which streams are made into fragments: those that somebody watches over a WebSocket.
final class FragmentMuxers: Sendable {
    /// What a viewer got.
    struct Seat: Sendable {
        let stream: StreamID
        let place: UInt64
        let muxer: FragmentMuxer
    }

    private struct Entry {
        var muxer: FragmentMuxer
        var viewers: Int
    }

    private struct State {
        /// By hub: a stream that ends and begins anew under its name has another one.
        var muxers: [ObjectIdentifier: Entry] = [:]
        var seats: [ObjectIdentifier: FragmentMuxer] = [:]
        var isOpen = true
    }

    private let limits: MediaLimits
    private let table: StreamTable
    private let metrics: MediaMetrics
    private let state = Mutex(State())
    private let starts: AsyncStream<FragmentMuxer>
    private let start: AsyncStream<FragmentMuxer>.Continuation

    init(limits: MediaLimits, table: StreamTable, metrics: MediaMetrics) {
        self.limits = limits
        self.table = table
        self.metrics = metrics
        (starts, start) = AsyncStream.makeStream()
    }

    /// Runs a task for each stream that is watched, until ``shutDown()``.
    func run() async {
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { await self.sweepRegularly() }
            await withDiscardingTaskGroup { muxers in
                for await muxer in starts { muxers.addTask { await muxer.run() } }
            }
            tasks.cancelAll()
        }
    }

    /// Once a second.
    private func sweepRegularly() async {
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            let muxers = state.withLock { $0.muxers.values.map(\.muxer) }
            for muxer in muxers { muxer.endStuckViewers(at: .now) }
        }
    }

    /// Everybody sees what there is to its end. The table has said farewell already.
    func shutDown() {
        let muxers = state.withLock { state in
            state.isOpen = false
            return state.muxers.values.map(\.muxer)
        }
        for muxer in muxers { muxer.finish(.shuttingDown) }
        start.finish()
    }

    // MARK: Viewers

    /// Seats a viewer; everything that ends it reaches its queue.
    func join(
        _ ticket: Ticket,
        _ viewer: HTTPViewer,
        from peer: ViewerPeer
    ) throws(MediaRefusal) -> Seat {
        var mediaPeer = MediaPeer(
            address: peer.address,
            isEncrypted: peer.isEncrypted,
            tally: viewer.tally
        )
        mediaPeer.figures = { (viewer.queuedBytes, nil) }
        let place = try table.join(ticket, .ws, from: mediaPeer, at: .now) { [self] in stopped(viewer, $0) }
        let (muxer, isNew, isOpen) = state.withLock { state in
            let key = ObjectIdentifier(place.hub)
            let known = state.muxers[key].flatMap { $0.muxer.hasEnded ? nil : $0 }
            let muxer =
                known?.muxer ?? FragmentMuxer(place.hub, limits: limits, metrics: metrics, at: .now)
            state.muxers[key] = Entry(muxer: muxer, viewers: (known?.viewers ?? 0) + 1)
            state.seats[ObjectIdentifier(viewer)] = muxer
            return (muxer, known == nil, state.isOpen)
        }
        let seat = Seat(stream: ticket.stream, place: place.id, muxer: muxer)
        muxer.add(viewer)
        if isNew {
            guard isOpen, case .enqueued = start.yield(muxer) else {
                // Nobody would run it.
                leave(seat, viewer, .shuttingDown)
                throw .shuttingDown
            }
        }
        return seat
    }

    func leave(_ seat: Seat, _ viewer: HTTPViewer, _ reason: MediaEnd) {
        viewer.end(reason)
        seat.muxer.remove(viewer)
        let idle = state.withLock { state -> FragmentMuxer? in
            state.seats[ObjectIdentifier(viewer)] = nil
            let key = ObjectIdentifier(seat.muxer.hub)
            guard let entry = state.muxers[key], entry.muxer === seat.muxer else { return nil }
            state.muxers[key] =
                entry.viewers > 1 ? Entry(muxer: entry.muxer, viewers: entry.viewers - 1) : nil
            return entry.viewers > 1 ? nil : entry.muxer
        }
        idle?.stop()
        table.leave(seat.stream, viewer: seat.place, reason, at: .now)
    }

    /// Runs under the table's lock, which has forgotten the viewer already.
    private func stopped(_ viewer: HTTPViewer, _ reason: MediaEnd) {
        let muxer = state.withLock { $0.seats[ObjectIdentifier(viewer)] }
        if let muxer, reason.letsViewersFinish { muxer.finish(reason) } else { viewer.end(reason) }
    }
}
