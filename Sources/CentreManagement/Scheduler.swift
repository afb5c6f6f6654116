package import Bus
package import HSSModel
import ServerKit

/// Picks the signalling node of a unit (§9.3.1.1 step 2): the one it was given last, as long as that is
/// reasonable, otherwise one with room.
///
/// The choice among several is by chance, weighted by free places: the table of nodes is seconds old, and sending
/// everybody to the emptiest node would fill it before the table tells.
package struct Scheduler: Sendable {
    /// A node keeps its units until it is that much fuller than the emptiest one; moving a unit costs it a login.
    package static let toleratedImbalance = 0.25

    /// Where each unit was sent last. Forgetting one only means that it may be sent elsewhere.
    private var last: AgingTable<UnitID, NodeName>

    package init(capacity: Int = 200_000) {
        last = AgingTable(capacity: capacity)
    }

    /// Nil where no node has room.
    package mutating func pick(
        for unit: UnitID,
        among nodes: [SignallingNode],
        using random: inout some RandomNumberGenerator
    ) -> SignallingNode? {
        let open = nodes.filter { !$0.draining && $0.freePlaces > 0 && $0.isReachable }
        let lowest = open.map(\.load).min() ?? 0
        if let name = last[unit], let kept = open.first(where: { $0.name == name }),
            kept.load <= lowest + Self.toleratedImbalance
        {
            last[unit] = name
            return kept
        }
        let places = open.reduce(0) { $0 + $1.freePlaces }
        guard places > 0 else { return nil }
        var place = Int.random(in: 0..<places, using: &random)
        for node in open {
            place -= node.freePlaces
            if place < 0 {
                last[unit] = node.name
                return node
            }
        }
        return nil
    }
}

extension SignallingNode {
    /// Bounded, so that a sum over nodes cannot overflow whatever they say of themselves.
    fileprivate var freePlaces: Int {
        min(max(0, capacity), 1 << 32) - min(max(0, connectedUnits), min(max(0, capacity), 1 << 32))
    }

    fileprivate var load: Double { Double(connectedUnits) / Double(max(1, capacity)) }

    fileprivate var isReachable: Bool { plainPort != 0 || securePort != 0 }
}
