import GRDB
package import HSSModel

extension SQLiteStore {
    private static let segmentsOfSessions =
        "SELECT \(SegmentReader.allColumns) FROM segments JOIN record_sessions USING (recorded_key, session_key)"
    package static let segmentNamed =
        "\(segmentsOfSessions) WHERE recorded_key = ? AND start = ? AND session_key = ?"
    package static let segmentWithBlob = "\(segmentsOfSessions) WHERE blob = ?"
    package static let segmentsByBlobAfter = "\(segmentsOfSessions) WHERE blob > ? ORDER BY blob LIMIT ?"
    /// There are few of them: what is on its way, and what is being dropped. They are sorted, for their index has keys.
    package static let unfinishedAfter = """
        SELECT \(SegmentReader.allColumns) FROM segments INDEXED BY segments_unfinished
            CROSS JOIN record_sessions USING (session_key)
        WHERE state <> 1 AND (session_id, start) > (?, ?) ORDER BY session_id, start LIMIT ?
        """

    /// WAL commits are synced (`synchronous=FULL`) from the front of the log on, so that one commit makes those before it
    /// durable.
    package func commitSegments() async throws(StoreError) { try await check() }

    package func segments(
        _ names: [SegmentName],
        of session: RecordSessionID
    ) async throws(StoreError) -> [SegmentRow] {
        try await read { database in
            guard let place = try SessionKeys(session, database) else { return [] }
            return try names.flatMap { name in
                try SegmentReader.rows(database, Self.segmentNamed, place.key(of: name))
            }
        }
    }

    package func writeSegments(_ rows: [SegmentRow]) async throws(StoreError) {
        try await write { database in
            var writer = SegmentWriter(database)
            for row in rows { try writer.write(row) }
            try writer.finish()
        }
    }

    package func deleteSegments(
        _ names: [SegmentName],
        of session: RecordSessionID
    ) async throws(StoreError) {
        try await write { database in
            var writer = SegmentWriter(database)
            for name in names { try writer.delete(name, of: session) }
            try writer.finish()
        }
    }

    package func unfinishedSegments(
        after: (session: RecordSessionID, name: SegmentName)?,
        limit: Int
    ) async throws(StoreError) -> [SegmentRow] {
        let rows = min(max(0, limit), pageLimit)
        let (session, start) = (after?.session.rawValue ?? "", after?.name.start.milliseconds ?? -1)
        return try await read { database in
            try SegmentReader.rows(database, Self.unfinishedAfter, [session, start, rows])
        }
    }

    package func segments(withBlobs blobs: [SegmentBlob]) async throws(StoreError) -> [SegmentRow] {
        try await read { database in
            try Set(blobs).flatMap { try SegmentReader.rows(database, Self.segmentWithBlob, [$0.stored]) }
        }
    }

    package func segmentsByBlob(
        after: SegmentBlob?,
        limit: Int
    ) async throws(StoreError) -> [SegmentRow] {
        let rows = min(max(0, limit), pageLimit)
        return try await read { database in
            // No name is empty, and every text sorts before every name of octets.
            try SegmentReader.rows(
                database,
                Self.segmentsByBlobAfter,
                [after?.stored ?? "".databaseValue, rows]
            )
        }
    }
}

/// A session as its segments refer to it.
private struct SessionKeys {
    let session: Int64
    let recorded: Int64
    let channel: String

    init?(_ id: RecordSessionID, _ database: Database) throws {
        let row = try StoredRow.fetchOne(
            database,
            "SELECT session_key, recorded_key, channel_id FROM record_sessions WHERE session_id = ?",
            [id.rawValue]
        )
        guard let row else { return nil }
        session = try row.int64("session_key")
        recorded = try row.int64("recorded_key")
        channel = try row.text("channel_id")
    }

    func key(of name: SegmentName) -> StatementArguments { [recorded, name.start.milliseconds, session] }
}

/// Writes rows of segments in one transaction, and the sums and counts that they change.
private struct SegmentWriter {
    private let database: Database
    private var sessions: [RecordSessionID: SessionKeys] = [:]
    private var changes: [Int64: RecordedChange] = [:]
    /// How many rows each session has more, or less.
    private var counts: [Int64: Int] = [:]

    init(_ database: Database) { self.database = database }

    mutating func write(_ row: SegmentRow) throws {
        guard let keys = try keys(of: row.session) else {
            throw StoreError.notFound("record session \(row.session)")
        }
        guard keys.channel == row.channel.rawValue else {
            throw StoreError.conflict("record session \(row.session) is not of channel \(row.channel)")
        }
        let values: StatementArguments = [
            row.duration.wholeMilliseconds, row.size, row.discontinue, row.state.code,
            row.sha256.map { StoredHexadecimal.value(of: $0) },
        ]
        if let old = try old(row.name, keys) {
            take(old, keys)
            try database.run(
                """
                UPDATE segments SET duration_ms = ?, size = ?, discontinue = ?, state = ?, sha256 = ?
                WHERE recorded_key = ? AND start = ? AND session_key = ?
                """,
                values + keys.key(of: row.name)
            )
            // The index of blobs is left alone where nothing changes in it.
            if old.blob != row.blob {
                try database.run(
                    "UPDATE segments SET blob = ? WHERE recorded_key = ? AND start = ? AND session_key = ?",
                    [row.blob.stored] + keys.key(of: row.name)
                )
            }
        } else {
            try database.run(
                """
                INSERT INTO segments (duration_ms, size, discontinue, state, sha256, recorded_key, start,
                    session_key, blob) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                values + keys.key(of: row.name) + [row.blob.stored]
            )
            counts[keys.session, default: 0] += 1
        }
        guard row.state == .saved else { return }
        changes[keys.recorded, default: RecordedChange()].add(row)
    }

    mutating func delete(_ name: SegmentName, of session: RecordSessionID) throws {
        guard let keys = try keys(of: session), let old = try old(name, keys) else { return }
        take(old, keys)
        try database.run(
            "DELETE FROM segments WHERE recorded_key = ? AND start = ? AND session_key = ?",
            keys.key(of: name)
        )
        counts[keys.session, default: 0] -= 1
    }

    func finish() throws {
        for (key, change) in changes { try change.apply(to: key, database) }
        for (key, count) in counts where count != 0 {
            try database.run(
                "UPDATE record_sessions SET segments = segments + ? WHERE session_key = ?",
                [count, key]
            )
        }
    }

    /// What a row counted for until now.
    private mutating func take(_ old: SegmentRow, _ keys: SessionKeys) {
        guard old.state == .saved else { return }
        changes[keys.recorded, default: RecordedChange()].take(old)
    }

    private mutating func keys(of session: RecordSessionID) throws -> SessionKeys? {
        if let known = sessions[session] { return known }
        guard let keys = try SessionKeys(session, database) else { return nil }
        sessions[session] = keys
        return keys
    }

    private func old(_ name: SegmentName, _ keys: SessionKeys) throws -> SegmentRow? {
        try SegmentReader.rows(database, SQLiteStore.segmentNamed, keys.key(of: name)).first
    }
}
