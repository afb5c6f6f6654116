import Bus
import HSSModel
import Store
import Testing

@testable import CentreManagement

@Suite("Upkeep of the registry") struct UpkeepTests {
    /// Devices are chosen by what the last logins said, not by what stood in the store 10 s ago.
    @Test func sightingsCanBeWrittenAtOnceAndALostStoreKeepsThem() async throws {
        try await Centre.run { centre in
            let unit = try await centre.device("cam").device.unit
            let seen = WallTime(milliseconds: 1_800_000_000_000)
            centre.registry.noteArrival(UnitArrival(unit, "v3", at: seen))
            await centre.registry.writeSightings()
            let stored = try await centre.store.device(unit)
            #expect(stored?.firmwareModel == "v3" && stored?.hardwareModel == "hw")
            try centre.store.close()
            centre.registry.noteArrival(UnitArrival(unit, "v4", at: seen + .seconds(1)))
            await centre.registry.writeSightings()
            #expect(centre.registry.sightings.latest(of: unit)?.firmwareModel == "v4", "tried again later")
        }
    }

    /// One that could not be written does not hide what came meanwhile.
    @Test func newsIsMergedByItsTime() {
        let journal = SightingJournal()
        let unit = UnitID(unchecked: "cam")
        let time = WallTime(milliseconds: 1000)
        journal.note(UnitSighting(unit: unit, firmwareModel: "v2", time: time + .seconds(1)))
        journal.note(UnitSighting(unit: unit, hardwareModel: "hw", firmwareModel: "v1", time: time))
        let sighting = journal.latest(of: unit)
        #expect(sighting?.firmwareModel == "v2" && sighting?.hardwareModel == "hw")
        #expect(sighting?.time == time + .seconds(1))
    }

    /// Those who are to hear of a disabled device a second time hear it also where the store was away.
    @Test func revocationsOutliveALostStore() async throws {
        try await Centre.run { centre in
            for name in ["cam", "dam"] {
                _ = try await centre.device(name)
                _ = try await centre.registry.setDevice(name, disabled: true, by: Centre.root)
            }
            try centre.store.close()
            await centre.registry.maintain()
            #expect(centre.registry.openRevocations.map(\.rawValue).sorted() == ["cam", "dam"])
        }
    }
}

extension UnitArrival {
    init(_ unit: UnitID, _ version: String, at time: WallTime) {
        self.init(unit: unit, hardwareModel: "hw", firmwareModel: version, restarted: false, time: time)
    }
}
