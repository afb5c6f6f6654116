import GRDB
import HSSModel

/// What a transaction adds to the saved segments of one channel and takes from them.
struct RecordedChange {
    private var segments = 0
    private var bytes: Int64 = 0
    private var milliseconds: Int64 = 0
    /// Of what was added: the earliest start, the latest end, the longest.
    private var earliest: Int64?
    private var latest: Int64?
    private var longest: Int64 = 0
    /// Of what was taken.
    private var earliestTaken: Int64?
    private var latestTaken: Int64?

    mutating func add(_ row: SegmentRow) {
        segments += 1
        bytes += row.size
        milliseconds += row.duration.wholeMilliseconds
        earliest = min(earliest ?? .max, row.start.milliseconds)
        latest = max(latest ?? .min, row.end.milliseconds)
        longest = max(longest, row.duration.wholeMilliseconds)
    }

    mutating func take(_ row: SegmentRow) {
        segments -= 1
        bytes -= row.size
        milliseconds -= row.duration.wholeMilliseconds
        earliestTaken = min(earliestTaken ?? .max, row.start.milliseconds)
        latestTaken = max(latestTaken ?? .min, row.end.milliseconds)
    }

    /// To be called once, when all rows of the transaction are as they will be.
    func apply(to key: Int64, _ database: Database) throws {
        guard earliest != nil || earliestTaken != nil else { return }
        let old = try StoredRow.fetchOne(database, Self.sumsOfChannel, [key])
        guard let old else { throw StoreError.corrupt("segments of no channel") }
        let left = try old.int64("segments") + Int64(segments)
        var (oldest, newest) = (earliest, latest)
        if let before = try old.optionalInt64("oldest") { oldest = min(oldest ?? before, before) }
        if let before = try old.optionalInt64("newest") { newest = max(newest ?? before, before) }
        var longest = max(longest, try old.int64("longest_ms"))
        if left == 0 {
            (oldest, newest, longest) = (nil, nil, 0)
        } else {
            // A bound that was taken away is the next row's: one seek, over what is being dropped there.
            if let taken = earliestTaken, let known = oldest, taken <= known {
                oldest = try database.number(Self.oldestOfChannel, [key, known])
            }
            if let taken = latestTaken, let known = newest, taken >= known {
                let last = try database.number(Self.lastStartOfChannel, [key]) ?? 0
                newest = try database.number(Self.newestOfChannel, [key, last - longest])
            }
        }
        try database.run(
            """
            UPDATE recorded_channels SET segments = ?, bytes = bytes + ?, recorded_ms = recorded_ms + ?,
                oldest = ?, newest = ?, longest_ms = ? WHERE recorded_key = ?
            """,
            [left, bytes, milliseconds, oldest, newest, longest, key]
        )
    }

    private static let sumsOfChannel =
        "SELECT segments, oldest, newest, longest_ms FROM recorded_channels WHERE recorded_key = ?"
    static let oldestOfChannel = """
        SELECT start AS number FROM segments WHERE recorded_key = ? AND start >= ? AND state = 1
        ORDER BY start LIMIT 1
        """
    static let lastStartOfChannel = """
        SELECT start AS number FROM segments WHERE recorded_key = ? AND state = 1
        ORDER BY start DESC LIMIT 1
        """
    /// Whatever ends later than the last one that starts has begun within the longest duration before it.
    static let newestOfChannel = """
        SELECT max(start + duration_ms) AS number FROM segments
        WHERE recorded_key = ? AND start >= ? AND state = 1
        """
}

extension SQLiteStore {
    /// What keeps the sums; here so that a test can see how they are read.
    package static let sumStatements = [
        RecordedChange.oldestOfChannel, RecordedChange.lastStartOfChannel, RecordedChange.newestOfChannel,
    ]
}

extension Database {
    /// One number, or none.
    fileprivate func number(_ sql: String, _ arguments: StatementArguments) throws -> Int64? {
        try StoredRow.fetchOne(self, sql, arguments)?.optionalInt64("number")
    }
}
