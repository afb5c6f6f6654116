import Crypto

/// One numbered step of the schema. Its text is a file under `Schemas/sql`, carried in the binary.
package struct Migration: Sendable, Equatable {
    package let number: Int
    package let name: String
    package let sql: String

    package init(number: Int, name: String, sql: String) {
        self.number = number
        self.name = name
        self.sql = sql
    }

    /// Kept with the applied migration: a step that has run must never be edited, only followed by another.
    package var checksum: String {
        SHA256.hash(data: Array(sql.utf8)).hexadecimal
    }

    /// Those of SQLite, numbered from 1 without a gap.
    package static let sqlite = [
        Migration(
            number: 1,
            name: "0001_accounts_devices",
            sql: String(decoding: PackageResources._001_accounts_devices_sql, as: UTF8.self)
        ),
        Migration(
            number: 2,
            name: "0002_activity",
            sql: String(decoding: PackageResources._002_activity_sql, as: UTF8.self)
        ),
        Migration(
            number: 3,
            name: "0003_unit_documents",
            sql: String(decoding: PackageResources._003_unit_documents_sql, as: UTF8.self)
        ),
        Migration(
            number: 4,
            name: "0004_firmware",
            sql: String(decoding: PackageResources._004_firmware_sql, as: UTF8.self)
        ),
        Migration(
            number: 5,
            name: "0005_presence",
            sql: String(decoding: PackageResources._005_presence_sql, as: UTF8.self)
        ),
        Migration(
            number: 6,
            name: "0006_usage",
            sql: String(decoding: PackageResources._006_usage_sql, as: UTF8.self)
        ),
        Migration(
            number: 7,
            name: "0007_recordings",
            sql: String(decoding: PackageResources._007_recordings_sql, as: UTF8.self)
        ),
        Migration(
            number: 8,
            name: "0008_recording_settings",
            sql: String(decoding: PackageResources._008_recording_settings_sql, as: UTF8.self)
        ),
        Migration(
            number: 9,
            name: "0009_access",
            sql: String(decoding: PackageResources._009_access_sql, as: UTF8.self)
        ),
        Migration(
            number: 10,
            name: "0010_audit",
            sql: String(decoding: PackageResources._010_audit_sql, as: UTF8.self)
        ),
    ]

    /// What has to run on a store on which `applied` have run, or why this version must not touch it.
    package static func missing(
        from known: [Migration],
        applied: [Int: String]
    ) throws(StoreError) -> [Migration] {
        if let newest = applied.keys.max(), newest > known.count {
            throw .newerSchema(found: newest, known: known.count)
        }
        for migration in known {
            if let checksum = applied[migration.number], checksum != migration.checksum {
                throw .changedMigration(migration.name)
            }
        }
        let missing = known.filter { applied[$0.number] == nil }
        // A gap means that somebody deleted rows: running an old step on a new schema would fail half-way.
        guard missing.count + applied.count == known.count, missing.first?.number ?? .max > applied.count
        else {
            throw .corrupt("schema_migrations has gaps")
        }
        return missing
    }
}

extension Sequence where Element == UInt8 {
    fileprivate var hexadecimal: String {
        map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
