import Glibc
package import HSSModel
package import NIOPosix

/// Blobs as files: `FOLDER/<area>/<first two digits>/<key>`, mode 0600.
///
/// A blob is written to `<key>.part`, synced, renamed, and its folder synced. Everything that may wait for the
/// disk runs on `threads`: event loops never do.
package final class FileBlobs: BlobStore {
    static let partSuffix = ".part"

    private let folder: String
    /// Free space below which nothing new is taken, in bytes: a full disk would stop the database too.
    private let reserve: Int64
    private let threads: NIOThreadPool

    package init(
        folder: String,
        reserve: Int64 = 0,
        threads: NIOThreadPool = .singleton
    ) throws(BlobError) {
        self.folder = folder
        self.reserve = reserve
        self.threads = threads
        do throws(BlobError) { try FileSystem.makeFolders(folder) } catch {
            throw .unusablePath(folder, "\(error)")
        }
        guard access(folder, R_OK | W_OK | X_OK) == 0 else {
            throw .unusablePath(folder, String(cString: strerror(errno)))
        }
    }

    package func begin(
        _ name: BlobName,
        expecting expected: Int64?,
        limit: Int64
    ) async throws(BlobError) -> any BlobWriter {
        if let expected, expected > limit { throw .tooLarge(limit: limit) }
        return try await threads.blocking { [self] () throws(BlobError) in
            let free = try FileSystem.freeSpace(folder)
            guard free - (expected ?? 0) >= reserve else { throw .noSpace }
            let shard = try makeShard(of: name)
            let part = path(of: name) + Self.partSuffix
            let file = try FileSystem.create(part)
            let writer = FileBlobWriter(
                file: file,
                part: part,
                path: path(of: name),
                shard: shard,
                expected: expected,
                limit: limit,
                threads: threads
            )
            // Says now that it will not fit, not after the last byte.
            if let expected { try FileSystem.allocate(file, expected) }
            return writer
        }
    }

    package func open(_ name: BlobName) async throws(BlobError) -> any BlobReader {
        try await threads.blocking { [self] () throws(BlobError) in
            let file = Glibc.open(path(of: name), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
            guard file >= 0 else {
                if errno == ENOENT { throw .notFound(name) }
                throw FileSystem.error()
            }
            do throws(BlobError) {
                let size = try FileSystem.status(file).size
                return FileBlobReader(file: file, size: size, threads: threads)
            } catch {
                close(file)
                throw error
            }
        }
    }

    package func delete(_ name: BlobName) async throws(BlobError) {
        try await threads.blocking { [self] () throws(BlobError) in
            guard unlink(path(of: name)) == 0 || errno == ENOENT else { throw FileSystem.error() }
        }
    }

    package func list(
        _ area: BlobArea,
        after: BlobName?,
        limit: Int
    ) async throws(BlobError) -> [BlobEntry] {
        try await threads.blocking { [self] () throws(BlobError) in
            var found: [BlobEntry] = []
            for shard in try shards(of: area) where shard >= after?.key.prefix(2) ?? "" {
                let place = "\(folder)/\(area.rawValue)/\(shard)"
                let names = try FileSystem.names(in: place).compactMap { BlobName(area, key: $0) }
                for name in names.sorted() where after.map({ name > $0 }) ?? true {
                    guard found.count < limit else { return found }
                    // It may have been deleted since the folder was read.
                    guard let status = try FileSystem.status(path(of: name)) else { continue }
                    found.append(
                        BlobEntry(name: name, size: status.size, writtenAt: status.writtenAt)
                    )
                }
            }
            return found
        }
    }

    package func dropAbandoned(before time: WallTime, limit: Int) async throws(BlobError) -> Int {
        try await threads.blocking { [self] () throws(BlobError) in
            var dropped = 0
            for area in BlobArea.allCases {
                for shard in try shards(of: area) {
                    let place = "\(folder)/\(area.rawValue)/\(shard)"
                    for name in try FileSystem.names(in: place) where name.hasSuffix(Self.partSuffix) {
                        guard dropped < limit else { return dropped }
                        let path = "\(place)/\(name)"
                        guard let status = try FileSystem.status(path), status.writtenAt < time else {
                            continue
                        }
                        guard unlink(path) == 0 || errno == ENOENT else { throw FileSystem.error() }
                        dropped += 1
                    }
                }
            }
            return dropped
        }
    }

    // MARK: Places

    private func path(of name: BlobName) -> String {
        "\(folder)/\(name.area.rawValue)/\(name.key.prefix(2))/\(name.key)"
    }

    private func shards(of area: BlobArea) throws(BlobError) -> [String] {
        try FileSystem.names(in: "\(folder)/\(area.rawValue)").filter { $0.utf8.count == 2 }.sorted()
    }

    private func makeShard(of name: BlobName) throws(BlobError) -> String {
        let area = "\(folder)/\(name.area.rawValue)"
        try FileSystem.makeFolder(area, in: folder)
        let shard = "\(area)/\(name.key.prefix(2))"
        try FileSystem.makeFolder(shard, in: area)
        return shard
    }
}

extension NIOThreadPool {
    /// Runs what may wait for the disk. A task that is cancelled meanwhile does not stop it: half of a step would be done.
    func blocking<Value: Sendable>(
        _ body: @escaping @Sendable () throws(BlobError) -> Value
    ) async throws(BlobError) -> Value {
        let result: Result<Value, BlobError> = await withCheckedContinuation { continuation in
            submit { state in
                guard case .active = state else {
                    return continuation.resume(returning: .failure(.failed("its threads have ended")))
                }
                do throws(BlobError) {
                    continuation.resume(returning: .success(try body()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }
}
