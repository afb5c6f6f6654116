import Bus
import HSSModel
import HostClock
import Testing

@testable import CentreManagement

@Suite("News for roll-outs") struct RollOutNewsTests {
    private func arrival(_ name: String, restarted: Bool, version: String = "1") -> UnitArrival {
        UnitArrival(
            unit: UnitID(unchecked: name),
            hardwareModel: "cam",
            firmwareModel: version,
            restarted: restarted,
            time: WallTime(milliseconds: 0)
        )
    }

    /// Whoever is in no roll-out takes no memory, however often it logs in.
    @Test func strangersAreNotKept() {
        let news = RollOutNews()
        news.watch([UnitID(unchecked: "a")])
        for name in ["a", "b", "c"] { news.arrived(arrival(name, restarted: false)) }
        news.turnedAway(UnitID(unchecked: "b"))
        news.removed(UnitID(unchecked: "b"))
        let items = news.take()
        #expect(items.arrivals.keys.map(\.rawValue) == ["a"])
        #expect(items.turnedAway.isEmpty && items.removed.isEmpty)
        #expect(news.take().arrivals.isEmpty)
    }

    @Test func aRestartIsNotLostInALaterReconnection() {
        let news = RollOutNews()
        news.watch([UnitID(unchecked: "a")])
        news.arrived(arrival("a", restarted: true, version: "1"))
        news.arrived(arrival("a", restarted: false, version: "2"))
        #expect(news.take().arrivals.values.first == arrival("a", restarted: true, version: "2"))
    }
}
