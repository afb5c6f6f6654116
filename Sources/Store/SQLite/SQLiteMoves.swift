import GRDB
package import HSSModel

extension SQLiteStore: MoveStore {
    package func beginMove(_ channel: ChannelAddress, at now: WallTime) async throws(StoreError) {
        try await write { database in
            try database.run(
                """
                INSERT OR IGNORE INTO device_moves (device_id, channel, begun_at)
                SELECT device_id, ?, ? FROM devices WHERE device_id = ?
                """,
                [channel.number, now.milliseconds, channel.unit.rawValue]
            )
        }
    }

    package func endMoves(of unit: UnitID) async throws(StoreError) {
        try await write { database in
            try database.run("DELETE FROM device_moves WHERE device_id = ?", [unit.rawValue])
        }
    }

    package func openMoves() async throws(StoreError) -> [ChannelAddress] {
        try await read { database in
            try StoredRow.fetchAll(database, "SELECT * FROM device_moves ORDER BY device_id, channel").map {
                ChannelAddress(unit: try $0.identifier("device_id"), number: try $0.integer("channel"))
            }
        }
    }
}
