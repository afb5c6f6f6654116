import Blobs
import Bus
import HSSModel
import HostClock
import Logging
import NIOCore
import ServerKit
import Store

/// The last picture of each channel that is kept: a file, and a row that names it. A new one takes the place of the old:
/// the file is whole and synced before the row names it, and what no row names is swept.
///
/// Rows are those of uploads, so they go with their device. Pictures that a unit sent itself (`Snapshot`, Table I.2-22) are
/// there for a while too, and the newer of both counts.
struct PictureMemory: Sendable {
    /// No camera is to be forgotten because it sleeps for a year.
    private static let keepingTime = Duration.seconds(3650 * 86_400)
    private static let longest: Int64 = 32 << 20

    let store: any UploadStore
    let blobs: any BlobStore

    /// How long a row may wait for what it names.
    private static let writingTime = Duration.seconds(60)

    /// Under which pictures are found: `/` stands in no other reference.
    private static func reference(of channel: ChannelAddress) -> String {
        "picture/\(channel.unit)/\(channel.number)"
    }

    static func snapshotReference(of channel: ChannelAddress) -> String {
        "snapshot/\(channel.unit)/\(channel.number)"
    }

    /// What was kept; `nil`: nothing, for something newer is there, or the device or its owner went meanwhile.
    @discardableResult
    func keep(_ picture: Picture, of channel: ChannelAddress) async throws -> StoredUpload? {
        let reference = Self.reference(of: channel)
        let previous = try await store.storedUpload(for: reference)
        if let known = previous?.content, known.storedAt >= picture.takenAt { return nil }
        let name = BlobName.fresh(in: .uploads)
        let writer = try await blobs.begin(name, expecting: Int64(picture.jpeg.count), limit: Self.longest)
        let receipt: BlobReceipt
        do {
            try await writer.append(ByteBuffer(bytes: picture.jpeg))
            receipt = try await writer.finish()
        } catch {
            await writer.abandon()
            throw error
        }
        // An address that nobody was given: no text has this hash.
        let upload = StoredUpload(
            id: UploadID(unchecked: UploadKey.freshName()),
            tokenHash: "picture-\(name.key)",
            purpose: .snapshot,
            unit: channel.unit,
            channel: channel.number,
            reference: reference,
            createdAt: .now,
            expiresAt: .now + Self.writingTime
        )
        let content = StoredUpload.Content(
            blob: name.key,
            type: "image/jpeg",
            size: receipt.size,
            sha256: receipt.sha256,
            storedAt: picture.takenAt
        )
        var isThere = false
        do {
            _ = try await store.add(upload, limit: .max)
            isThere = try await store.complete(
                upload.id,
                with: content,
                keepUntil: .now + Self.keepingTime,
                event: nil
            )
        } catch StoreError.notFound {}
        guard isThere else {
            try await blobs.delete(name)
            return nil
        }
        if let previous { try await drop(previous) }
        var there = upload
        there.content = content
        return there
    }

    /// The newest; `nil`: there never was one.
    func picture(of channel: ChannelAddress) async throws -> Picture? {
        do { return try await read(channel) } catch BlobError.notFound {}
        // A new picture took its place between row and file.
        do { return try await read(channel) } catch BlobError.notFound { return nil }
    }

    private func read(_ channel: ChannelAddress) async throws -> Picture? {
        let kept = try await store.storedUpload(for: Self.reference(of: channel))?.content
        let sent = try await store.storedUpload(for: Self.snapshotReference(of: channel))?.content
        let newest = [kept, sent].compactMap { $0 }.max { $0.storedAt < $1.storedAt }
        guard let content = newest,
            let name = BlobName(.uploads, key: content.blob), content.size <= Self.longest
        else { return nil }
        let reader = try await blobs.open(name)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(reader.size))
        while bytes.count < Int(reader.size) {
            let piece = try await reader.read(at: Int64(bytes.count), count: 1 << 20)
            guard piece.readableBytes > 0 else { break }
            bytes += piece.readableBytesView
        }
        return Picture(jpeg: bytes, width: nil, takenAt: content.storedAt)
    }

    /// Everything of this unit: it has another owner now.
    func forget(_ unit: UnitID) async throws { try await store.forgetSnapshots(of: unit) }

    func drop(_ upload: StoredUpload) async throws {
        try await store.dropUpload(upload.id)
        if let name = upload.content.flatMap({ BlobName(.uploads, key: $0.blob) }) {
            try await blobs.delete(name)
        }
    }
}
