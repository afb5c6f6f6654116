import GRDB
import HSSModel

/// A session as its segments refer to it.
struct SessionKeys {
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
struct SegmentWriter {
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

    /// Whether the row is there in this state, with these bytes.
    mutating func holds(_ row: SegmentRow, in state: SegmentRowState) throws -> Bool {
        guard let keys = try keys(of: row.session), let now = try old(row.name, keys) else { return false }
        return now.state == state && now.blob == row.blob
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
