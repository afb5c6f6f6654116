import GRDB
package import HSSModel

extension SQLiteStore: ChannelSettingStore {
    package func srtLatency(of channel: ChannelAddress) async throws(StoreError) -> Duration? {
        try await srtLatencies(of: channel.unit)[channel.number]
    }

    package func srtLatencies(of unit: UnitID) async throws(StoreError) -> [Int: Duration] {
        try await read { database in
            let rows = try StoredRow.fetchAll(
                database,
                "SELECT channel, srt_latency_ms FROM channel_settings WHERE device_id = ?",
                [unit.rawValue]
            )
            var latencies: [Int: Duration] = [:]
            for row in rows {
                latencies[try row.integer("channel")] = try row.optionalInt64("srt_latency_ms")
                    .map { .milliseconds($0) }
            }
            return latencies
        }
    }

    package func setSRTLatency(
        _ latency: Duration?,
        of unit: UnitID,
        channels: [Int]
    ) async throws(StoreError) {
        try await write { database in
            for channel in channels {
                let isEnrolled = try database.finds(
                    "SELECT 1 FROM channels WHERE device_id = ? AND number = ?",
                    [unit.rawValue, channel]
                )
                guard isEnrolled else { throw StoreError.notFound("channel \(unit)/\(channel)") }
                try database.run(
                    """
                    INSERT INTO channel_settings (device_id, channel, srt_latency_ms) VALUES (?, ?, ?)
                    ON CONFLICT (device_id, channel) DO UPDATE SET srt_latency_ms = excluded.srt_latency_ms
                    """,
                    [unit.rawValue, channel, latency?.wholeMilliseconds]
                )
            }
        }
    }
}
