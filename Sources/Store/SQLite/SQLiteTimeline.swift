import GRDB
package import HSSModel

extension SQLiteStore: SegmentStore {
    // The longest segment of the channel bounds how far before the range one may start that reaches into it. Rows are in
    // the order of the key; only among those that start in one millisecond names of sessions are sorted.
    package static func savedSegments(newestFirst: Bool) -> String {
        let (beyond, order) = newestFirst ? ("<", "DESC") : (">", "ASC")
        return """
            SELECT \(SegmentReader.columns)
            FROM segments CROSS JOIN record_sessions USING (recorded_key, session_key)
            WHERE recorded_key = ? AND start BETWEEN ? AND ? AND start + duration_ms > ? AND state = 1
                AND (start \(beyond) ? OR session_id \(beyond) ?)
            ORDER BY start \(order), session_id \(order) LIMIT ?
            """
    }
    package static let recordedWithin =
        "SELECT 1 FROM segments WHERE recorded_key = ? AND start BETWEEN ? AND ? AND state = 1 LIMIT 1"
    package static let recordedInto = """
        SELECT 1 FROM segments
        WHERE recorded_key = ? AND start BETWEEN ? AND ? AND start + duration_ms > ? AND state = 1 LIMIT 1
        """
    package static let channelsAfter = """
        SELECT * FROM recorded_channels WHERE (device_id, channel, owner) > (?, ?, ?)
        ORDER BY device_id, channel, owner LIMIT ?
        """
    package static let channelsOfOwnerAfter = """
        SELECT * FROM recorded_channels WHERE owner = ? AND (device_id, channel) > (?, ?)
        ORDER BY device_id, channel LIMIT ?
        """
    private static let sums = """
        SELECT coalesce(sum(segments), 0) AS segments, coalesce(sum(bytes), 0) AS bytes,
            coalesce(sum(recorded_ms), 0) AS recorded_ms, min(oldest) AS oldest, max(newest) AS newest
        FROM recorded_channels
        """
    package static let sumsOfOwner = "\(sums) WHERE owner = ?"

    package func savedSegments(
        of recorded: RecordedChannel,
        in range: Range<WallTime>,
        after: SegmentPlace?,
        limit: Int,
        newestFirst: Bool
    ) async throws(StoreError) -> [SegmentRow] {
        let rows = min(max(0, limit), Self.segmentPageLimit)
        return try await read { database in
            guard let timeline = try TimelineKey(recorded, database), let starts = timeline.starts(range)
            else { return [] }
            var (first, last) = (starts.lowerBound, starts.upperBound)
            if let after {
                if newestFirst {
                    last = min(last, after.start.milliseconds)
                } else {
                    first = max(first, after.start.milliseconds)
                }
            }
            let beyond = after?.start.milliseconds ?? (newestFirst ? .max : .min)
            return try SegmentReader.rows(
                database,
                Self.savedSegments(newestFirst: newestFirst),
                [
                    timeline.key, first, last, range.lowerBound.milliseconds, beyond,
                    after?.session.rawValue ?? "", rows,
                ]
            )
        }
    }

    package func recorded(
        _ recorded: RecordedChannel,
        in ranges: [Range<WallTime>]
    ) async throws(StoreError) -> [Bool] {
        guard ranges.count <= Self.segmentPageLimit else {
            throw .conflict("at most \(Self.segmentPageLimit) ranges at once")
        }
        return try await read { database in
            guard let timeline = try TimelineKey(recorded, database) else {
                return ranges.map { _ in false }
            }
            return try ranges.map { range in
                guard let starts = timeline.starts(range) else { return false }
                let from = range.lowerBound.milliseconds
                if try database.finds(Self.recordedWithin, [timeline.key, from, starts.upperBound]) {
                    return true
                }
                return try database.finds(
                    Self.recordedInto,
                    [timeline.key, starts.lowerBound, from - 1, from]
                )
            }
        }
    }

    package func recordedAmounts(
        of recorded: RecordedChannel
    ) async throws(StoreError) -> RecordedAmounts {
        try await read { database in
            guard let key = try database.key(of: recorded) else { return RecordedAmounts() }
            return try StoredRow.fetchOne(
                database,
                "SELECT * FROM recorded_channels WHERE recorded_key = ?",
                [key]
            ).map(RecordedAmounts.init) ?? RecordedAmounts()
        }
    }

    package func recordedChannels(
        owner: UserName?,
        after: RecordedChannel?,
        limit: Int
    ) async throws(StoreError) -> [(RecordedChannel, RecordedAmounts)] {
        let rows = min(max(0, limit), pageLimit)
        let place: StatementArguments = [after?.channel.unit.rawValue ?? "", after?.channel.number ?? -1]
        let (sql, arguments): (String, StatementArguments) =
            if let owner {
                (Self.channelsOfOwnerAfter, [owner.rawValue] + place + [rows])
            } else { (Self.channelsAfter, place + [after?.owner?.rawValue ?? "", rows]) }
        return try await read { database in
            try StoredRow.fetchAll(database, sql, arguments).map {
                (try RecordedChannel($0), try RecordedAmounts($0))
            }
        }
    }

    package func recordedTotal(of owner: UserName?) async throws(StoreError) -> RecordedAmounts {
        try await read { database in
            // Channels are few beside their segments: a hundred thousand are read in the time of one commit.
            let row =
                if let owner {
                    try StoredRow.fetchOne(database, Self.sumsOfOwner, [owner.rawValue])
                } else { try StoredRow.fetchOne(database, Self.sums, []) }
            return try row.map(RecordedAmounts.init) ?? RecordedAmounts()
        }
    }
}

/// Where the segments of one channel lie in the order of time.
private struct TimelineKey {
    let key: Int64
    private let longest: Int64

    init?(_ recorded: RecordedChannel, _ database: Database) throws {
        let row = try StoredRow.fetchOne(
            database,
            """
            SELECT recorded_key, longest_ms FROM recorded_channels
            WHERE device_id = ? AND channel = ? AND owner = ?
            """,
            recorded.stored
        )
        guard let row else { return nil }
        key = try row.int64("recorded_key")
        longest = try row.int64("longest_ms")
    }

    /// Where a segment that overlaps the range may start; nil: nowhere.
    func starts(_ range: Range<WallTime>) -> ClosedRange<Int64>? {
        let from = max(0, range.lowerBound.milliseconds)
        let end = min(range.upperBound.milliseconds, SegmentName.latestStart.milliseconds + 1)
        return from < end ? max(0, from - longest)...end - 1 : nil
    }
}

extension RecordedAmounts {
    init(_ row: StoredRow) throws {
        let (oldest, newest) = (try row.optionalInt64("oldest"), try row.optionalInt64("newest"))
        var span: Range<WallTime>?
        if let oldest, let newest, oldest < newest {
            span = WallTime(milliseconds: oldest)..<WallTime(milliseconds: newest)
        }
        self.init(
            segments: try row.integer("segments"),
            bytes: try row.int64("bytes"),
            duration: .milliseconds(try row.int64("recorded_ms")),
            span: span
        )
    }
}
