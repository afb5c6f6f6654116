import HSSModel
import Store
import Testing

extension Backend {
    fileprivate func withFleet(_ body: (any DeviceStore & FleetStore) async throws -> Void) async throws {
        let folder = TemporaryFolder()
        defer { folder.remove() }
        let store = try SQLiteStore(path: folder.path("vedette.db"), at: Sample.start)
        try await body(store)
        try store.close()
    }
}

@Suite("Firmware and its roll-outs") struct FirmwareStoreContract {
    private let start = Sample.start

    private func image(_ id: String, _ version: String, hardware: String = "cam-a") -> StoredFirmware {
        StoredFirmware(
            record: FirmwareRecord(
                id: FirmwareID(unchecked: id),
                hardwareModel: hardware,
                version: version,
                size: 1_000,
                sha256: String(repeating: "a", count: 64),
                addedAt: start
            ),
            blob: "blob of \(id)"
        )
    }

    private func rollOut(_ id: String, of firmware: String = "f", version: String = "2.0") -> RollOutRecord {
        RollOutRecord(
            id: RollOutID(unchecked: id),
            firmware: FirmwareID(unchecked: firmware),
            hardwareModel: "cam-a",
            plan: RollOutPlan(
                version: version,
                opens: start,
                closes: start + .seconds(7200),
                spread: .seconds(60),
                mostAtOnce: 3,
                errorLimit: 7,
                errorSample: 8,
                attempts: 4,
                patience: .seconds(900)
            ),
            createdBy: UserName(unchecked: "admin"),
            createdAt: start
        )
    }

    private func unit(_ name: String) -> UnitID { UnitID(unchecked: name) }

    private func fleet(_ names: [String], on store: any DeviceStore, hardware: String = "cam-a") async throws
    {
        for name in names {
            var device = Sample.device(name)
            device.hardwareModel = hardware
            device.firmwareModel = "1.0"
            try await store.add(device)
        }
    }

    private func add(
        _ record: RollOutRecord,
        for selection: RollOutSelection,
        to store: any FleetStore,
        mostUnits: Int = 100,
        mostOpen: Int = 10,
        keeping: Int = 10
    ) async throws -> [UnitID] {
        try await store.add(
            record,
            for: selection,
            mostUnits: mostUnits,
            mostOpen: mostOpen,
            keeping: keeping
        )
    }

    private func change(
        _ id: String,
        _ phase: RollOutPhase = .running,
        ended: Bool = false,
        _ units: [UnitID: RollOutProgress] = [:]
    ) -> RollOutChange {
        RollOutChange(
            id: RollOutID(unchecked: id),
            phase: phase,
            forgiven: RollOutCounts(done: 2, failed: 1),
            endedAt: ended ? start + .seconds(99) : nil,
            units: units
        )
    }

    @Test(arguments: Backend.available) func imagesAreReadAsTheyWereAdded(_ backend: Backend) async throws {
        try await backend.withFleet { store in
            try await store.add(image("b", "1.0"))
            try await store.add(image("a", "2.0"))
            try await store.add(image("c", "2.0", hardware: "cam-b"))
            #expect(try await store.firmware(FirmwareID(unchecked: "b")) == image("b", "1.0"))
            #expect(try await store.firmware(FirmwareID(unchecked: "x")) == nil)
            let all = try await store.firmwares(after: nil, limit: 10, hardwareModel: nil)
            #expect(all.map(\.record.id.rawValue) == ["a", "b", "c"])
            let ours = try await store.firmwares(
                after: FirmwareID(unchecked: "a"),
                limit: 10,
                hardwareModel: "cam-a"
            )
            #expect(ours == [image("b", "1.0")])
            await #expect(throws: StoreError.conflict("there is a firmware 2.0 for cam-a already")) {
                try await store.add(image("d", "2.0"))
            }
        }
    }

    @Test(arguments: Backend.available) func anImageInUseStays(_ backend: Backend) async throws {
        try await backend.withFleet { store in
            try await fleet(["u1"], on: store)
            try await store.add(image("f", "2.0"))
            _ = try await add(rollOut("r1"), for: .share(percent: 100), to: store)
            await #expect(throws: StoreError.conflict("a roll-out uses firmware f")) {
                try await store.removeFirmware(FirmwareID(unchecked: "f"))
            }
            try await store.save([change("r1", .finished, ended: true, [unit("u1"): .done])], at: start)
            #expect(try await store.removeFirmware(FirmwareID(unchecked: "f")) == image("f", "2.0"))
            // What was done with it stays readable.
            let record = try #require(try await store.rollOut(RollOutID(unchecked: "r1")))
            #expect(record.firmware == nil && record.plan.version == "2.0")
            await #expect(throws: StoreError.notFound("firmware f")) {
                try await store.removeFirmware(FirmwareID(unchecked: "f"))
            }
        }
    }

    @Test(arguments: Backend.available) func aShareTakesWhoeverNeedsIt(_ backend: Backend) async throws {
        try await backend.withFleet { store in
            try await store.add(image("f", "2.0"))
            try await fleet(["u1", "u2", "u3", "u4"], on: store)
            try await fleet(["other"], on: store, hardware: "cam-b")
            try await store.add(Sample.device("new"))
            _ = try await store.setDevice(unit("u3"), disabled: true)
            try await store.note([UnitSighting(unit: unit("u4"), firmwareModel: "2.0", time: start)])
            let record = rollOut("r1")
            let members = try await add(record, for: .share(percent: 100), to: store)
            #expect(members == [unit("u1"), unit("u2")])
            var expected = record
            expected.counts.waiting = 2
            #expect(try await store.rollOut(record.id) == expected)
            #expect(try await store.openRollOuts() == [expected])
            #expect(try await store.openRollOut(of: unit("u2")) == record.id)
            #expect(try await store.openRollOut(of: unit("u4")) == nil)
            await #expect(throws: StoreError.conflict("no unit is left for this roll-out")) {
                try await add(rollOut("r2"), for: .share(percent: 100), to: store)
            }
        }
    }

    @Test(arguments: Backend.available) func namedUnitsMustFit(_ backend: Backend) async throws {
        try await backend.withFleet { store in
            try await store.add(image("f", "2.0"))
            try await fleet(["u1", "u2"], on: store)
            try await fleet(["other"], on: store, hardware: "cam-b")
            try await store.add(Sample.device("new"))
            func refusal(_ names: [String]) async -> StoreError? {
                do {
                    _ = try await add(rollOut("r2"), for: .these(names.map(unit)), to: store)
                    return nil
                } catch { return error as? StoreError }
            }
            #expect(await refusal(["u1", "gone"]) == .notFound("device gone"))
            let foreign = "the firmware is for cam-a; device other is a cam-b"
            #expect(await refusal(["u1", "other"]) == .conflict(foreign))
            let unseen = "the firmware is for cam-a; device new has never logged in"
            #expect(await refusal(["new"]) == .conflict(unseen))
            _ = try await add(rollOut("r1"), for: .these([unit("u1")]), to: store)
            #expect(await refusal(["u2", "u1"]) == .conflict("device u1 is in another roll-out"))
            // Refused as a whole: u2 is free.
            #expect(await refusal(["u2"]) == nil)
        }
    }

    @Test(arguments: Backend.available) func boundsHold(_ backend: Backend) async throws {
        try await backend.withFleet { store in
            try await store.add(image("f", "2.0"))
            try await fleet(["u1", "u2", "u3"], on: store)
            await #expect(throws: StoreError.conflict("3 units are more than 2")) {
                try await add(rollOut("r0"), for: .share(percent: 100), to: store, mostUnits: 2)
            }
            for number in 1...3 {
                _ = try await add(rollOut("r\(number)"), for: .these([unit("u\(number)")]), to: store)
                guard number < 3 else { break }
                let end = change("r\(number)", .finished, ended: true, [unit("u\(number)"): .missed])
                try await store.save([end], at: start)
            }
            await #expect(throws: StoreError.self) {
                try await add(rollOut("r4"), for: .these([unit("u1")]), to: store, mostOpen: 1)
            }
            // Of the two that have ended the newest one stays.
            _ = try await add(rollOut("r5"), for: .these([unit("u1")]), to: store, keeping: 1)
            #expect(
                try await store.rollOuts(after: nil, limit: 10).map(\.id.rawValue) == ["r5", "r3", "r2"]
            )
            #expect(
                try await store.rollOuts(after: RollOutID(unchecked: "r5"), limit: 1).map(\.id.rawValue)
                    == ["r3"]
            )
        }
    }

    @Test(arguments: Backend.available) func progressIsReadAsItWasSaved(_ backend: Backend) async throws {
        try await backend.withFleet { store in
            try await store.add(image("f", "2.0"))
            try await fleet(["u1", "u2", "u3", "u4", "u5"], on: store)
            _ = try await add(rollOut("r1"), for: .share(percent: 100), to: store)
            let report = UpgradeReport(step: .installing, percent: 40, version: "1.0")
            let progress: [UnitID: RollOutProgress] = [
                unit("u1"): .waiting(failures: 2, reason: "power"),
                unit("u2"): .updating(attempt: 3, report), unit("u3"): .updating(attempt: 1, nil),
                unit("u4"): .failed("it cannot"), unit("u5"): .done, unit("gone"): .done,
            ]
            try await store.save([change("r1", .paused, progress)], at: start + .seconds(5))
            let id = RollOutID(unchecked: "r1")
            let units = try await store.units(of: id, in: [], after: nil, limit: 10)
            #expect(units.count == 5)
            for kept in units {
                #expect(kept.progress == progress[kept.unit] && kept.changedAt == start + .seconds(5))
            }
            let open = try await store.units(
                of: id,
                in: [.waiting, .updating],
                after: unit("u1"),
                limit: 1
            )
            #expect(open.map(\.unit) == [unit("u2")])
            let record = try #require(try await store.rollOut(id))
            #expect(record.phase == .paused && record.forgiven == RollOutCounts(done: 2, failed: 1))
            #expect(record.counts == RollOutCounts(waiting: 1, updating: 2, done: 1, failed: 1))
            try await store.note([UnitSighting(unit: unit("u3"), firmwareModel: "2.0", time: start)])
            #expect(try await store.openUnits(of: id, running: "2.0") == [unit("u3")])
        }
    }

    /// A unit that has ended in one roll-out is free for the next, and a removed one leaves nothing behind.
    @Test(arguments: Backend.available) func aUnitIsInOneRollOutAtATime(_ backend: Backend) async throws {
        try await backend.withFleet { store in
            try await store.add(image("f", "2.0"))
            try await store.add(image("g", "3.0"))
            try await fleet(["u1", "u2"], on: store)
            _ = try await add(rollOut("r1"), for: .share(percent: 100), to: store)
            try await store.save([change("r1", .running, [unit("u1"): .done])], at: start)
            let next = try await add(
                rollOut("r2", of: "g", version: "3.0"),
                for: .share(percent: 100),
                to: store
            )
            #expect(next == [unit("u1")])
            try await store.removeDevice(unit("u1"))
            #expect(try await store.rollOut(RollOutID(unchecked: "r2"))?.counts == RollOutCounts())
        }
    }

    @Test(arguments: Backend.available) func hardwareIsKeptFromSightings(_ backend: Backend) async throws {
        try await backend.withFleet { store in
            try await store.add(Sample.device("a"))
            try await store.note([
                UnitSighting(unit: unit("a"), hardwareModel: "cam-a", firmwareModel: "1", time: start)
            ])
            try await store.note([
                UnitSighting(unit: unit("a"), firmwareModel: nil, time: start + .seconds(1))
            ])
            let device = try #require(try await store.device(unit("a")))
            #expect(device.hardwareModel == "cam-a" && device.firmwareModel == "1")
        }
    }
}
