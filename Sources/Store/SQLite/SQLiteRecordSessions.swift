import GRDB
package import HSSModel

extension SQLiteStore: RecordSessionStore {
    private static let sessionColumns = """
        SELECT record_sessions.*, device_id, channel, owner
        FROM record_sessions JOIN recorded_channels USING (recorded_key)
        """
    package static let recordSessionNamed = "\(sessionColumns) WHERE session_id = ?"
    package static let runningSessionsAfter = """
        \(sessionColumns) WHERE ended_at IS NULL AND session_id > ? ORDER BY session_id LIMIT ?
        """
    /// Sessions of a channel do not overlap: the one that began last before the range is the first that may reach into it.
    package static let recordSessionsInRange = """
        \(sessionColumns) WHERE recorded_key = ?1
            AND begun_at >= coalesce(
                (SELECT max(begun_at) FROM record_sessions WHERE recorded_key = ?1 AND begun_at <= ?2), ?2)
            AND begun_at < ?3 AND (ended_at IS NULL OR ended_at > ?2)
        ORDER BY begun_at LIMIT ?4
        """
    package static let endRunningSessions = """
        UPDATE record_sessions SET ended_at = ? WHERE ended_at IS NULL AND recorded_key IN (
            SELECT recorded_key FROM recorded_channels WHERE device_id = ? AND channel = ?
        )
        """
    package static let endForeignSessions = """
        UPDATE record_sessions SET ended_at = ? WHERE ended_at IS NULL AND recorded_key IN (
            SELECT recorded_key FROM recorded_channels LEFT JOIN devices USING (device_id)
            WHERE devices.device_id IS NULL OR coalesce(devices.owner, '') <> recorded_channels.owner
        )
        """
    package static let emptySessions = """
        SELECT session_key, recorded_key FROM record_sessions
        WHERE ended_at < ? AND ended_at IS NOT NULL AND segments = 0 ORDER BY ended_at LIMIT ?
        """
    package static let forgetChannelWithoutSessions = """
        DELETE FROM recorded_channels WHERE recorded_key = ?1
            AND NOT EXISTS (SELECT 1 FROM record_sessions WHERE recorded_key = ?1)
        """
    /// So that no sum of what units say outgrows its column.
    private static let mostDropped: Int64 = 1 << 60

    package func beginRecordSession(
        _ id: RecordSessionID,
        of channel: ChannelAddress,
        at now: WallTime
    ) async throws(StoreError) -> StoredRecordSession {
        try await write { database in
            if let known = try Self.recordSession(id, database) {
                guard known.recorded.channel == channel else {
                    throw StoreError.conflict("record session \(id) is of channel \(known.recorded.channel)")
                }
                return known
            }
            let enrolled = try StoredRow.fetchOne(
                database,
                """
                SELECT channel_id, owner FROM channels JOIN devices USING (device_id)
                WHERE device_id = ? AND number = ?
                """,
                [channel.unit.rawValue, channel.number]
            )
            guard let enrolled else { throw StoreError.notFound("channel \(channel)") }
            let session = StoredRecordSession(
                id: id,
                recorded: RecordedChannel(channel, owner: try enrolled.optionalIdentifier("owner")),
                channelID: try enrolled.identifier("channel_id"),
                begunAt: now
            )
            try database.run(
                Self.endRunningSessions,
                [now.milliseconds, channel.unit.rawValue, channel.number]
            )
            try database.run(
                """
                INSERT INTO record_sessions (session_id, recorded_key, channel_id, begun_at)
                VALUES (?, ?, ?, ?)
                """,
                [
                    id.rawValue, try database.keyMakingRoom(for: session.recorded),
                    session.channelID.rawValue, now.milliseconds,
                ]
            )
            return session
        }
    }

    package func endRecordSession(_ id: RecordSessionID, at time: WallTime) async throws(StoreError) {
        try await write { database in
            try database.run(
                "UPDATE record_sessions SET ended_at = ? WHERE session_id = ? AND ended_at IS NULL",
                [time.milliseconds, id.rawValue]
            )
        }
    }

    package func endForeignRecordSessions(at time: WallTime) async throws(StoreError) -> Int {
        try await write { database in
            try database.run(Self.endForeignSessions, [time.milliseconds])
            return database.changesCount
        }
    }

    package func recordSession(_ id: RecordSessionID) async throws(StoreError) -> StoredRecordSession? {
        try await read { database in try Self.recordSession(id, database) }
    }

    package func runningRecordSessions(
        after: RecordSessionID?,
        limit: Int
    ) async throws(StoreError) -> [StoredRecordSession] {
        let rows = min(max(0, limit), pageLimit)
        return try await read { database in
            try StoredRow.fetchAll(database, Self.runningSessionsAfter, [after?.rawValue ?? "", rows])
                .map(StoredRecordSession.init)
        }
    }

    package func recordSessions(
        of recorded: RecordedChannel,
        in range: Range<WallTime>,
        limit: Int
    ) async throws(StoreError) -> [StoredRecordSession] {
        let rows = min(max(0, limit), pageLimit)
        return try await read { database in
            guard let key = try database.key(of: recorded) else { return [] }
            return try StoredRow.fetchAll(
                database,
                Self.recordSessionsInRange,
                [key, range.lowerBound.milliseconds, range.upperBound.milliseconds, rows]
            ).map(StoredRecordSession.init)
        }
    }

    package func addDropped(
        _ count: Int,
        _ time: Duration,
        to session: RecordSessionID
    ) async throws(StoreError) {
        try await write { database in
            try database.run(
                """
                UPDATE record_sessions SET dropped_count = min(dropped_count + ?, ?),
                    dropped_ms = min(dropped_ms + ?, ?) WHERE session_id = ?
                """,
                [
                    min(Int64(max(0, count)), Self.mostDropped), Self.mostDropped,
                    max(0, min(time, .milliseconds(Self.mostDropped)).wholeMilliseconds), Self.mostDropped,
                    session.rawValue,
                ]
            )
        }
    }

    package func dropRecordSessions(
        endedBefore time: WallTime,
        limit: Int
    ) async throws(StoreError) -> Int {
        try await write { database in
            let empty = try StoredRow.fetchAll(database, Self.emptySessions, [time.milliseconds, limit])
            var channels: Set<Int64> = []
            for row in empty {
                try database.run(
                    "DELETE FROM record_sessions WHERE session_key = ?",
                    [try row.int64("session_key")]
                )
                channels.insert(try row.int64("recorded_key"))
            }
            for key in channels { try database.run(Self.forgetChannelWithoutSessions, [key]) }
            return empty.count
        }
    }

    private static func recordSession(
        _ id: RecordSessionID,
        _ database: Database
    ) throws -> StoredRecordSession? {
        try StoredRow.fetchOne(database, recordSessionNamed, [id.rawValue]).map(StoredRecordSession.init)
    }
}

extension Database {
    /// Of rows about the recordings of a channel for an owner; nil: there are none.
    func key(of recorded: RecordedChannel) throws -> Int64? {
        try StoredRow.fetchOne(
            self,
            "SELECT recorded_key FROM recorded_channels WHERE device_id = ? AND channel = ? AND owner = ?",
            recorded.stored
        )?.int64("recorded_key")
    }

    fileprivate func keyMakingRoom(for recorded: RecordedChannel) throws -> Int64 {
        if let key = try key(of: recorded) { return key }
        try run(
            "INSERT INTO recorded_channels (device_id, channel, owner) VALUES (?, ?, ?)",
            recorded.stored
        )
        return lastInsertedRowID
    }
}

extension RecordedChannel {
    /// In the order of the columns; '' is nobody.
    var stored: StatementArguments {
        [channel.unit.rawValue, channel.number, owner?.rawValue ?? ""]
    }

    init(_ row: StoredRow) throws {
        let owner = try row.text("owner")
        self.init(
            ChannelAddress(unit: try row.identifier("device_id"), number: try row.integer("channel")),
            owner: owner.isEmpty ? nil : try row.identifier("owner")
        )
    }
}

extension StoredRecordSession {
    fileprivate init(_ row: StoredRow) throws {
        self.init(
            id: try row.identifier("session_id"),
            recorded: try RecordedChannel(row),
            channelID: try row.identifier("channel_id"),
            begunAt: try row.time("begun_at"),
            endedAt: try row.optionalInt64("ended_at").map(WallTime.init(milliseconds:)),
            droppedCount: try row.integer("dropped_count"),
            droppedTime: .milliseconds(try row.int64("dropped_ms"))
        )
    }
}
