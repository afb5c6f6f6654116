import Foundation
import GRDB
import HSSModel
import Store
import Testing

/// Issue 6, "audit trail (append-only, chained hashes, verifiable, exportable)".
@Suite("The audit trail") struct AuditStoreContract {
    private static func verdict(
        _ store: any PlatformStore,
        seen: AuditHead? = nil
    ) async throws -> AuditVerdict {
        var inspector = AuditInspector(anchor: try await store.auditAnchor(), seen: seen)
        var last = try await store.auditAnchor().id
        while let page = try await Optional(store.auditTrail(after: last, limit: 7)), let newest = page.last {
            for entry in page where !inspector.look(at: entry) { return inspector.end() }
            last = newest.id
        }
        return inspector.end()
    }

    private static let all = AuditFilter()

    @Test(arguments: Backend.available) func entriesHangTogetherOverRestarts(_ backend: Backend) async throws
    {
        try await backend.withRestart { store in
            let empty = try await store.auditHead()
            #expect(empty == .none)
            let head = try await store.append(AuditSample.notes(3))
            #expect(head.id == 3)
        } then: { store in
            let head = try await store.append(AuditSample.notes(2))
            #expect(head.id == 5)
            let verdict = try await Self.verdict(store, seen: head)
            #expect(verdict == AuditVerdict(entries: 5, first: 1, head: head))
        }
    }

    @Test(arguments: Backend.available) func listsAreFilteredAndPaged(_ backend: Backend) async throws {
        try await backend.withStore { store in
            let anna = UserName(unchecked: "anna")
            let notes = (0..<20).map {
                AuditSample.note($0, user: $0 % 2 == 0 ? anna : nil, action: $0 % 3 == 0 ? "a" : "b")
            }
            _ = try await store.append(notes)
            var (seen, place) = ([AuditEntry](), AuditPlace?.none)
            while let page = try await Optional(store.auditEntries(Self.all, before: place, limit: 6)),
                let last = page.last
            {
                seen += page
                place = AuditPlace(at: last.note.at, id: last.id)
            }
            #expect(seen.map(\.id) == Array((1...20).reversed()))
            #expect(seen.map(\.note) == notes.reversed())
            func count(_ filter: AuditFilter) async throws -> Int {
                try await store.auditEntries(filter, before: nil, limit: 100).count
            }
            #expect(try await count(AuditFilter(user: anna)) == 10)
            #expect(try await count(AuditFilter(action: "a")) == 7)
            #expect(try await count(AuditFilter(user: anna, action: "a")) == 4)
            let (from, to) = (Sample.start + .milliseconds(5), Sample.start + .milliseconds(8))
            #expect(try await count(AuditFilter(from: from, to: to)) == 3)
        }
    }

    @Test(arguments: Backend.available) func whatIsOldGoesAndTheChainHolds(_ backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await store.append(AuditSample.notes(20))
            let now = Sample.start + .seconds(60)
            func prune(before: Int, keeping most: Int = 1000, limit: Int = 1000) async throws -> Int {
                try await store.pruneAudit(
                    before: Sample.start + .milliseconds(before),
                    keeping: most,
                    limit: limit,
                    at: now
                )
            }
            #expect(try await prune(before: 0) == 0)
            #expect(try await prune(before: 5) == 5)
            #expect(try await prune(before: 100, limit: 3) == 3)
            #expect(try await store.auditAnchor().id == 8)
            var verdict = try await Self.verdict(store)
            #expect(verdict.fault == nil && verdict.first == 9 && verdict.entries == 14)
            // By number too: 22 were written, 4 may stay, and the one that says so.
            #expect(try await prune(before: 0, keeping: 4) == 10)
            verdict = try await Self.verdict(store)
            #expect(verdict.fault == nil && verdict.first == 19 && verdict.entries == 5)
            let newest = try #require(try await store.auditTrail(after: 22, limit: 1).first)
            #expect(newest.note.action == "audit.prune" && newest.note.object == "18")
            // The newest entry stays whatever its age: the next has to hang on something.
            #expect(try await prune(before: 1_000_000) == 4)
            #expect(try await Self.verdict(store).fault == nil)
        }
    }

    private func withFile(
        _ body: (SQLiteStore, DatabaseQueue) async throws -> Void
    ) async throws {
        let folder = TemporaryFolder()
        defer { folder.remove() }
        let store = try SQLiteStore(path: folder.path("db"), at: Sample.start)
        _ = try await store.append(AuditSample.notes(9))
        let other = try DatabaseQueue(path: folder.path("db"))
        try await body(store, other)
        try other.close()
        try store.close()
    }

    @Test(arguments: [
        "UPDATE audit_log SET detail = 'x' WHERE entry_id = 3", "DELETE FROM audit_log WHERE entry_id = 1",
        "DELETE FROM audit_log", "UPDATE audit_log SET entry_id = 99 WHERE entry_id = 9",
        "INSERT INTO audit_log SELECT 11, at, user_name, address, action, object, result, detail, hash FROM audit_log LIMIT 1",
    ]) func theDatabaseRefusesToChangeIt(_ statement: String) async throws {
        try await withFile { store, other in
            await #expect(throws: DatabaseError.self) {
                try await other.write { try $0.execute(sql: statement) }
            }
            let verdict = try await Self.verdict(store)
            #expect(verdict.fault == nil && verdict.entries == 9)
        }
    }

    @Test func theNewestOfThoseThatSaySoTellsWhatMayGo() async throws {
        try await withFile { store, other in
            for last in ["7", "2"] {
                var note = AuditSample.note(0, action: AuditChain.prune)
                note.object = last
                _ = try await store.append([note])
            }
            await #expect(throws: DatabaseError.self) {
                try await other.write { try $0.execute(sql: "DELETE FROM audit_log WHERE entry_id <= 3") }
            }
            try await other.write { try $0.execute(sql: "DELETE FROM audit_log WHERE entry_id <= 2") }
            let plan = try await other.read { database in
                let newest =
                    "SELECT object FROM audit_log WHERE action = 'audit.prune' ORDER BY entry_id DESC LIMIT 1"
                return try Row.fetchAll(database, sql: "EXPLAIN QUERY PLAN " + newest).map {
                    $0["detail"] as String
                }
            }
            #expect(plan.count == 1 && plan[0].contains("USING INDEX audit_log_by_prune"), "\(plan)")
        }
    }

    /// Whoever owns the file can drop triggers: the chain names what was changed all the same.
    @Test(arguments: [
        ("at", "at + 1"), ("user_name", "'bert'"), ("address", "'192.0.2.2'"),
        ("action", "'POST /admin/user'"),
        ("object", "object || 'x'"), ("result", "'failed'"), ("detail", "detail || char(10)"),
        ("hash", "'0' || substr(hash, 2) || ''"), ("hash", "lower(hex(zeroblob(32)))"),
    ]) func aChangedColumnIsNamed(_ column: String, _ value: String) async throws {
        try await withFile { store, other in
            let before = try await store.auditTrail(after: 3, limit: 1)
            try await other.write {
                try $0.execute(sql: "DROP TRIGGER audit_log_stays")
                try $0.execute(sql: "UPDATE audit_log SET \(column) = \(value) WHERE entry_id = 4")
            }
            guard try await store.auditTrail(after: 3, limit: 1) != before else { return }
            #expect(try await Self.verdict(store).fault == .changed(4))
        }
    }

    @Test func anEntryThatWasTakenAwayIsNamed() async throws {
        try await withFile { store, other in
            let head = try await store.auditHead()
            try await other.write {
                try $0.execute(sql: "DROP TRIGGER audit_log_goes_in_order")
                try $0.execute(sql: "DELETE FROM audit_log WHERE entry_id = 9")
            }
            #expect(try await Self.verdict(store).fault == nil)
            #expect(try await Self.verdict(store, seen: head).fault == .truncated(9))
            try await other.write { try $0.execute(sql: "DELETE FROM audit_log WHERE entry_id = 5") }
            #expect(try await Self.verdict(store).fault == .missing(5))
            try await other.write { try $0.execute(sql: "DELETE FROM audit_log WHERE entry_id = 1") }
            #expect(try await Self.verdict(store).fault == .missing(1))
        }
    }

    @Test(arguments: [
        (false, false, "audit_log_by_time"), (true, false, "audit_log_by_user"),
        (false, true, "audit_log_by_action"), (true, true, "audit_log_by_user"),
    ]) func listsAreReadInTheOrderOfAnIndex(_ ofUser: Bool, _ ofAction: Bool, _ index: String) async throws {
        try await withFile { _, other in
            let sql = SQLiteStore.auditEntries(ofUser: ofUser, ofAction: ofAction)
            let bound = sql.replacing("?", with: "1")
            let plan = try await other.read { database in
                try Row.fetchAll(database, sql: "EXPLAIN QUERY PLAN " + bound).map { $0["detail"] as String }
            }
            #expect(plan.contains { $0.contains("USING INDEX \(index)") }, "\(plan)")
            #expect(!plan.contains { $0.contains("TEMP B-TREE") }, "\(plan)")
        }
    }
}
