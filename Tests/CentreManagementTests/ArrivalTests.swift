import Bus
import HSSModel
import HostClock
import Synchronization
import Testing

@testable import CentreManagement

@Suite("Arrivals of units") struct ArrivalTests {
    /// The way to whoever follows stays as long as it is: when it grew with each news, a hundred thousand logins ended
    /// in a stack overflow, and each cost more than the one before.
    @Test func theHundredThousandthIsToldLikeTheFirst() async throws {
        try await Centre.run { centre in
            let told = Atomic(0)
            centre.registry.onArrival { _ in told.wrappingAdd(1, ordering: .relaxed) }
            let arrival = UnitArrival(
                unit: UnitID(unchecked: "cam-1"),
                hardwareModel: "cam",
                firmwareModel: "1",
                restarted: false,
                time: .now
            )
            for _ in 0..<100_000 { centre.registry.announce(arrival) }
            #expect(told.load(ordering: .relaxed) == 100_000)
        }
    }
}
