package import Blobs
package import HSSModel
import Store
import Vr

/// What retention does to the bytes of recordings.
package protocol RetentionFiles: Sendable {
    /// Not durable before ``syncFolder(of:)``. Nothing happens where there is none.
    func delete(_ blob: SegmentBlob) async throws

    /// A name that came or went is on the disk.
    func syncFolder(of blob: SegmentBlob) async throws

    /// Of the disk, in bytes.
    func freeSpace() async throws -> Int64
}

extension SegmentFiles: RetentionFiles {
    package func delete(_ blob: SegmentBlob) async throws {
        // What no blob is called has no bytes.
        if let name = BlobName(.segments, key: blob.rawValue) { try await delete(name) }
    }

    package func syncFolder(of blob: SegmentBlob) async throws {
        if let name = BlobName(.segments, key: blob.rawValue) { try await syncFolder(of: name) }
    }
}

/// Drops segments in two steps, so that a crash at any point leaves a clean-up that goes on, and no orphan: rows say that
/// they are being dropped, then the bytes go, then the rows (``RecordCheck/drop(_:)``).
struct SegmentDropper {
    let store: any SegmentStore
    let files: any RetentionFiles

    /// Returns those that were marked. The others are kept since a moment ago, or gone.
    func mark(_ rows: [SegmentRow]) async throws -> [SegmentRow] { try await store.markDropping(rows) }

    /// Both steps at once.
    func drop(_ rows: [SegmentRow]) async throws -> [SegmentRow] {
        let marked = try await mark(rows)
        try await finish(marked)
        return marked
    }

    /// Goes on with rows that are marked: also with those that a broken clean-up left, or that another one is at.
    func finish(_ rows: [SegmentRow]) async throws {
        var unsynced: [SegmentBlob] = []
        for step in RecordCheck.drop(rows) {
            switch step {
            case .deleteBlob(let blob): try await files.delete(blob)
            case .syncFolder(let blob): unsynced.append(blob)
            // The folders of all of them, once, before the first row goes.
            case .deleteRows:
                try await sync(unsynced)
                try await store.deleteDropped(rows)
            case .writeRows, .addDropped, .syncBytes, .putInPlace: break
            }
        }
    }

    /// Blobs lie in folders by the first two digits of their names.
    private func sync(_ blobs: [SegmentBlob]) async throws {
        var seen: Set<Substring> = []
        for blob in blobs where seen.insert(blob.rawValue.prefix(2)).inserted {
            try await files.syncFolder(of: blob)
        }
    }
}
