import Crypto
import FoundationEssentials

/// What a backup holds: `manifest.ndjson`, a line about it, one for each file, and one about those lines. A backup
/// without its last line, or with a line that was changed, is none.
package struct BackupManifest: Sendable, Equatable {
    /// The first line.
    package struct Head: Codable, Sendable, Equatable {
        /// Of the format: 1.
        package var vedetteBackup: Int
        /// RFC 3339.
        package var madeAt: String
        package var version: String
        package var schema: Int
        package var recordings: Bool

        package init(madeAt: String, version: String, schema: Int, recordings: Bool) {
            vedetteBackup = BackupManifest.format
            self.madeAt = madeAt
            self.version = version
            self.schema = schema
            self.recordings = recordings
        }
    }

    package struct File: Codable, Sendable, Equatable {
        /// Below the backup's folder.
        package var path: String
        package var size: Int64
        /// Lower-case hexadecimal.
        package var sha256: String

        package init(path: String, size: Int64, sha256: String) {
            self.path = path
            self.size = size
            self.sha256 = sha256
        }
    }

    private struct End: Codable {
        var files: Int
        var bytes: Int64
        /// Of all lines above, with their ends.
        var sha256: String
    }

    static let name = "manifest.ndjson"
    static let format = 1
    /// A line of a file is about 200 octets: ten million files.
    private static let largest = 2 << 30

    package var head: Head
    package var files: [File]

    package init(head: Head, files: [File]) {
        self.head = head
        self.files = files
    }

    package var bytes: Int64 { files.reduce(0) { $0 &+ $1.size } }

    package var text: String {
        get throws(BackupError) {
            var lines = try Self.line(head)
            for file in files { lines += try Self.line(file) }
            let hash = BackupFiles.hexadecimal(SHA256.hash(data: Array(lines.utf8)))
            return lines + (try Self.line(End(files: files.count, bytes: bytes, sha256: hash)))
        }
    }

    private static func line(_ value: some Encodable) throws(BackupError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        guard let data = try? encoder.encode(value) else { throw .file(name, "cannot be written") }
        return String(decoding: data, as: UTF8.self) + "\n"
    }

    /// Reads the manifest of the backup in `folder`. Nothing is said yet about the files that it names.
    package init(of folder: String) throws(BackupError) {
        let path = "\(folder)/\(Self.name)"
        guard let size = BackupFiles.size(of: path) else {
            throw .unusable(folder, "it has no \(Self.name); was it broken off?")
        }
        guard size <= Self.largest, let data = FileManager.default.contents(atPath: path) else {
            throw .unusable(folder, "its \(Self.name) cannot be read")
        }
        let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard lines.count >= 3, lines[lines.count - 1].isEmpty,
            let end = try? decoder.decode(End.self, from: lines[lines.count - 2]),
            let head = try? decoder.decode(Head.self, from: lines[0])
        else { throw .unusable(folder, "its \(Self.name) does not end as it should; was it broken off?") }
        guard head.vedetteBackup == Self.format else {
            throw .unusable(folder, "it has format \(head.vedetteBackup), this version knows \(Self.format)")
        }
        let above = data[..<lines[lines.count - 2].startIndex]
        guard BackupFiles.hexadecimal(SHA256.hash(data: above)) == end.sha256 else {
            throw .unusable(folder, "its \(Self.name) was changed")
        }
        var files: [File] = []
        files.reserveCapacity(lines.count)
        for line in lines[1..<(lines.count - 2)] {
            guard let file = try? decoder.decode(File.self, from: line), Self.isSafe(file.path) else {
                throw .unusable(folder, "its \(Self.name) names something else than files of a backup")
            }
            files.append(file)
        }
        guard files.count == end.files, files.reduce(0, { $0 &+ $1.size }) == end.bytes else {
            throw .unusable(folder, "its \(Self.name) was changed")
        }
        self.init(head: head, files: files)
    }

    /// A path that leads nowhere else, whoever wrote the manifest.
    private static func isSafe(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return (1...4).contains(parts.count)
            && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && !$0.utf8.contains(0) }
    }
}
