import Blobs
import Foundation
import HSSModel
import NIOCore
import Testing

/// A form of the blob store that has to pass the contract.
enum BlobBackend: String, CaseIterable, CustomTestStringConvertible {
    case files

    /// S3 joins this list when its form is there; the contract stays as it is.
    static let available: [BlobBackend] = [.files]

    var testDescription: String { rawValue }

    /// Runs `body` on an empty store, and removes it afterwards.
    func withStore(_ body: (any BlobStore) async throws -> Void) async throws {
        try await TemporaryFolder.with { folder in
            try await body(try FileBlobs(folder: folder + "/blobs"))
        }
    }
}

enum TemporaryFolder {
    static func with(_ body: (String) async throws -> Void) async throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("blobs-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: url) }
        try await body(url.path)
    }

    /// Every file below `folder`.
    static func files(_ folder: String) -> [String] {
        let all = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return all.filter { path in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(folder)/\(path)", isDirectory: &isFolder)
                && !isFolder.boolValue
        }.sorted()
    }
}

extension BlobStore {
    @discardableResult
    func put(_ name: BlobName, _ text: String) async throws -> BlobReceipt {
        let writer = try await begin(name, expecting: nil, limit: 1 << 20)
        try await writer.append(ByteBuffer(string: text))
        return try await writer.finish()
    }

    func text(_ name: BlobName) async throws -> String {
        let reader = try await open(name)
        return String(buffer: try await reader.read(at: 0, count: Int(reader.size)))
    }
}
