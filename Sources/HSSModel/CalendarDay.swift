/// A day of the Gregorian calendar in UTC, without a calendar of the host.
package struct CalendarDay: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Days that can be written and read back: 1970-01-01 to 9999-12-31.
    package static let range = CalendarDay(number: 0)...CalendarDay(number: 2_932_896)

    /// Days since 1970-01-01.
    package let number: Int

    package init(number: Int) {
        self.number = number
    }

    package init(of time: WallTime) {
        number = Int(time.seconds >= 0 ? time.seconds / 86_400 : (time.seconds - 86_399) / 86_400)
    }

    /// `2026-11-21`; nil for anything else, a 31st of April too.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2],
            parts.allSatisfy({ $0.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } }),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2]),
            (1...12).contains(month)
        else { return nil }
        // A year that begins in March has its leap day at the end (Howard Hinnant, "chrono-compatible low-level date
        // algorithms").
        let years = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let number = years * 365 + years / 4 - years / 100 + years / 400 + dayOfYear - Self.toMarchOfYear0
        guard Self.range.contains(CalendarDay(number: number)) else { return nil }
        self.init(number: number)
        guard description == text else { return nil }
    }

    package var description: String {
        let days = number + Self.toMarchOfYear0
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthOfYear = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthOfYear + 2) / 5 + 1
        let month = monthOfYear < 10 ? monthOfYear + 3 : monthOfYear - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))"
    }

    package static func < (left: CalendarDay, right: CalendarDay) -> Bool { left.number < right.number }

    package static func - (day: CalendarDay, days: Int) -> CalendarDay {
        CalendarDay(number: day.number - days)
    }

    /// From 0000-03-01 to 1970-01-01.
    private static let toMarchOfYear0 = 719_468

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
