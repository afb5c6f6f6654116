package import HSSModel

/// Times as HTTP has them (RFC 9110, 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`. The two obsolete forms are not read: who
/// sends one gets the whole answer.
package struct HTTPDate: Sendable, Equatable, CustomStringConvertible {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    private static let secondsOfDay: Int64 = 86_400

    /// Since 1970.
    package let seconds: Int64

    package init(_ time: WallTime) {
        seconds = time.seconds
    }

    /// `nil`: not of this form, or no such date.
    package init?(_ text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard text.utf8.count == 29, words.count == 6, words[5] == "GMT",
            let day = Int64(words[1]), let month = Self.months.firstIndex(of: String(words[2])),
            let year = Int64(words[3]), (1970...9999).contains(year), (1...31).contains(day)
        else { return nil }
        let clock = words[4].split(separator: ":", omittingEmptySubsequences: false).compactMap { Int64($0) }
        guard clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]),
            (0...60).contains(clock[2])
        else { return nil }
        let days = Self.days(year: year, month: Int64(month) + 1, day: day)
        seconds = days * Self.secondsOfDay + clock[0] * 3600 + clock[1] * 60 + clock[2]
        // The 30th of February, or a wrong day of the week.
        guard description == text || clock[2] == 60 else { return nil }
    }

    package var description: String {
        var (days, time) = seconds.quotientAndRemainder(dividingBy: Self.secondsOfDay)
        if time < 0 { (days, time) = (days - 1, time + Self.secondsOfDay) }
        let (year, month, day) = Self.date(days)
        let name = Self.days[Int((days % 7 + 7) % 7)]
        let clock = [time / 3600, time / 60 % 60, time % 60].map { Self.padded($0, 2) }.joined(separator: ":")
        return
            "\(name), \(Self.padded(day, 2)) \(Self.months[Int(month) - 1]) \(Self.padded(year, 4)) \(clock) GMT"
    }

    private static func padded(_ number: Int64, _ count: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, count - text.count)) + text
    }

    // The calendar counted from the 1st of March, so that leap days come last.

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = year / 400
        let ofEra = year - era * 400
        let ofYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }

    private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let ofEra = shifted - era * 146_097
        let year = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * year + year / 4 - year / 100)
        let month = (5 * ofYear + 2) / 153
        return (
            year + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9,
            ofYear - (153 * month + 2) / 5 + 1
        )
    }
}
