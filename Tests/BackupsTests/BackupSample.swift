import Backups
import Foundation
import GRDB
import HSSModel
import Store
import Testing

/// The data of a platform in a folder of its own, with rows and blobs that a test adds.
final class BackupSample {
    static let start = WallTime(milliseconds: 1_763_700_000_000)

    let folder: String
    let source: BackupSource
    private let database: DatabaseQueue
    private var number = 0

    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "/backup-\(UUID().uuidString)"
        source = BackupSource(
            dataFolder: folder + "/data",
            database: folder + "/data/vedette.sqlite",
            blobs: folder + "/data/blobs",
            configuration: folder + "/vedette.yaml"
        )
        for name in ["data/keys", "data/tls"] {
            try FileManager.default.createDirectory(
                atPath: "\(folder)/\(name)",
                withIntermediateDirectories: true
            )
        }
        try Self.write("key", to: folder + "/data/keys/logins.key")
        try Self.write("pem", to: folder + "/data/tls/ca.pem")
        try Self.write("roles: all\n", to: folder + "/vedette.yaml")
        try SQLiteStore(path: source.database, at: Self.start).close()
        database = try DatabaseQueue(path: source.database)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var backups: String { folder + "/backups" }

    static func write(_ text: String, to path: String) throws {
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true
        )
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    /// Adds firmware with its blob; returns the blob's path below the folder of blobs. Without `octets` there is only
    /// the row.
    @discardableResult func addFirmware(_ octets: String?) throws -> String {
        number += 1
        let key = String(repeating: "\(number % 10)", count: 28) + String(1000 + number)
        let path = "firmware/\(key.prefix(2))/\(key)"
        if let octets { try Self.write(octets, to: "\(source.blobs)/\(path)") }
        let size = octets?.utf8.count ?? 5
        let sha256 = try octets.map { try Self.sha256($0) } ?? String(repeating: "0", count: 64)
        try database.write { [number] in
            try $0.execute(
                sql: "INSERT INTO firmware VALUES (?, 'model', ?, ?, ?, ?, 0)",
                arguments: ["f\(number)", "v\(number)", key, size, sha256]
            )
        }
        return path
    }

    func removeFirmware(_ path: String) throws {
        let key = path.split(separator: "/").last.map(String.init)
        try database.write {
            try $0.execute(sql: "DELETE FROM firmware WHERE blob = ?", arguments: [key])
        }
        try FileManager.default.removeItem(atPath: "\(source.blobs)/\(path)")
    }

    /// Adds a saved segment with its blob.
    @discardableResult func addSegment(_ octets: String) throws -> String {
        number += 1
        let key = String(repeating: "a", count: 28) + String(1000 + number)
        let path = "segments/\(key.prefix(2))/\(key)"
        try Self.write(octets, to: "\(source.blobs)/\(path)")
        let (blob, sha256) = (Self.octets(key), Self.octets(try Self.sha256(octets)))
        try database.write { [number] in
            try $0.execute(
                sql: """
                    INSERT OR IGNORE INTO recorded_channels (recorded_key, device_id, channel, owner)
                    VALUES (1, 'cam-1', 0, 'anna');
                    """
            )
            try $0.execute(
                sql: "INSERT INTO segments VALUES (1, ?, 1, 1000, ?, NULL, ?, 1, ?)",
                arguments: [number, octets.utf8.count, blob, sha256]
            )
        }
        return path
    }

    private static func octets(_ hexadecimal: String) -> Data {
        let digits = Array(hexadecimal)
        return Data(
            stride(from: 0, to: digits.count, by: 2).map {
                UInt8(String(digits[$0...($0 + 1)]), radix: 16) ?? 0
            }
        )
    }

    /// By the program of the system, not by our code.
    private static func sha256(_ text: String) throws -> String {
        let path = FileManager.default.temporaryDirectory.path + "/sum-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let output = path + ".out"
        defer { try? FileManager.default.removeItem(atPath: output) }
        process.arguments = ["sh", "-c", "sha256sum < '\(path)' > '\(output)'"]
        try process.run()
        process.waitUntilExit()
        return String(try String(contentsOfFile: output, encoding: .utf8).prefix(64))
    }

    func back(
        _ second: Int64 = 0,
        recordings: Bool = true,
        links: Bool = true,
        keeping: Int? = nil,
        report: @escaping (String) -> Void = { _ in }
    ) throws -> BackupMaker.Outcome {
        try BackupMaker(
            source,
            to: backups,
            version: "1.2.3",
            recordings: recordings,
            links: links,
            report: report
        ).run(at: Self.start + .seconds(second), keeping: keeping)
    }

    /// Another place, for putting back.
    func target(_ name: String) -> BackupSource {
        BackupSource(
            dataFolder: "\(folder)/\(name)",
            database: "\(folder)/\(name)/vedette.sqlite",
            blobs: "\(folder)/\(name)-blobs",
            configuration: nil
        )
    }

    static func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    /// What the database of `place` names, with whether its blob is there, whole.
    static func references(_ place: BackupSource) throws -> [String: Bool] {
        var found: [String: Bool] = [:]
        try DatabaseCopy(path: place.database).references { reference in
            let path = "\(place.blobs)/\(reference.area)/\(reference.key.prefix(2))/\(reference.key)"
            found[reference.key] = text(path).map { Int64($0.utf8.count) } == reference.size
        }
        return found
    }
}
