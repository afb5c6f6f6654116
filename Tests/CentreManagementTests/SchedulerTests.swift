import Bus
import CentreManagement
import HSSModel
import TestSupport
import Testing

@Suite("Scheduling, §9.3.1.1 step 2") struct SchedulerTests {
    private func node(
        _ name: String,
        connected: Int,
        of capacity: Int = 1000,
        draining: Bool = false,
        port: Int = 8444
    ) -> SignallingNode {
        SignallingNode(
            name: NodeName(unchecked: name),
            domain: "\(name).example.org",
            plainPort: 0,
            securePort: port,
            connectedUnits: connected,
            capacity: capacity,
            draining: draining
        )
    }

    private func unit(_ number: Int) -> UnitID { UnitID(unchecked: "u\(number)") }

    @Test func aUnitKeepsItsNode() {
        var scheduler = Scheduler()
        var random = SeededGenerator(seed: 1)
        let nodes = [node("a", connected: 100), node("b", connected: 100), node("c", connected: 100)]
        for number in 0..<100 {
            let first = scheduler.pick(for: unit(number), among: nodes, using: &random)
            for _ in 0..<5 {
                let again = scheduler.pick(for: unit(number), among: nodes.reversed(), using: &random)
                #expect(again == first)
            }
        }
    }

    @Test(arguments: [
        (kept: true, change: "fuller by less than the tolerated imbalance"),
        (kept: false, change: "draining"), (kept: false, change: "full"), (kept: false, change: "gone"),
        (kept: false, change: "grossly fuller than another"), (kept: false, change: "without a port"),
    ]) func aNodeIsLeftWhenItHasTo(kept: Bool, change: String) {
        var scheduler = Scheduler()
        var random = SeededGenerator(seed: 2)
        let unit = unit(1)
        #expect(
            scheduler.pick(for: unit, among: [node("a", connected: 0)], using: &random)?.name.rawValue == "a"
        )
        let other = node("b", connected: 100)
        let nodes: [SignallingNode] =
            switch change {
            case "draining": [node("a", connected: 100, draining: true), other]
            case "full": [node("a", connected: 1000), node("b", connected: 999)]
            case "gone": [other]
            case "grossly fuller than another":
                [node("a", connected: 900, of: 1000), node("b", connected: 0, of: 1_000_000)]
            case "without a port": [node("a", connected: 100, port: 0), other]
            default: [node("a", connected: 349), other]
            }
        #expect(
            scheduler.pick(for: unit, among: nodes, using: &random)?.name.rawValue == (kept ? "a" : "b")
        )
    }

    @Test func newUnitsSpreadByFreePlaces() {
        var scheduler = Scheduler()
        var random = SeededGenerator(seed: 3)
        // Free places 900, 100 and none: nine of ten go to the first.
        let nodes = [node("a", connected: 100), node("b", connected: 900), node("c", connected: 1000)]
        var counts: [String: Int] = [:]
        for number in 0..<10_000 {
            let picked = scheduler.pick(for: unit(number), among: nodes, using: &random)
            counts[picked?.name.rawValue ?? "none", default: 0] += 1
        }
        #expect((8800...9200).contains(counts["a", default: 0]))
        #expect(counts["a", default: 0] + counts["b", default: 0] == 10_000)
    }

    @Test func withoutRoomThereIsNoNode() {
        var scheduler = Scheduler()
        var random = SeededGenerator(seed: 4)
        #expect(scheduler.pick(for: unit(1), among: [], using: &random) == nil)
        let full = [node("a", connected: 1000), node("b", connected: 0, draining: true)]
        #expect(scheduler.pick(for: unit(1), among: full, using: &random) == nil)
    }

    @Test func absurdFiguresDoNotTrap() {
        var scheduler = Scheduler()
        var random = SeededGenerator(seed: 5)
        let extremes = [Int.min, -1, 0, 1, .max]
        for connected in extremes {
            for capacity in extremes {
                let nodes = Array(repeating: node("a", connected: connected, of: capacity), count: 3)
                _ = scheduler.pick(for: unit(1), among: nodes, using: &random)
            }
        }
    }
}
