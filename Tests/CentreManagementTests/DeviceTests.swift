import Bus
import CentreManagement
import HSSModel
import HostClock
import ServerKit
import ServiceLifecycle
import Store
import Synchronization
import Testing

@Suite("Devices and bindings") struct DeviceTests {
    @Test func anEnrolledDeviceLogsInWithTheShownPassword() async throws {
        try await Centre.run { centre in
            let enrolled = try await centre.device("cam", mac: "00:11:22:aa:bb:cc", channels: 3)
            // 160 bits in base32.
            #expect(enrolled.loginPassword.reveal().count == 32)
            #expect(enrolled.device.name == "cam")
            #expect(enrolled.device.channels.keys.sorted() == [0, 1, 2])
            #expect(Set(enrolled.device.channels.values).count == 3)
            #expect(enrolled.device.channels.values.allSatisfy { $0.rawValue.count == 32 })
            let registration = try await centre.registry.admit(UnitLogin("cam", enrolled.loginPassword))
            #expect(registration.unit == enrolled.device.unit)
            #expect(registration.macIdentity == enrolled.device.macIdentity)
            #expect(registration.channels == enrolled.device.channels)
        }
    }

    @Test func thePasswordIsNotInTheStore() async throws {
        try await Centre.run { centre in
            let enrolled = try await centre.device("cam")
            let stored = try #require(try await centre.store.device(enrolled.device.unit))
            #expect(stored.passwordHash.reveal().hasPrefix("$sha256$"))
            #expect(!stored.passwordHash.reveal().contains(enrolled.loginPassword.reveal()))
        }
    }

    @Test func unknownWrongAndDisabledAreAlike() async throws {
        try await Centre.run { centre in
            let cam = try await centre.device("cam")
            let off = try await centre.device("off")
            _ = try await centre.registry.setDevice("off", disabled: true, by: Centre.root)
            for login in [
                UnitLogin("cam", off.loginPassword), UnitLogin("nobody", cam.loginPassword),
                UnitLogin("off", off.loginPassword), UnitLogin("", Secret("")), UnitLogin("-", Secret("x")),
            ] {
                await #expect(throws: AdmissionError.refused) { try await centre.registry.admit(login) }
            }
            _ = try await centre.registry.setDevice("off", disabled: false, by: Centre.root)
            _ = try await centre.registry.admit(UnitLogin("off", off.loginPassword, from: "192.0.2.2"))
        }
    }

    @Test func aGivenPasswordIsHeldToItsRules() async throws {
        try await Centre.run { centre in
            func add(_ id: String, _ password: String) async throws(ManagementError) -> EnrolledDevice {
                let device = NewDevice(
                    deviceID: id,
                    macID: id,
                    loginPassword: Secret(password),
                    channels: 1,
                    name: nil
                )
                return try await centre.registry.addDevice(device, by: Centre.root)
            }
            for weak in [
                "", "short", "123456789012345", String(repeating: "ab", count: 10), "with space 12345678",
            ] {
                let error = await #expect(throws: ManagementError.self) { try await add("cam", weak) }
                guard case .invalid("login_password", _)? = error else {
                    Issue.record("expected invalid login_password, got \(String(describing: error))")
                    return
                }
            }
            let given = try await add("cam", "f4k9-Zq77-pl0x-!!aB")
            #expect(given.loginPassword == Secret("f4k9-Zq77-pl0x-!!aB"))
            _ = try await centre.registry.admit(UnitLogin("cam", given.loginPassword))
        }
    }

    @Test(
        arguments: [
            (id: "", mac: "m", channels: 1, name: nil, field: "device_id"),
            (id: "a b", mac: "m", channels: 1, name: nil, field: "device_id"),
            (id: "..", mac: "m", channels: 1, name: nil, field: "device_id"),
            (id: String(repeating: "a", count: 65), mac: "m", channels: 1, name: nil, field: "device_id"),
            (id: "a", mac: "", channels: 1, name: nil, field: "mac_id"),
            (id: "a", mac: "-:-", channels: 1, name: nil, field: "mac_id"),
            (id: "a", mac: "m", channels: 0, name: nil, field: "channels"),
            (id: "a", mac: "m", channels: 257, name: nil, field: "channels"),
            (id: "a", mac: "m", channels: 1, name: "", field: "name"),
            (id: "a", mac: "m", channels: 1, name: "a\u{1B}[31m", field: "name"),
            (id: "a", mac: "m", channels: 1, name: String(repeating: "é", count: 129), field: "name"),
        ] as [(id: String, mac: String, channels: Int, name: String?, field: String)]
    )
    func enrolmentNamesTheFieldThatIsWrong(
        id: String,
        mac: String,
        channels: Int,
        name: String?,
        field: String
    ) async throws {
        try await Centre.run { centre in
            let device = NewDevice(
                deviceID: id,
                macID: mac,
                loginPassword: nil,
                channels: channels,
                name: name
            )
            let error = await #expect(throws: ManagementError.self) {
                try await centre.registry.addDevice(device, by: Centre.root)
            }
            guard case .invalid(field, _)? = error else {
                Issue.record("expected invalid \(field), got \(String(describing: error))")
                return
            }
        }
    }

    @Test func theSameMACInAnotherSpellingIsTaken() async throws {
        try await Centre.run { centre in
            _ = try await centre.device("a", mac: "00:11:22:aa:bb:cc")
            await #expect(throws: ManagementError.conflict("another device has the mac_id 001122AABBCC")) {
                try await centre.device("b", mac: "001122AABBCC")
            }
        }
    }

    @Test func aBindCodeBindsOnceInWhicheverSpelling() async throws {
        try await Centre.run { centre in
            let ann = try await centre.customer("ann")
            let cam = try await centre.device("cam")
            let code = try await centre.registry.issueBindCode(for: ann)
            #expect(code.code.reveal().split(separator: "-").map(\.count) == [4, 4, 4, 4])
            let valid = code.expiresAt - .now
            #expect(valid > .seconds(590) && valid <= .seconds(600))
            let typed = code.code.reveal().lowercased().replacing("-", with: " ").replacing("0", with: "o")
            #expect(try await centre.registry.bind(cam.device.unit, code: typed) == ann.user)
            await #expect(throws: BindRefusal.unknownCode) {
                try await centre.registry.bind(cam.device.unit, code: code.code.reveal())
            }
        }
    }

    @Test func somebodyElsesDeviceIsNotBoundAndNotSeen() async throws {
        try await Centre.run { centre in
            let ann = try await centre.customer("ann")
            let bob = try await centre.customer("bob")
            let cam = try await centre.device("cam")
            try await centre.bind(cam, to: ann)
            let code = try await centre.registry.issueBindCode(for: bob)
            await #expect(throws: BindRefusal.boundToAnother) {
                try await centre.registry.bind(cam.device.unit, code: code.code.reveal())
            }
            // Foreign and absent: the very same answer.
            for id in ["cam", "absent", "no such/id"] {
                await #expect(throws: ManagementError.notFound("device \(id)")) {
                    try await centre.registry.device(id, visibleTo: bob)
                }
                await #expect(throws: ManagementError.notFound("device \(id)")) {
                    try await centre.registry.unbind(id, by: bob)
                }
            }
            #expect(try await centre.registry.devices(after: nil, limit: 10, visibleTo: bob).isEmpty)
            let visible = try await centre.registry.device("cam", visibleTo: ann)
            #expect(visible.rights == .owner && visible.device.owner == ann.user)
            #expect(try await centre.registry.devices(after: nil, limit: 10, visibleTo: ann) == [visible])
            let all = try await centre.registry.devices(after: nil, limit: 10, visibleTo: Centre.root)
            #expect(all.map(\.device.unit.rawValue) == ["cam"])
        }
    }

    @Test func openBindCodesAreBounded() async throws {
        try await Centre.run { centre in
            let ann = try await centre.customer("ann")
            for _ in 0..<5 { _ = try await centre.registry.issueBindCode(for: ann) }
            let error = await #expect(throws: ManagementError.self) {
                try await centre.registry.issueBindCode(for: ann)
            }
            guard case .limit? = error else {
                Issue.record("expected a limit, got \(String(describing: error))")
                return
            }
        }
    }

    @Test func aUnitThatGuessesCodesGetsNowhere() async throws {
        try await Centre.run { centre in
            let ann = try await centre.customer("ann")
            let cam = try await centre.device("cam")
            let other = try await centre.device("other")
            let code = try await centre.registry.issueBindCode(for: ann)
            for guess in ["", "x", "0000-0000-0000-0000", String(repeating: "A", count: 1000), "ÄÖÜ"] {
                await #expect(throws: BindRefusal.unknownCode) {
                    try await centre.registry.bind(cam.device.unit, code: guess)
                }
            }
            // Past the rate even the right one is unknown; a healthy unit is not affected.
            await #expect(throws: BindRefusal.unknownCode) {
                try await centre.registry.bind(cam.device.unit, code: code.code.reveal())
            }
            #expect(try await centre.registry.bind(other.device.unit, code: code.code.reveal()) == ann.user)
        }
    }

    @Test func whoeverHoldsAUnitHearsThatItIsNoLongerWelcome() async throws {
        try await Centre.run { centre in
            let heard = Mutex<[DeviceChange]>([])
            centre.registry.onDeviceChange { change in heard.withLock { $0.append(change) } }
            let ann = try await centre.customer("ann")
            let cam = try await centre.device("cam")
            try await centre.bind(cam, to: ann)
            try await centre.registry.unbind("cam", by: ann)
            try await centre.registry.unbind("cam", by: Centre.root)  // bound to nobody: no news
            _ = try await centre.registry.setDevice("cam", disabled: true, by: Centre.root)
            _ = try await centre.registry.setDevice("cam", disabled: false, by: Centre.root)
            try await centre.registry.removeDevice("cam", by: Centre.root)
            let unit = cam.device.unit
            #expect(
                heard.withLock { $0 } == [.unbound(unit, from: ann.user), .disabled(unit), .removed(unit)]
            )
            await #expect(throws: AdmissionError.refused) {
                try await centre.registry.admit(UnitLogin("cam", cam.loginPassword))
            }
        }
    }

    @Test func aLoginUnderWayDoesNotOutliveItsDevice() async throws {
        try await Centre.run { centre in
            let heard = Mutex<[DeviceChange]>([])
            centre.registry.onDeviceChange { change in heard.withLock { $0.append(change) } }
            var units: [UnitID] = []
            for id in ["off", "on", "gone"] { units.append(try await centre.device(id).device.unit) }
            _ = try await centre.registry.setDevice("off", disabled: true, by: Centre.root)
            _ = try await centre.registry.setDevice("on", disabled: true, by: Centre.root)
            _ = try await centre.registry.setDevice("on", disabled: false, by: Centre.root)
            try await centre.registry.removeDevice("gone", by: Centre.root)
            heard.withLock { $0 = [] }
            // What was admitted just before is a session by now: told once more, and once only.
            await centre.registry.maintain()
            await centre.registry.maintain()
            let told = heard.withLock { $0 }.sorted { $0.unit < $1.unit }
            #expect(told == [.removed(units[2]), .disabled(units[0])])
        }
    }

    @Test func onlyOperatorsEnrolDisableAndRemove() async throws {
        try await Centre.run { centre in
            let ann = try await centre.customer("ann")
            let cam = try await centre.device("cam")
            try await centre.bind(cam, to: ann)
            let new = NewDevice(deviceID: "x", macID: "x", loginPassword: nil, channels: 1, name: nil)
            await #expect(throws: ManagementError.forbidden) {
                try await centre.registry.addDevice(new, by: ann)
            }
            await #expect(throws: ManagementError.forbidden) {
                try await centre.registry.setDevice("cam", disabled: true, by: ann)
            }
            await #expect(throws: ManagementError.forbidden) {
                try await centre.registry.removeDevice("cam", by: ann)
            }
            await #expect(throws: ManagementError.forbidden) {
                try await centre.registry.allDevices(after: nil, limit: 10, by: ann)
            }
        }
    }

    @Test func aSightingShowsAtOnceAndIsWrittenByTheUpkeep() async throws {
        try await Centre.run { centre in
            let cam = try await centre.device("cam")
            let unit = cam.device.unit
            let seen = WallTime(milliseconds: 1_800_000_000_000)
            let version = String(repeating: "v", count: 500)
            centre.registry.noteArrival(UnitArrival(unit, version, at: seen + .seconds(-1)))
            centre.registry.noteSeen(unit, at: seen)
            let shown = try await centre.registry.device("cam", visibleTo: Centre.root).device
            #expect(shown.lastSeen == seen)
            #expect(shown.firmwareModel?.count == 128)
            #expect(try await centre.store.device(unit)?.lastSeen == nil)
            await centre.registry.maintain()
            #expect(try await centre.store.device(unit)?.lastSeen == seen)
            #expect(centre.metrics.exposition().contains("vedette_devices 1"))
        }
    }

    @Test func aShutdownWritesWhatWasSeen() async throws {
        try await Centre.run { centre in
            let cam = try await centre.device("cam")
            let seen = WallTime(milliseconds: 1_800_000_000_000)
            let group = ServiceGroup(services: [centre.registry], logger: Centre.logger)
            async let running: Void = group.run()
            centre.registry.noteArrival(UnitArrival(cam.device.unit, "v2", at: seen))
            await group.triggerGracefulShutdown()
            try await running
            let stored = try await centre.store.device(cam.device.unit)
            #expect(stored?.lastSeen == seen)
            #expect(stored?.firmwareModel == "v2")
        }
    }

    @Test func aLostStoreIsNotTheUnitsFault() async throws {
        try await Centre.run { centre in
            let cam = try await centre.device("cam")
            try centre.store.close()
            for _ in 0..<50 {
                let error = await #expect(throws: AdmissionError.self) {
                    try await centre.registry.admit(UnitLogin("cam", cam.loginPassword))
                }
                guard case .unavailable? = error else {
                    Issue.record("expected unavailable, got \(String(describing: error))")
                    return
                }
            }
        }
    }

    @Test func healthyUnitsLogInUnderAttack() async throws {
        try await Centre.run { centre in
            let cam = try await centre.device("cam")
            _ = try await centre.registry.admit(UnitLogin("cam", cam.loginPassword, from: "192.0.2.1"))
            for guess in 0..<200 {
                let address = "203.0.113.\(guess % 50)"
                await #expect(throws: AdmissionError.self) {
                    try await centre.registry.admit(UnitLogin("cam", Secret("guess"), from: address))
                }
            }
            _ = try await centre.registry.admit(UnitLogin("cam", cam.loginPassword, from: "192.0.2.1"))
            #expect(
                centre.metrics.exposition()
                    .contains(#"vedette_logins_total{who="unit",outcome="accepted"} 2"#)
            )
        }
    }
}
