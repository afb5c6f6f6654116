import HSSModel
import Store
import Synchronization
import Testing

@Suite("Devices") struct DeviceStoreContract {
    private let start = Sample.start

    @Test(arguments: Backend.available) func aDeviceIsReadAsItWasAdded(_ backend: Backend) async throws {
        try await backend.withStore { store in
            let device = Sample.device("nvr", mac: "00:11:22:AA:bb:cc", channels: 256)
            try await store.add(device)
            #expect(try await store.device(device.unit) == device)
            for spelling in ["00:11:22:aa:bb:cc", "00-11-22-AA-BB-CC", "001122aabbcc"] {
                #expect(try await store.device(macIdentity: MACIdentity(unchecked: spelling)) == device)
            }
            #expect(try await store.device(UnitID(unchecked: "NVR")) == nil)
            let credential = DeviceCredential(passwordHash: device.passwordHash, disabled: false)
            #expect(try await store.credential(of: device.unit) == credential)
            #expect(try await store.credential(of: UnitID(unchecked: "NVR")) == nil)
            #expect(try await store.device(macIdentity: MACIdentity(unchecked: "001122aabbcd")) == nil)
        }
    }

    /// Many logins in one view: each index is asked about once, and only what is accepted is read.
    @Test(arguments: Backend.available) func credentialsAreJudgedTogether(_ backend: Backend) async throws {
        try await backend.withStore { store in
            let (a, b) = (Sample.device("a", mac: "1"), Sample.device("b", mac: "2"))
            try await store.add(a)
            try await store.add(b)
            _ = try await store.setDevice(b.unit, disabled: true)
            let nobody = UnitID(unchecked: "nobody")
            let asked = Mutex<[Int: DeviceCredential?]>([:])
            let found = try await store.devices([b.unit, nobody, a.unit, a.unit]) { index, credential in
                asked.withLock { $0.updateValue(credential, forKey: index) == nil } && index != 3
                    && credential?.disabled == false
            }
            #expect(found == [.success(nil), .success(nil), .success(a), .success(nil)])
            let enabled = DeviceCredential(passwordHash: a.passwordHash, disabled: false)
            let disabled = DeviceCredential(passwordHash: b.passwordHash, disabled: true)
            #expect(asked.withLock { $0 } == [0: disabled, 1: nil, 2: enabled, 3: enabled])
            #expect(try await store.devices([]) { _, _ in true }.isEmpty)
        }
    }

    @Test(arguments: Backend.available) func identitiesAreUnique(_ backend: Backend) async throws {
        try await backend.withStore { store in
            try await store.add(Sample.device("a", mac: "00:11:22:aa:bb:cc"))
            await #expect(throws: StoreError.conflict("a device a exists already")) {
                try await store.add(Sample.device("a", mac: "other"))
            }
            await #expect(throws: StoreError.conflict("another device has the mac_id 001122AABBCC")) {
                try await store.add(Sample.device("b", mac: "001122AABBCC"))
            }
            // A channel name that is taken takes the whole device back.
            var clash = Sample.device("c", channels: 2)
            clash.channels[1] = ChannelID(unchecked: "a-0")
            await #expect(throws: StoreError.self) { try await store.add(clash) }
            #expect(try await store.deviceCount() == 1)
            #expect(try await store.device(clash.unit) == nil)
        }
    }

    @Test(arguments: Backend.available) func aRemovedDeviceFreesItsNames(_ backend: Backend) async throws {
        try await backend.withStore { store in
            let device = Sample.device("a", channels: 3)
            try await store.add(device)
            try await store.removeDevice(device.unit)
            await #expect(throws: StoreError.notFound("device a")) {
                try await store.removeDevice(device.unit)
            }
            try await store.add(device)
            #expect(try await store.device(device.unit) == device)
        }
    }

    @Test(arguments: Backend.available) func disablingIsReadBack(_ backend: Backend) async throws {
        try await backend.withStore { store in
            let unit = UnitID(unchecked: "a")
            try await store.add(Sample.device("a"))
            #expect(try await store.setDevice(unit, disabled: true).disabled)
            #expect(try await store.device(unit)?.disabled == true)
            #expect(try await !store.setDevice(unit, disabled: false).disabled)
            await #expect(throws: StoreError.notFound("device b")) {
                try await store.setDevice(UnitID(unchecked: "b"), disabled: true)
            }
        }
    }

    @Test(arguments: Backend.available) func sightingsOnlyMoveForward(_ backend: Backend) async throws {
        try await backend.withStore { store in
            let unit = UnitID(unchecked: "a")
            try await store.add(Sample.device("a"))
            func note(_ model: String?, _ seconds: Int) async throws {
                try await store.note([
                    UnitSighting(unit: unit, firmwareModel: model, time: start + .seconds(seconds)),
                    UnitSighting(unit: UnitID(unchecked: "gone"), firmwareModel: nil, time: start),
                ])
            }
            try await note("v1", 10)
            try await note(nil, 20)
            try await note("v0", 5)
            let device = try #require(try await store.device(unit))
            #expect(device.firmwareModel == "v1")
            #expect(device.lastSeen == start + .seconds(20))
        }
    }

    @Test(arguments: Backend.available) func pagesOfAnOwnerHoldNobodyElses(_ backend: Backend) async throws {
        try await backend.withStore { store in
            try await store.add(Sample.user("ann"))
            try await store.add(Sample.user("bob"))
            for number in 0..<10 {
                let device = Sample.device("d\(number)", channels: 2)
                try await store.add(device)
                try await store.bind(device.unit, to: number.isMultiple(of: 2) ? "ann" : "bob")
            }
            let ann = UserName(unchecked: "ann")
            let first = try await store.devices(after: nil, limit: 3, owner: ann)
            let second = try await store.devices(after: first.last?.unit, limit: 3, owner: ann)
            #expect(first.map(\.unit.rawValue) == ["d0", "d2", "d4"])
            #expect(second.map(\.unit.rawValue) == ["d6", "d8"])
            #expect(first.allSatisfy { $0.channels.count == 2 && $0.owner == ann })
            let everything = try await store.devices(after: nil, limit: 100, owner: nil)
            #expect(everything.map(\.unit.rawValue) == (0..<10).map { "d\($0)" })
        }
    }

    @Test(arguments: Backend.available) func whatWasAcknowledgedIsThereAfterARestart(
        _ backend: Backend
    )
        async throws
    {
        let device = Sample.device("a", channels: 2)
        try await backend.withRestart { store in
            try await store.add(Sample.user("ann"))
            try await store.add(device)
            try await store.bind(device.unit, to: "ann")
        } then: { store async throws in
            var bound = device
            bound.owner = UserName(unchecked: "ann")
            #expect(try await store.device(device.unit) == bound)
            #expect(try await store.user(UserName(unchecked: "ann")) == Sample.user("ann"))
        }
    }

    @Test(arguments: Backend.available) func manyAtOnceLoseNothing(_ backend: Backend) async throws {
        try await backend.withStore { store in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<8 {
                    group.addTask {
                        for number in 0..<25 {
                            let device = Sample.device("w\(writer)-\(number)")
                            try await store.add(device)
                            #expect(try await store.device(device.unit) == device)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await store.deviceCount() == 200)
        }
    }
}

extension BindingStore {
    /// By a code, as it happens in life.
    func bind(_ unit: UnitID, to user: String) async throws {
        let code = "code \(unit) \(user)"
        let issued = try await addBindCode(
            hash: code,
            for: UserName(unchecked: user),
            expiresAt: Sample.start + .seconds(600),
            at: Sample.start,
            limit: 100
        )
        #expect(issued)
        let outcome = try await redeem(codeHash: code, for: unit, at: Sample.start)
        #expect(outcome == .bound(to: UserName(unchecked: user)))
    }
}
