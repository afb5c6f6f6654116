package import HSSModel

/// When a channel is recorded, week by week, by the clock on the wall of its zone.
///
/// What counts is what that clock shows: an hour that is skipped in spring is not recorded, an hour that comes twice in
/// autumn is recorded twice, and a window that begins in the skipped hour begins where the clock goes on.
package struct RecordingPlan: Sendable, Hashable {
    package struct Window: Sendable, Hashable {
        /// 0 for Monday.
        package let weekday: Int
        /// Minutes of the day, 0 to 1439.
        package let from: Int
        /// 1 to 1440. Not after ``from``: on the next day.
        package let to: Int

        /// Nil: a number out of its range.
        package init?(weekday: Int, from: Int, to: Int) {
            guard (0...6).contains(weekday), (0..<1440).contains(from), (1...1440).contains(to) else {
                return nil
            }
            self.weekday = weekday
            self.from = from
            self.to = to
        }

        /// Milliseconds of the week, the end up to one day beyond it.
        fileprivate var span: Range<Int64> {
            let start = weekday * 1440 + from
            let minutes = to > from ? to - from : to + 1440 - from
            return Int64(start) * 60_000..<Int64(start + minutes) * 60_000
        }
    }

    package static let mostWindows = 64
    private static let week: Int64 = 7 * 86_400_000

    package let windows: [Window]
    package let zone: ZoneOffsets
    /// Places in the week where a window begins or ends, in order.
    private let edges: [Int64]

    /// Nil: more than ``mostWindows``.
    package init?(_ windows: [Window], zone: ZoneOffsets) {
        guard windows.count <= Self.mostWindows else { return nil }
        self.windows = windows
        self.zone = zone
        let ends = windows.flatMap { [$0.span.lowerBound % Self.week, $0.span.upperBound % Self.week] }
        edges = Set(ends).sorted()
    }

    /// Nil: a number out of its range, or too many windows.
    package init?(_ hours: WeeklyHours, zone: ZoneOffsets) {
        let windows = hours.windows.compactMap { Window(weekday: $0.weekday, from: $0.from, to: $0.to) }
        guard windows.count == hours.windows.count else { return nil }
        self.init(windows, zone: zone)
    }

    package func isWanted(at time: WallTime) -> Bool {
        let place = place(of: time)
        return windows.contains { $0.span.contains(place) || $0.span.contains(place + Self.week) }
    }

    /// When the answer of ``isWanted(at:)`` is another one; nil: never, or not within what is known of the zone.
    package func nextChange(after time: WallTime) -> WallTime? {
        let now = isWanted(at: time)
        var cursor = time
        // In two weeks every edge comes at least once, whatever a clock skips.
        while cursor - time < .seconds(14 * 86_400) {
            let place = place(of: cursor)
            let ahead = edges.first { $0 > place } ?? edges.first.map { $0 + Self.week }
            let edge = ahead.map { WallTime(milliseconds: cursor.milliseconds + $0 - place) }
            guard let next = [edge, zone.nextChange(after: cursor)].compactMap(\.self).min() else {
                return nil
            }
            if isWanted(at: next) != now { return next }
            cursor = next
        }
        return nil
    }

    private func place(of time: WallTime) -> Int64 {
        let (day, ofDay) = zone.local(time).floored(by: 86_400_000)
        return Int64(LocalDay(day).weekday) * 86_400_000 + ofDay
    }
}
