package import HSSModel

/// A day of some time zone, counted from 1 January 1970 of that zone's own calendar.
package struct LocalDay: Sendable, Hashable, Comparable {
    package let number: Int64

    package init(_ number: Int64) { self.number = number }

    package var next: LocalDay { LocalDay(number + 1) }
    /// 0 for Monday. Day 0 was a Thursday.
    package var weekday: Int { Int((number + 3).floored(by: 7).remainder) }

    package static func < (left: LocalDay, right: LocalDay) -> Bool { left.number < right.number }
}

/// What a time zone's clocks show, from somewhere to somewhere: the edge reads it from the host's table, so that a plan is
/// a value and a test can have any zone.
package struct ZoneOffsets: Sendable, Hashable {
    package struct Change: Sendable, Hashable {
        package var at: WallTime
        /// Seconds east of Greenwich from then on.
        package var offset: Int

        package init(at: WallTime, offset: Int) {
            self.at = at
            self.offset = offset
        }
    }

    /// Greenwich.
    package static let utc = ZoneOffsets(first: 0, changes: [])

    private static let mostChanges = 1024
    private static let widest = 18 * 3600

    private let first: Int
    private let changes: [Change]

    /// `first`: seconds east of Greenwich before the first change. Offsets beyond 18 hours are cut there, changes beyond
    /// 1,024 left out.
    package init(first: Int, changes: [Change]) {
        func bounded(_ offset: Int) -> Int { min(max(offset, -Self.widest), Self.widest) }
        self.first = bounded(first)
        self.changes = changes.prefix(Self.mostChanges).sorted { $0.at < $1.at }
            .map { Change(at: $0.at, offset: bounded($0.offset)) }
    }

    package func offset(at time: WallTime) -> Int {
        changes.last { $0.at <= time }?.offset ?? first
    }

    package func nextChange(after time: WallTime) -> WallTime? {
        changes.first { $0.at > time }?.at
    }

    /// What the clock on the wall shows, as if it were Greenwich's.
    func local(_ time: WallTime) -> Int64 {
        time.milliseconds + Int64(offset(at: time)) * 1000
    }

    package func day(at time: WallTime) -> LocalDay {
        LocalDay(local(time).floored(by: 86_400_000).quotient)
    }
}

extension Int64 {
    func floored(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
