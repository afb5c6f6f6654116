package import HSSModel
package import NIOCore

/// Where the platform keeps what is too large for its database: files, later S3.
///
/// A blob is written once, as a whole, and never changed: it is there under its name or not at all. Names are
/// the platform's own, never text from outside.
package protocol BlobStore: Sendable {
    /// Begins a blob. `expected` is its announced size, nil where none was announced; `limit` is the largest
    /// size allowed, both in bytes. Refuses at once what cannot fit.
    func begin(
        _ name: BlobName,
        expecting expected: Int64?,
        limit: Int64
    ) async throws(BlobError)
        -> any BlobWriter

    /// `notFound` where there is no such blob. Deleting it meanwhile does not disturb the reader.
    func open(_ name: BlobName) async throws(BlobError) -> any BlobReader

    /// Nothing happens where there is no such blob.
    func delete(_ name: BlobName) async throws(BlobError)

    /// Blobs of one area ordered by name, those after `after`: for upkeep.
    func list(_ area: BlobArea, after: BlobName?, limit: Int) async throws(BlobError) -> [BlobEntry]

    /// Drops what was begun before `time` and never finished. Returns how many it dropped, at most `limit`.
    func dropAbandoned(before time: WallTime, limit: Int) async throws(BlobError) -> Int
}

/// One blob on its way. Let go without ``finish()``, nothing of it stays.
package protocol BlobWriter: Sendable {
    /// `tooLarge` beyond the limit or the announced size.
    func append(_ bytes: ByteBuffer) async throws(BlobError)

    /// The blob is there, and stays after a power cut, when this returns. `incomplete` where less came than was
    /// announced.
    func finish() async throws(BlobError) -> BlobReceipt

    func abandon() async
}

package protocol BlobReader: Sendable {
    /// In bytes.
    var size: Int64 { get }

    /// At most `count` bytes from `offset` on; fewer only at the end.
    func read(at offset: Int64, count: Int) async throws(BlobError) -> ByteBuffer
}

/// What was written.
package struct BlobReceipt: Sendable, Equatable {
    package var size: Int64
    /// Lower-case hexadecimal.
    package var sha256: String

    package init(size: Int64, sha256: String) {
        self.size = size
        self.sha256 = sha256
    }
}

package struct BlobEntry: Sendable, Equatable {
    package var name: BlobName
    package var size: Int64
    package var writtenAt: WallTime

    package init(name: BlobName, size: Int64, writtenAt: WallTime) {
        self.name = name
        self.size = size
        self.writtenAt = writtenAt
    }
}
