import GRDB
package import HSSModel

extension SQLiteStore: EventStore {
    package func add(_ event: NewEvent) async throws(StoreError) -> EventID {
        try await write { database in
            try database.requireDevice(event.unit)
            return try database.insert(event)
        }
    }

    package func events(
        after: EventID,
        of unit: UnitID?,
        limit: Int
    ) async throws(StoreError) -> [PlatformEvent] {
        try await read { database in
            let rows =
                if let unit {
                    try StoredRow.fetchAll(
                        database,
                        "SELECT * FROM events WHERE device_id = ? AND event_id > ? ORDER BY event_id LIMIT ?",
                        [unit.rawValue, after.rawValue, limit]
                    )
                } else {
                    try StoredRow.fetchAll(
                        database,
                        "SELECT * FROM events WHERE event_id > ? ORDER BY event_id LIMIT ?",
                        [after.rawValue, limit]
                    )
                }
            return try rows.map(PlatformEvent.init)
        }
    }

    package func newestEvent() async throws(StoreError) -> EventID {
        try await read { database in try database.newestEvent() }
    }

    package func dropEvents(
        before time: WallTime,
        keeping most: Int,
        limit: Int
    ) async throws(StoreError) -> Int {
        try await write { database in
            // In the order of their numbers: the oldest go first, whatever the clock did.
            try database.run(
                """
                DELETE FROM events WHERE event_id IN (
                    SELECT event_id FROM (SELECT event_id, time FROM events ORDER BY event_id LIMIT ?)
                    WHERE time < ? OR event_id <= ?
                )
                """,
                [limit, time.milliseconds, try database.newestEvent().rawValue - Int64(most)]
            )
            return database.changesCount
        }
    }
}

extension Database {
    func insert(_ event: NewEvent) throws -> EventID {
        try run(
            "INSERT INTO events (time, device_id, channel, kind, detail) VALUES (?, ?, ?, ?, ?)",
            [
                event.time.milliseconds, event.unit.rawValue, event.channel, event.kind.rawValue,
                event.detail,
            ]
        )
        return EventID(lastInsertedRowID)
    }

    /// The newest number that was ever given, also where that event has been dropped.
    func newestEvent() throws -> EventID {
        let row = try StoredRow.fetchOne(self, "SELECT seq FROM sqlite_sequence WHERE name = 'events'", [])
        return try row.map { EventID(try $0.int64("seq")) } ?? .none
    }
}

extension PlatformEvent {
    init(_ row: StoredRow) throws {
        guard let kind = EventKind(rawValue: try row.text("kind")) else {
            throw StoreError.corrupt("unexpected value in column kind")
        }
        self.init(
            id: EventID(try row.int64("event_id")),
            event: NewEvent(
                time: try row.time("time"),
                unit: try row.identifier("device_id"),
                channel: try row.optionalInt64("channel").map { Int($0) },
                kind: kind,
                detail: try row.text("detail")
            )
        )
    }
}
