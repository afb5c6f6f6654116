import Bus
import HSSModel
import HostClock
import ServiceControl
import Store
import Testing
import Vd
import Vr

@Suite("Recording over restarts, changes of devices and sleep") struct RecordLifeTests {
    private typealias Calls = VdLiveTests
    private static let channel = SignallingBench.channel
    private static let always = RecordingWishes.Plan(
        zone: "UTC",
        windows: (0..<7).map { .init(weekday: $0, from: 0, to: 1440) }
    )
    private static let rule = RecordingWishes.Rule(
        types: [AlarmType.motion.rawValue],
        prerecord: .seconds(5),
        clip: .seconds(30),
        longest: .seconds(600)
    )

    private static func alarm(
        _ type: AlarmType = .motion,
        ended: Bool = false,
        at time: WallTime = .now
    ) -> AlarmRecord {
        AlarmRecord(
            id: AlarmID(unchecked: "a-\(time.milliseconds)"),
            channel: channel,
            type: type.rawValue,
            description: "",
            startedAt: time,
            receivedAt: time,
            endedAt: ended ? time : nil
        )
    }

    // MARK: Restarts of the platform

    /// What runs and is wanted goes on: the same session, told once more.
    @Test func aRestartGoesOnWithWhatIsWanted() async throws {
        let house = FakeRecordings()
        var session = ""
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            session = try await RecordCommandTests.recording(bench, unit).0.session
        }
        // The storage is not ready at once.
        house.failLoads(1)
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            let (request, seq) = try await Calls.request(unit, StartRecord.name)
            #expect(try StartRecord(request.parameters).session == session)
            try await Calls.agree(unit, seq)
            #expect(house.sessionCount == 1)
            #expect(await eventually { house.events.count == 1 }, "it was told before")
        }
    }

    /// What nobody wants any more ends, at the storage and at the unit.
    @Test func aRestartEndsWhatIsNotWanted() async throws {
        let house = FakeRecordings()
        let left = house.run("left", of: Self.channel)
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            try await unit.send(SignallingBench.keepalive(1, record: "left"))
            _ = await unit.text()
            let (request, seq) = try await Calls.request(unit, StopRecord.name)
            #expect(try StopRecord(request.parameters).session == "left")
            try await Calls.agree(unit, seq)
            #expect(await eventually { house.session(left)?.endedAt != nil })
        }
    }

    /// Thousands of channels are taken up, and their orders leave a bounded number at a time.
    @Test func manyAreTakenUpAtOnce() async throws {
        let house = FakeRecordings()
        for number in 0..<3000 {
            let unit = UnitID(unchecked: "camera-\(number)")
            house.want(RecordingWishes(plan: Self.always), of: ChannelAddress(unit: unit, number: 0))
        }
        house.want(RecordingWishes(plan: Self.always), of: Self.channel)
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            let (_, seq) = try await Calls.request(unit, StartRecord.name)
            try await Calls.agree(unit, seq)
            #expect(house.sessionCount == 1, "of units that stay away nothing is kept")
        }
    }

    // MARK: Plans and alarms

    @Test func aPlanRecordsAndItsEndStops() async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            _ = try await bench.service.setPlan(Self.always, segment: .seconds(60), of: Self.channel)
            let (request, seq) = try await Calls.request(unit, StartRecord.name)
            #expect(try StartRecord(request.parameters).segmentSeconds == 60)
            #expect(try StartRecord(request.parameters).prerecordSeconds == nil)
            try await Calls.agree(unit, seq)
            // A command, and an alarm, while the plan records: one session serves all.
            _ = try await bench.service.setRule(Self.rule, segment: nil, of: Self.channel)
            bench.service.heard(Self.alarm(), .start)
            let status = try await RecordCommandTests.start(bench).value
            #expect(status.state == .recording && status.reasons.isSuperset(of: [.command, .plan]))
            #expect(await RecordCommandTests.becomes(bench) { $0.reasons == [.command, .plan, .alarm] })
            #expect(house.sessionCount == 1)
            _ = try await bench.service.setPlan(nil, segment: nil, of: Self.channel)
            _ = try await bench.service.setRule(nil, segment: nil, of: Self.channel)
            #expect(try await bench.service.recordingStatus(of: Self.channel).reasons == [.command])
            let end = RecordCommandTests.stop(bench)
            let (_, stopSeq) = try await Calls.request(unit, StopRecord.name)
            try await Calls.agree(unit, stopSeq)
            #expect(try await end.value.state == .idle)
        }
    }

    /// "Alarm rule (type, pre-record seconds, clip length)": also an alarm that showed in heartbeats only.
    @Test func anAlarmRecordsWithWhatWasBefore() async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            _ = try await bench.service.setRule(Self.rule, segment: nil, of: Self.channel)
            bench.service.heard(Self.alarm(.cry), .start)
            bench.service.heard(Self.alarm(), .start)
            let (request, seq) = try await Calls.request(unit, StartRecord.name)
            #expect(try StartRecord(request.parameters).prerecordSeconds == 5)
            try await Calls.agree(unit, seq)
            #expect(await RecordCommandTests.becomes(bench) { $0.state == .recording })
            let status = try await bench.service.recordingStatus(of: Self.channel)
            #expect(status.reasons == [.alarm], "of a rule that does not name it an alarm does nothing")
            // It ends, and the clip goes on for its length.
            bench.service.heard(Self.alarm(ended: true), .end)
            #expect(
                await RecordCommandTests.becomes(bench) { status in
                    status.nextChange.map { $0 < .now + .seconds(31) } ?? false
                }
            )
        }
    }

    /// An alarm that lasted when the platform ended is recorded when it is back.
    @Test func anAlarmThatLastsCountsAfterARestart() async throws {
        let house = FakeRecordings()
        house.want(RecordingWishes(rule: Self.rule), of: Self.channel)
        house.add(Self.alarm())
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            let (_, seq) = try await Calls.request(unit, StartRecord.name)
            try await Calls.agree(unit, seq)
        }
    }

    @Test func valuesThatCannotBeFollowedAreRefused() async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let service = bench.service
            #expect(await eventually { (try? await service.stopRecording(Self.channel)) != nil })
            func field(_ body: () async throws -> Void) async -> String? {
                do { try await body() } catch RecordControlError.invalid(let field, _) { return field } catch
                {}
                return nil
            }
            var plan = Self.always
            plan.zone = "Europe/Nowhere"
            #expect(
                await field { _ = try await service.setPlan(plan, segment: nil, of: Self.channel) } == "zone"
            )
            plan.zone = "../../etc/passwd"
            #expect(
                await field { _ = try await service.setPlan(plan, segment: nil, of: Self.channel) } == "zone"
            )
            plan = .init(zone: "UTC", windows: [])
            #expect(
                await field { _ = try await service.setPlan(plan, segment: nil, of: Self.channel) }
                    == "windows"
            )
            plan.windows = [.init(weekday: 7, from: 0, to: 1)]
            #expect(
                await field { _ = try await service.setPlan(plan, segment: nil, of: Self.channel) }
                    == "windows"
            )
            var rule = Self.rule
            rule.types = [1]
            #expect(
                await field { _ = try await service.setRule(rule, segment: nil, of: Self.channel) } == "types"
            )
            rule = Self.rule
            rule.clip = .seconds(601)
            #expect(
                await field { _ = try await service.setRule(rule, segment: nil, of: Self.channel) }
                    == "clip_seconds"
            )
            for segment in [Duration.seconds(1), .seconds(301), .milliseconds(2500)] {
                let order = RecordingOrder(segment: segment)
                #expect(
                    await field { _ = try await RecordCommandTests.start(bench, order).value }
                        == "seg_duration"
                )
            }
            let early = RecordingOrder(until: .now)
            #expect(await field { _ = try await RecordCommandTests.start(bench, early).value } == "until")
            #expect(house.wishes(of: Self.channel) == nil)
            let missing = ChannelAddress(unit: Self.channel.unit, number: 9)
            await #expect(throws: RecordControlError.noSuchChannel(missing)) {
                _ = try await RecordCommandTests.start(bench, on: missing).value
            }
        }
    }

    // MARK: Devices

    /// Disabled: the recording ends, its settings stay, and it goes on with the next login in another session.
    @Test func aDisabledDeviceIsNotRecorded() async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            let (order, _) = try await RecordCommandTests.recording(bench, unit)
            await bench.service.disconnect(Self.channel.unit)
            let session = RecordSessionID(unchecked: order.session)
            #expect(await eventually { house.session(session)?.endedAt != nil })
            #expect(
                await eventually { house.events.last?.detail.contains(#""reason":"withdrawn""#) ?? false }
            )
            #expect(house.wishes(of: Self.channel)?.command != nil)
            let again = try await bench.unit()
            let (request, seq) = try await Calls.request(again, StartRecord.name)
            #expect(try StartRecord(request.parameters).session != order.session)
            try await Calls.agree(again, seq)
        }
    }

    /// Given up or removed: what its owner wanted goes with the owner.
    @Test func aDeviceThatIsGivenUpIsForgotten() async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            _ = try await RecordCommandTests.recording(bench, unit)
            _ = try await bench.service.setRule(Self.rule, segment: nil, of: Self.channel)
            await bench.service.forgetWishes(of: Self.channel.unit)
            await bench.service.disconnect(Self.channel.unit)
            #expect(house.wishes(of: Self.channel) == nil)
            #expect(await eventually { house.running.isEmpty })
            let again = try await bench.unit()
            bench.service.heard(Self.alarm(), .start)
            try await again.send(SignallingBench.keepalive(1))
            #expect(await again.text()?.contains("StartRecord") == false)
            #expect(try await bench.service.recordingStatus(of: Self.channel).state == .idle)
        }
    }

    /// What was recorded for nobody is not the new owner's: the next session is.
    @Test func aDeviceThatGetsAnOwnerGetsANewSession() async throws {
        let house = FakeRecordings()
        house.setOwner(nil)
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            let (order, _) = try await RecordCommandTests.recording(bench, unit)
            await bench.service.ownerChanges(of: Self.channel.unit)
            house.setOwner(SignallingBench.anna)
            let (stop, stopSeq) = try await Calls.request(unit, StopRecord.name)
            #expect(try StopRecord(stop.parameters).session == order.session)
            try await Calls.agree(unit, stopSeq)
            let (request, seq) = try await Calls.request(unit, StartRecord.name)
            let next = RecordSessionID(unchecked: try StartRecord(request.parameters).session)
            #expect(house.session(next)?.owner == SignallingBench.anna)
            try await Calls.agree(unit, seq)
            // Now it has one: a code that it reports again changes nothing.
            await bench.service.ownerChanges(of: Self.channel.unit)
            #expect(house.running == [next])
        }
    }

    @Test func aDisabledDeviceIsNotTakenUp() async throws {
        let house = FakeRecordings()
        house.want(RecordingWishes(plan: Self.always), of: Self.channel)
        let left = house.run("left", of: Self.channel)
        house.disable(Self.channel.unit)
        try await SignallingBench.run(recording: house.parts) { _ in
            #expect(await eventually { house.session(left)?.endedAt != nil })
            #expect(house.sessionCount == 1)
        }
    }

    // MARK: Sleep

    /// Users' demand 21: a command is worth waking a battery camera, and keeping it awake (Table I.2-26).
    @Test func aCommandWakesTheUnit() async throws {
        let house = FakeRecordings()
        try await SleepingUnit.run(recording: house.parts) { sleeper in
            let chip = try await sleeper.sleep()
            let task = RecordCommandTests.start(sleeper.bench, on: SleepingUnit.channel)
            #expect(await chip.bytes(8) == Array("TOWAKEUP".utf8))
            let unit = try await sleeper.login(waits: false)
            // In either order.
            var asked: [String: RPCRequest] = [:]
            while asked.count < 2 {
                let text = try #require(await unit.text())
                guard case .request(let request, let seq) = try RPCMessage(parsing: Array(text.utf8)) else {
                    continue
                }
                asked[request.method] = request
                try await Calls.agree(unit, seq)
            }
            #expect(asked.keys.sorted() == [KeepAwaken.name, StartRecord.name])
            #expect(try asked[KeepAwaken.name].map { try KeepAwaken($0.parameters).seconds } == 60)
            #expect(try await task.value.state == .recording)
            await unit.close()
            await chip.close()
        }
    }

    /// "Wake on viewer, never wake by polling": a plan would empty the battery by itself.
    @Test func aPlanWakesNobody() async throws {
        let house = FakeRecordings()
        try await SleepingUnit.run(recording: house.parts) { sleeper in
            let chip = try await sleeper.sleep()
            _ = try await sleeper.bench.service.setPlan(Self.always, segment: nil, of: SleepingUnit.channel)
            let status = try await sleeper.bench.service.recordingStatus(of: SleepingUnit.channel)
            #expect(status.state == .asleep && status.reasons == [.plan])
            // Awake by itself it is told.
            let unit = try await sleeper.login(waits: false)
            let (_, seq) = try await SleepingUnit.serve(unit, until: StartRecord.name)
            try await Calls.agree(unit, seq)
            await chip.close()
            #expect(await chip.bytes(1) == nil, "not a byte before the end")
            await unit.close()
        }
    }
}
