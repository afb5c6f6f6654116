import GRDB
package import HSSModel

extension SQLiteStore: UploadStore {
    package func add(_ upload: StoredUpload, limit: Int) async throws(StoreError) -> Bool {
        try await write { database in
            try database.requireDevice(upload.unit)
            return try database.insert(upload, openLimit: limit)
        }
    }

    package func openUpload(
        tokenHash: String,
        at now: WallTime
    ) async throws(StoreError) -> StoredUpload? {
        try await read { database in
            try StoredRow.fetchOne(
                database,
                "SELECT * FROM uploads WHERE token_hash = ? AND blob IS NULL AND expires_at > ?",
                [tokenHash, now.milliseconds]
            ).map(StoredUpload.init)
        }
    }

    package func upload(_ id: UploadID) async throws(StoreError) -> StoredUpload? {
        try await read { database in
            try StoredRow.fetchOne(database, "SELECT * FROM uploads WHERE upload_id = ?", [id.rawValue])
                .map(StoredUpload.init)
        }
    }

    package func storedUpload(for reference: String) async throws(StoreError) -> StoredUpload? {
        try await read { database in
            try StoredRow.fetchOne(
                database,
                """
                SELECT * FROM uploads WHERE reference = ? AND blob IS NOT NULL
                ORDER BY stored_at DESC, upload_id LIMIT 1
                """,
                [reference]
            ).map(StoredUpload.init)
        }
    }

    package func complete(
        _ id: UploadID,
        with content: StoredUpload.Content,
        keepUntil: WallTime,
        event: NewEvent?
    ) async throws(StoreError) -> Bool {
        try await write { database in
            try database.run(
                """
                UPDATE uploads SET blob = ?, content_type = ?, size = ?, sha256 = ?, stored_at = ?,
                    expires_at = ? WHERE upload_id = ? AND blob IS NULL
                """,
                [
                    content.blob, content.type, content.size, content.sha256, content.storedAt.milliseconds,
                    keepUntil.milliseconds, id.rawValue,
                ]
            )
            guard database.changesCount == 1 else { return false }
            if let event { _ = try database.insert(event) }
            return true
        }
    }

    package func dropUploads(
        expiredAt now: WallTime,
        limit: Int
    ) async throws(StoreError) -> [StoredUpload] {
        try await write { database in
            let expired = try StoredRow.fetchAll(
                database,
                "SELECT * FROM uploads WHERE expires_at <= ? ORDER BY expires_at LIMIT ?",
                [now.milliseconds, limit]
            ).map(StoredUpload.init)
            for upload in expired {
                try database.run("DELETE FROM uploads WHERE upload_id = ?", [upload.id.rawValue])
            }
            return expired
        }
    }

    package func storedUploads(
        after: String,
        through: String?,
        limit: Int
    ) async throws(StoreError) -> [StoredUpload] {
        try await read { database in
            // Keys are hexadecimal: every one of them sorts before "g".
            try StoredRow.fetchAll(
                database,
                "SELECT * FROM uploads WHERE blob > ? AND blob <= ? ORDER BY blob LIMIT ?",
                [after, through ?? "g", limit]
            ).map(StoredUpload.init)
        }
    }

    package func forgetSnapshots(of unit: UnitID) async throws(StoreError) {
        try await write { try $0.forgetSnapshots(of: unit) }
    }

    package func dropUpload(_ id: UploadID) async throws(StoreError) {
        try await write { database in
            try database.run("DELETE FROM uploads WHERE upload_id = ?", [id.rawValue])
        }
    }
}

extension Database {
    /// A reference to a unit that is gone would be reported as a rule of SQLite.
    func requireDevice(_ unit: UnitID) throws {
        guard try finds("SELECT 1 FROM devices WHERE device_id = ?", [unit.rawValue]) else {
            throw StoreError.notFound("device \(unit)")
        }
    }

    /// What came stays until it is swept, for its blob must go with it.
    func forgetSnapshots(of unit: UnitID) throws {
        let snapshot = UploadPurpose.snapshot.rawValue
        try run(
            "DELETE FROM uploads WHERE device_id = ? AND purpose = ? AND blob IS NULL",
            [unit.rawValue, snapshot]
        )
        try run(
            "UPDATE uploads SET reference = NULL, expires_at = 0 WHERE device_id = ? AND purpose = ?",
            [unit.rawValue, snapshot]
        )
    }

    /// False where `openLimit` addresses of its unit are open already.
    func insert(_ upload: StoredUpload, openLimit: Int) throws -> Bool {
        let open = try count(
            "SELECT count(*) FROM uploads WHERE device_id = ? AND expires_at > ? AND blob IS NULL",
            [upload.unit.rawValue, upload.createdAt.milliseconds]
        )
        guard open < openLimit else { return false }
        try run(
            """
            INSERT INTO uploads (upload_id, token_hash, purpose, device_id, channel, reference, created_at,
                expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                upload.id.rawValue, upload.tokenHash, upload.purpose.rawValue, upload.unit.rawValue,
                upload.channel, upload.reference, upload.createdAt.milliseconds,
                upload.expiresAt.milliseconds,
            ]
        )
        return true
    }
}

extension StoredUpload {
    init(_ row: StoredRow) throws {
        guard let purpose = UploadPurpose(rawValue: try row.text("purpose")) else {
            throw StoreError.corrupt("unexpected value in column purpose")
        }
        self.init(
            id: try row.identifier("upload_id"),
            tokenHash: try row.text("token_hash"),
            purpose: purpose,
            unit: try row.identifier("device_id"),
            channel: try row.optionalInt64("channel").map { Int($0) },
            reference: try row.optionalText("reference"),
            createdAt: try row.time("created_at"),
            expiresAt: try row.time("expires_at"),
            content: try row.optionalText("blob").map { blob in
                Content(
                    blob: blob,
                    type: try row.text("content_type"),
                    size: try row.int64("size"),
                    sha256: try row.text("sha256"),
                    storedAt: try row.time("stored_at")
                )
            }
        )
    }
}
