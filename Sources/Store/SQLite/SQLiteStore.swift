import Foundation
import GRDB
package import HSSModel

/// The store in one SQLite file (WAL), for one node or for nodes on one machine.
///
/// One connection writes, ``readers`` read beside it. An acknowledged write survives a kill and, because
/// every commit is synced (`synchronous=FULL`), a power cut.
package final class SQLiteStore: Sendable {
    private static let readers = 4

    private let pool: DatabasePool

    /// Opens the file or makes it (mode 0600, missing folders 0700) and brings the schema up to date. An
    /// existing folder keeps its mode: it may be the operator's.
    ///
    /// `now` dates the migrations that run. `busyTimeout` is how long a connection waits for another process, a
    /// backup for example. Other migrations are for tests of upgrades.
    package init(
        path: String,
        at now: WallTime,
        busyTimeout: Duration = .seconds(5),
        migrations: [Migration] = Migration.sqlite
    ) throws(StoreError) {
        try DatabaseFile.prepare(path)
        var configuration = Configuration()
        configuration.busyMode = .timeout(busyTimeout.inSeconds)
        configuration.maximumReaderCount = Self.readers
        configuration.label = "store"
        do {
            pool = try DatabasePool(path: path, configuration: configuration)
            try pool.writeWithoutTransaction { database in
                // DatabasePool sets NORMAL when it turns WAL on, which may lose the last commits at a power cut.
                try database.execute(sql: "PRAGMA synchronous = FULL")
                try Self.checkSettings(database)
                try Self.migrate(database, path, migrations, now)
            }
        } catch {
            throw DatabaseFile.openingError(error, path)
        }
    }

    /// For readiness: the writer answers, can take the write lock and still keeps what it acknowledges.
    package func check() async throws(StoreError) {
        try await write { database in
            try Self.checkSettings(database)
            // Writes what is there already: a full disk lets one take the lock, but not commit.
            let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
            try database.execute(sql: "PRAGMA user_version = \(version)")
        }
    }

    /// Waits for running calls. Later calls throw `unavailable`.
    package func close() throws(StoreError) {
        do { try pool.close() } catch { throw StoreError(error) }
    }

    /// One consistent view; never waits for the writer.
    func read<Value: Sendable>(
        _ body: @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do { return try await pool.read(body) } catch { throw StoreError(error) }
    }

    /// One transaction, durable when this returns; nothing of it stays when `body` throws. It takes the
    /// write lock at once: a transaction that reads first could not wait for another process later.
    func write<Value: Sendable>(
        _ body: @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await pool.writeWithoutTransaction { database in
                try Self.inImmediateTransaction(database, body)
            }
        } catch { throw StoreError(error) }
    }

    private static func inImmediateTransaction<Value>(
        _ database: Database,
        _ body: (Database) throws -> Value
    ) throws -> Value {
        var value: Value?
        try database.inTransaction(.immediate) {
            value = try body(database)
            return .commit
        }
        guard let value else { throw StoreError.unavailable("a transaction ended without a result") }
        return value
    }

    private static func checkSettings(_ database: Database) throws {
        let full = 2
        guard try Int.fetchOne(database, sql: "PRAGMA synchronous") == full,
            try Int.fetchOne(database, sql: "PRAGMA foreign_keys") == 1
        else { throw StoreError.unavailable("SQLite refused synchronous=FULL or foreign_keys") }
    }

    private static func migrate(
        _ database: Database,
        _ path: String,
        _ migrations: [Migration],
        _ now: WallTime
    ) throws {
        // All steps or none, and one process at a time.
        try inImmediateTransaction(database) { database in
            if try !database.tableExists("schema_migrations") {
                let tables =
                    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                guard try Int.fetchOne(database, sql: tables) == 0 else {
                    throw StoreError.unusablePath(path, "is a database of something else")
                }
                try database.execute(
                    sql: """
                        CREATE TABLE schema_migrations (
                            number INTEGER NOT NULL PRIMARY KEY,
                            name TEXT NOT NULL,
                            sha256 TEXT NOT NULL,
                            applied_at BIGINT NOT NULL
                        )
                        """
                )
            }
            var applied: [Int: String] = [:]
            for row in try StoredRow.fetchAll(database, "SELECT number, sha256 FROM schema_migrations") {
                applied[try row.integer("number")] = try row.text("sha256")
            }
            for migration in try Migration.missing(from: migrations, applied: applied) {
                try database.execute(sql: migration.sql)
                try database.execute(
                    sql: "INSERT INTO schema_migrations VALUES (?, ?, ?, ?)",
                    arguments: [migration.number, migration.name, migration.checksum, now.milliseconds]
                )
            }
        }
    }
}
