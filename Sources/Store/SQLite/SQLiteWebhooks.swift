import GRDB
package import HSSModel

extension SQLiteStore: WebhookStore {
    package func add(_ webhook: WebhookRecord, limit: Int) async throws(StoreError) -> Bool {
        try await write { database in
            let owner = webhook.owner.rawValue
            guard try database.finds("SELECT 1 FROM users WHERE name = ? AND disabled = 0", [owner]) else {
                throw StoreError.notFound("user \(webhook.owner)")
            }
            guard try database.count("SELECT count(*) FROM webhooks WHERE owner = ?", [owner]) < limit else {
                return false
            }
            try database.run(
                """
                INSERT INTO webhooks (webhook_id, owner, url, kinds, created_at, delivered_through)
                VALUES (?, ?, ?, ?, ?, ?)
                """,
                [
                    webhook.id.rawValue, owner, webhook.url,
                    webhook.kinds.map(\.rawValue).joined(separator: ","), webhook.createdAt.milliseconds,
                    try database.newestEvent().rawValue,
                ]
            )
            return true
        }
    }

    package func webhooks(owner: UserName?) async throws(StoreError) -> [WebhookRecord] {
        try await read { database in
            try StoredRow.fetchAll(
                database,
                """
                SELECT webhooks.* FROM webhooks JOIN users ON users.name = webhooks.owner
                WHERE users.disabled = 0 AND (?1 IS NULL OR owner = ?1) ORDER BY webhook_id
                """,
                [owner?.rawValue]
            ).map(WebhookRecord.init)
        }
    }

    package func removeWebhook(_ id: WebhookID, owner: UserName?) async throws(StoreError) -> Bool {
        try await write { database in
            try database.run(
                "DELETE FROM webhooks WHERE webhook_id = ?1 AND (?2 IS NULL OR owner = ?2)",
                [id.rawValue, owner?.rawValue]
            )
            return database.changesCount == 1
        }
    }

    package func park(
        _ id: WebhookID,
        owner: UserName?,
        _ parking: WebhookRecord.Parking?
    ) async throws(StoreError) -> Bool {
        try await write { database in
            try database.run(
                """
                UPDATE webhooks SET parked_reason = ?1, parked_at = ?2
                WHERE webhook_id = ?3 AND (?4 IS NULL OR owner = ?4)
                """,
                [parking?.reason, parking?.at.milliseconds, id.rawValue, owner?.rawValue]
            )
            guard database.changesCount == 1 else { return false }
            if parking == nil {
                try database.run(
                    "UPDATE webhook_laggards SET retry_at = 0, attempts = 0 WHERE webhook_id = ?",
                    [id.rawValue]
                )
            }
            return true
        }
    }

    package func webhookCursors(_ id: WebhookID) async throws(StoreError) -> [UnitID: EventID] {
        try await read { database in
            let rows = try StoredRow.fetchAll(
                database,
                "SELECT device_id, event_id FROM webhook_cursors WHERE webhook_id = ?",
                [id.rawValue]
            )
            var cursors: [UnitID: EventID] = [:]
            for row in rows {
                cursors[try row.identifier("device_id")] = EventID(try row.int64("event_id"))
            }
            return cursors
        }
    }

    package func advance(
        _ id: WebhookID,
        cursors: [UnitID: EventID],
        through: EventID
    ) async throws(StoreError) {
        try await write { database in
            // The webhook or a unit may be gone meanwhile.
            for (unit, event) in cursors where event > through {
                try database.run(
                    """
                    INSERT INTO webhook_cursors (webhook_id, device_id, event_id)
                    SELECT webhook_id, device_id, ?1 FROM webhooks, devices
                    WHERE webhook_id = ?2 AND device_id = ?3
                    ON CONFLICT DO UPDATE SET event_id = max(event_id, excluded.event_id)
                    """,
                    [event.rawValue, id.rawValue, unit.rawValue]
                )
            }
            try database.run(
                """
                UPDATE webhooks SET delivered_through = max(delivered_through, ?) WHERE webhook_id = ?
                """,
                [through.rawValue, id.rawValue]
            )
            try database.run(
                "DELETE FROM webhook_cursors WHERE webhook_id = ? AND event_id <= ?",
                [id.rawValue, through.rawValue]
            )
        }
    }
}

extension WebhookRecord {
    fileprivate init(_ row: StoredRow) throws {
        let kinds = try row.text("kinds").split(separator: ",").map { EventKind(rawValue: String($0)) }
        guard !kinds.contains(nil) else { throw StoreError.corrupt("unexpected value in column kinds") }
        self.init(
            id: try row.identifier("webhook_id"),
            owner: try row.identifier("owner"),
            url: try row.text("url"),
            kinds: kinds.compactMap { $0 },
            createdAt: try row.time("created_at"),
            deliveredThrough: EventID(try row.int64("delivered_through")),
            parking: try row.optionalText("parked_reason").map { reason in
                Parking(reason: reason, at: try row.time("parked_at"))
            }
        )
    }
}
