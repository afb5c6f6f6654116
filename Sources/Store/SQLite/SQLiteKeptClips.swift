import GRDB
package import HSSModel

extension SQLiteStore {
    package static let keptClipsAfter = "SELECT * FROM kept_clips WHERE clip_id > ? ORDER BY clip_id LIMIT ?"
    package static let keptClipsOfOwnerAfter =
        "SELECT * FROM kept_clips WHERE owner = ? AND clip_id > ? ORDER BY clip_id LIMIT ?"
    package static let keptRanges = """
        SELECT starts_at, ends_at FROM kept_clips
        WHERE device_id = ? AND channel = ? AND owner = ? AND ends_at > ? ORDER BY starts_at LIMIT ?
        """
    package static let keptTimeOf =
        "SELECT coalesce(sum(ends_at - starts_at), 0) FROM kept_clips WHERE owner = ? AND kept_by = ?"
    package static let keptClipOfSegment = """
        SELECT 1 FROM record_sessions JOIN recorded_channels USING (recorded_key)
            JOIN kept_clips USING (device_id, channel, owner)
        WHERE session_id = ? AND starts_at < ? AND ends_at > ? LIMIT 1
        """

    package func keep(_ clip: KeptClip, limit: Int, time: Duration?) async throws(StoreError) -> Bool {
        try await write { database in
            let owner = clip.recorded.owner?.rawValue ?? ""
            let count = try database.count("SELECT count(*) FROM kept_clips WHERE owner = ?", [owner])
            guard count < limit else { return false }
            if let time {
                let kept = try database.count(Self.keptTimeOf, [owner, clip.keptBy.rawValue])
                let own = (clip.range.upperBound - clip.range.lowerBound).wholeMilliseconds
                guard Int64(kept) <= time.wholeMilliseconds - own else { return false }
            }
            try database.run(
                """
                INSERT INTO kept_clips (device_id, channel, owner, clip_id, starts_at, ends_at, note, kept_by,
                    kept_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                clip.recorded.stored + [
                    clip.id.rawValue, clip.range.lowerBound.milliseconds, clip.range.upperBound.milliseconds,
                    clip.note, clip.keptBy.rawValue, clip.keptAt.milliseconds,
                ]
            )
            return true
        }
    }

    package func keptClip(_ id: ClipID) async throws(StoreError) -> KeptClip? {
        try await read { database in
            try StoredRow.fetchOne(database, "SELECT * FROM kept_clips WHERE clip_id = ?", [id.rawValue])
                .map(KeptClip.init)
        }
    }

    package func keptClips(
        owner: UserName?,
        after: ClipID?,
        limit: Int
    ) async throws(StoreError) -> [KeptClip] {
        let page: StatementArguments = [after?.rawValue ?? "", min(max(0, limit), pageLimit)]
        let (sql, arguments): (String, StatementArguments) =
            if let owner {
                (Self.keptClipsOfOwnerAfter, [owner.rawValue] + page)
            } else { (Self.keptClipsAfter, page) }
        return try await read { database in
            try StoredRow.fetchAll(database, sql, arguments).map(KeptClip.init)
        }
    }

    package func keptRanges(
        of recorded: RecordedChannel,
        endingAfter time: WallTime,
        limit: Int
    ) async throws(StoreError) -> [Range<WallTime>] {
        let arguments = recorded.stored + [time.milliseconds, min(max(0, limit), pageLimit)]
        return try await read { database in
            try StoredRow.fetchAll(database, Self.keptRanges, arguments).map { row in
                try row.time("starts_at")..<row.time("ends_at")
            }
        }
    }

    package func releaseClip(_ id: ClipID) async throws(StoreError) {
        try await write { database in
            try database.run("DELETE FROM kept_clips WHERE clip_id = ?", [id.rawValue])
        }
    }
}

extension Database {
    /// Whether something of the segment falls into a clip that is kept.
    func isKept(_ row: SegmentRow) throws -> Bool {
        try finds(
            SQLiteStore.keptClipOfSegment,
            [row.session.rawValue, row.end.milliseconds, row.start.milliseconds]
        )
    }
}

extension KeptClip {
    fileprivate init(_ row: StoredRow) throws {
        let (start, end) = (try row.time("starts_at"), try row.time("ends_at"))
        guard start < end else { throw StoreError.corrupt("a clip that ends before it begins") }
        self.init(
            id: try row.identifier("clip_id"),
            recorded: try RecordedChannel(row),
            range: start..<end,
            note: try row.text("note"),
            keptBy: try row.identifier("kept_by"),
            keptAt: try row.time("kept_at")
        )
    }
}
