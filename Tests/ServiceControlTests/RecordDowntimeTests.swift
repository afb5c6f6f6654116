import Bus
import HSSModel
import HostClock
import ServerKit
import ServiceControl
import Store
import Testing
import Vd
import Vr

@Suite("Recording: what happened while nobody looked") struct RecordDowntimeTests {
    private typealias Calls = VdLiveTests
    private static let channel = SignallingBench.channel
    private static let always = RecordingWishes.Plan(
        zone: "UTC",
        windows: (0..<7).map { .init(weekday: $0, from: 0, to: 1440) }
    )

    /// One hour of each week, which ended two hours ago.
    private static func lastHour() -> (plan: RecordingWishes.Plan, begin: WallTime, end: WallTime) {
        let minute: Int64 = 60_000
        let end = WallTime(milliseconds: (WallTime.now.milliseconds - 120 * minute) / minute * minute)
        let begin = WallTime(milliseconds: end.milliseconds - 60 * minute)
        let day = 1440 * minute
        let to = Int(end.milliseconds % day / minute)
        let window = RecordingWishes.Plan.Window(
            weekday: LocalDay(begin.milliseconds / day).weekday,
            from: Int(begin.milliseconds % day / minute),
            to: to == 0 ? 1440 : to
        )
        return (RecordingWishes.Plan(zone: "UTC", windows: [window]), begin, end)
    }

    /// The platform was down when the window of a plan ended: what its unit recorded behind it is not wanted.
    @Test func aPlanThatEndedMeanwhileEndedThen() async throws {
        let house = FakeRecordings()
        let (plan, begin, end) = Self.lastHour()
        let session = house.run("planned", of: Self.channel, since: begin)
        house.want(RecordingWishes(plan: plan), of: Self.channel)
        try await SignallingBench.run(recording: house.parts) { _ in
            #expect(await eventually { house.session(session)?.endedAt != nil })
            #expect(house.session(session)?.endedAt == end)
            #expect(await eventually { house.events.count == 1 })
            #expect(house.events.first?.time == end)
        }
    }

    /// … and so did a command whose time was over.
    @Test func aCommandThatEndedMeanwhileEndedThen() async throws {
        let house = FakeRecordings()
        let begin = WallTime(milliseconds: WallTime.now.milliseconds - 40 * 86_400_000)
        let end = begin + .seconds(3600)
        let session = house.run("ordered", of: Self.channel, since: begin)
        house.want(
            RecordingWishes(command: .init(begunAt: begin, until: end, user: SignallingBench.anna)),
            of: Self.channel
        )
        try await SignallingBench.run(recording: house.parts) { _ in
            #expect(await eventually { house.session(session)?.endedAt != nil })
            #expect(house.session(session)?.endedAt == end)
        }
    }

    /// "Wake on viewer, never wake by polling": an order of a plan that waited for the storage finds the unit asleep.
    @Test func anOrderOfAPlanThatWaitedWakesNobody() async throws {
        let house = FakeRecordings()
        house.holdAddresses()
        try await SleepingUnit.run(recording: house.parts) { sleeper in
            let unit = try await sleeper.login()
            _ = try await sleeper.bench.service.setPlan(Self.always, segment: nil, of: SleepingUnit.channel)
            #expect(await eventually { house.isHeld })
            await unit.close()
            let chip = try await sleeper.sleep()
            house.release()
            let lost = #"vedette_record_orders_total{outcome="lost"} 1"#
            #expect(await eventually { sleeper.bench.metrics.exposition().contains(lost) })
            await chip.close()
            #expect(await chip.bytes(1) == nil, "not a byte before the end")
        }
    }
}
