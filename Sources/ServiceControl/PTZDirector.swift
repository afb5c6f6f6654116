import Bus
import HSSModel
import HostClock
import Vd

/// Runs a ``PTZLease`` for each unit that was told to move, so that a lost `stop` cannot leave a camera turning.
///
/// Before a move leaves, a mark of it is durable; it goes when nothing of the unit moves and its stop has settled. A
/// platform that is killed in between finds the mark, and says the stop when the unit is back.
actor PTZDirector {
    /// Units with a move or a stop that may have been lost. Each is forgotten within minutes.
    private static let mostUnits = 100_000

    private struct Unit {
        var lease = PTZLease()
        var epoch: Epoch
        var wake: Instant?
        /// Channels with a durable mark.
        var marked: Set<Int> = []
    }

    private let registry: UnitRegistry
    private let calls: UnitCalls
    private let marks: MoveMarks?
    private var units: [UnitID: Unit] = [:]
    /// Nothing of them moves, and their marks are still there.
    private var settled: Set<UnitID> = []
    /// Marks of these units are being written.
    private var beginning: [UnitID: Int] = [:]
    /// Takes marks away; a mark that is made must wait for it.
    private var ending: Task<Void, Never>?

    init(registry: UnitRegistry, calls: UnitCalls, marks: MoveMarks?) {
        self.registry = registry
        self.calls = calls
        self.marks = marks
    }

    /// Takes up what was moving when an earlier run of the platform ended. Before units connect.
    func begin(at now: Instant) async {
        guard let marks else { return }
        let heads = Dictionary(grouping: await marks.all(), by: \.unit)
        for (unit, channels) in heads.prefix(Self.mostUnits) {
            let numbers = Set(channels.map(\.number))
            units[unit] = Unit(lease: PTZLease(owing: numbers, at: now), epoch: Epoch(0), marked: numbers)
            receive(.wake, of: unit, at: now)
        }
    }

    func control(_ command: CtrlPTZ, of unit: UnitID, by user: UserName) async throws(UnitCallError) {
        _ = try await calls.link(to: unit, for: command)
        if command.operation.kind == .move { await mark(ChannelAddress(unit: unit, number: command.channel)) }
        // While the mark was written the unit may have gone, or come anew.
        guard let link = registry.connectedLink(unit) else { throw .offline(unit) }
        guard units[unit] != nil || units.count < Self.mostUnits else { throw .busy(unit) }
        if units[unit] == nil { units[unit] = Unit(epoch: link.epoch) }
        if command.operation.kind == .move { units[unit]?.marked.insert(command.channel) }
        // The link may be a newer one than that of which the lease knows.
        heard(unit)
        let input = PTZLease.Input.command(command, by: user, lease: PTZLease.usual)
        guard receive(input, of: unit, at: .now) else { throw .offline(unit) }
    }

    /// Returns once it is durable that the channel may move.
    private func mark(_ channel: ChannelAddress) async {
        let unit = channel.unit
        guard let marks, units[unit]?.marked.contains(channel.number) != true else { return }
        beginning[unit, default: 0] += 1
        await ending?.value
        await marks.begin(channel)
        beginning[unit] = beginning[unit].flatMap { $0 > 1 ? $0 - 1 : nil }
        // Where the move does not come about, the mark goes again.
        settled.insert(unit)
    }

    /// A unit came or went.
    func heard(_ unit: UnitID) {
        guard let known = units[unit] else { return }
        guard let link = registry.connectedLink(unit) else {
            receive(.disconnected, of: unit, at: .now)
            return
        }
        guard link.epoch != known.epoch else { return }
        units[unit]?.epoch = link.epoch
        receive(.connected, of: unit, at: .now)
    }

    func tick(at now: Instant) {
        for (unit, state) in units {
            if let wake = state.wake, wake <= now { receive(.wake, of: unit, at: now) }
        }
        guard let marks, !settled.isEmpty else { return }
        let over = settled.filter { units[$0] == nil && beginning[$0] == nil }
        settled.subtract(over)
        settled = settled.filter { units[$0] == nil }
        guard !over.isEmpty else { return }
        // Not awaited: whoever keeps time must not wait for the store.
        ending = Task { [before = ending] in
            await before?.value
            for unit in over { await marks.end(unit) }
        }
    }

    /// False where the unit could not be told.
    @discardableResult
    private func receive(_ input: PTZLease.Input, of unit: UnitID, at now: Instant) -> Bool {
        guard var state = units[unit] else { return false }
        var isTold = true
        if case .wake = input { state.wake = nil }
        for action in state.lease.receive(input, at: now) {
            switch action {
            // Where the connection has just ended, news of it makes the lease say its stop again.
            case .tell(let command): registry.connectedLink(unit)?.post(command.event)
            case .unreachable: isTold = false
            case .wake(let instant): state.wake = instant
            }
        }
        if state.lease.isIdle, !state.marked.isEmpty { settled.insert(unit) }
        units[unit] = state.lease.isIdle ? nil : state
        return isTold
    }
}
