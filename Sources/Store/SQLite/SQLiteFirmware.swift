import GRDB
package import HSSModel

extension SQLiteStore: FirmwareStore {
    private static let firmwareNamed = "SELECT * FROM firmware WHERE firmware_id = ?"

    package func add(_ firmware: StoredFirmware) async throws(StoreError) {
        let record = firmware.record
        try await write { database in
            guard
                try !database.finds(
                    "SELECT 1 FROM firmware WHERE hardware_model = ? AND version = ?",
                    [record.hardwareModel, record.version]
                )
            else {
                throw StoreError.conflict(
                    "there is a firmware \(record.version) for \(record.hardwareModel) already"
                )
            }
            try database.run(
                """
                INSERT INTO firmware (firmware_id, hardware_model, version, blob, size, sha256, added_at)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    record.id.rawValue, record.hardwareModel, record.version, firmware.blob, record.size,
                    record.sha256, record.addedAt.milliseconds,
                ]
            )
        }
    }

    package func firmware(_ id: FirmwareID) async throws(StoreError) -> StoredFirmware? {
        try await read { database in try Self.firmware(id, database) }
    }

    package func firmwares(
        after: FirmwareID?,
        limit: Int,
        hardwareModel: String?
    ) async throws(StoreError) -> [StoredFirmware] {
        let rows = min(max(0, limit), pageLimit)
        return try await read { database in
            try StoredRow.fetchAll(
                database,
                """
                SELECT * FROM firmware WHERE firmware_id > ? AND (? IS NULL OR hardware_model = ?)
                ORDER BY firmware_id LIMIT ?
                """,
                [after?.rawValue ?? "", hardwareModel, hardwareModel, rows]
            ).map(StoredFirmware.init)
        }
    }

    package func removeFirmware(_ id: FirmwareID) async throws(StoreError) -> StoredFirmware {
        try await write { database in
            guard let firmware = try Self.firmware(id, database) else {
                throw StoreError.notFound("firmware \(id)")
            }
            let user = "SELECT 1 FROM roll_outs WHERE firmware_id = ? AND ended_at IS NULL"
            guard try !database.finds(user, [id.rawValue]) else {
                throw StoreError.conflict("a roll-out uses firmware \(id)")
            }
            try database.run("DELETE FROM firmware WHERE firmware_id = ?", [id.rawValue])
            return firmware
        }
    }

    static func firmware(_ id: FirmwareID, _ database: Database) throws -> StoredFirmware? {
        try StoredRow.fetchOne(database, firmwareNamed, [id.rawValue]).map(StoredFirmware.init)
    }
}

extension StoredFirmware {
    fileprivate init(_ row: StoredRow) throws {
        self.init(
            record: FirmwareRecord(
                id: try row.identifier("firmware_id"),
                hardwareModel: try row.text("hardware_model"),
                version: try row.text("version"),
                size: try row.int64("size"),
                sha256: try row.text("sha256"),
                addedAt: try row.time("added_at")
            ),
            blob: try row.text("blob")
        )
    }
}
