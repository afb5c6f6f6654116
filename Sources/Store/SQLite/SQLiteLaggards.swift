import GRDB
package import HSSModel

extension SQLiteStore {
    package func laggards(_ id: WebhookID) async throws(StoreError) -> [UnitID: WebhookLaggard] {
        try await read { database in
            let rows = try StoredRow.fetchAll(
                database,
                "SELECT * FROM webhook_laggards WHERE webhook_id = ?",
                [id.rawValue]
            )
            var laggards: [UnitID: WebhookLaggard] = [:]
            for row in rows {
                let laggard = try WebhookLaggard(row)
                laggards[laggard.unit] = laggard
            }
            return laggards
        }
    }

    package func setAside(_ laggard: WebhookLaggard, of id: WebhookID) async throws(StoreError) {
        try await write { database in
            try database.run(
                """
                INSERT INTO webhook_laggards (webhook_id, device_id, event_id, attempts, reason, since, retry_at)
                SELECT webhook_id, device_id, ?1, ?2, ?3, ?4, ?5 FROM webhooks, devices
                WHERE webhook_id = ?6 AND device_id = ?7
                ON CONFLICT DO UPDATE SET event_id = excluded.event_id, attempts = excluded.attempts,
                    reason = excluded.reason, retry_at = excluded.retry_at
                """,
                [
                    laggard.event.rawValue, laggard.attempts, laggard.reason, laggard.since.milliseconds,
                    laggard.retryAt?.milliseconds, id.rawValue, laggard.unit.rawValue,
                ]
            )
        }
    }

    package func recall(_ units: [WebhookLaggard], of id: WebhookID) async throws(StoreError) {
        guard let first = units.map(\.event.rawValue).min() else { return }
        try await write { database in
            let row = try StoredRow.fetchOne(
                database,
                "SELECT delivered_through FROM webhooks WHERE webhook_id = ?",
                [id.rawValue]
            )
            guard let through = try row?.int64("delivered_through") else { return }
            // Whoever has been told something since then has been told all of it.
            try database.run(
                """
                INSERT INTO webhook_cursors (webhook_id, device_id, event_id)
                SELECT ?1, device_id, max(event_id) FROM events
                WHERE event_id >= ?2 AND event_id <= ?3 GROUP BY device_id
                ON CONFLICT DO UPDATE SET event_id = max(event_id, excluded.event_id)
                """,
                [id.rawValue, first, through]
            )
            for unit in units {
                try database.run(
                    """
                    UPDATE webhook_cursors SET event_id = ? WHERE webhook_id = ? AND device_id = ?
                    """,
                    [unit.event.rawValue - 1, id.rawValue, unit.unit.rawValue]
                )
            }
            try database.run(
                "UPDATE webhooks SET delivered_through = min(delivered_through, ?) WHERE webhook_id = ?",
                [first - 1, id.rawValue]
            )
        }
    }

    package func caughtUp(_ unit: UnitID, of id: WebhookID) async throws(StoreError) {
        try await write { database in
            try database.run(
                "DELETE FROM webhook_laggards WHERE webhook_id = ? AND device_id = ?",
                [id.rawValue, unit.rawValue]
            )
        }
    }
}

extension WebhookLaggard {
    fileprivate init(_ row: StoredRow) throws {
        self.init(
            unit: try row.identifier("device_id"),
            event: EventID(try row.int64("event_id")),
            attempts: try row.integer("attempts"),
            reason: try row.text("reason"),
            since: try row.time("since"),
            retryAt: try row.optionalInt64("retry_at").map { WallTime(milliseconds: $0) }
        )
    }
}
