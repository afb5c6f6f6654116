package import Blobs
import HSSModel
import HostClock
package import Store
package import Vr

/// Where recordings are kept: rows and bytes.
package struct RecordStores: Sendable {
    package var sessions: any RecordSessionStore
    package var segments: any SegmentStore
    package var devices: any DeviceStore
    package var files: SegmentFiles

    package init(
        sessions: any RecordSessionStore,
        segments: any SegmentStore,
        devices: any DeviceStore,
        files: SegmentFiles
    ) {
        self.sessions = sessions
        self.segments = segments
        self.devices = devices
        self.files = files
    }

    /// A row with what lies under its blob.
    func stored(_ row: SegmentRow) async throws -> StoredSegment {
        guard let blob = BlobName(row.blob) else { return StoredSegment(row: row, blobSize: nil) }
        return StoredSegment(row: row, blobSize: try await files.size(of: blob))
    }
}

extension BlobName {
    /// Nil: a row names what no blob is called.
    init?(_ blob: SegmentBlob) {
        self.init(.segments, key: blob.rawValue)
    }
}

extension SegmentBlob {
    init(_ name: BlobName) {
        self.init(unchecked: name.key)
    }

    static func fresh() -> SegmentBlob { SegmentBlob(BlobName.fresh(in: .segments)) }
}

/// What time it is, by both clocks.
package struct RecordClock: Sendable {
    package let now: @Sendable () -> RecordMoment

    package init(now: @escaping @Sendable () -> RecordMoment) {
        self.now = now
    }

    package static let host = RecordClock { RecordMoment(instant: .now, clock: .now) }
}
