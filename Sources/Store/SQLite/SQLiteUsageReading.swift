import GRDB
package import HSSModel

extension SQLiteStore {
    package static let usageOfOwner = """
        SELECT * FROM usage_channels
        WHERE owner = ? AND (device_id, channel, day) > (?, ?, ?) AND day BETWEEN ? AND ?
        ORDER BY device_id, channel, day LIMIT ?
        """
    package static let usageOfViewer = """
        SELECT *, 0 AS ingest_bytes, 0 AS live_ms FROM usage_watched
        WHERE user_name = ? AND (device_id, channel, day) > (?, ?, ?) AND day BETWEEN ? AND ?
        ORDER BY device_id, channel, day LIMIT ?
        """

    package func usage(
        ofOwner owner: UserName,
        in days: ClosedRange<CalendarDay>,
        after: ChannelUsage.Place?,
        limit: Int
    ) async throws(StoreError) -> [ChannelUsage] {
        try await usage(Self.usageOfOwner, of: owner, in: days, after: after, limit: limit)
    }

    package func usage(
        ofViewer user: UserName,
        in days: ClosedRange<CalendarDay>,
        after: ChannelUsage.Place?,
        limit: Int
    ) async throws(StoreError) -> [ChannelUsage] {
        try await usage(Self.usageOfViewer, of: user, in: days, after: after, limit: limit)
    }

    private func usage(
        _ sql: String,
        of user: UserName,
        in days: ClosedRange<CalendarDay>,
        after: ChannelUsage.Place?,
        limit: Int
    ) async throws(StoreError) -> [ChannelUsage] {
        let rows = min(max(0, limit), pageLimit)
        return try await read { database in
            try StoredRow.fetchAll(
                database,
                sql,
                [
                    user.rawValue, after?.channel.unit.rawValue ?? "", after?.channel.number ?? -1,
                    after?.day.number ?? -1, days.lowerBound.number, days.upperBound.number, rows,
                ]
            ).map { row in
                ChannelUsage(
                    channel: ChannelAddress(
                        unit: try row.identifier("device_id"),
                        number: try row.integer("channel")
                    ),
                    day: CalendarDay(number: try row.integer("day")),
                    amounts: try UsageAmounts(row)
                )
            }
        }
    }

    package func usageTotals(
        by grouping: UsageTotal.Grouping,
        user: UserName?,
        in days: ClosedRange<CalendarDay>,
        after: String?,
        limit: Int
    ) async throws(StoreError) -> [UsageTotal] {
        let rows = min(max(0, limit), pageLimit)
        // Days are numbers in the store and names to the caller.
        let after: (any DatabaseValueConvertible)? =
            grouping == .day ? after.flatMap { CalendarDay($0)?.number } : after
        var arguments: StatementArguments = user.map { [$0.rawValue] } ?? []
        if let after { arguments += [after] }
        arguments += [days.lowerBound.number, days.upperBound.number, rows]
        let sql = Self.usageTotals(by: grouping, ofUser: user != nil, isFirstPage: after == nil)
        return try await read { [arguments] database in
            try StoredRow.fetchAll(database, sql, arguments).map { try UsageTotal($0, grouping) }
        }
    }

    /// One statement for each question, each over the table and the index that was made for it.
    package static func usageTotals(
        by grouping: UsageTotal.Grouping,
        ofUser: Bool,
        isFirstPage: Bool
    ) -> String {
        let (table, name) =
            switch grouping {
            case .user: ("usage_users", "user_name")
            case .day: (ofUser ? "usage_users" : "usage_days", "day")
            case .device: ("usage_channels", "device_id")
            }
        let watched =
            table == "usage_users"
            ? "sum(watched_bytes) AS watched_bytes, sum(watched_ms) AS watched_ms"
            : "0 AS watched_bytes, 0 AS watched_ms"
        let user = grouping == .device ? "owner" : "user_name"
        // A text is never less than the empty one: the bound is there for the index's sake.
        let bound = isFirstPage ? (grouping == .day ? "" : "\(name) >= '' AND ") : "\(name) > ? AND "
        // The plus keeps the planner from the index of days, which would sort every channel of the platform.
        let days = grouping == .day ? "day" : "+day"
        return """
            SELECT \(name) AS name, sum(ingest_bytes) AS ingest_bytes, sum(live_ms) AS live_ms,
                sum(delivered_bytes) AS delivered_bytes, sum(viewer_ms) AS viewer_ms, \(watched)
            FROM \(table) WHERE \(ofUser ? "\(user) = ? AND " : "")\(bound)\(days) BETWEEN ? AND ?
            GROUP BY \(name) ORDER BY \(name) LIMIT ?
            """
    }
}

extension UsageAmounts {
    fileprivate init(_ row: StoredRow) throws {
        self.init(
            ingestBytes: try row.int64("ingest_bytes"),
            liveTime: .milliseconds(try row.int64("live_ms")),
            deliveredBytes: try row.int64("delivered_bytes"),
            viewerTime: .milliseconds(try row.int64("viewer_ms"))
        )
    }
}

extension UsageTotal {
    fileprivate init(_ row: StoredRow, _ grouping: Grouping) throws {
        let name =
            grouping == .day
            ? CalendarDay(number: try row.integer("name")).description : try row.text("name")
        self.init(
            name: name.isEmpty ? nil : name,
            amounts: try UsageAmounts(row),
            watchedBytes: try row.int64("watched_bytes"),
            watchedTime: .milliseconds(try row.int64("watched_ms"))
        )
    }
}
