package import HSSModel

/// An address for one upload, and what came through it.
package struct StoredUpload: Sendable, Equatable {
    package struct Content: Sendable, Equatable {
        /// Key of the blob.
        package var blob: String
        package var type: String
        /// In bytes.
        package var size: Int64
        package var sha256: String
        package var storedAt: WallTime

        package init(blob: String, type: String, size: Int64, sha256: String, storedAt: WallTime) {
            self.blob = blob
            self.type = type
            self.size = size
            self.sha256 = sha256
            self.storedAt = storedAt
        }
    }

    package var id: UploadID
    package var tokenHash: String
    package var purpose: UploadPurpose
    package var unit: UnitID
    /// Nil: of the whole unit.
    package var channel: Int?
    /// The alarm or the log task that it belongs to.
    package var reference: String?
    package var createdAt: WallTime
    /// End of the address; of the content, once there is one.
    package var expiresAt: WallTime
    package var content: Content?

    package init(
        id: UploadID,
        tokenHash: String,
        purpose: UploadPurpose,
        unit: UnitID,
        channel: Int?,
        reference: String?,
        createdAt: WallTime,
        expiresAt: WallTime,
        content: Content? = nil
    ) {
        self.id = id
        self.tokenHash = tokenHash
        self.purpose = purpose
        self.unit = unit
        self.channel = channel
        self.reference = reference
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.content = content
    }
}

/// Addresses for uploads of units. Every call is one transaction; what it returned from is durable.
package protocol UploadStore: Sendable {
    /// False where `limit` addresses of the unit are open already. `notFound` for a unit that is not enrolled.
    func add(_ upload: StoredUpload, limit: Int) async throws(StoreError) -> Bool

    /// The address that this token opens: neither used nor expired.
    func openUpload(tokenHash: String, at now: WallTime) async throws(StoreError) -> StoredUpload?

    func upload(_ id: UploadID) async throws(StoreError) -> StoredUpload?

    /// The newest content for `reference`.
    func storedUpload(for reference: String) async throws(StoreError) -> StoredUpload?

    /// Uses the address up and writes the event. False: it was used meanwhile, or is gone. The address may have
    /// expired since the upload began.
    func complete(
        _ id: UploadID,
        with content: StoredUpload.Content,
        keepUntil: WallTime,
        event: NewEvent?
    ) async throws(StoreError) -> Bool

    /// Drops addresses and contents that have expired, at most `limit`, and returns them: their blobs are the
    /// caller's to delete.
    func dropUploads(expiredAt now: WallTime, limit: Int) async throws(StoreError) -> [StoredUpload]

    /// Contents whose blob's key lies after `after` and up to `through` (nil: without end), in that order.
    func storedUploads(
        after: String,
        through: String?,
        limit: Int
    ) async throws(StoreError) -> [StoredUpload]

    /// Nobody finds the snapshots of this unit any more: their addresses are closed, and what came is swept as expired.
    func forgetSnapshots(of unit: UnitID) async throws(StoreError)

    /// Drops an upload whose blob is lost.
    func dropUpload(_ id: UploadID) async throws(StoreError)
}
