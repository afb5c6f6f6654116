package import HSSModel

/// What a media server carried since the report before this one.
package struct MediaUsage: Sendable, Equatable {
    package struct Line: Sendable, Equatable {
        package var channel: ChannelAddress
        package var side: Side
        /// Octets, without the transport's overhead.
        package var bytes: Int64
        /// How long its connections stood, added up.
        package var time: Duration
        /// No connection was left at that moment. Whoever watched may come again.
        package var isOver: Bool

        package init(channel: ChannelAddress, side: Side, bytes: Int64, time: Duration, isOver: Bool) {
            self.channel = channel
            self.side = side
            self.bytes = bytes
            self.time = time
            self.isOver = isOver
        }
    }

    package enum Side: Sendable, Hashable {
        /// The unit pushed.
        case sent
        /// Whoever holds the lease watched; nil where there were more leases than could be told apart.
        case watched(LeaseID?)
    }

    /// This run of this media server; numbers begin anew with each.
    package var run: String
    package var number: Int64
    package var lines: [Line]
    /// More waits than fits into one report.
    package var hasMore: Bool
    /// When it was made first.
    package var takenAt: Instant

    package init(run: String, number: Int64, lines: [Line], hasMore: Bool, takenAt: Instant) {
        self.run = run
        self.number = number
        self.lines = lines
        self.hasMore = hasMore
        self.takenAt = takenAt
    }
}

/// Reference point Sm, accounts: the media server counts, and whoever keeps accounts takes what it counted.
///
/// A report comes again until it is settled, so that a lost one loses nothing; it keeps its number, so that one
/// that was booked already counts once. One keeper at a time. What no report had told goes with a media server
/// that dies.
package protocol MediaAccounting: Sendable {
    /// The next report. `settled` is the number of one that was booked, and need not come again.
    func usage(settling settled: Int64?) async -> MediaUsage

    /// Whether anything is to be reported of this unit.
    func hasUsage(of unit: UnitID) async -> Bool
}

/// Accounts of what was carried, for customers and operators (Cs). Whoever calls has checked the right to do so.
package protocol UsagePoint: Sendable {
    /// Brings the accounts up to date, to the second.
    func settle() async

    /// Channels that the user owned then, by device, channel and day, those after `after`.
    func usage(
        ofOwner owner: UserName,
        in days: ClosedRange<CalendarDay>,
        after: ChannelUsage.Place?,
        limit: Int
    ) async throws(ActivityError) -> [ChannelUsage]

    /// The same of what the user watched.
    func usage(
        ofViewer user: UserName,
        in days: ClosedRange<CalendarDay>,
        after: ChannelUsage.Place?,
        limit: Int
    ) async throws(ActivityError) -> [ChannelUsage]

    /// Sums by user, device or day, of everybody or of one user, those after the name `after`.
    func usageTotals(
        by grouping: UsageTotal.Grouping,
        user: UserName?,
        in days: ClosedRange<CalendarDay>,
        after: String?,
        limit: Int
    ) async throws(ActivityError) -> [UsageTotal]
}

/// What an operator set for single channels, read and changed (Cc).
package protocol ChannelSettingPoint: Sendable {
    /// Of every channel of a device for which one is set. `notFound` where there is no such device.
    func srtLatencies(of id: String, by caller: Principal) async throws(ManagementError) -> [Int: Duration]

    /// 20 ms to 8 s; nil: as the configuration says. Of one channel, or of all. It holds from the next push on.
    func setSRTLatency(
        _ latency: Duration?,
        of id: String,
        channel: Int?,
        by caller: Principal
    ) async throws(ManagementError) -> [Int: Duration]
}
