import Bus
import HSSModel
import HostClock
import ServerKit
import Synchronization
import Vm

/// Which streams there are, who publishes and watches them, and which tickets still count. Everything that is decided,
/// is decided and announced under one lock, so that events tell of one order of things; none of it is on the way of
/// packets.
final class StreamTable: Sendable {
    struct Publisher: Sendable {
        let id: UInt64
        let stop: @Sendable (MediaEnd) -> Void
    }

    /// What a new publisher or viewer gets.
    struct Place: Sendable {
        let id: UInt64
        let hub: StreamHub
        /// What a publisher may send, in bit/s; 0: no limit.
        var maxBitrate = 0
    }

    enum ViewerKind: Sendable { case srt, http, hls }

    private struct Viewer {
        var lease: LeaseID
        var kind: ViewerKind
        var stop: @Sendable (MediaEnd) -> Void
    }

    private struct Publishing {
        var publisher: Publisher
        var epoch: Epoch
        /// Its programme tables have been seen.
        var isAnnounced = false
    }

    private struct Stream {
        var hub: StreamHub
        var source: ChannelAddress?
        var epoch: Epoch
        var maxBitrate = 0
        var startedAt: WallTime
        var publishing: Publishing?
        var viewers: [UInt64: Viewer] = [:]
        /// Without a publisher it is given up then.
        var keepUntil: WallTime
        /// Viewers of a publisher that left wait so long for its successor; a new ticket does not prolong it,
        /// or they would wait for ever for a unit that agrees and pushes nothing.
        var viewersWaitUntil: WallTime?
    }

    private struct Closed {
        var epoch: Epoch
        var until: WallTime
    }

    private struct State {
        var streams: [StreamID: Stream] = [:]
        var closed: [StreamID: Closed] = [:]
        /// Leases that were taken back, for as long as one of their tickets may be shown.
        var dismissed: [LeaseID: WallTime] = [:]
        var usedTickets: UsedTickets
        var viewers = 0
        var lastID: UInt64 = 0
        var isOpen = true
        var feeds = EventFeeds()

        mutating func nextID() -> UInt64 {
            lastID += 1
            return lastID
        }
    }

    /// Streams whose closing is remembered, for as long as one of their tickets may be shown.
    private static let rememberedClosings = 65_536
    private static let rememberedDismissals = 65_536
    private static let rememberedTickets = 65_536

    private let limits: MediaLimits
    private let metrics: MediaMetrics
    private let state: Mutex<State>

    /// Publish tickets of `issuer` count, and nobody else's.
    init(limits: MediaLimits, issuer: Ticket.Issuer, metrics: MediaMetrics) {
        state = Mutex(State(usedTickets: UsedTickets(of: issuer, capacity: Self.rememberedTickets)))
        self.limits = limits
        self.metrics = metrics
    }

    // MARK: The SCU

    func order(_ order: IngestOrder, at now: WallTime) throws(MediaError) {
        try state.withLock { state throws(MediaError) in
            guard state.isOpen else { throw .unavailable("it is shutting down") }
            if let closed = state.closed[order.stream], order.epoch <= closed.epoch {
                throw .unavailable("epoch \(order.epoch) of stream \(order.stream) has been closed")
            }
            if state.streams[order.stream] == nil {
                guard state.streams.count < limits.streams else { throw .busy("\(limits.streams) streams") }
                state.streams[order.stream] = newStream(epoch: order.epoch, at: now)
            }
            state.streams[order.stream]?.source = order.source
            state.streams[order.stream]?.maxBitrate = order.maxBitrate
            state.streams[order.stream]?.keepUntil = now + limits.publishTicketLifetime
            let known = state.streams[order.stream]?.epoch ?? order.epoch
            state.streams[order.stream]?.epoch = max(order.epoch, known)
        }
    }

    /// The epoch for which a play ticket is made.
    func epochForViewers(of stream: StreamID) throws(MediaError) -> Epoch {
        try state.withLock { state throws(MediaError) in
            guard let found = state.streams[stream] else { throw .noSuchStream(stream) }
            guard state.viewers < limits.viewers else { throw .busy("\(limits.viewers) viewers") }
            guard found.viewers.count < limits.viewersPerStream else {
                throw .busy("\(limits.viewersPerStream) viewers of one stream")
            }
            return found.publishing?.epoch ?? found.epoch
        }
    }

    func close(_ id: StreamID, at now: WallTime) {
        state.withLock { state in
            guard let stream = state.streams.removeValue(forKey: id) else { return }
            if state.closed.count >= Self.rememberedClosings {
                state.closed = state.closed.filter { $0.value.until > now }
            }
            if state.closed.count >= Self.rememberedClosings,
                let oldest = state.closed.min(by: { $0.value.until < $1.value.until })
            {
                state.closed[oldest.key] = nil
            }
            let until = now + limits.longestPlayTicketLifetime
            state.closed[id] = Closed(epoch: stream.epoch, until: until)
            end(stream, id, .closedByPlatform, &state)
        }
    }

    func dismiss(_ leases: Set<LeaseID>, of id: StreamID, at now: WallTime) {
        state.withLock { state in
            state.dismissed = state.dismissed.filter { $0.value > now }
            for lease in leases {
                // What was dismissed first has the least time left to come back.
                if state.dismissed.count >= Self.rememberedDismissals,
                    let oldest = state.dismissed.min(by: { $0.value < $1.value })
                {
                    state.dismissed[oldest.key] = nil
                }
                state.dismissed[lease] = now + limits.longestPlayTicketLifetime
            }
            guard let stream = state.streams[id] else { return }
            for (number, viewer) in stream.viewers where leases.contains(viewer.lease) {
                state.streams[id]?.viewers[number] = nil
                forget(viewer, &state)
                viewer.stop(viewer.kind == .hls ? .dismissed : .closedByPlatform)
                let left = state.streams[id]?.viewers.count ?? 0
                state.feeds.send(.viewerLeft(id, viewer.lease, viewers: left, .closedByPlatform), metrics)
            }
        }
    }

    func statuses() -> [StreamStatus] {
        state.withLock { state in
            state.streams.compactMap { id, stream in
                guard stream.publishing != nil || !stream.viewers.isEmpty else { return nil }
                return StreamStatus(
                    stream: id,
                    source: stream.source,
                    epoch: stream.publishing?.epoch ?? stream.epoch,
                    publishing: stream.publishing?.isAnnounced ?? false,
                    viewers: stream.viewers.count,
                    bytesReceived: stream.hub.bytesReceived,
                    bytesSent: stream.hub.bytesSent,
                    packetsLost: stream.hub.packetsLost,
                    startedAt: stream.startedAt
                )
            }
        }
    }

    func subscribe() -> AsyncStream<MediaEvent> {
        state.withLock { state in
            var history: [MediaEvent] = []
            for (id, stream) in state.streams {
                if let publishing = stream.publishing, publishing.isAnnounced {
                    history.append(.published(id, publishing.epoch))
                }
                for (count, viewer) in stream.viewers.values.enumerated() {
                    history.append(.viewerJoined(id, viewer.lease, viewers: count + 1))
                }
            }
            return state.feeds.open(history)
        }
    }

    // MARK: Publishers

    /// Whether a publisher could come in now; ``publish(_:at:stop:)`` decides. For the listen callback.
    func check(publisher ticket: Ticket) throws(MediaRefusal) {
        try state.withLock { state throws(MediaRefusal) in try check(publisher: ticket, state) }
    }

    /// Uses the ticket up and seats the publisher. A publisher that it displaces is stopped.
    func publish(
        _ ticket: Ticket,
        at now: WallTime,
        stop: @escaping @Sendable (MediaEnd) -> Void
    ) throws(MediaRefusal) -> Place {
        try state.withLock { state throws(MediaRefusal) in
            try check(publisher: ticket, state)
            switch state.usedTickets.use(ticket, at: now) {
            case .firstUse: break
            case .alreadyUsed: throw .reused
            case .foreign: throw .foreignIssuer
            case .full: throw .tooManyStreams
            }
            let id = state.nextID()
            var stream = state.streams[ticket.stream] ?? newStream(epoch: ticket.epoch, at: now)
            if let displaced = stream.publishing {
                metrics.displacements.add()
                state.feeds.send(.unpublished(ticket.stream, displaced.epoch, .displaced), metrics)
                displaced.publisher.stop(.displaced)
            } else {
                metrics.streams.add(1)
            }
            stream.publishing = Publishing(publisher: Publisher(id: id, stop: stop), epoch: ticket.epoch)
            stream.epoch = max(stream.epoch, ticket.epoch)
            stream.startedAt = now
            stream.viewersWaitUntil = nil
            state.streams[ticket.stream] = stream
            stream.hub.begin(publisher: id, at: .now)
            return Place(id: id, hub: stream.hub, maxBitrate: stream.maxBitrate)
        }
    }

    /// What the publisher sends is a programme.
    func announce(_ stream: StreamID, publisher: UInt64) {
        state.withLock { state in
            guard let publishing = state.streams[stream]?.publishing, publishing.publisher.id == publisher,
                !publishing.isAnnounced
            else { return }
            state.streams[stream]?.publishing?.isAnnounced = true
            state.feeds.send(.published(stream, publishing.epoch), metrics)
        }
    }

    /// Late news of a publisher that was displaced or closed changes nothing.
    func unpublish(_ stream: StreamID, publisher: UInt64, _ reason: MediaEnd, at now: WallTime) {
        state.withLock { state in
            guard let publishing = state.streams[stream]?.publishing, publishing.publisher.id == publisher
            else {
                return
            }
            metrics.streams.add(-1)
            state.streams[stream]?.publishing = nil
            state.streams[stream]?.keepUntil = now + limits.grace
            state.streams[stream]?.viewersWaitUntil = now + limits.grace
            state.feeds.send(.unpublished(stream, publishing.epoch, reason), metrics)
        }
    }

    private func check(publisher ticket: Ticket, _ state: State) throws(MediaRefusal) {
        guard state.isOpen else { throw .shuttingDown }
        if let closed = state.closed[ticket.stream], ticket.epoch <= closed.epoch { throw .void }
        if let objection = state.usedTickets.objection(to: ticket) { throw MediaRefusal(objection) }
        if let stream = state.streams[ticket.stream] {
            if let publishing = stream.publishing, ticket.epoch < publishing.epoch { throw .olderEpoch }
        } else {
            guard state.streams.count < limits.streams else { throw .tooManyStreams }
        }
    }

    // MARK: Viewers

    func check(viewer ticket: Ticket) throws(MediaRefusal) {
        try state.withLock { state throws(MediaRefusal) in try check(viewer: ticket, state) }
    }

    func join(
        _ ticket: Ticket,
        _ kind: ViewerKind,
        stop: @escaping @Sendable (MediaEnd) -> Void
    ) throws(MediaRefusal) -> Place {
        try state.withLock { state throws(MediaRefusal) in
            try check(viewer: ticket, state)
            guard let lease = ticket.lease, let hub = state.streams[ticket.stream]?.hub else {
                throw .notRunning
            }
            let id = state.nextID()
            state.viewers += 1
            gauge(kind).add(1)
            state.streams[ticket.stream]?.viewers[id] = Viewer(lease: lease, kind: kind, stop: stop)
            let count = state.streams[ticket.stream]?.viewers.count ?? 0
            state.feeds.send(.viewerJoined(ticket.stream, lease, viewers: count), metrics)
            return Place(id: id, hub: hub)
        }
    }

    func leave(_ stream: StreamID, viewer id: UInt64, _ reason: MediaEnd) {
        state.withLock { state in
            guard let viewer = state.streams[stream]?.viewers.removeValue(forKey: id) else { return }
            forget(viewer, &state)
            let count = state.streams[stream]?.viewers.count ?? 0
            state.feeds.send(.viewerLeft(stream, viewer.lease, viewers: count, reason), metrics)
        }
    }

    private func check(viewer ticket: Ticket, _ state: State) throws(MediaRefusal) {
        guard state.isOpen else { throw .shuttingDown }
        if let closed = state.closed[ticket.stream], ticket.epoch <= closed.epoch { throw .void }
        if let lease = ticket.lease, state.dismissed[lease] != nil { throw .void }
        guard let stream = state.streams[ticket.stream], stream.publishing != nil else { throw .notRunning }
        guard state.viewers < limits.viewers, stream.viewers.count < limits.viewersPerStream else {
            throw .tooManyViewers
        }
    }

    // MARK: Time and the end

    /// Gives up streams whose publisher stays away, and viewers that take nothing. Once a second.
    func sweep(at now: Instant, wall: WallTime) {
        let hubs = state.withLock { state in
            for (id, stream) in state.streams where stream.publishing == nil && stream.keepUntil <= wall {
                state.streams[id] = nil
                end(stream, id, .closedByPlatform, &state)
            }
            for (id, stream) in state.streams {
                guard let until = stream.viewersWaitUntil, until <= wall else { continue }
                state.streams[id]?.viewersWaitUntil = nil
                state.streams[id]?.viewers = [:]
                end(stream, id, .closedByPlatform, &state)
            }
            return state.streams.values.filter { !$0.viewers.isEmpty }.map(\.hub)
        }
        for hub in hubs { hub.endStuckViewers(at: now) }
    }

    /// Refuses everybody from now on and ends what runs, publishers first.
    func shutDown() {
        state.withLock { state in
            state.isOpen = false
            let streams = state.streams
            state.streams = [:]
            for (id, stream) in streams { end(stream, id, .closedByPlatform, &state) }
            state.feeds.finish()
        }
    }

    private func end(_ stream: Stream, _ id: StreamID, _ reason: MediaEnd, _ state: inout State) {
        if let publishing = stream.publishing {
            metrics.streams.add(-1)
            publishing.publisher.stop(reason)
            state.feeds.send(.unpublished(id, publishing.epoch, reason), metrics)
        }
        var left = stream.viewers.count
        for viewer in stream.viewers.values {
            left -= 1
            forget(viewer, &state)
            viewer.stop(reason)
            state.feeds.send(.viewerLeft(id, viewer.lease, viewers: left, reason), metrics)
        }
    }

    private func forget(_ viewer: Viewer, _ state: inout State) {
        state.viewers -= 1
        gauge(viewer.kind).add(-1)
    }

    private func gauge(_ kind: ViewerKind) -> Gauge {
        switch kind {
        case .srt: metrics.srtViewers
        case .http: metrics.httpViewers
        case .hls: metrics.hlsViewers
        }
    }

    private func newStream(epoch: Epoch, at now: WallTime) -> Stream {
        Stream(
            hub: StreamHub(limits: limits, metrics: metrics),
            epoch: epoch,
            startedAt: now,
            keepUntil: now + limits.publishTicketLifetime
        )
    }
}
