import GRDB
package import HSSModel

extension SQLiteStore: AuditStore {
    package func append(_ notes: [AuditNote]) async throws(StoreError) -> AuditHead {
        try await write { database in
            var head = try database.auditHead()
            for note in notes { head = try database.append(note, after: head) }
            return head
        }
    }

    package func auditEntries(
        _ filter: AuditFilter,
        before: AuditPlace?,
        limit: Int
    ) async throws(StoreError) -> [AuditEntry] {
        let rows = min(max(0, limit), pageLimit)
        var arguments = StatementArguments()
        if let user = filter.user { arguments += [user.rawValue] }
        if let action = filter.action { arguments += [action] }
        arguments += [filter.from?.milliseconds ?? Int64.min, filter.to?.milliseconds ?? Int64.max]
        arguments += [before?.at.milliseconds ?? Int64.max, before?.id ?? Int64.max, rows]
        let sql = Self.auditEntries(ofUser: filter.user != nil, ofAction: filter.action != nil)
        return try await read { [arguments] database in
            try StoredRow.fetchAll(database, sql, arguments).map(AuditEntry.init)
        }
    }

    /// Each question has its index, in the order in which it is answered.
    package static func auditEntries(ofUser: Bool, ofAction: Bool) -> String {
        // The plus keeps the planner from the index of actions where a user is named: users do less.
        let action = ofUser ? "+action" : "action"
        return """
            SELECT * FROM audit_log
            WHERE \(ofUser ? "user_name = ? AND " : "")\(ofAction ? "\(action) = ? AND " : "")at >= ? AND at < ?
                AND (at, entry_id) < (?, ?)
            ORDER BY at DESC, entry_id DESC LIMIT ?
            """
    }

    package func auditTrail(after: Int64, limit: Int) async throws(StoreError) -> [AuditEntry] {
        let rows = min(max(0, limit), pageLimit)
        return try await read { database in
            try StoredRow.fetchAll(
                database,
                "SELECT * FROM audit_log WHERE entry_id > ? ORDER BY entry_id LIMIT ?",
                [after, rows]
            ).map(AuditEntry.init)
        }
    }

    package func auditAnchor() async throws(StoreError) -> AuditHead {
        try await read { database in
            let row = try StoredRow.fetchOne(
                database,
                """
                SELECT object, detail FROM audit_log WHERE action = ?
                ORDER BY entry_id DESC LIMIT 1
                """,
                [AuditChain.prune]
            )
            guard let row, let id = Int64(try row.text("object")) else { return .none }
            return AuditHead(id: id, hash: try row.text("detail"))
        }
    }

    package func auditHead() async throws(StoreError) -> AuditHead {
        try await read { database in try database.auditHead() }
    }

    package func pruneAudit(
        before time: WallTime,
        keeping most: Int,
        limit: Int,
        at now: WallTime
    ) async throws(StoreError) -> Int {
        try await write { database in
            let head = try database.auditHead()
            // In the order of the trail, as long as each has to go: a clock that was wrong once must not open a gap.
            let oldest = try StoredRow.fetchAll(
                database,
                "SELECT entry_id, at, hash FROM audit_log ORDER BY entry_id LIMIT ?",
                [limit]
            )
            var last: AuditHead?
            for row in oldest {
                let id = try row.int64("entry_id")
                let isOver = try row.time("at") < time || id <= head.id - Int64(most)
                // The newest stays: the entry about those that went has to hang on something.
                guard isOver, id < head.id else { break }
                last = AuditHead(id: id, hash: try row.text("hash"))
            }
            guard let last else { return 0 }
            let note = AuditNote(
                at: now,
                user: nil,
                address: "local",
                action: AuditChain.prune,
                object: String(last.id),
                result: .done,
                detail: last.hash
            )
            _ = try database.append(note, after: head)
            try database.run("DELETE FROM audit_log WHERE entry_id <= ?", [last.id])
            return database.changesCount
        }
    }
}

extension Database {
    func auditHead() throws -> AuditHead {
        let row = try StoredRow.fetchOne(
            self,
            "SELECT entry_id, hash FROM audit_log ORDER BY entry_id DESC LIMIT 1",
            []
        )
        guard let row else { return .none }
        return AuditHead(id: try row.int64("entry_id"), hash: try row.text("hash"))
    }

    func append(_ note: AuditNote, after head: AuditHead) throws -> AuditHead {
        let entry = AuditChain.next(note, after: head)
        try run(
            """
            INSERT INTO audit_log (entry_id, at, user_name, address, action, object, result, detail, hash)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                entry.id, note.at.milliseconds, note.user?.rawValue ?? "", note.address, note.action,
                note.object,
                note.result.rawValue, note.detail, entry.hash,
            ]
        )
        return AuditHead(id: entry.id, hash: entry.hash)
    }
}

extension AuditEntry {
    fileprivate init(_ row: StoredRow) throws {
        guard let result = AuditNote.Result(rawValue: try row.text("result")) else {
            throw StoreError.corrupt("unexpected value in column result")
        }
        let user = try row.text("user_name")
        let note = AuditNote(
            keptAt: try row.time("at"),
            user: user.isEmpty ? nil : try row.identifier("user_name"),
            address: try row.text("address"),
            action: try row.text("action"),
            object: try row.text("object"),
            result: result,
            detail: try row.text("detail")
        )
        self.init(id: try row.int64("entry_id"), note: note, hash: try row.text("hash"))
    }
}
