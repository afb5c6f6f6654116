import Bus
import HSSModel
import HostClock
import Vd

/// Runs a ``PTZLease`` for each unit that was told to move, so that a lost `stop` cannot leave a camera turning.
actor PTZDirector {
    /// Units with a move or a stop that may have been lost. Each is forgotten within minutes.
    private static let mostUnits = 100_000

    private struct Unit {
        var lease = PTZLease()
        var epoch: Epoch
        var wake: Instant?
    }

    private let registry: UnitRegistry
    private let calls: UnitCalls
    private var units: [UnitID: Unit] = [:]

    init(registry: UnitRegistry, calls: UnitCalls) {
        self.registry = registry
        self.calls = calls
    }

    func control(_ command: CtrlPTZ, of unit: UnitID, by user: UserName) async throws(UnitCallError) {
        let link = try await calls.link(to: unit, for: command)
        guard units[unit] != nil || units.count < Self.mostUnits else { throw .busy(unit) }
        if units[unit] == nil { units[unit] = Unit(epoch: link.epoch) }
        // The link may be a newer one than that of which the lease knows.
        heard(unit)
        let input = PTZLease.Input.command(command, by: user, lease: PTZLease.usual)
        guard receive(input, of: unit) else { throw .offline(unit) }
    }

    /// A unit came or went.
    func heard(_ unit: UnitID) {
        guard let known = units[unit] else { return }
        guard let link = registry.connectedLink(unit) else {
            receive(.disconnected, of: unit)
            return
        }
        guard link.epoch != known.epoch else { return }
        units[unit]?.epoch = link.epoch
        receive(.connected, of: unit)
    }

    func tick(at now: Instant) {
        for (unit, state) in units {
            if let wake = state.wake, wake <= now { receive(.wake, of: unit) }
        }
    }

    /// False where the unit could not be told.
    @discardableResult
    private func receive(_ input: PTZLease.Input, of unit: UnitID) -> Bool {
        guard var state = units[unit] else { return false }
        var isTold = true
        if case .wake = input { state.wake = nil }
        for action in state.lease.receive(input, at: .now) {
            switch action {
            // Where the connection has just ended, news of it makes the lease say its stop again.
            case .tell(let command): registry.connectedLink(unit)?.post(command.event)
            case .unreachable: isTold = false
            case .wake(let instant): state.wake = instant
            }
        }
        units[unit] = state.lease.isIdle ? nil : state
        return isTold
    }
}
