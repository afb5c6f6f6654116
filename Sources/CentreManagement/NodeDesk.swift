package import Bus
package import HSSModel

/// Lets operators see the signalling nodes and empty one of them.
package struct NodeDesk: NodeControlPoint {
    package static let rates = 1...10_000

    private let directory: any NodeDirectory
    private let drainable: [NodeName: any DrainableNode]

    /// `drainable`: the nodes of the directory that can be reached from here.
    package init(directory: any NodeDirectory, drainable: [NodeName: any DrainableNode]) {
        self.directory = directory
        self.drainable = drainable
    }

    package func nodes() async -> [NodeStatus] {
        var statuses: [NodeStatus] = []
        for node in await directory.signallingNodes().sorted(by: { $0.name < $1.name }) {
            statuses.append(await status(node))
        }
        return statuses
    }

    package func drain(_ name: String, rate: Int, force: Bool) async throws(NodeError) -> NodeStatus {
        guard Self.rates.contains(rate) else { throw .invalidRate(allowed: Self.rates) }
        let (node, handle) = try await find(name)
        let others = await directory.signallingNodes().filter {
            $0.name != node.name && !$0.draining && $0.connectedUnits < $0.capacity
                && ($0.plainPort != 0 || $0.securePort != 0)
        }
        guard force || !others.isEmpty else { throw .nowhereToGo(node.name) }
        await handle.drain(rate: rate, returning: others.isEmpty)
        return try await status(name)
    }

    package func undrain(_ name: String) async throws(NodeError) -> NodeStatus {
        await (try await find(name)).1.endDrain()
        return try await status(name)
    }

    private func find(_ name: String) async throws(NodeError) -> (SignallingNode, any DrainableNode) {
        guard let node = await directory.signallingNodes().first(where: { $0.name.rawValue == name }),
            let handle = drainable[node.name]
        else { throw .noSuchNode(name) }
        return (node, handle)
    }

    /// As it is now: draining changes what the directory says.
    private func status(_ name: String) async throws(NodeError) -> NodeStatus {
        await status(try await find(name).0)
    }

    private func status(_ node: SignallingNode) async -> NodeStatus {
        let handle = drainable[node.name]
        return NodeStatus(
            node: node,
            asleepUnits: await handle?.asleepUnits() ?? 0,
            drain: await handle?.drainProgress()
        )
    }
}
