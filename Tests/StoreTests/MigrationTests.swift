import Foundation
import GRDB
import HSSModel
import Store
import Testing

@Suite("Migrations") struct MigrationTests {
    private static let schemas = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Schemas/sql/sqlite")

    @Test func theBinaryCarriesExactlyTheTextUnderSchemas() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.schemas.path).sorted()
        #expect(files == Migration.sqlite.map { "\($0.name).sql" })
        for migration in Migration.sqlite {
            let file = Self.schemas.appendingPathComponent("\(migration.name).sql")
            #expect(try String(contentsOf: file, encoding: .utf8) == migration.sql)
        }
    }

    @Test func numbersCountFromOneAndStandInTheName() {
        for (index, migration) in Migration.sqlite.enumerated() {
            #expect(migration.number == index + 1)
            let digits = String(migration.number)
            #expect(
                migration.name.hasPrefix(String(repeating: "0", count: 4 - digits.count) + digits + "_")
            )
        }
    }

    private let first = Migration(number: 1, name: "0001_a", sql: "CREATE TABLE a (x INTEGER);")
    private let second = Migration(number: 2, name: "0002_b", sql: "CREATE TABLE b (x INTEGER);")

    @Test func onlyMissingStepsRun() throws {
        #expect(try Migration.missing(from: [first, second], applied: [:]) == [first, second])
        #expect(try Migration.missing(from: [first, second], applied: [1: first.checksum]) == [second])
        let both = [1: first.checksum, 2: second.checksum]
        #expect(try Migration.missing(from: [first, second], applied: both).isEmpty)
    }

    @Test func aNewerSchemaAChangedStepAndAGapAreRefused() {
        #expect(throws: StoreError.newerSchema(found: 2, known: 1)) {
            try Migration.missing(from: [first], applied: [1: first.checksum, 2: second.checksum])
        }
        #expect(throws: StoreError.changedMigration("0001_a")) {
            try Migration.missing(from: [first, second], applied: [1: second.checksum])
        }
        #expect(throws: StoreError.corrupt("schema_migrations has gaps")) {
            try Migration.missing(from: [first, second], applied: [2: second.checksum])
        }
        #expect(throws: StoreError.corrupt("schema_migrations has gaps")) {
            try Migration.missing(from: [first], applied: [0: "", 1: first.checksum])
        }
    }

    @Test func anOlderStoreIsUpgradedAndItsRowsStay() async throws {
        let folder = TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path("db")
        let old = try SQLiteStore(path: path, at: Sample.start)
        try await old.add(Sample.user("ann"))
        try old.close()
        let next = Migration(
            number: Migration.sqlite.count + 1,
            name: "next",
            sql: "CREATE TABLE later (x INTEGER); ALTER TABLE users ADD COLUMN later TEXT;"
        )
        let new = try SQLiteStore(path: path, at: Sample.start, migrations: Migration.sqlite + [next])
        #expect(try await new.user(UserName(unchecked: "ann")) == Sample.user("ann"))
        try new.close()
        // And back: the older version must keep its hands off.
        #expect(
            throws: StoreError.newerSchema(
                found: Migration.sqlite.count + 1,
                known: Migration.sqlite.count
            )
        ) {
            try SQLiteStore(path: path, at: Sample.start)
        }
    }

    @Test func aStepThatFailsLeavesTheStoreAsItWas() throws {
        let folder = TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path("db")
        let broken = Migration(
            number: Migration.sqlite.count + 1,
            name: "broken",
            sql: "CREATE TABLE half (x INTEGER); CREATE TABLE users (x INTEGER);"
        )
        try SQLiteStore(path: path, at: Sample.start).close()
        #expect(throws: StoreError.self) {
            try SQLiteStore(path: path, at: Sample.start, migrations: Migration.sqlite + [broken])
        }
        let queue = try DatabaseQueue(path: path)
        #expect(try queue.read { try !$0.tableExists("half") })
        try queue.close()
        try SQLiteStore(path: path, at: Sample.start).close()
    }

    @Test func anEditedChecksumIsRefused() throws {
        let folder = TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path("db")
        try SQLiteStore(path: path, at: Sample.start).close()
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: "UPDATE schema_migrations SET sha256 = 'x' WHERE number = 1") }
        try queue.close()
        #expect(throws: StoreError.changedMigration(Migration.sqlite[0].name)) {
            try SQLiteStore(path: path, at: Sample.start)
        }
    }
}
