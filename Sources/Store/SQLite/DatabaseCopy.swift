import Foundation
import GRDB
package import HSSModel

/// A look at a database that a platform may be running on, from another process: for backups.
package struct DatabaseCopy {
    /// A blob that a row names.
    package struct Reference: Sendable, Equatable {
        /// `uploads`, `firmware` or `segments`.
        package var area: String
        package var key: String
        /// In octets.
        package var size: Int64
        /// Lower-case hexadecimal; nil: the row does not say.
        package var sha256: String?

        package init(area: String, key: String, size: Int64, sha256: String?) {
            self.area = area
            self.key = key
            self.size = size
            self.sha256 = sha256
        }
    }

    private let path: String

    /// `path`: a database that is there.
    package init(path: String) throws(StoreError) {
        guard FileManager.default.fileExists(atPath: path) else { throw .unusablePath(path, "is not there") }
        self.path = path
    }

    private func open() throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.busyMode = .timeout(30)
        configuration.label = "backup"
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Writes one consistent view into a new file at `target`, without a journal beside it. Writers go on meanwhile.
    package func write(to target: String) throws(StoreError) {
        do {
            let database = try open()
            defer { try? database.close() }
            try database.writeWithoutTransaction { try $0.execute(sql: "VACUUM INTO ?", arguments: [target]) }
        } catch { throw DatabaseFile.openingError(error, path) }
    }

    /// Every blob that is whole and that a row names, in no order.
    package func references(_ body: (Reference) throws -> Void) throws {
        let database = try open()
        defer { try? database.close() }
        try database.read { database in
            let sources = [
                ("uploads", "SELECT blob, size, sha256 FROM uploads WHERE blob IS NOT NULL"),
                ("firmware", "SELECT blob, size, sha256 FROM firmware"),
                ("segments", "SELECT blob, size, sha256 FROM segments WHERE state = 1"),
            ]
            for (area, sql) in sources {
                let rows = try Row.fetchCursor(database, sql: sql)
                while let row = try rows.next() {
                    guard let key = StoredHexadecimal.text(of: row["blob"], octets: 16) else { continue }
                    try body(
                        Reference(
                            area: area,
                            key: key,
                            size: row["size"] as Int64? ?? 0,
                            sha256: StoredHexadecimal.text(of: row["sha256"], octets: 32)
                        )
                    )
                }
            }
        }
    }

    /// Number of the newest migration; 0: there is none.
    package func schema() throws(StoreError) -> Int {
        do {
            let database = try open()
            defer { try? database.close() }
            return try database.read { database in
                guard try database.tableExists("schema_migrations") else { return 0 }
                return try Int.fetchOne(database, sql: "SELECT max(number) FROM schema_migrations") ?? 0
            }
        } catch { throw DatabaseFile.openingError(error, path) }
    }

    /// Whether every page and row can be read: nil, or what SQLite found first.
    package func integrityFault() throws(StoreError) -> String? {
        do {
            let database = try open()
            defer { try? database.close() }
            let found = try database.read { try String.fetchOne($0, sql: "PRAGMA integrity_check(1)") }
            return found == "ok" ? nil : found ?? "it cannot be checked"
        } catch { throw DatabaseFile.openingError(error, path) }
    }

    /// Drops what is recorded from a copy whose blobs of recordings stay behind.
    package func dropRecordings() throws(StoreError) {
        do {
            let database = try open()
            defer { try? database.close() }
            try database.write { database in
                for table in ["kept_clips", "segments", "record_sessions", "recorded_channels"] {
                    try database.execute(sql: "DELETE FROM \(table)")
                }
            }
            try database.writeWithoutTransaction {
                try $0.execute(sql: "PRAGMA journal_mode = DELETE; VACUUM")
            }
        } catch { throw DatabaseFile.openingError(error, path) }
    }

    /// Adds an entry to the audit trail, beside the platform that may be running.
    package func append(_ note: AuditNote) throws(StoreError) {
        do {
            let database = try open()
            defer { try? database.close() }
            try database.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA synchronous = FULL")
                try database.inTransaction(.immediate) {
                    guard try database.tableExists("audit_log") else { return .rollback }
                    _ = try database.append(note, after: try database.auditHead())
                    return .commit
                }
            }
        } catch { throw DatabaseFile.openingError(error, path) }
    }
}
