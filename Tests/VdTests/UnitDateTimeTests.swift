import HSSModel
import Testing

@testable import Vd

@Suite("Date and time, YYYY-MM-DDThh:mm:ss (Tables I.2-9 to I.2-11, I.2-29, I.2-30)") struct UnitDateTimeTests
{
    @Test(arguments: [
        (Int64(0), 0, "1970-01-01T00:00:00"),
        (-1, 0, "1969-12-31T23:59:59"),
        (951_782_400, 0, "2000-02-29T00:00:00"),
        (1_480_904_132, 0, "2016-12-05T02:15:32"),
        (1_480_904_132, 8, "2016-12-05T10:15:32"),
        (1_480_904_132, -12, "2016-12-04T14:15:32"),
        (4_107_542_399, 0, "2100-02-28T23:59:59"),
        (4_107_542_400, 0, "2100-03-01T00:00:00"),
        (-62_135_596_800, 0, "0001-01-01T00:00:00"),
        (253_402_300_799, 0, "9999-12-31T23:59:59"),
    ]) func showsAWallTime(seconds: Int64, hoursEast: Int, text: String) throws {
        let time = WallTime(milliseconds: seconds * 1000)
        let shown = UnitDateTime(time, hoursEast: hoursEast)
        #expect(shown.description == text)
        #expect(UnitDateTime(text) == shown)
        #expect(shown.wallTime(hoursEast: hoursEast) == time)
    }

    @Test(arguments: [
        "", "2026-11-21", "2026-11-21 10:00:00", "2026-11-21T10:00:00Z", "2026-11-21T10:00:0",
        "2026-11-21T10:00:000",
        "2026-13-01T00:00:00", "2026-00-01T00:00:00", "2026-04-31T00:00:00", "2026-02-29T00:00:00",
        "1900-02-29T00:00:00", "2026-01-00T00:00:00", "2026-01-01T24:00:00", "2026-01-01T00:60:00",
        "2016-12-31T23:59:60", "0000-01-01T00:00:00", "+026-01-01T00:00:00", "２026-01-01T00:00",
    ]) func whatIsNoTimeIsRefused(text: String) {
        #expect(UnitDateTime(text) == nil)
    }

    /// Every day of 800 years: one after the other, and read back as it was written.
    @Test func everyDayFollowsTheOneBefore() throws {
        var time = try #require(UnitDateTime("1600-01-01T12:00:00")).wallTime(hoursEast: 0)
        var previous = UnitDateTime(time, hoursEast: 0)
        for _ in 0..<292_194 {
            time = time + .seconds(86_400)
            let day = UnitDateTime(time, hoursEast: 0)
            guard day > previous, UnitDateTime(day.description) == day, day.description > previous.description
            else {
                Issue.record("\(day) after \(previous)")
                return
            }
            previous = day
        }
        #expect(previous.description == "2400-01-01T12:00:00")
    }

    @Test(arguments: [(Int64.min, "0001-01-01T00:00:00"), (.max, "9999-12-31T23:59:59")])
    func timesBeyondAreTheNearest(milliseconds: Int64, text: String) {
        #expect(UnitDateTime(WallTime(milliseconds: milliseconds), hoursEast: 14).description == text)
    }
}
