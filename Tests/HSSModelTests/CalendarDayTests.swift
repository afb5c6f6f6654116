import Foundation
import HSSModel
import Testing

@Suite("Days in UTC") struct CalendarDayTests {
    @Test(arguments: [
        (0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (11_017, "2000-03-01"),
        (20_513, "2026-03-01"), (20_778, "2026-11-21"), (47_540, "2100-02-28"), (47_541, "2100-03-01"),
        (2_932_896, "9999-12-31"),
    ]) func areWrittenAndRead(number: Int, text: String) {
        #expect(CalendarDay(number: number).description == text)
        #expect(CalendarDay(text)?.number == number)
    }

    @Test func agreeWithFoundation() throws {
        let style = Date.ISO8601FormatStyle().year().month().day()
        for number in stride(from: 0, through: 2_932_896, by: 977) {
            let date = Date(timeIntervalSince1970: Double(number) * 86_400)
            #expect(CalendarDay(number: number).description == date.formatted(style))
        }
    }

    @Test(arguments: [
        "", "2026-11", "2026-13-01", "2026-04-31", "2025-02-29", "1969-12-31", "2026-00-10", "2026-1-01",
        "2026-11-00", "+026-11-21", "2026-11-21 ", "٢٠٢٦-11-21", "20261121", "2026-11-21T00:00:00Z",
    ]) func areRefusedWhereTheyDoNotExist(text: String) {
        #expect(CalendarDay(text) == nil)
    }

    @Test func beginAtMidnight() {
        #expect(CalendarDay(of: WallTime(milliseconds: 86_399_999)).number == 0)
        #expect(CalendarDay(of: WallTime(milliseconds: 86_400_000)).number == 1)
        #expect(CalendarDay(of: WallTime(milliseconds: -1)).number == -1)
    }
}
