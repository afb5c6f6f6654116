import Foundation
import HSSModel
import TestSupport
import Testing
import Vr

/// The host's own idea of a zone, to compare with.
private struct Host {
    let calendar: Calendar
    let offsets: ZoneOffsets

    init(_ name: String, from: WallTime, to: WallTime) throws {
        let zone = try #require(TimeZone(identifier: name))
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        self.calendar = calendar
        var changes: [ZoneOffsets.Change] = []
        var date = Self.date(from)
        let first = zone.secondsFromGMT(for: date)
        while let next = zone.nextDaylightSavingTimeTransition(after: date), next < Self.date(to) {
            let at = WallTime(milliseconds: Int64(next.timeIntervalSince1970 * 1000))
            changes.append(.init(at: at, offset: zone.secondsFromGMT(for: next.addingTimeInterval(1))))
            date = next.addingTimeInterval(1)
        }
        offsets = ZoneOffsets(first: first, changes: changes)
    }

    static func date(_ time: WallTime) -> Date {
        Date(timeIntervalSince1970: Double(time.milliseconds) / 1000)
    }

    /// Whether a plan of these windows records, by what Foundation says that the clock shows.
    func isWanted(_ windows: [RecordingPlan.Window], at time: WallTime) -> Bool {
        let parts = calendar.dateComponents([.weekday, .hour, .minute], from: Self.date(time))
        let weekday = ((parts.weekday ?? 0) + 5) % 7
        let minute = (parts.hour ?? 0) * 60 + (parts.minute ?? 0)
        return windows.contains { window in
            if window.to > window.from {
                return window.weekday == weekday && (window.from..<window.to).contains(minute)
            }
            return window.weekday == weekday && minute >= window.from
                || (window.weekday + 1) % 7 == weekday && minute < window.to
        }
    }
}

@Suite("Recording by plan") struct RecordingPlanTests {
    private static let year = WallTime(milliseconds: 1_767_225_600_000)  // 2026
    private static let end = WallTime(milliseconds: 1_798_761_600_000)

    private func window(_ weekday: Int, _ from: Int, _ to: Int) throws -> RecordingPlan.Window {
        try #require(RecordingPlan.Window(weekday: weekday, from: from, to: to))
    }

    /// Every quarter of an hour of a year, and every change: as the host's own calendar has it. Zones with an hour, half an
    /// hour, an odd offset and no daylight saving.
    @Test(arguments: [
        "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca",
        "UTC",
    ]) func followsTheClockOnTheWall(zone: String) throws {
        let host = try Host(zone, from: Self.year, to: Self.end)
        for seed in UInt64(1)...4 {
            var random = SeededGenerator(seed: seed)
            // Edges in the hours that are skipped or come twice, or none for a whole day around them.
            var windows = try [window(5, 22 * 60, 2 * 60 + 30), window(6, 2 * 60, 3 * 60)]
            if seed.isMultiple(of: 2) { windows = try [window(1, 8 * 60, 17 * 60)] }
            for _ in 0..<Int.random(in: 0...(seed.isMultiple(of: 2) ? 0 : 4), using: &random) {
                windows.append(
                    try window(
                        .random(in: 0...6, using: &random),
                        .random(in: 0..<96, using: &random) * 15,
                        .random(in: 1...96, using: &random) * 15
                    )
                )
            }
            let plan = try #require(RecordingPlan(windows, zone: host.offsets))
            var changes: [WallTime] = []
            var was = host.isWanted(windows, at: Self.year)
            for quarter in 1..<(365 * 96) as Range<Int64> {
                let time = Self.year + .seconds(quarter * 900)
                let isWanted = host.isWanted(windows, at: time)
                if isWanted != was { changes.append(time) }
                was = isWanted
            }
            var cursor = Self.year
            for change in changes {
                let isWanted = plan.isWanted(at: cursor)
                #expect(isWanted == host.isWanted(windows, at: cursor), "\(zone), seed \(seed)")
                let next = plan.nextChange(after: cursor)
                #expect(next == change, "\(zone), seed \(seed)")
                cursor = change
            }
        }
    }

    /// Berlin, 29 March 2026: 02:00 is skipped; 25 October: 02:30 comes twice.
    @Test func theHourThatIsSkippedAndTheOneThatComesTwice() throws {
        let host = try Host("Europe/Berlin", from: Self.year, to: Self.end)
        let plan = try #require(RecordingPlan([window(6, 150, 180)], zone: host.offsets))
        // 2026-03-29T00:59:59Z and on: from 01:59:59 to 03:00.
        #expect(!plan.isWanted(at: WallTime(milliseconds: 1_774_745_999_000)))
        #expect(!plan.isWanted(at: WallTime(milliseconds: 1_774_746_000_000)))
        // 2026-10-25T00:30:00Z and 01:30:00Z are both 02:30.
        for hour in [1_792_888_200_000, 1_792_891_800_000] as [Int64] {
            #expect(plan.isWanted(at: WallTime(milliseconds: hour)))
            #expect(
                plan.nextChange(after: WallTime(milliseconds: hour))
                    == WallTime(milliseconds: hour + 1_800_000)
            )
        }
    }

    @Test func neverAndAlwaysHaveNoChange() throws {
        let never = try #require(RecordingPlan([], zone: .utc))
        #expect(!never.isWanted(at: Self.year) && never.nextChange(after: Self.year) == nil)
        let days = try (0...6).map { try window($0, 0, 1440) }
        let always = try #require(RecordingPlan(days, zone: .utc))
        #expect(always.isWanted(at: Self.year) && always.nextChange(after: Self.year) == nil)
    }

    @Test func whatIsOutOfRangeIsNoWindow() throws {
        for (weekday, from, to) in [(-1, 0, 1), (7, 0, 1), (0, -1, 1), (0, 1440, 1), (0, 0, 0), (0, 0, 1441)]
        {
            #expect(RecordingPlan.Window(weekday: weekday, from: from, to: to) == nil)
        }
        let many = Array(repeating: try window(0, 0, 1), count: 65)
        #expect(RecordingPlan(many, zone: .utc) == nil)
    }
}

@Suite("Recording by alarm, Tables I.2-14, I.2-16") struct RecordingDemandTests {
    private func time(_ seconds: Int64) -> WallTime { WallTime(milliseconds: seconds * 1000) }

    private func rule() throws -> AlarmRule {
        try #require(
            AlarmRule(types: [2, 3], prerecord: .seconds(5), clip: .seconds(30), longest: .seconds(100))
        )
    }

    @Test func clipsOfAlarms() throws {
        let rule = try rule()
        func clips(_ alarms: AlarmSpan...) -> [String] {
            rule.clips(for: alarms.reversed()).map { "\($0.lowerBound.seconds)-\($0.upperBound.seconds)" }
        }
        #expect(clips(AlarmSpan(type: 2, start: time(0), end: time(0))) == ["0-30"])
        #expect(clips(AlarmSpan(type: 2, start: time(0), end: time(50))) == ["0-50"])
        #expect(clips(AlarmSpan(type: 2, start: time(0))) == ["0-100"], "it lasts, up to the longest")
        #expect(clips(AlarmSpan(type: 4, start: time(0))) == [], "a type that the rule does not name")
        #expect(
            clips(
                AlarmSpan(type: 2, start: time(0), end: time(0)),
                AlarmSpan(type: 3, start: time(30), end: time(31)),
                AlarmSpan(type: 3, start: time(61), end: time(61))
            ) == ["0-60", "61-91"]
        )
    }

    /// "prerecord_seconds": only where nothing else records already.
    @Test func oneSessionServesAllReasons() throws {
        let window = try #require(RecordingPlan.Window(weekday: 3, from: 1, to: 2))  // Thursday, 00:01
        var demand = RecordingDemand(
            command: time(100)..<time(200),
            plan: RecordingPlan([window], zone: .utc),
            rule: try rule(),
            alarms: [AlarmSpan(type: 2, start: time(10), end: time(10))]
        )
        var seen: [String] = []
        var cursor: WallTime? = time(0)
        while let at = cursor, at < time(300) {
            let wish = demand.wish(at: at)
            let reasons = RecordingDemand.Wish.Reason.allCases.filter { wish?.reasons.contains($0) ?? false }
            seen.append("\(at.seconds) \(reasons) \(wish?.prerecord.wholeMilliseconds ?? 0)")
            cursor = demand.nextChange(after: at)
        }
        #expect(
            seen == [
                "0 [] 0", "10 [Vr.RecordingDemand.Wish.Reason.alarm] 5000", "40 [] 0",
                "60 [Vr.RecordingDemand.Wish.Reason.plan] 0",
                "100 [Vr.RecordingDemand.Wish.Reason.command, Vr.RecordingDemand.Wish.Reason.plan] 0",
                "120 [Vr.RecordingDemand.Wish.Reason.command] 0", "200 [] 0",
            ]
        )
        demand.alarms = [AlarmSpan(type: 2, start: time(90), end: time(90))]
        #expect(demand.wish(at: time(95))?.prerecord == .zero, "the plan records already")
    }

    /// Between two changes the wish stays as it is.
    @Test func nothingChangesBetweenChanges() throws {
        let rule = try rule()
        for seed in UInt64(0)..<100 {
            var random = SeededGenerator(seed: seed)
            var demand = RecordingDemand(rule: rule)
            let start = Int64.random(in: 0...200, using: &random)
            demand.command = time(start)..<time(start + Int64.random(in: 0...200, using: &random))
            for _ in 0..<4 {
                let start = Int64.random(in: 0...400, using: &random)
                let length = Int64.random(in: 0...50, using: &random)
                let end = Bool.random(using: &random) ? time(start + length) : nil
                demand.alarms.append(
                    AlarmSpan(type: .random(in: 2...4, using: &random), start: time(start), end: end)
                )
            }
            for second in 0..<500 as Range<Int64> {
                let isSame = demand.wish(at: time(second)) == demand.wish(at: time(second + 1))
                let next = demand.nextChange(after: time(second))
                #expect(isSame || next == time(second + 1), "seed \(seed), \(second) s")
            }
        }
    }

    @Test func whatIsOutOfRangeIsNoRule() {
        func rule(_ type: Int, _ prerecord: Int, _ clip: Int, _ longest: Int) -> AlarmRule? {
            AlarmRule(
                types: [type],
                prerecord: .seconds(prerecord),
                clip: .seconds(clip),
                longest: .seconds(longest)
            )
        }
        #expect(rule(2, 0, 1, 1) != nil && rule(12, 60, 600, 86_400) != nil)
        for (type, prerecord, clip, longest) in [
            (1, 0, 1, 1), (13, 0, 1, 1), (2, -1, 1, 1), (2, 61, 1, 1), (2, 0, 0, 1), (2, 0, 601, 700),
            (2, 0, 10, 9), (2, 0, 10, 86_401),
        ] { #expect(rule(type, prerecord, clip, longest) == nil) }
    }
}
