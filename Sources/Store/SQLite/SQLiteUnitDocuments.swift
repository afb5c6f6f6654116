import GRDB
package import HSSModel

extension SQLiteStore: UnitDocumentStore {
    package static let documentsAfter = """
        SELECT * FROM device_documents WHERE kind = ? AND device_id > ? ORDER BY device_id LIMIT ?
        """

    package func documents(
        of unit: UnitID
    ) async throws(StoreError) -> [UnitDocumentKind: StoredUnitDocument] {
        try await read { database in
            let rows = try StoredRow.fetchAll(
                database,
                "SELECT * FROM device_documents WHERE device_id = ?",
                [unit.rawValue]
            )
            var documents: [UnitDocumentKind: StoredUnitDocument] = [:]
            for row in rows {
                guard let kind = UnitDocumentKind(rawValue: try row.text("kind")) else {
                    throw StoreError.corrupt("unexpected value in column kind")
                }
                documents[kind] = try StoredUnitDocument(row)
            }
            return documents
        }
    }

    package func keep(
        _ documents: [UnitDocumentKind: StoredUnitDocument?],
        of unit: UnitID
    ) async throws(StoreError) {
        try await write { database in
            guard try database.finds("SELECT 1 FROM devices WHERE device_id = ?", [unit.rawValue]) else {
                throw StoreError.notFound("device \(unit)")
            }
            for (kind, document) in documents {
                guard let document else {
                    try database.run(
                        "DELETE FROM device_documents WHERE device_id = ? AND kind = ?",
                        [unit.rawValue, kind.rawValue]
                    )
                    continue
                }
                try database.run(
                    """
                    INSERT INTO device_documents (device_id, kind, body, firmware_model, changed_at)
                    VALUES (?, ?, ?, ?, ?) ON CONFLICT (device_id, kind) DO UPDATE SET
                        body = excluded.body, firmware_model = excluded.firmware_model,
                        changed_at = excluded.changed_at
                    """,
                    [
                        unit.rawValue, kind.rawValue, document.body, document.firmwareModel,
                        document.changedAt.milliseconds,
                    ]
                )
            }
        }
    }

    package func documents(
        _ kind: UnitDocumentKind,
        after: UnitID?,
        limit: Int
    ) async throws(StoreError) -> [(unit: UnitID, document: StoredUnitDocument)] {
        let rows = min(max(0, limit), pageLimit)
        let after = after?.rawValue ?? ""
        return try await read { database in
            try StoredRow.fetchAll(database, Self.documentsAfter, [kind.rawValue, after, rows]).map {
                (unit: try $0.identifier("device_id"), document: try StoredUnitDocument($0))
            }
        }
    }
}

extension StoredUnitDocument {
    fileprivate init(_ row: StoredRow) throws {
        self.init(
            body: try row.text("body"),
            firmwareModel: try row.optionalText("firmware_model"),
            changedAt: try row.time("changed_at")
        )
    }
}
