package import HSSModel

/// What was carried for whom, by day. Every call is one transaction.
package protocol UsageStore: Sendable {
    /// Adds the lines of a report, to the account of whoever owns each device now. False: the report was added before, and
    /// nothing changes.
    func book(_ booking: UsageBooking) async throws(StoreError) -> Bool

    /// Channels that the user owned then, ordered by device, channel and day, those after `after`; at most ``pageLimit``.
    func usage(
        ofOwner owner: UserName,
        in days: ClosedRange<CalendarDay>,
        after: ChannelUsage.Place?,
        limit: Int
    ) async throws(StoreError) -> [ChannelUsage]

    /// The same of what the user watched, whoever owned it; only ``UsageAmounts/deliveredBytes`` and
    /// ``UsageAmounts/viewerTime`` are set.
    func usage(
        ofViewer user: UserName,
        in days: ClosedRange<CalendarDay>,
        after: ChannelUsage.Place?,
        limit: Int
    ) async throws(StoreError) -> [ChannelUsage]

    /// Sums, ordered by their name, those after `after` ('' is the name of nobody); at
    /// most ``pageLimit``. With `user`, of this user alone: what the
    /// user owned and, where users or days are told apart, what the user watched.
    func usageTotals(
        by grouping: UsageTotal.Grouping,
        user: UserName?,
        in days: ClosedRange<CalendarDay>,
        after: String?,
        limit: Int
    ) async throws(StoreError) -> [UsageTotal]

    /// Deletes at most `limit` rows of each kind from before `day`; returns how many.
    func dropUsage(before day: CalendarDay, limit: Int) async throws(StoreError) -> Int
}
