package import Blobs
package import HSSModel
import NIOCore

/// Opens what lies under the name of a segment's bytes.
package struct SegmentBytes: Sendable {
    package typealias Open = @Sendable (SegmentBlob) async throws(BlobError) -> any BlobReader

    /// Whole packets of a transport stream, some 256 KiB.
    static let step = 1394 * 188

    let open: Open

    package init(open: @escaping Open) {
        self.open = open
    }

    /// Gives the bytes of a segment to `take` until it wants no more, at most `most` of them.
    func read(
        _ blob: SegmentBlob,
        upTo most: Int64 = .max,
        take: (UnsafeRawBufferPointer) -> Bool
    ) async throws(BlobError) {
        let reader = try await open(blob)
        let end = min(reader.size, most)
        var place: Int64 = 0
        while place < end {
            let piece = try await reader.read(at: place, count: Self.step)
            place += Int64(piece.readableBytes)
            guard piece.readableBytes > 0, piece.withUnsafeReadableBytes(take) else { return }
        }
    }
}
