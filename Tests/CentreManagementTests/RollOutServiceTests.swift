import Bus
import CentreManagement
import HSSModel
import Store
import Testing
import Vd

@Suite("Roll-outs carried out, Tables I.2-7 and I.2-8") struct RollOutServiceTests {
    private func unit(_ name: String) -> UnitID { UnitID(unchecked: name) }

    /// One round, with everything that it says and hears.
    private func round(_ service: RollOutService) async {
        for order in await service.takeOrders() { await service.carryOut(order) }
    }

    private func comeBack(
        _ name: String,
        _ version: String,
        to service: RollOutService,
        _ stage: FirmwareStage,
        restarted: Bool = true
    ) {
        stage.units.change(name) {
            $0.version = version
            $0.isConnected = true
            $0.state = .notStarted
        }
        service.arrived(
            UnitArrival(
                unit: unit(name),
                hardwareModel: "cam-a",
                firmwareModel: version,
                restarted: restarted,
                time: stage.now
            )
        )
    }

    private func start(
        _ service: RollOutService,
        _ stage: FirmwareStage,
        _ audience: RollOutAudience = .share(percent: 100),
        _ change: (inout RollOutPlan) -> Void = { _ in }
    ) async throws -> RollOutID {
        let image = try await stage.library.firmwares(after: nil, limit: 1, hardwareModel: "cam-a").first
        let firmware = try #require(image)
        return try await service.startRollOut(
            of: firmware.id,
            stage.plan(change),
            for: audience,
            by: FirmwareStage.admin
        ).id
    }

    @Test func everyUnitReturnsWithTheNewVersion() async throws {
        try await FirmwareStage.run { stage in
            let image = try await stage.addImage()
            try await stage.enrol(["u1", "u2", "u3"])
            let service = stage.service()
            let id = try await start(service, stage) { $0.mostAtOnce = 2 }
            await round(service)
            let told = stage.units.told
            #expect(told.count == 2)
            let order = try #require(stage.units[told[0]].told.first)
            #expect(order.firmwareModel == "2.0")
            let address = order.url.reveal()
            #expect(address.hasPrefix("https://vedette.example:8443/firmware/"))
            let grant = stage.key.grant(of: String(address.split(separator: "/").last ?? ""), at: stage.now)
            #expect(grant?.unit == unit(told[0]) && grant?.firmware == image.id)
            for name in ["u1", "u2", "u3"] {
                stage.pass(10)
                await round(service)
                comeBack(name, "2.0", to: service, stage)
                await round(service)
            }
            let record = try await service.rollOut(id)
            #expect(record.phase == .finished && record.counts == RollOutCounts(done: 3))
            #expect(record.endedAt == stage.now)
            #expect(stage.units.events.filter { $0.contains(#""state":"done""#) }.count == 3)
            #expect(try await stage.store.openRollOuts().isEmpty)
        }
    }

    /// A unit whose `firmware_download_https` is false gets a plain address. One that does not answer `GetCap` says
    /// nothing about itself and is one of the Recommendation.
    @Test(arguments: [false, true]) func aUnitWithoutTLSGetsAPlainAddress(isSilent: Bool) async throws {
        try await FirmwareStage.run { stage in
            _ = try await stage.addImage()
            try await stage.enrol(["u1"])
            stage.units.change("u1") {
                $0.fetchesSecurely = false
                if isSilent { $0.failure = .refused(code: 101, message: "") }
            }
            let service = stage.service()
            _ = try await start(service, stage)
            await round(service)
            let url = try #require(stage.units["u1"].told.first).url.reveal()
            let base = isSilent ? "https://vedette.example:8443" : "http://vedette.example:8080"
            #expect(url.hasPrefix(base + "/firmware/"))
        }
    }

    @Test func aUnitThatIsAwayIsToldWhenItComes() async throws {
        try await FirmwareStage.run { stage in
            _ = try await stage.addImage()
            try await stage.enrol((0..<50).map { "u\($0)" })
            for number in 0..<50 where number != 7 {
                stage.units.change("u\(number)") { $0.isConnected = false }
            }
            let service = stage.service()
            let id = try await start(service, stage) { $0.mostAtOnce = 1 }
            // Those that are away cost the others no time.
            await round(service)
            #expect(stage.units["u7"].told.count == 1)
            let waiting = try await service.units(of: id, in: .waiting, after: nil, limit: 100)
            #expect(waiting.count == 49)
            #expect(waiting.first?.hold == "the unit is offline; it is told when it connects")
            comeBack("u7", "2.0", to: service, stage)
            await round(service)
            comeBack("u3", "1.0", to: service, stage, restarted: false)
            await round(service)
            #expect(stage.units["u3"].told.count == 1)
            #expect(try await service.rollOut(id).counts == RollOutCounts(waiting: 48, updating: 1, done: 1))
        }
    }

    @Test func aKilledPlatformAsksAndDoesNotTellAgain() async throws {
        try await FirmwareStage.run { stage in
            _ = try await stage.addImage()
            try await stage.enrol(["u1", "u2", "u3"])
            let first = stage.service()
            let id = try await start(first, stage) { $0.mostAtOnce = 2 }
            await round(first)
            let told = stage.units.told
            let rest = stage.units.untold[0]
            // While nobody runs, one of them gets through and logs in elsewhere.
            stage.units.change(told[0]) { $0.version = "2.0" }
            try await stage.store.note([
                UnitSighting(unit: unit(told[0]), firmwareModel: "2.0", time: stage.now + .seconds(60))
            ])
            stage.units.change(told[1]) { $0.state = .installing }
            stage.pass(100)
            let second = stage.service()
            try await second.load()
            await round(second)
            #expect(stage.units[told[1]].told.count == 1 && stage.units[told[1]].asked == 1)
            #expect(stage.units[rest].told.count == 1)
            #expect(try await second.rollOut(id).counts == RollOutCounts(updating: 2, done: 1))
            comeBack(told[1], "2.0", to: second, stage)
            comeBack(rest, "2.0", to: second, stage)
            await round(second)
            #expect(try await second.rollOut(id).phase == .finished)
        }
    }

    /// Told, but not written down, would be told a second time after a kill.
    @Test func nobodyIsToldWhatCannotBeWritten() async throws {
        try await FirmwareStage.run { stage in
            _ = try await stage.addImage()
            try await stage.enrol(["u1"])
            let service = stage.service()
            _ = try await start(service, stage)
            try stage.store.close()
            #expect(await service.takeOrders().isEmpty)
            #expect(stage.units["u1"].told.isEmpty)
        }
    }

    @Test func itStopsItselfAndTellsWhy() async throws {
        try await FirmwareStage.run { stage in
            _ = try await stage.addImage()
            try await stage.enrol((0..<6).map { "u\($0)" })
            let service = stage.service()
            let id = try await start(service, stage) {
                $0.mostAtOnce = 2
                $0.attempts = 1
                $0.errorSample = 2
            }
            await round(service)
            for number in 0..<6 { stage.units.change("u\(number)") { $0.state = .downloading } }
            stage.pass(10)
            await round(service)
            for number in 0..<6 { stage.units.change("u\(number)") { $0.state = .error } }
            stage.pass(10)
            await round(service)
            await round(service)
            let record = try await service.rollOut(id)
            #expect(
                record.phase == .stopped && record.counts == RollOutCounts(waiting: 3, updating: 1, failed: 2)
            )
            let failed = try await service.units(of: id, in: .failed, after: nil, limit: 10)
            #expect(
                failed.map(\.unit.progress) == [
                    .failed("the unit reports an error, 1 times told"),
                    .failed("the unit reports an error, 1 times told"),
                ]
            )
            let waiting = try await service.units(of: id, in: .waiting, after: nil, limit: 10)
            #expect(waiting.first?.hold == "the roll-out stopped because too many units failed")
            // What was forgiven stays forgiven after a restart.
            let resumed = try await service.steer(id, .resume, by: FirmwareStage.admin)
            #expect(resumed.phase == .running && resumed.forgiven.failed == 2)
            let second = stage.service()
            try await second.load()
            await round(second)
            #expect(try await second.rollOut(id).phase == .running)
            #expect(try await second.rollOut(id).counts.updating == 2)
        }
    }

    @Test func ordersOfTheOperator() async throws {
        try await FirmwareStage.run { stage in
            _ = try await stage.addImage()
            try await stage.enrol(["u1", "u2"])
            let service = stage.service()
            let id = try await start(service, stage) { $0.mostAtOnce = 1 }
            #expect(try await service.steer(id, .pause, by: FirmwareStage.admin).phase == .paused)
            await round(service)
            #expect(stage.units["u1"].told.isEmpty && stage.units["u2"].told.isEmpty)
            await #expect(throws: ManagementError.conflict("the roll-out is paused")) {
                try await service.steer(id, .pause, by: FirmwareStage.admin)
            }
            #expect(try await service.steer(id, .resume, by: FirmwareStage.admin).phase == .running)
            await round(service)
            // Who has begun is followed to the end, the other one is let go.
            let cancelled = try await service.steer(id, .cancel, by: FirmwareStage.admin)
            #expect(cancelled.phase == .cancelled && cancelled.endedAt == nil)
            #expect(cancelled.counts == RollOutCounts(updating: 1, missed: 1))
            let told = stage.units["u1"].told.isEmpty ? "u2" : "u1"
            comeBack(told, "2.0", to: service, stage)
            await round(service)
            let ended = try await service.rollOut(id)
            #expect(ended.endedAt != nil && ended.counts == RollOutCounts(done: 1, missed: 1))
            await #expect(throws: ManagementError.conflict("the roll-out is cancelled")) {
                try await service.steer(id, .resume, by: FirmwareStage.admin)
            }
            await #expect(throws: ManagementError.notFound("this roll-out")) {
                try await service.steer(RollOutID(unchecked: "none"), .pause, by: FirmwareStage.admin)
            }
        }
    }

    /// DEMANDS 28: what the platform turned away for its own load is not the device's failure.
    @Test func aDownloadTurnedAwayIsNoFailure() async throws {
        var settings = FirmwareStage.settings
        settings.downloads = 0
        try await FirmwareStage.run(settings) { stage in
            _ = try await stage.addImage()
            try await stage.enrol(["u1"])
            let service = stage.service()
            let id = try await start(service, stage) { $0.attempts = 1 }
            await round(service)
            let token = try #require(stage.units["u1"].told.first).url.reveal().split(separator: "/").last
            try await Downloads.serve(stage.library) { port in
                let answer = try await Downloads.curl([
                    "-i", "http://127.0.0.1:\(port)/firmware/\(token ?? "")",
                ])
                #expect(answer.contains("503") && answer.lowercased().contains("retry-after: 30"))
            }
            stage.units.change("u1") { $0.state = .downloading }
            stage.pass(10)
            await round(service)
            let held = try await service.units(of: id, in: nil, after: nil, limit: 1).first
            #expect(held?.hold?.hasPrefix("the platform was busy") ?? false)
            stage.units.change("u1") { $0.state = .error }
            stage.pass(10)
            await round(service)
            #expect(try await service.rollOut(id).counts == RollOutCounts(waiting: 1))
        }
    }

    @Test func aRemovedDeviceHoldsNothingUp() async throws {
        try await FirmwareStage.run { stage in
            _ = try await stage.addImage()
            try await stage.enrol(["u1"])
            let service = stage.service()
            let id = try await start(service, stage)
            await round(service)
            try await stage.store.removeDevice(unit("u1"))
            service.removed(unit("u1"))
            await round(service)
            let record = try await service.rollOut(id)
            #expect(record.phase == .finished && record.counts == RollOutCounts())
        }
    }

    @Test func whatARollOutMustNotBe() async throws {
        try await FirmwareStage.run { stage in
            let image = try await stage.addImage()
            try await stage.enrol(["u1", "u2"])
            let service = stage.service { $0.open = 1 }
            func refusal(
                _ audience: RollOutAudience,
                _ firmware: FirmwareID? = nil,
                _ change: (inout RollOutPlan) -> Void = { _ in }
            ) async -> ManagementError? {
                do {
                    _ = try await service.startRollOut(
                        of: firmware ?? image.id,
                        stage.plan(change),
                        for: audience,
                        by: FirmwareStage.admin
                    )
                    return nil
                } catch { return error }
            }
            let none = FirmwareID(unchecked: "none")
            #expect(await refusal(.share(percent: 100), none) == .notFound("this firmware"))
            #expect(await refusal(.share(percent: 0)) == .invalid(field: "percent", "expected 1 to 100"))
            #expect(
                await refusal(.units([])) == .invalid(field: "units", "expected 1 to 100000 device IDs")
            )
            #expect(
                await refusal(.share(percent: 1), nil) { $0.mostAtOnce = 0 }
                    == .invalid(field: "most_at_once", "expected 1 to 1000")
            )
            #expect(
                await refusal(.share(percent: 1), nil) {
                    $0.opens = stage.now + .seconds(-100)
                    $0.closes = stage.now
                } == .invalid(field: "closes_at", "expected a time to come")
            )
            #expect(await refusal(.units([unit("u1"), unit("u1")])) == nil)
            #expect(
                await refusal(.units([unit("u2")]))
                    == .conflict("1 roll-outs have not ended; wait for one, or cancel it")
            )
            await #expect(throws: ManagementError.conflict("a roll-out uses firmware \(image.id)")) {
                try await stage.library.removeFirmware(image.id)
            }
        }
    }

    @Test func oneUnitIsToldAtOnce() async throws {
        try await FirmwareStage.run { stage in
            let image = try await stage.addImage()
            let foreign = try await stage.addImage("9", hardware: "cam-b", bytes: [1])
            try await stage.enrol(["u1", "u2"])
            let service = stage.service()
            func upgrade(_ name: String, _ firmware: FirmwareID) async throws {
                let kept = try #require(try await stage.store.device(unit(name)))
                let device = DeviceRecord(
                    unit: kept.unit,
                    macIdentity: kept.macIdentity,
                    name: kept.name,
                    channels: kept.channels,
                    disabled: false,
                    owner: nil,
                    hardwareModel: kept.hardwareModel,
                    firmwareModel: kept.firmwareModel,
                    lastSeen: nil,
                    createdAt: kept.createdAt
                )
                try await service.upgrade(device, to: firmware, by: FirmwareStage.admin)
            }
            try await upgrade("u1", image.id)
            #expect(stage.units["u1"].told.map(\.firmwareModel) == ["2.0"])
            #expect(stage.units.events == [#"u1 upgrade {"state":"told","version":"2.0"}"#])
            let words = "the firmware is for cam-b; device u1 is a cam-a"
            await #expect(throws: UpgradeError.management(.conflict(words))) {
                try await upgrade("u1", foreign.id)
            }
            stage.units.change("u2") { $0.isConnected = false }
            await #expect(throws: UpgradeError.unit(.offline(unit("u2")))) {
                try await upgrade("u2", image.id)
            }
            _ = try await start(service, stage, .units([unit("u1")]))
            await #expect(
                throws: UpgradeError.management(.conflict("a roll-out is to update device u1"))
            ) { try await upgrade("u1", image.id) }
        }
    }

    /// Newest first, also where the clock was set back.
    @Test func namesOfRollOutsGrow() async throws {
        try await FirmwareStage.run { stage in
            _ = try await stage.addImage()
            try await stage.enrol(["u1", "u2", "u3"])
            let service = stage.service()
            var ids: [RollOutID] = []
            for name in ["u1", "u2", "u3"] {
                ids.append(try await start(service, stage, .units([unit(name)])))
                stage.pass(-3600)
            }
            #expect(ids == ids.sorted())
            #expect(try await service.rollOuts(after: nil, limit: 2).map(\.id) == [ids[2], ids[1]])
        }
    }
}
