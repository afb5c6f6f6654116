import GRDB
package import HSSModel

extension SQLiteStore: RetentionStore {
    package static let retainedChannelsAfter = """
        SELECT recorded.*, devices.device_id IS NULL OR coalesce(devices.owner, '') <> recorded.owner AS is_former
        FROM recorded_channels AS recorded LEFT JOIN devices ON devices.device_id = recorded.device_id
        WHERE (recorded.device_id, recorded.channel, recorded.owner) > (?, ?, ?)
        ORDER BY recorded.device_id, recorded.channel, recorded.owner LIMIT ?
        """

    package static let announcedBytesOfChannels = """
        SELECT device_id, channel, owner, sum(size) AS announced
        FROM segments INDEXED BY segments_unfinished JOIN recorded_channels USING (recorded_key)
        WHERE state <> 1 AND state = 0 GROUP BY recorded_key
        """

    // MARK: Limits

    package func recordingLimits() async throws(StoreError) -> StoredRecordingLimits {
        try await read { database in
            var limits = StoredRecordingLimits()
            for row in try StoredRow.fetchAll(database, "SELECT * FROM recording_limits_of_channels") {
                let unit: UnitID = try row.identifier("device_id")
                let channel = ChannelAddress(unit: unit, number: try row.integer("channel"))
                limits.channels[channel] = try RecordingLimits(row)
            }
            for row in try StoredRow.fetchAll(database, "SELECT * FROM recording_limits_of_owners") {
                limits.owners[try row.identifier("owner")] = try RecordingLimits(row)
            }
            return limits
        }
    }

    package func setRecordingLimits(
        _ limits: RecordingLimits,
        of channel: ChannelAddress
    ) async throws(StoreError) {
        try await write { database in
            let place: StatementArguments = [channel.unit.rawValue, channel.number]
            guard try database.finds("SELECT 1 FROM channels WHERE device_id = ? AND number = ?", place)
            else { throw StoreError.notFound("channel \(channel)") }
            try database.run(
                "DELETE FROM recording_limits_of_channels WHERE device_id = ? AND channel = ?",
                place
            )
            guard limits != RecordingLimits() else { return }
            try database.run(
                """
                INSERT INTO recording_limits_of_channels (device_id, channel, retention_ms, bytes)
                VALUES (?, ?, ?, ?)
                """,
                place + limits.stored
            )
        }
    }

    package func setRecordingLimits(
        _ limits: RecordingLimits,
        of owner: UserName
    ) async throws(StoreError) {
        try await write { database in
            guard try database.finds("SELECT 1 FROM users WHERE name = ?", [owner.rawValue]) else {
                throw StoreError.notFound("user \(owner)")
            }
            try database.run("DELETE FROM recording_limits_of_owners WHERE owner = ?", [owner.rawValue])
            guard limits != RecordingLimits() else { return }
            try database.run(
                "INSERT INTO recording_limits_of_owners (owner, retention_ms, bytes) VALUES (?, ?, ?)",
                [owner.rawValue] + limits.stored
            )
        }
    }

    // MARK: Dropping

    package func retainedChannels(
        after: RecordedChannel?,
        limit: Int
    ) async throws(StoreError) -> [RetainedChannel] {
        let rows = min(max(0, limit), pageLimit)
        let place = after?.stored ?? ["", -1, ""]
        return try await read { database in
            try StoredRow.fetchAll(database, Self.retainedChannelsAfter, place + [rows]).map { row in
                RetainedChannel(
                    recorded: try RecordedChannel(row),
                    amounts: try RecordedAmounts(row),
                    isFormer: try row.flag("is_former")
                )
            }
        }
    }

    package func announcedBytes() async throws(StoreError) -> [RecordedChannel: Int64] {
        try await read { database in
            var bytes: [RecordedChannel: Int64] = [:]
            for row in try StoredRow.fetchAll(database, Self.announcedBytesOfChannels) {
                bytes[try RecordedChannel(row)] = try row.int64("announced")
            }
            return bytes
        }
    }

    package func markDropping(_ rows: [SegmentRow]) async throws(StoreError) -> [SegmentRow] {
        try await write { database in
            var writer = SegmentWriter(database)
            var marked: [SegmentRow] = []
            for row in rows where try writer.holds(row, in: .saved) && !database.isKept(row) {
                var row = row
                row.state = .dropping
                try writer.write(row)
                marked.append(row)
            }
            try writer.finish()
            return marked
        }
    }

    package func deleteDropped(_ rows: [SegmentRow]) async throws(StoreError) {
        try await write { database in
            var writer = SegmentWriter(database)
            for row in rows where try writer.holds(row, in: .dropping) {
                try writer.delete(row.name, of: row.session)
            }
            try writer.finish()
        }
    }
}

extension RecordingLimits {
    fileprivate var stored: StatementArguments { [retention?.wholeMilliseconds, bytes] }

    fileprivate init(_ row: StoredRow) throws {
        self.init(
            retention: try row.optionalInt64("retention_ms").map { .milliseconds($0) },
            bytes: try row.optionalInt64("bytes")
        )
    }
}
