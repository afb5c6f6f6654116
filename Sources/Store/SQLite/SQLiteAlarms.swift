import GRDB
package import HSSModel

extension SQLiteStore: AlarmStore {
    package func begin(
        _ alarm: AlarmRecord,
        picture: StoredUpload?,
        openUploads: Int,
        limit: Int,
        describe: @Sendable (AlarmChange, AlarmRecord) -> NewEvent
    ) async throws(StoreError) -> BegunAlarm {
        try await write { database in
            try database.requireDevice(alarm.channel.unit)
            var begun = alarm
            var isRepeat = true
            if let known = try database.alarm(like: alarm, "started_at = ?", alarm.startedAt) {
                begun = known
                if known.startInferred, !alarm.startInferred {
                    begun.startInferred = false
                    begun.description = alarm.description
                    try database.update(begun)
                }
            } else {
                isRepeat = try database.settle(&begun, describe)
                if !isRepeat {
                    try database.insert(begun, limit: limit)
                    let change: AlarmChange = begun.endedAt == nil ? .start : .pulse
                    _ = try database.insert(describe(change, begun))
                }
            }
            return BegunAlarm(
                alarm: begun,
                isRepeat: isRepeat,
                upload: try database.offer(picture, for: begun, openUploads: openUploads)
            )
        }
    }

    package func end(
        _ end: AlarmRecord,
        limit: Int,
        describe: @Sendable (AlarmChange, AlarmRecord) -> NewEvent
    ) async throws(StoreError) -> AlarmRecord? {
        try await write { database in
            try database.requireDevice(end.channel.unit)
            let endedAt = end.endedAt ?? end.startedAt
            if var active = try database.alarm(like: end, "ended_at IS NULL") {
                active.endedAt = endedAt
                active.endInferred = end.endInferred
                try database.update(active)
                _ = try database.insert(describe(.end, active))
                return active
            }
            guard !end.endInferred,
                try database.alarm(like: end, "ended_at = ? AND end_inferred = 0", endedAt) == nil
            else { return nil }
            // The end was inferred before the unit could report it.
            if var inferred = try database.alarm(like: end, "end_inferred = 1 AND started_at <= ?", endedAt) {
                inferred.endedAt = endedAt
                inferred.endInferred = false
                try database.update(inferred)
                return inferred
            }
            var alone = end
            alone.endedAt = endedAt
            alone.startInferred = true
            try database.insert(alone, limit: limit)
            _ = try database.insert(describe(.end, alone))
            return alone
        }
    }

    package func activeAlarms(limit: Int) async throws(StoreError) -> [AlarmRecord] {
        try await read { database in
            try StoredRow.fetchAll(
                database,
                "\(AlarmFilter.columns) WHERE alarms.ended_at IS NULL ORDER BY received_at LIMIT ?",
                [limit]
            ).map(AlarmRecord.init)
        }
    }

    package func alarm(_ id: AlarmID) async throws(StoreError) -> AlarmRecord? {
        try await read { database in
            try StoredRow.fetchOne(database, "\(AlarmFilter.columns) WHERE alarm_id = ?", [id.rawValue])
                .map(AlarmRecord.init)
        }
    }

    package func alarms(_ query: AlarmQuery) async throws(StoreError) -> [AlarmRecord] {
        try await read { database in
            guard var filter = try AlarmFilter(query, database) else { return [] }
            let limit = min(max(0, query.limit), pageLimit)
            guard let units = query.units else {
                return try database.alarms(filter.sql(ofUnit: false), filter.arguments + [limit])
            }
            // One unit after the other, each by its index: an `IN` of all of them would sort a year of alarms for a page. What
            // is older than a page that is full already is not read.
            var page: [AlarmRecord] = []
            for unit in units {
                page += try database.alarms(
                    filter.sql(ofUnit: true),
                    [unit.rawValue] + filter.arguments + [limit]
                )
                guard page.count >= limit else { continue }
                page.sort { ($0.receivedAt, $0.id) > ($1.receivedAt, $1.id) }
                page.removeLast(page.count - limit)
                if let oldest = page.last { filter.oldest = oldest.receivedAt }
            }
            return page.sorted { ($0.receivedAt, $0.id) > ($1.receivedAt, $1.id) }
        }
    }

    package func dropAlarms(
        before time: WallTime,
        at now: WallTime,
        limit: Int
    ) async throws(StoreError) -> Int {
        try await write { database in
            let old = try StoredRow.fetchAll(
                database,
                """
                SELECT alarm_id FROM alarms WHERE received_at < ? AND ended_at IS NOT NULL
                ORDER BY received_at LIMIT ?
                """,
                [time.milliseconds, limit]
            )
            for row in old { try database.dropAlarm(try row.text("alarm_id"), at: now) }
            return old.count
        }
    }
}

extension Database {
    fileprivate func alarms(_ sql: String, _ arguments: StatementArguments) throws -> [AlarmRecord] {
        try StoredRow.fetchAll(self, sql, arguments).map(AlarmRecord.init)
    }

    /// The newest alarm of the same channel and type for which `condition` holds.
    fileprivate func alarm(
        like alarm: AlarmRecord,
        _ condition: String,
        _ time: WallTime? = nil
    ) throws -> AlarmRecord? {
        var arguments: StatementArguments = [
            alarm.channel.unit.rawValue, alarm.channel.number, alarm.type,
        ]
        if let time { arguments += [time.milliseconds] }
        return try StoredRow.fetchOne(
            self,
            """
            \(AlarmFilter.columns) WHERE device_id = ? AND channel = ? AND type = ? AND \(condition)
            ORDER BY started_at DESC LIMIT 1
            """,
            arguments
        ).map(AlarmRecord.init)
    }

    /// Brings what lasts already into line with an alarm that begins. True: `begun` is that alarm.
    fileprivate func settle(
        _ begun: inout AlarmRecord,
        _ describe: (AlarmChange, AlarmRecord) -> NewEvent
    ) throws -> Bool {
        guard begun.endedAt == nil, var active = try alarm(like: begun, "ended_at IS NULL") else {
            return false
        }
        if active.startInferred || begun.startInferred {
            if active.startInferred, !begun.startInferred {
                active.startedAt = begun.startedAt
                active.description = begun.description
                active.startInferred = false
                try update(active)
            }
            begun = active
            return true
        }
        active.endedAt = begun.startedAt
        active.endInferred = true
        try update(active)
        _ = try insert(describe(.end, active))
        return false
    }

    /// The address for the picture of an alarm: the unused one of an earlier report, or `picture`.
    fileprivate func offer(
        _ picture: StoredUpload?,
        for alarm: AlarmRecord,
        openUploads: Int
    ) throws -> UploadID? {
        guard var picture, alarm.picture == nil else { return nil }
        let unused = try StoredRow.fetchOne(
            self,
            """
            SELECT upload_id FROM uploads WHERE reference = ? AND blob IS NULL AND expires_at > ?
            ORDER BY created_at DESC LIMIT 1
            """,
            [alarm.id.rawValue, picture.createdAt.milliseconds]
        )
        if let unused { return try unused.identifier("upload_id") }
        picture.reference = alarm.id.rawValue
        return try insert(picture, openLimit: openUploads) ? picture.id : nil
    }

    fileprivate func insert(_ alarm: AlarmRecord, limit: Int) throws {
        try run(
            """
            INSERT INTO alarms (alarm_id, device_id, channel, type, description, started_at, received_at,
                ended_at, start_inferred, end_inferred) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                alarm.id.rawValue, alarm.channel.unit.rawValue, alarm.channel.number, alarm.type,
                alarm.description, alarm.startedAt.milliseconds, alarm.receivedAt.milliseconds,
                alarm.endedAt?.milliseconds, alarm.startInferred, alarm.endInferred,
            ]
        )
        let beyond = try StoredRow.fetchAll(
            self,
            """
            SELECT alarm_id FROM alarms WHERE device_id = ? ORDER BY received_at DESC, alarm_id DESC
            LIMIT 10 OFFSET ?
            """,
            [alarm.channel.unit.rawValue, max(1, limit)]
        )
        for row in beyond { try dropAlarm(try row.text("alarm_id"), at: alarm.receivedAt) }
    }

    fileprivate func update(_ alarm: AlarmRecord) throws {
        try run(
            """
            UPDATE alarms SET description = ?, started_at = ?, ended_at = ?, start_inferred = ?,
                end_inferred = ? WHERE alarm_id = ?
            """,
            [
                alarm.description, alarm.startedAt.milliseconds, alarm.endedAt?.milliseconds,
                alarm.startInferred, alarm.endInferred, alarm.id.rawValue,
            ]
        )
    }

    fileprivate func dropAlarm(_ id: String, at now: WallTime) throws {
        try run("UPDATE uploads SET expires_at = ? WHERE reference = ?", [now.milliseconds, id])
        try run("DELETE FROM alarms WHERE alarm_id = ?", [id])
    }
}

extension AlarmRecord {
    fileprivate init(_ row: StoredRow) throws {
        self.init(
            id: try row.identifier("alarm_id"),
            channel: ChannelAddress(
                unit: try row.identifier("device_id"),
                number: try row.integer("channel")
            ),
            type: try row.integer("type"),
            description: try row.text("description"),
            startedAt: try row.time("started_at"),
            receivedAt: try row.time("received_at"),
            endedAt: try row.optionalInt64("ended_at").map { WallTime(milliseconds: $0) },
            startInferred: try row.flag("start_inferred"),
            endInferred: try row.flag("end_inferred"),
            picture: try row.optionalText("picture") == nil ? nil : row.identifier("picture")
        )
    }
}
