package import HSSModel

/// A firmware image and where its bytes are.
package struct StoredFirmware: Sendable, Equatable {
    package var record: FirmwareRecord
    /// Key of the blob.
    package var blob: String

    package init(record: FirmwareRecord, blob: String) {
        self.record = record
        self.blob = blob
    }
}

/// Firmware images. Every call is one transaction; what it returned from is durable.
package protocol FirmwareStore: Sendable {
    /// `conflict` where there is one of that hardware and version already.
    func add(_ firmware: StoredFirmware) async throws(StoreError)

    func firmware(_ id: FirmwareID) async throws(StoreError) -> StoredFirmware?

    /// Ordered by name, those after `after`; with `hardwareModel`, those made for it.
    func firmwares(
        after: FirmwareID?,
        limit: Int,
        hardwareModel: String?
    ) async throws(StoreError) -> [StoredFirmware]

    /// Returns what it removed: the blob is the caller's to delete. `conflict` while a roll-out uses it.
    func removeFirmware(_ id: FirmwareID) async throws(StoreError) -> StoredFirmware
}
