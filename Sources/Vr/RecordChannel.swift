package import HSSModel

/// Keeps one channel recorded as it is wanted: starts and stops record sessions on its unit (`StartRecord`, `StopRecord`,
/// Tables I.2-14, I.2-15), and believes what its heartbeats say (`record_session`, Table I.2-1).
///
/// What is wanted is kept apart from what is. Whatever is lost, repeated or restarted, the machine closes the gap when it
/// hears anything: the same session again "is a success and changes nothing", a stop is a success "also where there is
/// none".
package struct RecordChannel: Sendable {
    /// An order to the unit, numbered so that a late answer of an earlier connection is known.
    package struct Order: Hashable, Sendable {
        package let number: UInt64
        package let session: RecordSessionID
    }

    package enum Answer: Hashable, Sendable, CaseIterable {
        case agreed
        /// The unit cannot or will not, whatever its code says.
        case refused
        /// The connection broke, or nothing came in time: the unit may have done it.
        case lost
    }

    package enum Input: Hashable, Sendable {
        /// What ``RecordingDemand`` says now.
        case wish(RecordingDemand.Wish?)
        /// A new connection of the unit, or the end of the last.
        case connected, disconnected
        /// A heartbeat named this session, or none.
        case reported(RecordSessionID?)
        case started(Order, Answer)
        case stopped(Order, Answer)
        case wake
    }

    package enum Action: Hashable, Sendable {
        /// Before anything is sent: the session exists, and its unit may upload to it.
        case begin(RecordSessionID)
        case start(Order, prerecord: Duration)
        case stop(Order)
        /// Segments that start from now on are not wanted any more; those before may still come.
        case end(RecordSessionID)
        case wake(at: Instant)
    }

    private enum Unit: Equatable {
        /// It has connected, and said nothing yet.
        case unheard
        case records(RecordSessionID?)
        /// An order may have reached it, or not.
        case mayRecord(RecordSessionID)
    }

    /// As often as two heartbeats in a row: one may have been on its way while an order was.
    private static let heartbeatsThatCount = 2
    private static let firstRetry: Duration = .seconds(5)
    private static let longestRetry: Duration = .seconds(60)

    /// The session that is wanted, for as long as it is, over connections and restarts of the unit.
    package private(set) var session: RecordSessionID?
    private var prerecord: Duration = .zero
    private var isConnected = false
    private var unit = Unit.unheard
    private var contradictions = 0
    private var pending: Order?
    private var lastOrder: UInt64 = 0
    private var retry = RecordChannel.firstRetry
    private var retryAt: Instant?

    /// `running`: the session that was wanted when the platform ended, as the database has it.
    package init(running: RecordSessionID? = nil) {
        session = running
    }

    /// What the unit records, as far as it is known.
    package var recorded: RecordSessionID? {
        if case .records(let session) = unit { session } else { nil }
    }

    /// `fresh` names the session, should one begin.
    package mutating func receive(_ input: Input, fresh: RecordSessionID, at now: Instant) -> [Action] {
        var actions: [Action] = []
        switch input {
        case .wish(let wish): actions += want(wish, fresh)
        case .connected:
            isConnected = true
            forgetUnit()
        case .disconnected:
            isConnected = false
            forgetUnit()
        case .reported(let session): hear(session)
        case .started(let order, let answer):
            guard order == pending else { break }
            settle(order, answer, does: order.session, at: now)
            if answer == .agreed, order.session == session { prerecord = .zero }
        case .stopped(let order, let answer):
            guard order == pending else { break }
            settle(order, answer, does: nil, at: now)
        case .wake:
            if let at = retryAt, at <= now { retryAt = nil }
        }
        return actions + closeTheGap()
    }

    private mutating func want(_ wish: RecordingDemand.Wish?, _ fresh: RecordSessionID) -> [Action] {
        switch (wish, session) {
        case (let wish?, nil):
            session = fresh
            prerecord = wish.prerecord
            retryAt = nil
            return [.begin(fresh)]
        case (nil, let over?):
            session = nil
            retryAt = nil
            return [.end(over)]
        // Another reason for what runs already.
        case (.some, .some), (nil, nil): return []
        }
    }

    private mutating func forgetUnit() {
        unit = .unheard
        contradictions = 0
        pending = nil
        retry = Self.firstRetry
        retryAt = nil
    }

    private mutating func hear(_ session: RecordSessionID?) {
        // While an order is under way a heartbeat may be from before it.
        guard isConnected, pending == nil else { return }
        switch unit {
        case .unheard: unit = .records(session)
        case .records(session): contradictions = 0
        case .records, .mayRecord:
            contradictions += 1
            guard contradictions >= Self.heartbeatsThatCount else { return }
            contradictions = 0
            unit = .records(session)
        }
    }

    private mutating func settle(_ order: Order, _ answer: Answer, does: RecordSessionID?, at now: Instant) {
        pending = nil
        contradictions = 0
        guard answer == .agreed else {
            unit = .mayRecord(order.session)
            retryAt = now + retry
            retry = min(retry * 2, Self.longestRetry)
            return
        }
        unit = .records(does)
        retry = Self.firstRetry
        retryAt = nil
    }

    private mutating func closeTheGap() -> [Action] {
        guard isConnected, pending == nil else { return [] }
        if let session, unit != .records(session) {
            if let retryAt { return [.wake(at: retryAt)] }
            return [.start(order(session), prerecord: prerecord)]
        }
        guard session == nil else { return [] }
        switch unit {
        // Its first heartbeat says whether there is something to stop.
        case .unheard, .records(nil): return []
        case .records(let foreign?), .mayRecord(let foreign):
            if let retryAt { return [.wake(at: retryAt)] }
            return [.stop(order(foreign))]
        }
    }

    private mutating func order(_ session: RecordSessionID) -> Order {
        lastOrder += 1
        let order = Order(number: lastOrder, session: session)
        pending = order
        return order
    }
}
