import Bus
import HSSModel
import Synchronization

/// What concerns the units of roll-outs, collected until the service looks: event loops report it and must not wait.
///
/// One entry for each unit that is in a roll-out, so the roll-outs' own bounds bound it.
final class RollOutNews: Sendable {
    struct Items {
        var arrivals: [UnitID: UnitArrival] = [:]
        var turnedAway: Set<UnitID> = []
        var removed: Set<UnitID> = []
    }

    private struct State {
        var members: Set<UnitID> = []
        var items = Items()
    }

    private let state = Mutex(State())

    func watch(_ units: some Sequence<UnitID>) {
        state.withLock { $0.members.formUnion(units) }
    }

    func forget(_ unit: UnitID) {
        state.withLock {
            $0.members.remove(unit)
            $0.items.arrivals[unit] = nil
            $0.items.turnedAway.remove(unit)
            $0.items.removed.remove(unit)
        }
    }

    func arrived(_ arrival: UnitArrival) {
        state.withLock {
            guard $0.members.contains(arrival.unit) else { return }
            var arrival = arrival
            // A restart must not be lost because the unit lost its connection once more.
            if $0.items.arrivals[arrival.unit]?.restarted ?? false { arrival.restarted = true }
            $0.items.arrivals[arrival.unit] = arrival
        }
    }

    func turnedAway(_ unit: UnitID) {
        state.withLock { if $0.members.contains(unit) { $0.items.turnedAway.insert(unit) } }
    }

    func removed(_ unit: UnitID) {
        state.withLock { if $0.members.contains(unit) { $0.items.removed.insert(unit) } }
    }

    func take() -> Items {
        state.withLock { state in
            defer { state.items = Items() }
            return state.items
        }
    }
}
