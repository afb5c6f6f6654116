package import HSSModel

/// The live picture of one channel: many viewers, one push (§9.3.3.1.1).
///
/// It keeps what is wanted apart from what is, and closes the gap whenever something is heard: a request, a
/// lease or viewer that comes or goes, an answer of the unit, news of the media server, or the `stream_id`
/// that `Keepalive` reports. So a lost answer, a reconnection or a restart needs no special case.
///
/// Wanted is a stream while somebody waits for it, watches it, holds an unused lease, or did any of these
/// less than ``Timing/linger`` ago. A stream keeps its name from the first push to the stop, also over pushes
/// that broke: leases and viewers refer to it. Each push has an epoch of its own.
package struct LiveChannel: Sendable {
    struct Waiter {
        var request: LiveRequestID
        var lease: LeaseID
        var holder: UserName
        var fresh: StreamID
        var deadline: Instant
    }

    struct Lease {
        var holder: UserName
        var expires: Instant
    }

    /// Whose picture a lease opens, for as long as it may open one.
    struct Watcher {
        var holder: UserName
        var viewers = 0
        /// A play ticket is made with the lease and may count as long.
        var mayJoinUntil: Instant
    }

    enum Phase: Equatable {
        case idle
        /// `PushLive` is under way.
        case asked(StreamID, Epoch)
        /// The unit said yes.
        case agreed(StreamID, Epoch, publishBy: Instant)
        case live(StreamID, Epoch)
        /// `StopLive` is under way.
        case stopping(StreamID)
        /// Wanted, but the push broke: a new one at this time, or (nil) when the unit is back.
        case broken(StreamID, retryAt: Instant?)
    }

    private enum Rousing: Equatable {
        case no, underWay
        case failed(retryAt: Instant)
    }

    package static let mostLeases = 256
    /// Leases that are watched or may yet be; more customers are turned away.
    package static let mostWatchers = 16_384

    private let timing: Timing
    private let mostWaiters: Int
    private var link: Link
    private(set) var phase = Phase.idle
    /// While the unit sleeps.
    private var rousing = Rousing.no
    private var lastEpoch: Epoch
    private(set) var waiters: [Waiter] = []
    private(set) var leases: [LeaseID: Lease] = [:]
    private(set) var watchers: [LeaseID: Watcher] = [:]
    private(set) var viewers = 0
    /// Somebody waited, watched or held a lease when something was last heard.
    private var demanded = false
    private var lingerUntil: Instant?
    private var failures = 0
    /// Why there is no picture before some time has passed: the unit would only do the same again.
    private var resting: (failure: LiveFailure, until: Instant)?
    /// The stream that goes on after a stop that only renews its push.
    private var resuming: StreamID?

    /// Epochs of pushes follow `epoch`, which the caller takes from the clock so that they grow over restarts.
    /// At most `mostWaiters` customers wait for the first picture at once.
    package init(link: Link, after epoch: Epoch, timing: Timing = Timing(), mostWaiters: Int = 100) {
        self.link = link
        self.timing = timing
        self.mostWaiters = mostWaiters
        lastEpoch = epoch
    }

    /// Nothing is wanted and nothing is known to run: the owner may forget this channel.
    package var isIdle: Bool {
        phase == .idle && resuming == nil && resting == nil && waiters.isEmpty && leases.isEmpty
            && viewers == 0
    }

    /// The stream that the media server has now.
    package var liveStream: StreamID? {
        if case .live(let stream, _) = phase { stream } else { nil }
    }

    package mutating func receive(_ input: Input, at now: Instant) -> [Action] {
        var actions: [Action] = []
        take(input, now, &actions)
        expire(now, &actions)
        let demands = isDemanded(at: now)
        if demanded && !demands { lingerUntil = now + timing.linger }
        demanded = demands
        settle(now, &actions)
        if let wake = nextWake(after: now) { actions.append(.wake(at: wake)) }
        return actions
    }

    // MARK: What was heard

    private mutating func take(_ input: Input, _ now: Instant, _ actions: inout [Action]) {
        switch input {
        case .request(let request, let lease, let holder, let fresh):
            asked(request, lease, holder, fresh, now, &actions)
        case .cancel(let request):
            waiters.removeAll { $0.request == request }
        case .release(let lease, let holder):
            leases = leases.filter { $0.value.holder != holder || (lease != nil && $0.key != lease) }
        case .link(let new):
            linked(new, now, &actions)
        case .roused(let awake):
            roused(awake, now, &actions)
        case .reported(let stream):
            reported(stream, now, &actions)
        case .pushed(let stream, let epoch, let outcome):
            pushed(stream, epoch, outcome, now, &actions)
        case .stopped(let stream):
            if phase == .stopping(stream) { phase = .idle }
        case .published(let stream, let epoch):
            published(stream, epoch, now, &actions)
        case .unpublished(let stream, let epoch):
            if phase == .live(stream, epoch) { breakOff(stream, retryAt: now) }
        case .rejected(let stream, let epoch, let failure):
            rejected(stream, epoch, failure, now, &actions)
        case .viewerJoined(let stream, let lease, let count):
            guard stream == current else { return }
            leases[lease] = nil
            watchers[lease]?.viewers += 1
            viewers = count
        case .viewerLeft(let stream, let lease, let count):
            guard stream == current else { return }
            watchers[lease]?.viewers -= 1
            viewers = count
        case .dismiss(let holder):
            dismiss(holder, &actions)
        case .revoke(let lease):
            leases[lease] = nil
            guard let current, watchers.removeValue(forKey: lease) != nil else { break }
            actions.append(.dismiss(current, [lease]))
        case .withdraw:
            failWaiters(.withdrawn, &actions)
            leases = [:]
            watchers = [:]
            viewers = 0
            // Nothing to linger for: the media server ends the viewers with the stream.
            demanded = false
            lingerUntil = nil
        case .wake:
            break
        }
    }

    private mutating func asked(
        _ request: LiveRequestID,
        _ lease: LeaseID,
        _ holder: UserName,
        _ fresh: StreamID,
        _ now: Instant,
        _ actions: inout [Action]
    ) {
        guard waiters.count < mostWaiters, leases.count < Self.mostLeases,
            watchers.count < Self.mostWatchers
        else {
            actions.append(.fail(request, .busy))
            return
        }
        if let resting, now < resting.until {
            actions.append(.fail(request, resting.failure))
        } else if case .live(let stream, _) = phase {
            grant(request, lease, holder, stream, now, &actions)
        } else if link == .offline {
            actions.append(.fail(request, .unitOffline))
        } else {
            waiters.append(
                Waiter(
                    request: request,
                    lease: lease,
                    holder: holder,
                    fresh: fresh,
                    deadline: now + timing.request
                )
            )
        }
    }

    private mutating func linked(_ new: Link, _ now: Instant, _ actions: inout [Action]) {
        link = new
        if new != .asleep { rousing = .no }
        switch (new, phase) {
        case (.connected, .broken(let stream, nil)):
            phase = .broken(stream, retryAt: now)
        case (.offline, .asked(let stream, _)), (.offline, .agreed(let stream, _, _)):
            failWaiters(.unitOffline, &actions)
            breakOff(stream, retryAt: nil)
        case (.offline, .live):
            break
        case (.offline, _):
            failWaiters(.unitOffline, &actions)
        default:
            break
        }
    }

    private mutating func roused(_ awake: Bool, _ now: Instant, _ actions: inout [Action]) {
        guard link == .asleep, rousing == .underWay else { return }
        // One that came and fell asleep again before this was told may be woken again.
        if awake {
            rousing = .failed(retryAt: now + .seconds(1))
            return
        }
        failWaiters(.unitAsleep, &actions)
        failures += 1
        rousing = .failed(retryAt: now + Timing.retry(afterFailures: failures))
    }

    private mutating func reported(_ stream: StreamID?, _ now: Instant, _ actions: inout [Action]) {
        guard let stream else { return }
        switch phase {
        // Left over from a lost answer or from before a restart.
        case .idle: stop(stream, &actions)
        case .agreed(let wanted, _, _) where wanted != stream: breakOff(wanted, retryAt: now)
        // The media server knows better than a report that may be older than the answer it crossed.
        case .asked, .agreed, .live, .stopping, .broken: break
        }
    }

    private mutating func pushed(
        _ stream: StreamID,
        _ epoch: Epoch,
        _ outcome: PushOutcome,
        _ now: Instant,
        _ actions: inout [Action]
    ) {
        guard phase == .asked(stream, epoch) else { return }
        switch outcome {
        case .agreed:
            phase = .agreed(stream, epoch, publishBy: now + timing.publish)
        case .refused(let code, let message):
            fail(.refused(code: code, message: message), stream, now, &actions)
        case .unanswered:
            fail(.unitSilent, stream, now, &actions)
        case .noIngest(let reason):
            fail(.media(reason), stream, now, &actions)
        case .lost:
            // The unit comes back at once or is declared offline; whoever waits may go on waiting.
            breakOff(stream, retryAt: link == .connected ? now + .seconds(1) : nil)
        }
    }

    private mutating func published(
        _ stream: StreamID,
        _ epoch: Epoch,
        _ now: Instant,
        _ actions: inout [Action]
    ) {
        guard stream == current, epoch >= currentEpoch else {
            // Nobody asked for it, or no longer.
            actions.append(.close(stream))
            if phase == .idle { stop(stream, &actions) }
            return
        }
        phase = .live(stream, epoch)
        failures = 0
        for waiter in waiters {
            grant(waiter.request, waiter.lease, waiter.holder, stream, now, &actions)
        }
        waiters = []
    }

    /// Before the stream was announced or after. The unit hears `StopLive`: §9.3.3 has no message that says why.
    private mutating func rejected(
        _ stream: StreamID,
        _ epoch: Epoch,
        _ failure: LiveFailure,
        _ now: Instant,
        _ actions: inout [Action]
    ) {
        let isAsked = phase == .asked(stream, epoch)
        switch phase {
        case .live(stream, epoch), .agreed(stream, epoch, _), .asked(stream, epoch): break
        case .idle, .asked, .agreed, .live, .stopping, .broken: return
        }
        failWaiters(failure, &actions)
        resting = (failure, now + timing.rest)
        actions.append(.close(stream))
        forget()
        // A stop must not overtake the push whose answer is awaited.
        if !isAsked { stop(stream, &actions) }
    }

    /// What the media server still shows to this customer ends there; its news tells how many remain.
    private mutating func dismiss(_ holder: UserName, _ actions: inout [Action]) {
        for waiter in waiters where waiter.holder == holder {
            actions.append(.fail(waiter.request, .withdrawn))
        }
        waiters.removeAll { $0.holder == holder }
        leases = leases.filter { $0.value.holder != holder }
        let dismissed = watchers.filter { $0.value.holder == holder }.keys.sorted {
            $0.rawValue < $1.rawValue
        }
        guard let current, !dismissed.isEmpty else { return }
        for lease in dismissed { watchers[lease] = nil }
        actions.append(.dismiss(current, dismissed))
    }

    private mutating func expire(_ now: Instant, _ actions: inout [Action]) {
        leases = leases.filter { $0.value.expires > now }
        watchers = watchers.filter { $0.value.viewers > 0 || $0.value.mayJoinUntil > now }
        if let until = resting?.until, until <= now { resting = nil }
        for waiter in waiters where waiter.deadline <= now {
            let failure: LiveFailure =
                switch link {
                case .offline: .unitOffline
                case .asleep: .unitAsleep
                case .connected, .disconnected: .unitSilent
                }
            actions.append(.fail(waiter.request, failure))
        }
        waiters.removeAll { $0.deadline <= now }
        if case .agreed(let stream, _, let publishBy) = phase, publishBy <= now {
            fail(.noPublish, stream, now, &actions)
        }
    }

    // MARK: Closing the gap

    private mutating func settle(_ now: Instant, _ actions: inout [Action]) {
        let wanted = isWanted(at: now)
        if wanted, isRouseDue(at: now) {
            rousing = .underWay
            actions.append(.rouse)
        }
        switch phase {
        case .idle:
            guard wanted else { return forget() }
            guard link == .connected, let stream = resuming ?? waiters.first?.fresh else { return }
            resuming = nil
            push(stream, &actions)
        case .asked where !wanted:
            // Its answer is awaited first: a stop must not overtake the push.
            return
        case .agreed(let stream, _, _) where !wanted, .live(let stream, _) where !wanted:
            actions.append(.close(stream))
            forget()
            stop(stream, &actions)
        case .broken(let stream, _) where !wanted:
            actions.append(.close(stream))
            forget()
            stop(stream, &actions)
        case .broken(let stream, let retryAt?) where retryAt <= now && link == .connected:
            // The unit may still believe in the old push, and PushLive of the same stream changes nothing then.
            resuming = stream
            stop(stream, &actions)
        case .asked, .agreed, .live, .stopping, .broken:
            return
        }
    }

    private mutating func stop(_ stream: StreamID, _ actions: inout [Action]) {
        guard link == .connected else {
            phase = resuming.map { .broken($0, retryAt: nil) } ?? .idle
            return
        }
        phase = .stopping(stream)
        actions.append(.stop(stream))
    }

    private mutating func push(_ stream: StreamID, _ actions: inout [Action]) {
        lastEpoch = Epoch(lastEpoch.rawValue + 1)
        phase = .asked(stream, lastEpoch)
        actions.append(.push(stream, lastEpoch))
    }

    /// The push failed: whoever waits hears why; who watches or holds a lease gets another one later.
    private mutating func fail(
        _ failure: LiveFailure,
        _ stream: StreamID,
        _ now: Instant,
        _ actions: inout [Action]
    ) {
        failWaiters(failure, &actions)
        failures += 1
        breakOff(stream, retryAt: now + Timing.retry(afterFailures: failures))
    }

    private mutating func breakOff(_ stream: StreamID, retryAt: Instant?) {
        phase = .broken(stream, retryAt: link == .connected ? retryAt : nil)
    }

    private mutating func failWaiters(_ failure: LiveFailure, _ actions: inout [Action]) {
        for waiter in waiters { actions.append(.fail(waiter.request, failure)) }
        waiters = []
    }

    private mutating func grant(
        _ request: LiveRequestID,
        _ lease: LeaseID,
        _ holder: UserName,
        _ stream: StreamID,
        _ now: Instant,
        _ actions: inout [Action]
    ) {
        leases[lease] = Lease(holder: holder, expires: now + timing.lease)
        watchers[lease] = Watcher(holder: holder, mayJoinUntil: now + Timing.ticket)
        actions.append(.grant(request, LiveLeaseGrant(stream: stream, lease: lease)))
    }

    /// The stream has ended for good: nothing refers to its name any more.
    private mutating func forget() {
        resuming = nil
        leases = [:]
        watchers = [:]
        viewers = 0
        lingerUntil = nil
        failures = 0
    }

    // MARK: What is wanted

    private func isDemanded(at now: Instant) -> Bool {
        !waiters.isEmpty || viewers > 0 || leases.contains { $0.value.expires > now }
    }

    private func isWanted(at now: Instant) -> Bool {
        if isDemanded(at: now) { return true }
        // A push that never carried a picture has nothing to linger for.
        guard case .live = phase else { return false }
        return lingerUntil.map { now < $0 } ?? false
    }

    /// Somebody wants what only the unit can give, and it sleeps.
    private func isRouseDue(at now: Instant) -> Bool {
        switch rousing {
        case .underWay: false
        case .failed(let retryAt): retryAt <= now && lacksUnit
        case .no: lacksUnit
        }
    }

    private var lacksUnit: Bool {
        guard link == .asleep else { return false }
        switch phase {
        case .idle: return resuming != nil || !waiters.isEmpty
        case .broken: return true
        case .asked, .agreed, .live, .stopping: return false
        }
    }

    /// The stream that is wanted or runs, also between two pushes.
    package var current: StreamID? {
        switch phase {
        case .idle, .stopping: resuming
        case .asked(let stream, _), .agreed(let stream, _, _), .live(let stream, _), .broken(let stream, _):
            stream
        }
    }

    private var currentEpoch: Epoch {
        if case .live(_, let epoch) = phase { epoch } else { Epoch(0) }
    }

    private func nextWake(after now: Instant) -> Instant? {
        var times = waiters.map(\.deadline) + leases.values.map(\.expires)
        if let resting { times.append(resting.until) }
        switch phase {
        case .agreed(_, _, let publishBy): times.append(publishBy)
        case .broken(_, let retryAt?) where link == .connected: times.append(retryAt)
        case .live where !isDemanded(at: now): lingerUntil.map { times.append($0) }
        default: break
        }
        if case .failed(let retryAt) = rousing, demanded, lacksUnit { times.append(retryAt) }
        return times.min()
    }
}
