import GRDB
import HSSModel

/// What a listing of alarms leaves out, newest first.
struct AlarmFilter {
    static let columns = """
        SELECT alarms.*, (
            SELECT upload_id FROM uploads WHERE reference = alarm_id AND blob IS NOT NULL
            ORDER BY stored_at DESC, upload_id LIMIT 1
        ) AS picture FROM alarms
        """

    private var conditions: [String] = []
    private var values: StatementArguments = []
    /// Nothing before this time.
    var oldest = WallTime(milliseconds: .min)

    /// Nil where it goes on behind an alarm that is not there any more.
    init?(_ query: AlarmQuery, _ database: Database) throws {
        if let channel = query.channel { require("channel = ?", [channel]) }
        if let type = query.type { require("type = ?", [type]) }
        if let to = query.to { require("received_at < ?", [to.milliseconds]) }
        if let from = query.from { oldest = from }
        guard let after = query.after else { return }
        let row = try StoredRow.fetchOne(
            database,
            "SELECT received_at FROM alarms WHERE alarm_id = ?",
            [after.rawValue]
        )
        guard let time = try row?.int64("received_at") else { return nil }
        require("(received_at, alarm_id) < (?, ?)", [time, after.rawValue])
    }

    var arguments: StatementArguments { values + [oldest.milliseconds] }

    private mutating func require(_ condition: String, _ arguments: StatementArguments) {
        conditions.append(condition)
        values += arguments
    }

    /// Its arguments are the unit, where it is of one, ``arguments``, and the number of rows.
    func sql(ofUnit: Bool) -> String {
        let all = (ofUnit ? ["device_id = ?"] : []) + conditions + ["received_at >= ?"]
        return """
            \(Self.columns) WHERE \(all.joined(separator: " AND "))
            ORDER BY received_at DESC, alarm_id DESC LIMIT ?
            """
    }
}
