import GRDB
package import HSSModel

extension SQLiteStore: RecordingSettingsStore {
    package static let recordingWishesAfter = """
        SELECT recording_settings.*, devices.disabled FROM recording_settings
        JOIN devices ON devices.device_id = recording_settings.device_id
        WHERE (recording_settings.device_id, recording_settings.channel) > (?, ?)
        ORDER BY recording_settings.device_id, recording_settings.channel LIMIT ?
        """

    package func recordingWishes(
        after: ChannelAddress?,
        limit: Int
    ) async throws(StoreError) -> [StoredRecordingWishes] {
        let rows = min(max(0, limit), pageLimit)
        return try await read { database in
            try StoredRow.fetchAll(
                database,
                Self.recordingWishesAfter,
                [after?.unit.rawValue ?? "", after?.number ?? -1, rows]
            ).map { row in
                StoredRecordingWishes(
                    channel: ChannelAddress(
                        unit: try row.identifier("device_id"),
                        number: try row.integer("channel")
                    ),
                    wishes: try RecordingWishes(row),
                    isDisabled: try row.flag("disabled")
                )
            }
        }
    }

    package func recordingWishes(of channel: ChannelAddress) async throws(StoreError) -> RecordingWishes {
        try await read { database in
            try StoredRow.fetchOne(
                database,
                "SELECT * FROM recording_settings WHERE device_id = ? AND channel = ?",
                [channel.unit.rawValue, channel.number]
            ).map { try RecordingWishes($0) } ?? RecordingWishes()
        }
    }

    package func keep(_ wishes: RecordingWishes, of channel: ChannelAddress) async throws(StoreError) {
        try await write { database in
            let isEnrolled = try database.finds(
                "SELECT 1 FROM channels WHERE device_id = ? AND number = ?",
                [channel.unit.rawValue, channel.number]
            )
            guard isEnrolled else { throw StoreError.notFound("channel \(channel)") }
            try database.run(
                "DELETE FROM recording_settings WHERE device_id = ? AND channel = ?",
                [channel.unit.rawValue, channel.number]
            )
            guard !wishes.isEmpty else { return }
            try database.run(
                """
                INSERT INTO recording_settings (device_id, channel, segment_ms, command_begun_at, command_until,
                    command_prerecord_ms, command_user, plan_zone, plan_windows, rule_types, rule_prerecord_ms,
                    rule_clip_ms, rule_longest_ms)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    channel.unit.rawValue, channel.number, wishes.segment?.wholeMilliseconds,
                    wishes.command?.begunAt.milliseconds, wishes.command?.until?.milliseconds,
                    wishes.command?.prerecord.wholeMilliseconds, wishes.command?.user.rawValue,
                    wishes.plan?.zone, wishes.plan?.windowText, wishes.rule?.bits,
                    wishes.rule?.prerecord.wholeMilliseconds, wishes.rule?.clip.wholeMilliseconds,
                    wishes.rule?.longest.wholeMilliseconds,
                ]
            )
        }
    }

    package func dropRecordingWishes(of unit: UnitID) async throws(StoreError) {
        try await write { try $0.dropRecordingWishes(of: unit) }
    }
}

extension Database {
    /// What was wanted of a device goes with its owner.
    func dropRecordingWishes(of unit: UnitID) throws {
        try run("DELETE FROM recording_settings WHERE device_id = ?", [unit.rawValue])
    }
}

extension RecordingWishes {
    fileprivate init(_ row: StoredRow) throws {
        self.init(segment: try row.optionalInt64("segment_ms").map { .milliseconds($0) })
        if let begunAt = try row.optionalInt64("command_begun_at") {
            command = Command(
                begunAt: WallTime(milliseconds: begunAt),
                until: try row.optionalInt64("command_until").map { WallTime(milliseconds: $0) },
                prerecord: .milliseconds(try row.int64("command_prerecord_ms")),
                user: try row.identifier("command_user")
            )
        }
        if let zone = try row.optionalText("plan_zone") {
            plan = Plan(zone: zone, windows: try Plan.windows(try row.text("plan_windows")))
        }
        if let bits = try row.optionalInt64("rule_types") {
            rule = Rule(
                types: Set((0..<63).filter { bits & 1 << Int64($0) != 0 }),
                prerecord: .milliseconds(try row.int64("rule_prerecord_ms")),
                clip: .milliseconds(try row.int64("rule_clip_ms")),
                longest: .milliseconds(try row.int64("rule_longest_ms"))
            )
        }
    }
}

extension WeeklyHours {
    var windowText: String {
        windows.map { "\($0.weekday)-\($0.from)-\($0.to)" }.joined(separator: ",")
    }

    static func windows(_ text: String, column: String = "plan_windows") throws -> [Window] {
        try text.split(separator: ",").map { part in
            let numbers = part.split(separator: "-").map { Int($0) }
            guard numbers.count == 3, let weekday = numbers[0], let from = numbers[1], let to = numbers[2]
            else { throw StoreError.corrupt("unexpected value in column \(column)") }
            return Window(weekday: weekday, from: from, to: to)
        }
    }
}

extension RecordingWishes.Rule {
    /// The bit of a type has its number.
    fileprivate var bits: Int64 {
        types.filter { (0..<63).contains($0) }.reduce(0) { $0 | 1 << Int64($1) }
    }
}
