import Bus
import CentreManagement
import HSSModel
import Synchronization
import Testing

@Suite("Emptying a node, §9.3.1.2") struct NodeDeskTests {
    /// A signalling node that remembers what it was told.
    private final class FakeNode: DrainableNode {
        private let progress = Mutex<DrainProgress?>(nil)

        func drain(rate: Int, returning: Bool) async {
            progress.withLock {
                $0 = DrainProgress(
                    since: WallTime(milliseconds: 0),
                    rate: rate,
                    returning: returning,
                    told: 0,
                    moved: 0,
                    left: 1
                )
            }
        }

        func endDrain() async { progress.withLock { $0 = nil } }
        func drainProgress() async -> DrainProgress? { progress.withLock { $0 } }
        func asleepUnits() async -> Int { 3 }
    }

    /// As the root builds it: a node that sends its units elsewhere is handed to nobody.
    private struct Table: NodeDirectory {
        var nodes: [SignallingNode]
        var handles: [NodeName: FakeNode]

        func signallingNodes() async -> [SignallingNode] {
            var all = nodes
            for index in all.indices {
                let progress = await handles[all[index].name]?.drainProgress()
                all[index].draining = progress.map { !$0.returning } ?? all[index].draining
            }
            return all
        }
    }

    private func node(
        _ name: String,
        units: Int = 10,
        draining: Bool = false,
        port: Int = 8444
    ) -> SignallingNode {
        SignallingNode(
            name: NodeName(unchecked: name),
            domain: name,
            plainPort: 0,
            securePort: port,
            connectedUnits: units,
            capacity: 100,
            draining: draining
        )
    }

    private func desk(_ nodes: [SignallingNode]) -> (NodeDesk, Table) {
        let handles = Dictionary(uniqueKeysWithValues: nodes.map { ($0.name, FakeNode()) })
        let table = Table(nodes: nodes, handles: handles)
        return (NodeDesk(directory: table, drainable: handles), table)
    }

    @Test func unitsGoWhereThereIsRoomAndVsHandsTheNodeToNobody() async throws {
        let (desk, table) = desk([node("a"), node("b")])
        let status = try await desk.drain("a", rate: 20, force: false)
        #expect(status.node.draining && status.drain?.rate == 20 && status.drain?.returning == false)
        #expect(status.asleepUnits == 3)
        var scheduler = Scheduler()
        for number in 0..<100 {
            var random = SystemRandomNumberGenerator()
            let unit = UnitID(unchecked: "cam-\(number)")
            let picked = scheduler.pick(for: unit, among: await table.signallingNodes(), using: &random)
            #expect(picked?.name.rawValue == "b")
        }
        #expect(try await desk.undrain("a").node.draining == false)
    }

    @Test(arguments: ["alone", "full", "draining", "unreachable"])
    func aNodeWithNowhereToSendItsUnitsIsRefused(other: String) async throws {
        let others: [SignallingNode] =
            switch other {
            case "full": [node("b", units: 100)]
            case "draining": [node("b", draining: true)]
            case "unreachable": [node("b", port: 0)]
            default: []
            }
        let (desk, table) = desk([node("a")] + others)
        await #expect(throws: NodeError.nowhereToGo(NodeName(unchecked: "a"))) {
            try await desk.drain("a", rate: 20, force: false)
        }
        // Forced: they come back, so Vs goes on handing it out.
        let status = try await desk.drain("a", rate: 20, force: true)
        #expect(status.drain?.returning == true && !status.node.draining)
        #expect(await table.signallingNodes().first?.draining == false)
    }

    @Test func whatIsWrongIsSaid() async throws {
        let (desk, _) = desk([node("a"), node("b")])
        for rate in [0, -1, 10_001] {
            await #expect(throws: NodeError.invalidRate(allowed: 1...10_000)) {
                try await desk.drain("a", rate: rate, force: true)
            }
        }
        await #expect(throws: NodeError.noSuchNode("c")) { try await desk.drain("c", rate: 1, force: true) }
        await #expect(throws: NodeError.noSuchNode("c")) { try await desk.undrain("c") }
    }
}
