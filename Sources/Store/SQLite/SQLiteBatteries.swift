import GRDB
package import HSSModel

extension SQLiteStore: BatteryStore {
    package func note(
        _ report: BatteryReport,
        of unit: UnitID,
        as event: NewEvent
    ) async throws(StoreError) {
        try await write { database in
            try database.requireDevice(unit)
            try database.run(
                """
                INSERT INTO device_batteries (device_id, percent, reported_at) VALUES (?, ?, ?)
                ON CONFLICT (device_id) DO UPDATE SET
                    percent = excluded.percent, reported_at = excluded.reported_at
                """,
                [unit.rawValue, report.percent, report.time.milliseconds]
            )
            _ = try database.insert(event)
        }
    }

    package func batteries(of units: [UnitID]) async throws(StoreError) -> [UnitID: BatteryReport] {
        try await read { database in
            var reports: [UnitID: BatteryReport] = [:]
            for unit in units {
                let row = try StoredRow.fetchOne(
                    database,
                    "SELECT * FROM device_batteries WHERE device_id = ?",
                    [unit.rawValue]
                )
                reports[unit] = try row.map {
                    BatteryReport(percent: try $0.integer("percent"), time: try $0.time("reported_at"))
                }
            }
            return reports
        }
    }

    package func batteryEvents(_ query: BatteryQuery) async throws(StoreError) -> [PlatformEvent] {
        // The kind as in the index, so that other events of the unit are not read.
        try await read { database in
            try StoredRow.fetchAll(
                database,
                """
                SELECT * FROM events WHERE device_id = ? AND kind = 'battery' AND event_id < ?
                    AND time >= ? AND time < ? ORDER BY event_id DESC LIMIT ?
                """,
                [
                    query.unit.rawValue, query.after?.rawValue ?? .max,
                    query.from?.milliseconds ?? .min, query.to?.milliseconds ?? .max,
                    min(max(0, query.limit), pageLimit),
                ]
            ).map(PlatformEvent.init)
        }
    }
}
