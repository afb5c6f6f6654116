internal import HSSModel

/// How a zone's clocks go on after the last change that its table lists: `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX, as RFC 9636
/// §3.3.1 extends it).
struct ZoneRule {
    /// When, in any year.
    fileprivate enum Day {
        /// 1 to 365, 29 February never counted.
        case julian(Int)
        /// 0 to 365.
        case ofYear(Int)
        /// The last one where `week` is 5. 0 for Sunday.
        case weekday(month: Int, week: Int, weekday: Int)
    }

    fileprivate struct Turn {
        var day: Day
        /// Seconds of that day on the clock that is turned; may lie outside of it.
        var time: Int
    }

    /// Seconds east of Greenwich.
    let standard: Int
    private let summer: (offset: Int, begin: Turn, end: Turn)?

    /// Nil for text that is no such rule.
    init?(parsing text: some StringProtocol) {
        var rest = Substring(text)
        guard Self.skipName(&rest), let west = Self.time(&rest, most: 24) else { return nil }
        standard = -west
        guard !rest.isEmpty else {
            summer = nil
            return
        }
        guard Self.skipName(&rest) else { return nil }
        var offset = standard + 3600
        if rest.first != "," {
            guard let west = Self.time(&rest, most: 24) else { return nil }
            offset = -west
        }
        guard let begin = Self.turn(&rest), let end = Self.turn(&rest), rest.isEmpty else { return nil }
        summer = (offset, begin, end)
    }

    /// Changes of these years, in order.
    func changes(in years: ClosedRange<Int>) -> [ZoneOffsets.Change] {
        guard let summer else { return [] }
        return years.flatMap { year in
            [
                Self.change(summer.begin, year, before: standard, after: summer.offset),
                Self.change(summer.end, year, before: summer.offset, after: standard),
            ]
        }.sorted { $0.at < $1.at }
    }

    private static func change(
        _ turn: Turn,
        _ year: Int,
        before: Int,
        after: Int
    ) -> ZoneOffsets.Change {
        let seconds = turn.day.number(in: year) * 86_400 + turn.time - before
        return ZoneOffsets.Change(at: WallTime(milliseconds: Int64(seconds) * 1000), offset: after)
    }

    // MARK: Its text

    /// Letters, or anything within angle brackets.
    private static func skipName(_ rest: inout Substring) -> Bool {
        if rest.first == "<" {
            guard let end = rest.firstIndex(of: ">") else { return false }
            rest = rest[rest.index(after: end)...]
            return true
        }
        let letters = rest.prefix { $0.isASCII && $0.isLetter }
        rest = rest.dropFirst(letters.count)
        return letters.count >= 3
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    private static func time(_ rest: inout Substring, most hours: Int) -> Int? {
        let isNegative = rest.first == "-"
        if rest.first == "-" || rest.first == "+" { rest.removeFirst() }
        guard var seconds = number(&rest, 0...hours).map({ $0 * 3600 }) else { return nil }
        for unit in [60, 1] where rest.first == ":" {
            rest.removeFirst()
            guard let value = number(&rest, 0...59) else { return nil }
            seconds += value * unit
        }
        return isNegative ? -seconds : seconds
    }

    /// `,Mm.w.d/time` and its other forms.
    private static func turn(_ rest: inout Substring) -> Turn? {
        guard rest.popFirst() == "," else { return nil }
        let day: Day
        switch rest.first {
        case "M":
            rest.removeFirst()
            guard let month = number(&rest, 1...12), rest.popFirst() == ".",
                let week = number(&rest, 1...5), rest.popFirst() == ".", let weekday = number(&rest, 0...6)
            else { return nil }
            day = .weekday(month: month, week: week, weekday: weekday)
        case "J":
            rest.removeFirst()
            guard let number = number(&rest, 1...365) else { return nil }
            day = .julian(number)
        default:
            guard let number = number(&rest, 0...365) else { return nil }
            day = .ofYear(number)
        }
        guard rest.first == "/" else { return Turn(day: day, time: 7200) }
        rest.removeFirst()
        return time(&rest, most: 167).map { Turn(day: day, time: $0) }
    }

    private static func number(_ rest: inout Substring, _ range: ClosedRange<Int>) -> Int? {
        let digits = rest.prefix { $0.isASCII && $0.isNumber }.prefix(3)
        rest = rest.dropFirst(digits.count)
        guard let number = Int(digits), range.contains(number) else { return nil }
        return number
    }
}

extension ZoneRule.Day {
    /// Days from the start of each month to that of the year, 29 February not counted.
    private static let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365]

    /// Days since 1 January 1970.
    fileprivate func number(in year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let past = year - 1
        let newYear = 365 * (year - 1970) + past / 4 - past / 100 + past / 400 - 477
        switch self {
        case .julian(let day): return newYear + day - 1 + (isLeap && day >= 60 ? 1 : 0)
        case .ofYear(let day): return newYear + day
        case .weekday(let month, let week, let weekday):
            let leapDay = isLeap && month > 2 ? 1 : 0
            let first = newYear + Self.before[month - 1] + leapDay
            let length = Self.before[month] - Self.before[month - 1] + (isLeap && month == 2 ? 1 : 0)
            // Day 0 was a Thursday.
            let ahead = (weekday - (first + 4) % 7 + 7) % 7 + (week - 1) * 7
            return first + (ahead < length ? ahead : ahead - 7)
        }
    }
}
