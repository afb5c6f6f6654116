import HSSModel
import Testing
import Vr

@Suite("When what was wanted ended") struct RecordingEndTests {
    private static func time(_ hours: Int64) -> WallTime {
        // A Monday at midnight, Greenwich.
        WallTime(milliseconds: 1_763_942_400_000 + hours * 3_600_000)
    }

    /// Monday from 8 to 10 and from 12 to 14.
    private static func plan() throws -> RecordingPlan {
        let windows = [(480, 600), (720, 840)].compactMap {
            RecordingPlan.Window(weekday: 0, from: $0.0, to: $0.1)
        }
        return try #require(RecordingPlan(windows, zone: .utc))
    }

    @Test(
        arguments: [
            (now: 9, end: Int64?.none), (now: 10, end: 10), (now: 11, end: 10), (now: 13, end: nil),
            (now: 14, end: 14), (now: 100, end: 14), (now: 167, end: 14),
        ] as [(now: Int64, end: Int64?)]
    ) func aPlanEndsAtItsWindow(now: Int64, end: Int64?) throws {
        let demand = RecordingDemand(plan: try Self.plan())
        #expect(demand.lastEnd(from: Self.time(8), to: Self.time(now)) == end.map(Self.time))
    }

    /// A window before the session began says nothing of it, and a week later it is the next one's.
    @Test func onlyWhatWasWantedSinceCounts() throws {
        let demand = RecordingDemand(plan: try Self.plan())
        #expect(demand.lastEnd(from: Self.time(15), to: Self.time(100)) == nil)
        #expect(demand.lastEnd(from: Self.time(8), to: Self.time(168 + 11)) == Self.time(168 + 10))
    }

    @Test func aCommandEndsAtItsTimeHoweverLongAgo() throws {
        var demand = RecordingDemand(command: Self.time(0)..<Self.time(1))
        #expect(demand.lastEnd(from: Self.time(0), to: Self.time(24 * 400)) == Self.time(1))
        demand.plan = try Self.plan()
        #expect(demand.lastEnd(from: Self.time(0), to: Self.time(15)) == Self.time(14), "the last of all")
        #expect(RecordingDemand().lastEnd(from: Self.time(0), to: Self.time(1)) == nil)
    }

    @Test func aClipEndsWithItsAlarm() throws {
        let rule = try #require(
            AlarmRule(types: [3], prerecord: .zero, clip: .seconds(60), longest: .seconds(600))
        )
        let alarm = AlarmSpan(type: 3, start: Self.time(1), end: Self.time(1) + .seconds(10))
        let demand = RecordingDemand(rule: rule, alarms: [alarm])
        #expect(demand.lastEnd(from: Self.time(0), to: Self.time(2)) == Self.time(1) + .seconds(60))
    }
}
