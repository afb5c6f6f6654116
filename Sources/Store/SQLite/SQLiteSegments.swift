import GRDB
package import HSSModel

extension SQLiteStore {
    private static let segmentsOfSessions =
        "SELECT \(SegmentReader.allColumns) FROM segments JOIN record_sessions USING (recorded_key, session_key)"
    package static let segmentNamed =
        "\(segmentsOfSessions) WHERE recorded_key = ? AND start = ? AND session_key = ?"
    package static let segmentWithBlob = "\(segmentsOfSessions) WHERE blob = ?"
    package static let segmentsByBlobAfter = "\(segmentsOfSessions) WHERE blob > ? ORDER BY blob LIMIT ?"
    /// In the order of their index, so that a page is read where the one before it ended.
    package static let unfinishedAfter = """
        SELECT \(SegmentReader.allColumns) FROM segments INDEXED BY segments_unfinished
            CROSS JOIN record_sessions USING (session_key)
        WHERE state <> 1 AND (session_key, start) > (?, ?) ORDER BY session_key, start LIMIT ?
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
        after: UnfinishedPlace?,
        limit: Int
    ) async throws(StoreError) -> UnfinishedPage {
        let count = min(max(1, limit), pageLimit)
        let place: StatementArguments = [after?.session ?? -1, after?.start ?? -1, count]
        return try await read { database in
            let rows = try SegmentReader.rows(database, Self.unfinishedAfter, place)
            guard rows.count == count, let last = rows.last,
                let keys = try SessionKeys(last.session, database)
            else { return UnfinishedPage(rows: rows, next: nil) }
            let next = UnfinishedPlace(session: keys.session, start: last.start.milliseconds)
            return UnfinishedPage(rows: rows, next: next)
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
