package import HSSModel

/// How far a node is with sending its units away (§9.3.1.2).
package struct DrainProgress: Sendable, Equatable {
    package var since: WallTime
    /// Units told per second.
    package var rate: Int
    /// The units come back to this node: it is the only one.
    package var returning: Bool
    /// Units that were told at least once.
    package var told: Int
    /// Those of them whose connection has ended since.
    package var moved: Int
    /// Units still to go.
    package var left: Int

    package init(since: WallTime, rate: Int, returning: Bool, told: Int, moved: Int, left: Int) {
        self.since = since
        self.rate = rate
        self.returning = returning
        self.told = told
        self.moved = moved
        self.left = left
    }
}

/// What an operator may do with one signalling node.
package protocol DrainableNode: Sendable {
    /// Tells every unit to ask Vs again, `rate` each second, those that push a picture last. Starts anew where it
    /// runs already. `returning`: units that are back are not told again, and it ends with the last one.
    func drain(rate: Int, returning: Bool) async
    func endDrain() async
    /// Nil where it does not drain. One that is through is kept until ``endDrain()``.
    func drainProgress() async -> DrainProgress?
    /// Units that sleep. They hear nothing until they wake.
    func asleepUnits() async -> Int
}

/// One node as an operator sees it: `GET /admin/nodes`.
package struct NodeStatus: Sendable, Equatable {
    package var node: SignallingNode
    package var asleepUnits: Int
    package var drain: DrainProgress?

    package init(node: SignallingNode, asleepUnits: Int, drain: DrainProgress?) {
        self.node = node
        self.asleepUnits = asleepUnits
        self.drain = drain
    }
}

package enum NodeError: Error, Equatable, CustomStringConvertible {
    case noSuchNode(String)
    /// Units that are told to go would come back at once.
    case nowhereToGo(NodeName)
    case invalidRate(allowed: ClosedRange<Int>)

    package var description: String {
        switch self {
        case .noSuchNode(let name): "there is no node \(name)"
        case .nowhereToGo(let name):
            "no other node has room for the units of \(name); forced, they come back to it, spread over time"
        case .invalidRate(let allowed):
            "rate: expected \(allowed.lowerBound) to \(allowed.upperBound) units per second"
        }
    }
}

/// Reference point Cc, nodes (§8.3.2 e). Whoever calls is an operator.
package protocol NodeControlPoint: Sendable {
    func nodes() async -> [NodeStatus]
    /// Vs hands the node to nobody from then on, and its units are told to go.
    func drain(_ name: String, rate: Int, force: Bool) async throws(NodeError) -> NodeStatus
    /// Vs hands the node out again; who was told already is gone.
    func undrain(_ name: String) async throws(NodeError) -> NodeStatus
}
