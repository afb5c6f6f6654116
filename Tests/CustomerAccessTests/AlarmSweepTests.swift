import Bus
import Foundation
import HSSModel
import TestSupport
import Testing

@testable import CustomerAccess

@Suite("Alarms beside a timeline") struct AlarmSweepTests {
    private static func alarm(_ type: Int, _ start: Int64, _ end: Int64?) -> AlarmRecord {
        AlarmRecord(
            id: AlarmID(unchecked: "a"),
            channel: ChannelAddress(unit: UnitID(unchecked: "cam"), number: 0),
            type: type,
            description: "",
            startedAt: WallTime(milliseconds: start),
            receivedAt: WallTime(milliseconds: start),
            endedAt: end.map { WallTime(milliseconds: $0) }
        )
    }

    /// Both ends touch; one that lasts, and one that ended before it began, as a unit's clock may have it.
    @Test func oneTouchesWhatItOverlaps() {
        let ranges = [(0, 10), (20, 30), (40, 50)].map {
            WallTime(milliseconds: $0.0)..<WallTime(milliseconds: $0.1)
        }
        let alarms = [
            Self.alarm(3, 30, 35), Self.alarm(4, 5, 20), Self.alarm(5, 25, nil), Self.alarm(6, 45, 1),
            Self.alarm(7, 12, 18),
        ]
        #expect(AlarmSweep(alarms).types(within: ranges) == [[4], [4, 5], [5, 6]])
        #expect(AlarmSweep([]).types(within: ranges) == [[], [], []])
        #expect(AlarmSweep(alarms).types(within: []).isEmpty)
    }

    /// The same as each with each.
    @Test func itFindsWhatComparingAllFinds() {
        for seed in UInt64(1)...200 {
            var random = SeededGenerator(seed: seed)
            var time: Int64 = 0
            let ranges = (0..<Int.random(in: 0...30, using: &random)).map { _ in
                let start = time + Int64.random(in: 0...40, using: &random)
                time = start + Int64.random(in: 1...60, using: &random)
                return WallTime(milliseconds: start)..<WallTime(milliseconds: time)
            }
            let alarms = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                let start = Int64.random(in: -20...1500, using: &random)
                let end =
                    Bool.random(using: &random) ? start + Int64.random(in: -5...300, using: &random) : nil
                return Self.alarm(Int.random(in: 2...12, using: &random), start, end)
            }
            let wanted = ranges.map { range in
                Set(
                    alarms.filter { alarm in
                        let end = alarm.endedAt.map { max($0, alarm.startedAt) }
                        return alarm.startedAt < range.upperBound
                            && (end.map { $0 >= range.lowerBound } ?? true)
                    }.map(\.type)
                ).sorted()
            }
            #expect(AlarmSweep(alarms).types(within: ranges) == wanted, "seed \(seed)")
        }
    }
}

@Suite("When a day begins") struct DayZoneTests {
    private static func day(_ text: String) throws -> Int {
        let date = try Date(text + "T00:00:00Z", strategy: .iso8601)
        return Int(date.timeIntervalSince1970) / 86_400
    }

    @Test(arguments: [
        ("UTC", "2026-11-21", "2026-11-21T00:00:00Z"), ("+01:00", "2026-11-21", "2026-11-20T23:00:00Z"),
        ("-09:30", "2026-11-21", "2026-11-21T09:30:00Z"),
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z"),
        ("Europe/Berlin", "2026-03-30", "2026-03-29T22:00:00Z"),
        // Midnight was skipped, west of Greenwich: clocks went from 00:00 to 01:00.
        ("America/Sao_Paulo", "2017-10-15", "2017-10-15T03:00:00Z"),
        ("America/Sao_Paulo", "2017-10-16", "2017-10-16T02:00:00Z"),
        ("America/Santiago", "2019-09-08", "2019-09-08T04:00:00Z"),
        // … and east of it.
        ("Asia/Beirut", "2019-03-31", "2019-03-30T22:00:00Z"),
        // It came twice: from 00:00 back to 23:00 the day does not begin twice; at 01:00 back to 00:00 it begins first.
        ("America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00:00Z"),
        ("America/Havana", "2019-11-03", "2019-11-03T04:00:00Z"),
        // A day that never was is empty.
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"),
    ]) func byTheClocksOfAPlace(zone: String, day: String, begin: String) throws {
        let zone = try #require(DayZone(zone))
        let start = try Date(begin, strategy: .iso8601)
        #expect(
            zone.start(ofDay: try Self.day(day)).milliseconds == Int64(start.timeIntervalSince1970) * 1000
        )
    }
}
