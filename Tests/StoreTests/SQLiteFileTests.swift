import Foundation
import GRDB
import HSSModel
import Testing

@testable import Store

@Suite("The SQLite file") struct SQLiteFileTests {
    private func withFolder(_ body: (TemporaryFolder) async throws -> Void) async throws {
        let folder = TemporaryFolder()
        defer { folder.remove() }
        try await body(folder)
    }

    private func mode(_ path: String) throws -> Int {
        try (FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber)?.intValue
            ?? 0
    }

    @Test func isForItsOwnerOnly() async throws {
        try await withFolder { folder in
            let path = folder.path("a/b/vedette.db")
            let store = try SQLiteStore(path: path, at: Sample.start)
            try await store.add(Sample.user("ann"))
            #expect(try mode(folder.path("a")) == 0o700)
            #expect(try mode(folder.path("a/b")) == 0o700)
            for suffix in ["", "-wal", "-shm"] { #expect(try mode(path + suffix) == 0o600) }
            try store.close()
            #expect(chmod(path, 0o644) == 0)
            try SQLiteStore(path: path, at: Sample.start).close()
            #expect(try mode(path) == 0o600)
        }
    }

    @Test func isInWALModeForOthersToo() async throws {
        try await withFolder { folder in
            try SQLiteStore(path: folder.path("db"), at: Sample.start).close()
            let queue = try DatabaseQueue(path: folder.path("db"))
            #expect(try await queue.read { try String.fetchOne($0, sql: "PRAGMA journal_mode") } == "wal")
            try queue.close()
        }
    }

    @Test func anotherKindOfFileIsNamed() async throws {
        try await withFolder { folder in
            try FileManager.default.createDirectory(at: folder.url, withIntermediateDirectories: true)
            let path = folder.path("db")
            try Data(repeating: 0x41, count: 8192).write(to: URL(fileURLWithPath: path))
            #expect(throws: StoreError.unusablePath(path, "is not an SQLite database")) {
                try SQLiteStore(path: path, at: Sample.start)
            }
            // And is left as it was.
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: path)) == Data(repeating: 0x41, count: 8192)
            )
        }
    }

    @Test func aDatabaseOfSomethingElseIsLeftAlone() async throws {
        try await withFolder { folder in
            try FileManager.default.createDirectory(at: folder.url, withIntermediateDirectories: true)
            let path = folder.path("db")
            let queue = try DatabaseQueue(path: path)
            try await queue.write { try $0.execute(sql: "CREATE TABLE music (title TEXT)") }
            try queue.close()
            #expect(throws: StoreError.unusablePath(path, "is a database of something else")) {
                try SQLiteStore(path: path, at: Sample.start)
            }
        }
    }

    @Test func aPathThatCannotBeIsExplained() async throws {
        try await withFolder { folder in
            try FileManager.default.createDirectory(at: folder.url, withIntermediateDirectories: true)
            #expect(throws: StoreError.unusablePath(folder.url.path, "is not a file")) {
                // A folder where the file should be.
                try SQLiteStore(path: folder.url.path, at: Sample.start)
            }
            let file = folder.path("file")
            try Data().write(to: URL(fileURLWithPath: file))
            let error = #expect(throws: StoreError.self) {
                try SQLiteStore(path: file + "/below/db", at: Sample.start)
            }
            #expect(
                error?.description
                    == "store.url: \(file)/below: cannot make the folder: Not a directory"
            )
            // /proc takes no files, from root neither.
            #expect(throws: StoreError.self) { try SQLiteStore(path: "/proc/vedette.db", at: Sample.start) }
        }
    }

    @Test func aDamagedRowIsAnErrorNotATrap() async throws {
        try await withFolder { folder in
            let path = folder.path("db")
            let store = try SQLiteStore(path: path, at: Sample.start)
            try await store.add(Sample.user("ann"))
            try await store.add(Sample.device("cam"))
            let queue = try DatabaseQueue(path: path)
            try await queue.write {
                try $0.execute(sql: "UPDATE users SET created_at = 'yesterday'")
                try $0.execute(
                    sql: "UPDATE devices SET device_id = 'a b' WHERE 0; UPDATE devices SET mac_id = 'a b'"
                )
            }
            try queue.close()
            await #expect(throws: StoreError.corrupt("unexpected value in column created_at")) {
                try await store.user(UserName(unchecked: "ann"))
            }
            await #expect(throws: StoreError.corrupt("unexpected value in column mac_id")) {
                try await store.device(UnitID(unchecked: "cam"))
            }
            try store.close()
        }
    }

    @Test func readinessNeedsTheWriteLock() async throws {
        try await withFolder { folder in
            let path = folder.path("db")
            let store = try SQLiteStore(path: path, at: Sample.start, busyTimeout: .milliseconds(20))
            try await store.check()
            var configuration = Configuration()
            configuration.allowsUnsafeTransactions = true
            let other = try DatabaseQueue(path: path, configuration: configuration)
            try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
            // Waits for the other process as long as it may, then says so.
            await #expect(throws: StoreError.unavailable("database is locked")) { try await store.check() }
            try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
            try await store.check()
            try other.close()
            try store.close()
        }
    }

    @Test func aClosedStoreIsUnavailable() async throws {
        try await withFolder { folder in
            let store = try SQLiteStore(path: folder.path("db"), at: Sample.start)
            try store.close()
            let error = await #expect(throws: StoreError.self) {
                try await store.user(UserName(unchecked: "a"))
            }
            guard case .unavailable? = error else {
                Issue.record("expected unavailable, got \(String(describing: error))")
                return
            }
        }
    }

    @Test func twoOpeningsAtOnceMakeOneSchema() async throws {
        try await withFolder { folder in
            let path = folder.path("db")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<4 {
                    group.addTask {
                        let store = try SQLiteStore(path: path, at: Sample.start)
                        try await store.add(Sample.user("u\(number)"))
                        try store.close()
                    }
                }
                try await group.waitForAll()
            }
            let store = try SQLiteStore(path: path, at: Sample.start)
            #expect(try await store.users(after: nil, limit: 10).count == 4)
            try store.close()
        }
    }

    @Test(arguments: [
        SQLiteStore.usersAfter, SQLiteStore.accessGrant, SQLiteStore.devicesAfter,
        SQLiteStore.devicesOfOwnerAfter, SQLiteStore.deviceWithMAC,
    ]) func listingsAndLookUpsUseAnIndex(statement: String) async throws {
        try await withFolder { folder in
            try SQLiteStore(path: folder.path("db"), at: Sample.start).close()
            let queue = try DatabaseQueue(path: folder.path("db"))
            let plan = try await queue.read { database in
                let statement = try database.makeStatement(sql: "EXPLAIN QUERY PLAN \(statement)")
                // The plan does not depend on the values, only on the statement.
                statement.setUncheckedArguments([])
                return try Row.fetchAll(statement).map { $0["detail"] as String }
            }
            #expect(!plan.isEmpty)
            for step in plan {
                #expect(step.contains("SEARCH") && step.contains("INDEX"), "\(plan)")
            }
            try queue.close()
        }
    }

    /// A page of alarms is read off an index from its end, whatever a year has: nothing is sorted.
    @Test(arguments: [
        AlarmQuery(units: nil), AlarmQuery(units: nil, from: Sample.start, to: Sample.start),
        AlarmQuery(units: [UnitID(unchecked: "cam")]),
        AlarmQuery(units: [UnitID(unchecked: "cam")], channel: 0, type: 3, from: Sample.start),
        AlarmQuery(units: [UnitID(unchecked: "cam")], after: AlarmID(unchecked: "a")),
    ]) func pagesOfAlarmsAreNotSorted(query: AlarmQuery) async throws {
        try await withFolder { folder in
            try SQLiteStore(path: folder.path("db"), at: Sample.start).close()
            let queue = try DatabaseQueue(path: folder.path("db"))
            let plan = try await queue.write { database in
                try database.execute(
                    sql: """
                        INSERT INTO devices (device_id, mac_id, mac_canonical, name, password_hash, created_at)
                            VALUES ('cam', 'm', 'M', 'n', 'h', 0);
                        INSERT INTO alarms VALUES ('a', 'cam', 0, 3, '', 0, 0, 0, 0, 0);
                        """
                )
                let filter = try #require(try AlarmFilter(query, database))
                let sql = filter.sql(ofUnit: query.units != nil)
                let statement = try database.makeStatement(sql: "EXPLAIN QUERY PLAN \(sql)")
                statement.setUncheckedArguments([])
                return try Row.fetchAll(statement).map { $0["detail"] as String }
            }
            let index = query.units == nil ? "alarms_by_time" : "alarms_by_device (device_id=?"
            let step = plan.first { $0.contains(" alarms ") }
            #expect(step?.contains(index) ?? false, "\(plan)")
            // The picture of each is looked up by its own index, and may sort the few that there are.
            let sorted = plan.prefix { !$0.contains("CORRELATED") }.filter { $0.contains("TEMP B-TREE") }
            #expect(sorted.isEmpty, "\(plan)")
            try queue.close()
        }
    }

    @Test func aPageOfAHundredThousandDevicesIsTheRightOne() async throws {
        try await withFolder { folder in
            let path = folder.path("db")
            let store = try SQLiteStore(path: path, at: Sample.start)
            let queue = try DatabaseQueue(path: path)
            try await queue.write { database in
                try database.execute(
                    sql: """
                        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
                        INSERT INTO devices (device_id, mac_id, mac_canonical, name, password_hash, created_at)
                        SELECT printf('d%06d', i), printf('m%d', i), printf('M%d', i), 'n', 'h', 0 FROM n
                        """
                )
            }
            try queue.close()
            let page = try await store.devices(after: UnitID(unchecked: "d099000"), limit: 100, owner: nil)
            #expect(page.map(\.unit.rawValue) == (99_001...99_100).map { "d0\($0)" })
            #expect(try await store.deviceCount() == 100_000)
            try store.close()
        }
    }
}
