/// Week by week, by the clock on the wall of a place: when a channel is recorded, when a share counts.
package struct WeeklyHours: Sendable, Hashable {
    package struct Window: Sendable, Hashable {
        /// 0 for Monday.
        package var weekday: Int
        /// Minutes of the day, 0 to 1439.
        package var from: Int
        /// 1 to 1440. Not after ``from``: on the next day.
        package var to: Int

        package init(weekday: Int, from: Int, to: Int) {
            self.weekday = weekday
            self.from = from
            self.to = to
        }
    }

    /// Name of the IANA time zone database: `Europe/Berlin`.
    package var zone: String
    package var windows: [Window]

    package init(zone: String, windows: [Window]) {
        self.zone = zone
        self.windows = windows
    }
}
