import GRDB
package import HSSModel

extension SQLiteStore: PresenceStore {
    package func presences(after: UnitID?, limit: Int) async throws(StoreError) -> [PresenceRecord] {
        let rows = min(max(0, limit), pageLimit)
        let after = after?.rawValue ?? ""
        return try await read { database in
            try StoredRow.fetchAll(
                database,
                "SELECT * FROM device_presence WHERE device_id > ? ORDER BY device_id LIMIT ?",
                [after, rows]
            ).map(PresenceRecord.init)
        }
    }

    package func runningStreams() async throws(StoreError) -> [RunningStream] {
        try await read { database in
            try StoredRow.fetchAll(database, "SELECT * FROM live_streams ORDER BY device_id, channel").map {
                RunningStream(
                    channel: ChannelAddress(
                        unit: try $0.identifier("device_id"),
                        number: try $0.integer("channel")
                    ),
                    stream: try $0.identifier("stream_id")
                )
            }
        }
    }

    package func note(_ changes: [PresenceChange]) async throws(StoreError) -> Set<UnitID> {
        try await write { database in
            var strangers: Set<UnitID> = []
            for change in changes where !strangers.contains(change.unit) {
                let isEnrolled = try database.finds(
                    "SELECT 1 FROM devices WHERE device_id = ?",
                    [change.unit.rawValue]
                )
                guard isEnrolled else {
                    strangers.insert(change.unit)
                    continue
                }
                try database.keep(change)
                for event in change.events { _ = try database.insert(event) }
            }
            return strangers
        }
    }
}

extension Database {
    fileprivate func keep(_ change: PresenceChange) throws {
        switch change {
        case .became(let record, _):
            try run(
                """
                INSERT INTO device_presence (device_id, state, channels, since) VALUES (?, ?, ?, ?)
                ON CONFLICT (device_id) DO UPDATE SET
                    state = excluded.state, channels = excluded.channels, since = excluded.since
                """,
                [
                    record.unit.rawValue, record.condition.rawValue, record.channelText,
                    record.since.milliseconds,
                ]
            )
        case .live(let running, true, _):
            try run(
                """
                INSERT INTO live_streams (device_id, channel, stream_id) VALUES (?, ?, ?)
                ON CONFLICT (device_id, channel) DO UPDATE SET stream_id = excluded.stream_id
                """,
                [running.channel.unit.rawValue, running.channel.number, running.stream.rawValue]
            )
        case .live(let running, false, _):
            try run(
                "DELETE FROM live_streams WHERE device_id = ? AND channel = ? AND stream_id = ?",
                [running.channel.unit.rawValue, running.channel.number, running.stream.rawValue]
            )
        }
    }
}

extension PresenceRecord {
    fileprivate var channelText: String {
        channels.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.rawValue)" }.joined(separator: ",")
    }

    fileprivate init(_ row: StoredRow) throws {
        guard let condition = UnitCondition(rawValue: try row.text("state")) else {
            throw StoreError.corrupt("unexpected value in column state")
        }
        var channels: [Int: ChannelState] = [:]
        for entry in try row.text("channels").split(separator: ",") {
            let parts = entry.split(separator: ":").map { Int($0) }
            guard parts.count == 2, let number = parts[0], let value = parts[1],
                let state = ChannelState(rawValue: value)
            else { throw StoreError.corrupt("unexpected value in column channels") }
            channels[number] = state
        }
        self.init(
            unit: try row.identifier("device_id"),
            condition: condition,
            channels: channels,
            since: try row.time("since")
        )
    }
}
