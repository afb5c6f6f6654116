import Bus
import HSSModel
import HostClock
import ServerKit
import Synchronization

/// Wakes sleeping units: one wake-up for all who want the same unit, until it logs in or the time is over. Nothing
/// wakes a unit but a call that needs it: reading lists and states does not come here.
final class UnitWaker: Sendable {
    enum Outcome: Equatable, Sendable {
        /// The unit is logged in.
        case awake
        /// It was told to wake and did not come in time.
        case silent
        case offline
        /// As many wait for this unit as may.
        case busy
    }

    private struct Waking {
        var deadline: Instant
        var waiters: [UInt64: CheckedContinuation<Outcome, Never>] = [:]
    }

    private struct State {
        var wakings: [UnitID: Waking] = [:]
        var lastWaiter: UInt64 = 0
    }

    private static let mostWaiters = 64

    private let units: UnitRegistry
    private let wakeTime: Duration
    private let state = Mutex(State())
    private let woken: Counter
    private let notWoken: Counter
    private let time: Histogram

    init(units: UnitRegistry, wakeTime: Duration, metrics: MetricRegistry) {
        self.units = units
        self.wakeTime = wakeTime
        let name = "vedette_wake_ups_total"
        let help = "Sleeping units told to wake, by outcome."
        woken = metrics.counter(name, help, labels: [("outcome", "awake")])
        notWoken = metrics.counter(name, help, labels: [("outcome", "silent")])
        time = metrics.histogram("vedette_wake_seconds", "From the wake-up to the unit's login.")
    }

    /// Returns when the unit is logged in, or why it is not, after `wakeTime` at the latest.
    func wake(_ unit: UnitID) async -> Outcome {
        switch units.link(of: unit) {
        case .connected: return .awake
        case .offline, .disconnected: return .offline
        case .asleep: break
        }
        let asked = Instant.now
        let waiter = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { wait(waiter, for: unit, $0) }
        } onCancel: {
            cancel(waiter, unit)
        }
        if outcome == .awake { time.observe((Instant.now - asked).inSeconds) }
        return outcome
    }

    private func wait(_ waiter: UInt64, for unit: UnitID, _ continuation: CheckedContinuation<Outcome, Never>)
    {
        guard !Task.isCancelled else { return continuation.resume(returning: .silent) }
        let isFirst: Bool? = state.withLock { state in
            let isFirst = state.wakings[unit] == nil
            var waking = state.wakings[unit] ?? Waking(deadline: .now + wakeTime)
            guard waking.waiters.count < Self.mostWaiters else { return nil }
            waking.waiters[waiter] = continuation
            state.wakings[unit] = waking
            return isFirst
        }
        guard let isFirst else { return continuation.resume(returning: .busy) }
        // A unit without a connection now is told as soon as it makes one.
        if isFirst { units.sleepers.connection(of: unit)?.wakeUnit() }
        // It may have come between the look at the registry and this.
        if units.link(of: unit) == .connected { finish(unit, .awake) }
    }

    private func cancel(_ waiter: UInt64, _ unit: UnitID) {
        let continuation = state.withLock { $0.wakings[unit]?.waiters.removeValue(forKey: waiter) }
        continuation?.resume(returning: .silent)
    }

    /// A sleeping unit sent a heartbeat: if it is wanted, it has not heard so yet.
    func heartbeat(_ connection: HibernationConnection) {
        let isWanted = state.withLock { $0.wakings[connection.registration.unit] != nil }
        if isWanted { connection.wakeUnit() }
    }

    /// Ends the waits for units that are there, and those whose time is over. Called twenty times a second.
    func tick(at now: Instant) {
        let wakings = state.withLock { $0.wakings }
        for (unit, waking) in wakings {
            if units.link(of: unit) == .connected {
                finish(unit, .awake)
            } else if waking.deadline <= now {
                finish(unit, .silent)
            }
        }
    }

    /// Nobody is left waiting at a shutdown.
    func stop() {
        for unit in state.withLock({ Array($0.wakings.keys) }) { finish(unit, .silent) }
    }

    private func finish(_ unit: UnitID, _ outcome: Outcome) {
        guard let waking = state.withLock({ $0.wakings.removeValue(forKey: unit) }) else { return }
        (outcome == .awake ? woken : notWoken).add()
        for waiter in waking.waiters.values { waiter.resume(returning: outcome) }
    }
}
