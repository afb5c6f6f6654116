import HSSModel

/// When a connection has taken too long, as a value.
///
/// Whoever sends half a header, or nothing, must not hold a connection (slowloris). While a request is being
/// answered there is no deadline here: a viewer may watch for hours. There Hummingbird bounds a body that
/// makes no progress, the kernel (TCP_USER_TIMEOUT) a peer that takes nothing of what it is sent, and
/// ``OutboundProgress`` one that takes a little of it now and then.
struct ConnectionDeadlines: Equatable {
    enum Reason: String, CaseIterable {
        case header, idle
        /// What is sent is not taken (``OutboundProgress``), or what is not wanted is sent (``RequestTracker``).
        case slow
    }

    private enum State: Equatable {
        case header(until: Instant)
        case idle(until: Instant)
        case busy(requests: Int)
    }

    /// On HTTP/2 bytes between requests are pings and settings, not the begin of a header.
    var isMultiplexed = false
    private let headerTimeout: Duration
    private let idleTimeout: Duration
    private var state: State

    init(headerTimeout: Duration, idleTimeout: Duration, openedAt now: Instant) {
        self.headerTimeout = headerTimeout
        self.idleTimeout = idleTimeout
        state = .header(until: now + headerTimeout)
    }

    /// Nil while a request is under way.
    var deadline: Instant? {
        switch state {
        case .header(let until), .idle(let until): until
        case .busy: nil
        }
    }

    var isBusy: Bool { deadline == nil }

    mutating func bytesArrived(at now: Instant) {
        guard case .idle = state, !isMultiplexed else { return }
        state = .header(until: now + headerTimeout)
    }

    mutating func requestBegan() {
        if case .busy(let requests) = state {
            state = .busy(requests: requests + 1)
        } else {
            state = .busy(requests: 1)
        }
    }

    mutating func requestEnded(at now: Instant) {
        guard case .busy(let requests) = state else { return }
        state = requests > 1 ? .busy(requests: requests - 1) : .idle(until: now + idleTimeout)
    }

    /// Why to close now, nil to go on.
    func expired(at now: Instant) -> Reason? {
        switch state {
        case .header(let until): until <= now ? .header : nil
        case .idle(let until): until <= now ? .idle : nil
        case .busy: nil
        }
    }
}
