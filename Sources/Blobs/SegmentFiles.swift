import Crypto
import Glibc
import NIOCore
package import NIOPosix
import Synchronization

/// Segments of recordings as files, `FOLDER/segments/<first two digits>/<key>`: where ``FileBlobs`` finds them.
///
/// What ``FileBlobs`` does in one call comes in steps here, each durable for itself, so that whoever keeps rows of
/// segments decides on their order (docs/design/recording.md). An upload on its way lies apart, in
/// `segments/parts`, so that a start finds it without looking at what is recorded.
package final class SegmentFiles: Sendable {
    private static let area = BlobArea.segments
    private static let chunk = 256 << 10
    /// What is left beyond these goes with the next start.
    private static let mostLeftovers = 10_000

    let files: any FileCalls
    let threads: NIOThreadPool
    private let folder: String
    /// Free space below which nothing new is taken, in bytes.
    private let reserve: Int64
    /// Uploads that are over and could not be deleted.
    private let leftovers = Mutex<[String]>([])

    /// `folder` is the one of ``FileBlobs``, and there.
    package init(
        folder: String,
        reserve: Int64 = 0,
        files: any FileCalls = HostFiles(),
        threads: NIOThreadPool = .singleton
    ) {
        self.folder = folder
        self.reserve = reserve
        self.files = files
        self.threads = threads
    }

    // MARK: Uploads

    /// Begins the upload of a blob of `size` bytes; `attempt` tells it from others of the same blob. `noSpace` at once
    /// where it cannot fit.
    package func begin(
        _ blob: BlobName,
        attempt: UInt64,
        size: Int64
    ) async throws(BlobError) -> SegmentPart {
        try await threads.blocking { [self] () throws(BlobError) in
            try checkSpace(for: size)
            try files.makeFolder(areaFolder, in: folder)
            try files.makeFolder(shard(of: blob), in: areaFolder)
            try files.makeFolder(partFolder, in: areaFolder)
            let path = part(of: blob, attempt)
            do throws(BlobError) {
                let file = try files.create(path)
                let segment = SegmentPart(of: blob, in: self, size: size, path: path, file: file)
                // Let go, it deletes its file.
                try files.allocate(file, size)
                return segment
            } catch {
                // It may have been made all the same.
                leave(path)
                throw error
            }
        }
    }

    /// Deletes what uploads left that ended with an earlier run. Only while none runs. Returns how many.
    package func dropParts() async throws(BlobError) -> Int {
        try await threads.blocking { [self] () throws(BlobError) in
            let names = try files.names(in: partFolder)
            for name in names { try files.remove(partFolder + "/" + name) }
            return names.count
        }
    }

    /// Tries once more to delete what could not be deleted.
    package func removeLeftovers() async {
        let paths = leftovers.withLock { paths in
            defer { paths = [] }
            return paths
        }
        guard !paths.isEmpty else { return }
        try? await threads.blocking { [self] in
            for path in paths {
                do throws(BlobError) { try files.remove(path) } catch { leave(path) }
            }
        }
    }

    func leave(_ path: String) {
        leftovers.withLock { if $0.count < Self.mostLeftovers { $0.append(path) } }
    }

    /// Whether a segment of this size would be taken now.
    package func hasRoom(for size: Int64) async throws(BlobError) -> Bool {
        try await threads.blocking { [self] () throws(BlobError) in
            do throws(BlobError) { try checkSpace(for: size) } catch {
                guard case .noSpace = error else { throw error }
                return false
            }
            return true
        }
    }

    /// Of the disk, in bytes: also what is left free on purpose.
    package func freeSpace() async throws(BlobError) -> Int64 {
        try await threads.blocking { [self] () throws(BlobError) in try files.freeSpace(folder) }
    }

    private func checkSpace(for size: Int64) throws(BlobError) {
        guard try files.freeSpace(folder) - size >= reserve else { throw .noSpace }
    }

    // MARK: Blobs

    /// Not durable before ``syncFolder(of:)``. Nothing happens where there is none.
    package func delete(_ blob: BlobName) async throws(BlobError) {
        try await threads.blocking { [self] () throws(BlobError) in try files.remove(path(of: blob)) }
    }

    /// The name of this blob is on the disk, or gone from it.
    package func syncFolder(of blob: BlobName) async throws(BlobError) {
        try await threads.blocking { [self] () throws(BlobError) in try files.syncFolder(shard(of: blob)) }
    }

    /// In bytes; nil: there is none.
    package func size(of blob: BlobName) async throws(BlobError) -> Int64? {
        try await threads.blocking { [self] () throws(BlobError) in try files.size(of: path(of: blob)) }
    }

    /// Of what is on the disk now, in lower-case hexadecimal. Reads all of it; nil: there is none.
    package func sha256(of blob: BlobName) async throws(BlobError) -> String? {
        try await threads.blocking { [self] () throws(BlobError) in
            guard let file = try files.open(path(of: blob), toWrite: false) else { return nil }
            defer { files.close(file) }
            var hash = SHA256()
            var offset: Int64 = 0
            while true {
                let bytes = try files.read(file, at: offset, count: Self.chunk)
                guard bytes.readableBytes > 0 else { break }
                bytes.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
                offset += Int64(bytes.readableBytes)
            }
            return hash.finalize().hexadecimal
        }
    }

    /// By name, those after `after`, at most `limit`.
    package func list(after: BlobName?, limit: Int) async throws(BlobError) -> [BlobName] {
        try await threads.blocking { [self] () throws(BlobError) in
            var found: [BlobName] = []
            let first = String(after?.key.prefix(2) ?? "")
            let shards = try files.names(in: areaFolder).filter { $0.utf8.count == 2 && $0 >= first }.sorted()
            for shard in shards where found.count < limit {
                let names = try files.names(in: areaFolder + "/" + shard)
                    .compactMap { BlobName(Self.area, key: $0) }
                    .filter { name in after.map { name > $0 } ?? true }
                found += names.sorted().prefix(limit - found.count)
            }
            return found
        }
    }

    // MARK: Places

    private var areaFolder: String { "\(folder)/\(Self.area.rawValue)" }
    private var partFolder: String { areaFolder + "/parts" }

    private func shard(of blob: BlobName) -> String { "\(areaFolder)/\(blob.key.prefix(2))" }

    func path(of blob: BlobName) -> String { "\(shard(of: blob))/\(blob.key)" }

    func part(of blob: BlobName, _ attempt: UInt64) -> String {
        "\(partFolder)/\(blob.key).\(attempt).part"
    }
}
