import Bus
import HSSModel
import HostClock
import Vm

/// What the SCU, and operators through it, ask of a ``StreamTable``.
extension StreamTable {
    /// Streams whose closing is remembered, for as long as one of their tickets may be shown.
    private static let rememberedClosings = 65_536
    private static let rememberedDismissals = 65_536

    func order(_ order: IngestOrder, at now: WallTime) throws(MediaError) {
        try withState { state throws(MediaError) in
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
            state.streams[order.stream]?.latency = order.latency.map(MediaSettings.clamped)
            state.streams[order.stream]?.keepUntil = now + limits.publishTicketLifetime
            let known = state.streams[order.stream]?.epoch ?? order.epoch
            state.streams[order.stream]?.epoch = max(order.epoch, known)
        }
    }

    /// What the stream was ordered with, else that of every stream.
    func latency(of stream: StreamID) -> Duration {
        withState { $0.streams[stream]?.latency } ?? limits.latency
    }

    /// The epoch for which a play ticket is made.
    func epochForViewers(of stream: StreamID, rendition: Rendition) throws(MediaError) -> Epoch {
        try withState { state throws(MediaError) in
            guard let found = state.streams[stream] else { throw .noSuchStream(stream) }
            guard state.viewers < limits.viewers else { throw .busy("\(limits.viewers) viewers") }
            guard found.viewers.count < limits.viewersPerStream else {
                throw .busy("\(limits.viewersPerStream) viewers of one stream")
            }
            try checkOffer(of: rendition, of: found, at: .now)
            return found.publishing?.epoch ?? found.epoch
        }
    }

    func close(_ id: StreamID, at now: WallTime) {
        withState { state in
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
            end(stream, id, .closedByPlatform, at: now, &state)
        }
    }

    /// Ends the viewers of these leases; their tickets count no more.
    func dismiss(
        _ leases: Set<LeaseID>,
        of id: StreamID,
        _ reason: MediaEnd = .dismissed,
        at now: WallTime
    ) {
        withState { dismiss(leases, of: id, reason, at: now, &$0) }
    }

    /// Ends one viewer and the rest of its lease.
    func kick(_ viewer: ViewerID, of id: StreamID, at now: WallTime) -> Bool {
        withState { state in
            guard let lease = state.streams[id]?.viewers[viewer.rawValue]?.lease else { return false }
            dismiss([lease], of: id, .closedByOperator, at: now, &state)
            return true
        }
    }

    func kickPublisher(of id: StreamID, at now: WallTime) -> Bool {
        withState { state in
            guard let publishing = state.streams[id]?.publishing else { return false }
            publishing.publisher.stop(.closedByOperator)
            unseat(publishing, of: id, .closedByOperator, at: now, &state)
            return true
        }
    }

    /// Ends the newest viewers of a lease beyond `count`.
    func trim(_ lease: LeaseID, of id: StreamID, to count: Int, at now: WallTime) {
        withState { state in
            let viewers = (state.streams[id]?.viewers ?? [:]).filter { $0.value.lease == lease }
            for number in viewers.keys.sorted().dropFirst(max(0, count)) {
                guard let viewer = viewers[number] else { continue }
                viewer.stop(.userLimit)
                remove(number, viewer, of: id, .userLimit, at: now, &state)
            }
        }
    }

    private func dismiss(
        _ leases: Set<LeaseID>,
        of id: StreamID,
        _ reason: MediaEnd,
        at now: WallTime,
        _ state: inout State
    ) {
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
        for (number, viewer) in state.streams[id]?.viewers ?? [:] where leases.contains(viewer.lease) {
            viewer.stop(reason)
            remove(number, viewer, of: id, reason, at: now, &state)
        }
    }

    func subscribe() -> AsyncStream<MediaEvent> {
        withState { state in
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
}
