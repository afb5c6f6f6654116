import Bus
import HSSModel
import HostClock
import Logging
import ServerKit
import Synchronization
import Vm

/// Which streams there are, who publishes and watches them, and which tickets still count. Everything that is decided,
/// is decided and announced under one lock, so that events tell of one order of things; none of it is on the way of
/// packets.
final class StreamTable: Sendable {
    /// What a new publisher or viewer gets.
    struct Place: Sendable {
        let id: UInt64
        let hub: StreamHub
        let tally: Tally
        /// What a publisher may send, in bit/s; 0: no limit.
        var maxBitrate = 0
        /// How long a lost packet of a publisher may hold up what follows it.
        var latency: Duration = .zero
    }

    private static let rememberedTickets = 65_536

    let limits: MediaLimits
    let metrics: MediaMetrics
    let renditions: RenditionWorkshop
    let usage: UsageLedger
    private let logger: Logger
    private let state: Mutex<State>

    /// Publish tickets of `issuer` count, and nobody else's.
    init(
        limits: MediaLimits,
        issuer: Ticket.Issuer,
        renditions: RenditionWorkshop,
        metrics: MediaMetrics,
        usage: UsageLedger,
        logger: Logger
    ) {
        self.renditions = renditions
        state = Mutex(State(usedTickets: UsedTickets(of: issuer, capacity: Self.rememberedTickets)))
        self.limits = limits
        self.metrics = metrics
        self.usage = usage
        self.logger = logger
    }

    /// Looks at everything, or changes it; what ended by it is logged when the lock is free.
    func withState<Result, Failure>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var endings: [MediaEnding] = []
        defer {
            for ending in endings { ending.log(to: logger) }
        }
        return try state.withLock { state throws(Failure) in
            defer { swap(&endings, &state.endings) }
            return try body(&state)
        }
    }

    // MARK: Publishers

    /// Whether a publisher could come in now; ``publish(_:at:stop:)`` decides. For the listen callback.
    func check(publisher ticket: Ticket) throws(MediaRefusal) {
        try withState { state throws(MediaRefusal) in try check(publisher: ticket, state) }
    }

    /// Uses the ticket up and seats the publisher. A publisher that it displaces is stopped.
    func publish(
        _ ticket: Ticket,
        from peer: MediaPeer,
        at now: WallTime,
        stop: @escaping @Sendable (MediaEnd) -> Void
    ) throws(MediaRefusal) -> Place {
        try withState { state throws(MediaRefusal) in
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
                conclude(.init(displaced, of: ticket.stream, .displaced, at: now), displaced.peer, &state)
                state.feeds.send(.unpublished(ticket.stream, displaced.epoch, .displaced), metrics)
                displaced.publisher.stop(.displaced)
                stream.lastEnd = PublisherEnd(reason: .displaced, time: now)
            } else {
                metrics.streams.add(1)
            }
            let latency = stream.latency ?? limits.latency
            stream.publishing = Publishing(
                publisher: Publisher(id: id, stop: stop),
                peer: peer,
                epoch: ticket.epoch,
                since: now,
                latency: latency
            )
            stream.contents = StreamContents()
            stream.epoch = max(stream.epoch, ticket.epoch)
            stream.startedAt = now
            stream.viewersWaitUntil = nil
            state.streams[ticket.stream] = stream
            stream.hub.begin(publisher: id, at: .now)
            if let source = stream.source {
                usage.begin(.init(channel: source, side: .sent), peer.tally, at: .now)
            }
            return Place(
                id: id,
                hub: stream.hub,
                tally: peer.tally,
                maxBitrate: stream.maxBitrate,
                latency: latency
            )
        }
    }

    /// What the publisher sends is a programme.
    func announce(_ stream: StreamID, publisher: UInt64, _ contents: StreamContents) {
        withState { state in
            guard let publishing = state.streams[stream]?.publishing, publishing.publisher.id == publisher,
                !publishing.isAnnounced
            else { return }
            state.streams[stream]?.publishing?.isAnnounced = true
            state.streams[stream]?.contents = contents
            endViewersOfAnotherFormat(of: stream, at: .now, &state)
            state.feeds.send(.published(stream, publishing.epoch), metrics)
        }
    }

    /// Late news of a publisher that was displaced or closed changes nothing.
    func unpublish(_ stream: StreamID, publisher: UInt64, _ reason: MediaEnd, at now: WallTime) {
        withState { state in
            guard let publishing = state.streams[stream]?.publishing, publishing.publisher.id == publisher
            else {
                return
            }
            unseat(publishing, of: stream, reason, at: now, &state)
        }
    }

    func unseat(
        _ publishing: Publishing,
        of id: StreamID,
        _ reason: MediaEnd,
        at now: WallTime,
        _ state: inout State
    ) {
        metrics.streams.add(-1)
        state.streams[id]?.publishing = nil
        state.streams[id]?.lastEnd = PublisherEnd(reason: reason, time: now)
        state.streams[id]?.keepUntil = now + limits.grace
        state.streams[id]?.viewersWaitUntil = now + limits.grace
        conclude(.init(publishing, of: id, reason, at: now), publishing.peer, &state)
        state.feeds.send(.unpublished(id, publishing.epoch, reason), metrics)
    }

    /// Counts an end, before anybody hears of it.
    private func conclude(_ ending: MediaEnding, _ peer: MediaPeer, _ state: inout State) {
        metrics.count(ending)
        usage.end(peer.tally, at: .now)
        state.endings.append(ending)
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

    /// Whether the ticket counts and the stream runs, however many watch it: a picture takes no viewer's place.
    func check(pictureFor ticket: Ticket) throws(MediaRefusal) {
        try withState { state throws(MediaRefusal) in _ = try running(ticket, state) }
    }

    func check(viewer ticket: Ticket) throws(MediaRefusal) {
        try withState { state throws(MediaRefusal) in try check(viewer: ticket, state) }
    }

    func join(
        _ ticket: Ticket,
        _ kind: MediaProtocol,
        from peer: MediaPeer,
        at now: WallTime,
        stop: @escaping @Sendable (MediaEnd) -> Void
    ) throws(MediaRefusal) -> Place {
        try withState { state throws(MediaRefusal) in
            try check(viewer: ticket, state)
            guard let lease = ticket.lease, let stream = state.streams[ticket.stream] else {
                throw .notRunning
            }
            let hub = try hub(for: ticket.rendition, of: stream, ticket.stream, &state)
            let id = state.nextID()
            state.viewers += 1
            metrics.viewers[kind]?.add(1)
            state.streams[ticket.stream]?.viewers[id] = Viewer(
                lease: lease,
                kind: kind,
                rendition: ticket.rendition,
                isTranscoded: hub !== stream.hub,
                peer: peer,
                joinedAt: now,
                stop: stop
            )
            if let source = state.streams[ticket.stream]?.source {
                usage.begin(.init(channel: source, side: .watched(lease)), peer.tally, at: .now)
            }
            let count = state.streams[ticket.stream]?.viewers.count ?? 0
            state.feeds.send(.viewerJoined(ticket.stream, lease, viewers: count), metrics)
            return Place(id: id, hub: hub, tally: peer.tally)
        }
    }

    func leave(_ stream: StreamID, viewer id: UInt64, _ reason: MediaEnd, at now: WallTime) {
        withState { state in
            guard let viewer = state.streams[stream]?.viewers[id] else { return }
            remove(id, viewer, of: stream, reason, at: now, &state)
        }
    }

    func remove(
        _ id: UInt64,
        _ viewer: Viewer,
        of stream: StreamID,
        _ reason: MediaEnd,
        at now: WallTime,
        _ state: inout State
    ) {
        state.streams[stream]?.viewers[id] = nil
        let left = state.streams[stream]?.viewers.count ?? 0
        forget(viewer, of: stream, left: left, reason, at: now, &state)
    }

    private func check(viewer ticket: Ticket, _ state: State) throws(MediaRefusal) {
        let stream = try running(ticket, state)
        guard state.viewers < limits.viewers, stream.viewers.count < limits.viewersPerStream else {
            throw .tooManyViewers
        }
        try checkRoom(for: ticket.rendition, of: stream, at: .now)
    }

    private func running(_ ticket: Ticket, _ state: State) throws(MediaRefusal) -> Stream {
        guard state.isOpen else { throw .shuttingDown }
        if let closed = state.closed[ticket.stream], ticket.epoch <= closed.epoch { throw .void }
        if let lease = ticket.lease, state.dismissed[lease] != nil { throw .void }
        guard let stream = state.streams[ticket.stream], stream.publishing != nil else { throw .notRunning }
        return stream
    }

    // MARK: Time and the end

    /// Gives up streams whose publisher stays away, and viewers that take nothing, and looks how fast each connection
    /// is. Once a second.
    func sweep(at now: Instant, wall: WallTime) {
        let (hubs, tallies) = withState { state in
            for (id, stream) in state.streams where stream.publishing == nil && stream.keepUntil <= wall {
                state.streams[id] = nil
                end(stream, id, .publisherGone, at: wall, &state)
            }
            for (id, stream) in state.streams {
                guard let until = stream.viewersWaitUntil, until <= wall else { continue }
                state.streams[id]?.viewersWaitUntil = nil
                state.streams[id]?.viewers = [:]
                end(stream, id, .publisherGone, at: wall, &state)
            }
            stopIdleRenditions(at: wall, &state)
            return (
                state.streams.values.filter { !$0.viewers.isEmpty }.flatMap(\.hubs),
                state.streams.values.flatMap { stream in
                    stream.viewers.values.map(\.peer.tally)
                        + (stream.publishing.map { [$0.peer.tally] } ?? [])
                }
            )
        }
        for hub in hubs { hub.endStuckViewers(at: now) }
        for tally in tallies { tally.look(at: now) }
    }

    /// Refuses everybody from now on and ends what runs, publishers first.
    func shutDown(at now: WallTime) {
        withState { state in
            state.isOpen = false
            let streams = state.streams
            state.streams = [:]
            for (id, stream) in streams { end(stream, id, .shuttingDown, at: now, &state) }
            state.feeds.finish()
        }
    }

    func end(
        _ stream: Stream,
        _ id: StreamID,
        _ reason: MediaEnd,
        at now: WallTime,
        _ state: inout State
    ) {
        if let publishing = stream.publishing {
            metrics.streams.add(-1)
            publishing.publisher.stop(reason)
            conclude(.init(publishing, of: id, reason, at: now), publishing.peer, &state)
            state.feeds.send(.unpublished(id, publishing.epoch, reason), metrics)
        }
        for running in stream.renditions.running.values { running.stream.stop() }
        var left = stream.viewers.count
        for viewer in stream.viewers.values {
            left -= 1
            viewer.stop(reason)
            forget(viewer, of: id, left: left, reason, at: now, &state)
        }
    }

    /// What all ends of viewers have in common.
    func forget(
        _ viewer: Viewer,
        of stream: StreamID,
        left: Int,
        _ reason: MediaEnd,
        at now: WallTime,
        _ state: inout State
    ) {
        state.viewers -= 1
        metrics.viewers[viewer.kind]?.add(-1)
        conclude(.init(viewer, of: stream, reason, at: now), viewer.peer, &state)
        state.feeds.send(.viewerLeft(stream, viewer.lease, viewers: left, reason), metrics)
    }

    func newStream(epoch: Epoch, at now: WallTime) -> Stream {
        Stream(
            hub: StreamHub(limits: limits, metrics: metrics),
            epoch: epoch,
            startedAt: now,
            keepUntil: now + limits.publishTicketLifetime
        )
    }
}

extension MediaEnding {
    fileprivate init(
        _ publishing: StreamTable.Publishing,
        of stream: StreamID,
        _ reason: MediaEnd,
        at now: WallTime
    ) {
        self.init(
            role: .publisher,
            stream: stream,
            kind: .srt,
            reason: reason,
            duration: now - publishing.since,
            octets: publishing.peer.tally.total
        )
    }

    fileprivate init(
        _ viewer: StreamTable.Viewer,
        of stream: StreamID,
        _ reason: MediaEnd,
        at now: WallTime
    ) {
        self.init(
            role: .viewer,
            stream: stream,
            kind: viewer.kind,
            reason: reason,
            duration: now - viewer.joinedAt,
            octets: viewer.peer.tally.total
        )
    }
}
