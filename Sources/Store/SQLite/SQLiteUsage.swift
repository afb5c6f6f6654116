import GRDB
package import HSSModel

extension SQLiteStore: UsageStore {
    package func book(_ booking: UsageBooking) async throws(StoreError) -> Bool {
        try await write { database in
            let known = try StoredRow.fetchOne(
                database,
                "SELECT number FROM usage_reports WHERE run = ?",
                [booking.run]
            )
            if let known, try known.int64("number") >= booking.number { return false }
            try database.run(
                """
                INSERT INTO usage_reports (run, number, day) VALUES (?, ?, ?)
                ON CONFLICT (run) DO UPDATE SET number = excluded.number, day = excluded.day
                """,
                [booking.run, booking.number, booking.day.number]
            )
            var sums = UsageSums()
            for line in booking.lines {
                let owner = try sums.owner(of: line.channel.unit, database)
                try database.add(line, of: owner, on: booking.day)
                sums.add(line, of: owner)
            }
            for (user, sum) in sums.users {
                try database.add(sum, of: user, on: booking.day)
            }
            try database.add(sums.everything, on: booking.day)
            return true
        }
    }

    package func dropUsage(before day: CalendarDay, limit: Int) async throws(StoreError) -> Int {
        try await write { database in
            var dropped = 0
            for (table, key) in Self.usageTables {
                try database.run(Self.dropUsage(from: table, key: key), [day.number, limit])
                dropped += database.changesCount
            }
            return dropped
        }
    }

    package static func dropUsage(from table: String, key: String) -> String {
        "DELETE FROM \(table) WHERE (\(key)) IN (SELECT \(key) FROM \(table) WHERE day < ? LIMIT ?)"
    }

    /// With their keys.
    package static let usageTables: [(name: String, key: String)] = [
        ("usage_channels", "owner, device_id, channel, day"),
        ("usage_watched", "user_name, device_id, channel, day"),
        ("usage_users", "user_name, day"),
        ("usage_days", "day"),
        ("usage_reports", "run"),
    ]
}

/// What one booking adds to each user. '' is nobody.
private struct UsageSums {
    struct User {
        var amounts = UsageAmounts()
        var watched = UsageAmounts()
    }

    private var owners: [UnitID: String] = [:]
    private(set) var users: [String: User] = [:]
    private(set) var everything = UsageAmounts()

    mutating func owner(of unit: UnitID, _ database: Database) throws -> String {
        if let known = owners[unit] { return known }
        let row = try StoredRow.fetchOne(
            database,
            "SELECT owner FROM devices WHERE device_id = ?",
            [unit.rawValue]
        )
        let owner = try row?.optionalText("owner") ?? ""
        owners[unit] = owner
        return owner
    }

    mutating func add(_ line: UsageLine, of owner: String) {
        users[owner, default: User()].amounts += line.amounts
        everything += line.amounts
        if case .watched(let user) = line.side {
            users[user?.rawValue ?? "", default: User()].watched += line.amounts
        }
    }
}

extension Database {
    fileprivate func add(_ line: UsageLine, of owner: String, on day: CalendarDay) throws {
        let (amounts, channel) = (line.amounts, line.channel)
        try run(
            """
            INSERT INTO usage_channels
                (owner, device_id, channel, day, ingest_bytes, live_ms, delivered_bytes, viewer_ms)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (owner, device_id, channel, day) DO UPDATE SET
                ingest_bytes = ingest_bytes + excluded.ingest_bytes, live_ms = live_ms + excluded.live_ms,
                delivered_bytes = delivered_bytes + excluded.delivered_bytes,
                viewer_ms = viewer_ms + excluded.viewer_ms
            """,
            [owner, channel.unit.rawValue, channel.number, day.number] + amounts.stored
        )
        guard case .watched(let user) = line.side else { return }
        try run(
            """
            INSERT INTO usage_watched (user_name, device_id, channel, day, delivered_bytes, viewer_ms)
            VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (user_name, device_id, channel, day) DO UPDATE SET
                delivered_bytes = delivered_bytes + excluded.delivered_bytes,
                viewer_ms = viewer_ms + excluded.viewer_ms
            """,
            [
                user?.rawValue ?? "", channel.unit.rawValue, channel.number, day.number, line.bytes,
                line.time.wholeMilliseconds,
            ]
        )
    }

    fileprivate func add(_ sum: UsageSums.User, of user: String, on day: CalendarDay) throws {
        try run(
            """
            INSERT INTO usage_users (user_name, day, ingest_bytes, live_ms, delivered_bytes, viewer_ms,
                watched_bytes, watched_ms)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (user_name, day) DO UPDATE SET
                ingest_bytes = ingest_bytes + excluded.ingest_bytes, live_ms = live_ms + excluded.live_ms,
                delivered_bytes = delivered_bytes + excluded.delivered_bytes,
                viewer_ms = viewer_ms + excluded.viewer_ms,
                watched_bytes = watched_bytes + excluded.watched_bytes,
                watched_ms = watched_ms + excluded.watched_ms
            """,
            [user, day.number] + sum.amounts.stored
                + [sum.watched.deliveredBytes, sum.watched.viewerTime.wholeMilliseconds]
        )
    }

    fileprivate func add(_ sum: UsageAmounts, on day: CalendarDay) throws {
        try run(
            """
            INSERT INTO usage_days (day, ingest_bytes, live_ms, delivered_bytes, viewer_ms)
            VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (day) DO UPDATE SET
                ingest_bytes = ingest_bytes + excluded.ingest_bytes, live_ms = live_ms + excluded.live_ms,
                delivered_bytes = delivered_bytes + excluded.delivered_bytes,
                viewer_ms = viewer_ms + excluded.viewer_ms
            """,
            [day.number] + sum.stored
        )
    }
}

extension UsageAmounts {
    /// In the order of the columns.
    fileprivate var stored: StatementArguments {
        [ingestBytes, liveTime.wholeMilliseconds, deliveredBytes, viewerTime.wholeMilliseconds]
    }
}
