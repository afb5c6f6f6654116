package import HSSModel

/// A date and time as a unit's clock shows it, `YYYY-MM-DDThh:mm:ss`, in a zone that stands elsewhere or nowhere.
/// Always a real one of the Gregorian calendar, years 1 to 9999; leap seconds do not exist here.
package struct UnitDateTime: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Hours east of UTC that zones of the world use.
    package static let zones = -12...14

    /// As if the zone were UTC.
    private let secondsSinceEpoch: Int64

    private static let first = Self.seconds(ofDay: Self.days(year: 1, month: 1, day: 1))
    private static let last = Self.seconds(ofDay: Self.days(year: 9999, month: 12, day: 31)) + 86_399

    /// Nil where there is no such day or time.
    package init?(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
        guard (1...9999).contains(year), (1...12).contains(month),
            (1...Self.length(ofMonth: month, year: year)).contains(day),
            (0...23).contains(hour), (0...59).contains(minute), (0...59).contains(second)
        else { return nil }
        let days = Self.days(year: Int64(year), month: Int64(month), day: Int64(day))
        secondsSinceEpoch = Self.seconds(ofDay: days) + Int64(hour * 3600 + minute * 60 + second)
    }

    /// Reads exactly 19 characters.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8.prefix(20))
        guard bytes.count == 19 else { return nil }
        for (index, separator) in [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")]
            as [(Int, Unicode.Scalar)]
        {
            guard bytes[index] == UInt8(ascii: separator) else { return nil }
        }
        func number(_ range: Range<Int>) -> Int? {
            var number = 0
            for byte in bytes[range] {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                number = number * 10 + Int(byte - UInt8(ascii: "0"))
            }
            return number
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19)
        else { return nil }
        self.init(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
    }

    /// What a clock shows at `time`, whole seconds. Outside the years 1 to 9999: the nearest that can be written.
    package init(_ time: WallTime, hoursEast: Int) {
        let shown = time.seconds + Int64(hoursEast) * 3600
        secondsSinceEpoch = min(max(shown, Self.first), Self.last)
    }

    /// The time at which a clock of that zone shows this.
    package func wallTime(hoursEast: Int) -> WallTime {
        WallTime(milliseconds: (secondsSinceEpoch - Int64(hoursEast) * 3600) * 1000)
    }

    package var description: String {
        let (days, second) = secondsSinceEpoch.flooredQuotientAndRemainder(by: 86_400)
        let (year, month, day) = Self.date(ofDay: days)
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
            + "T\(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))"
    }

    package static func < (left: UnitDateTime, right: UnitDateTime) -> Bool {
        left.secondsSinceEpoch < right.secondsSinceEpoch
    }

    // MARK: The calendar

    // A year that begins with March has its leap day at its end, and the lengths of its months repeat in a way
    // that one division gives; 400 years are 146,097 days. Day 719,468 of that count is 1 January 1970.

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let (era, yearOfEra) = (month > 2 ? year : year - 1).flooredQuotientAndRemainder(by: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = (day + 719_468).flooredQuotientAndRemainder(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    private static func seconds(ofDay day: Int64) -> Int64 { day * 86_400 }

    private static func length(ofMonth month: Int, year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }
}

private func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

extension Int64 {
    fileprivate func flooredQuotientAndRemainder(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

extension JSONObject {
    func dateTime(_ name: String) throws(FieldError) -> UnitDateTime {
        guard let time = UnitDateTime(try string(name, 0...64)) else {
            throw FieldError(name, "expected YYYY-MM-DDThh:mm:ss")
        }
        return time
    }
}
