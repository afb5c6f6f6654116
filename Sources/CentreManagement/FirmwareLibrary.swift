package import Blobs
package import Bus
package import HSSModel
import HostClock
package import Logging
import NIOCore
package import ServerKit
package import Store
import Synchronization

/// The firmware images of the platform and the addresses from which units fetch them.
///
/// An image is never changed: a unit that resumes a download gets the rest of what it began.
package final class FirmwareLibrary: Sendable {
    package struct Settings: Sendable {
        /// What addresses begin with: `https://host:8443`.
        package var secureAddress: String
        /// The same without TLS; nil where `http.port` is off.
        package var plainAddress: String?
        /// Largest image in bytes (`limits.firmware`).
        package var imageSize: Int64
        /// Images that are sent to units at a time (`limits.firmware_downloads`).
        package var downloads: Int
        /// The same to one unit: a lost connection may not be noticed before the unit is back.
        package var downloadsPerUnit = 2
        /// Images that are received at a time.
        package var uploads = 4
        /// How long a unit that was turned away should wait.
        package var retryAfter = Duration.seconds(30)
        /// Younger blobs may be on their way to a row.
        package var settlingTime = Duration.seconds(3600)

        package init(
            secureAddress: String,
            plainAddress: String? = nil,
            imageSize: Int64 = 256 << 20,
            downloads: Int = 50
        ) {
            self.secureAddress = secureAddress
            self.plainAddress = plainAddress
            self.imageSize = imageSize
            self.downloads = downloads
        }
    }

    /// In a structure: a lock around a bare closure wraps it once more each time it is read, for good.
    private struct Followers {
        var turnedAway: (@Sendable (UnitID) -> Void)?
    }

    private struct Sending {
        var units: [UnitID: Int] = [:]
        var count = 0
    }

    private static let sweepStep = 500

    let settings: Settings
    let key: FirmwareKey
    let metrics: FirmwareMetrics
    private let store: any FirmwareStore
    private let blobs: any BlobStore
    private let logger: Logger
    private let receiving = Mutex(0)
    private let sending = Mutex(Sending())
    private let followers = Mutex(Followers())

    package init(
        settings: Settings,
        key: FirmwareKey,
        store: any FirmwareStore,
        blobs: any BlobStore,
        metrics: MetricRegistry,
        logger: Logger
    ) {
        self.settings = settings
        self.key = key
        self.store = store
        self.blobs = blobs
        self.metrics = FirmwareMetrics(metrics)
        self.logger = logger
    }

    /// Sets what is done when a unit was refused a download for the platform's own load. One action.
    package func onTurnedAway(_ action: @escaping @Sendable (UnitID) -> Void) {
        followers.withLock { $0.turnedAway = action }
    }

    // MARK: For units

    /// Where `unit` may fetch the image until `expiry`. With `https` false it is a plain address, where the
    /// configuration has such a port: for units whose `firmware_download_https` says that they cannot.
    package func address(
        of firmware: FirmwareID,
        for unit: UnitID,
        until expiry: WallTime,
        https: Bool
    ) -> Secret {
        let base = https ? settings.secureAddress : settings.plainAddress ?? settings.secureAddress
        let token = key.token(.init(firmware: firmware, unit: unit, expiresAt: expiry))
        return Secret("\(base)/firmware/\(token.reveal())")
    }

    /// One image on its way to one unit; letting it go gives its place to another.
    final class Download: Sendable {
        let firmware: FirmwareRecord
        let reader: any BlobReader
        private let finished: @Sendable () -> Void

        fileprivate init(
            _ firmware: FirmwareRecord,
            _ reader: any BlobReader,
            finished: @escaping @Sendable () -> Void
        ) {
            self.firmware = firmware
            self.reader = reader
            self.finished = finished
        }

        deinit { finished() }
    }

    enum DownloadRefusal: Error {
        /// Never signed, expired, or the image is gone: alike for whoever guesses.
        case unknown
        case busy
        case failed
    }

    func image(of grant: FirmwareKey.Grant) async throws(DownloadRefusal) -> FirmwareRecord {
        try await stored(grant).record
    }

    func download(_ grant: FirmwareKey.Grant) async throws(DownloadRefusal) -> Download {
        guard enter(grant.unit) else {
            metrics.turnedAway.add()
            followers.withLock { $0.turnedAway }?(grant.unit)
            throw .busy
        }
        do throws(DownloadRefusal) {
            let firmware = try await stored(grant)
            let reader = try await reader(of: firmware)
            return Download(firmware.record, reader) { [weak self] in self?.leave(grant.unit) }
        } catch {
            leave(grant.unit)
            throw error
        }
    }

    private func stored(_ grant: FirmwareKey.Grant) async throws(DownloadRefusal) -> StoredFirmware {
        let firmware: StoredFirmware?
        do throws(StoreError) { firmware = try await store.firmware(grant.firmware) } catch {
            logger.error("a firmware cannot be looked up", metadata: ["reason": "\(error)"])
            throw .failed
        }
        guard let firmware else { throw .unknown }
        return firmware
    }

    private func reader(of firmware: StoredFirmware) async throws(DownloadRefusal) -> any BlobReader {
        do throws(BlobError) {
            guard let name = BlobName(.firmware, key: firmware.blob) else {
                throw .failed("a blob without a name")
            }
            return try await blobs.open(name)
        } catch {
            logger.error(
                "a firmware cannot be read",
                metadata: ["firmware": "\(firmware.record.id)", "reason": "\(error)"]
            )
            throw .failed
        }
    }

    private func enter(_ unit: UnitID) -> Bool {
        sending.withLock {
            let own = $0.units[unit] ?? 0
            guard $0.count < settings.downloads, own < settings.downloadsPerUnit else { return false }
            $0.count += 1
            $0.units[unit] = own + 1
            metrics.downloading.set($0.count)
            return true
        }
    }

    private func leave(_ unit: UnitID) {
        sending.withLock {
            $0.count -= 1
            let own = ($0.units[unit] ?? 1) - 1
            $0.units[unit] = own > 0 ? own : nil
            metrics.downloading.set($0.count)
        }
    }

    // MARK: Upkeep

    /// Deletes blobs that no image names: an upload that a kill cut off between blob and row. Returns how many.
    package func sweep(at now: WallTime) async throws -> Int {
        var known: Set<String> = []
        var last: FirmwareID?
        repeat {
            let page = try await store.firmwares(after: last, limit: Self.sweepStep, hardwareModel: nil)
            known.formUnion(page.map(\.blob))
            last = page.count == Self.sweepStep ? page.last?.record.id : nil
        } while last != nil
        var dropped = 0
        var after: BlobName?
        repeat {
            let page = try await blobs.list(.firmware, after: after, limit: Self.sweepStep)
            for entry in page
            where !known.contains(entry.name.key) && now - entry.writtenAt >= settings.settlingTime {
                try await blobs.delete(entry.name)
                dropped += 1
            }
            after = page.count == Self.sweepStep ? page.last?.name : nil
        } while after != nil
        return dropped
    }
}

// MARK: For operators

extension FirmwareLibrary: FirmwarePoint {
    package func addFirmware<Body: AsyncSequence>(
        _ new: NewFirmware,
        body: Body
    ) async throws(FirmwareError) -> FirmwareRecord where Body.Element == [UInt8] {
        try check(new)
        guard
            receiving.withLock({
                guard $0 < settings.uploads else { return false }
                $0 += 1
                return true
            })
        else { throw .busy }
        defer { receiving.withLock { $0 -= 1 } }
        let name = BlobName.fresh(in: .firmware)
        let receipt = try await receive(new, body, as: name)
        do throws(FirmwareError) {
            guard receipt.size > 0 else {
                throw .management(.invalid(field: "body", "expected the image"))
            }
            if let announced = new.sha256, announced.lowercased() != receipt.sha256 {
                throw .otherChecksum(found: receipt.sha256)
            }
            let record = FirmwareRecord(
                id: FirmwareKey.freshName(),
                hardwareModel: new.hardwareModel,
                version: new.version,
                size: receipt.size,
                sha256: receipt.sha256,
                addedAt: .now
            )
            do throws(StoreError) {
                try await store.add(StoredFirmware(record: record, blob: name.key))
            } catch {
                throw .management(ManagementError(error))
            }
            logger.notice(
                "firmware added",
                metadata: [
                    "firmware": "\(record.id)", "hardware": "\(record.hardwareModel)",
                    "version": "\(record.version)", "sha256": "\(record.sha256)",
                ]
            )
            return record
        } catch {
            // Whether a row was written is unknown where the store failed: then the sweep decides.
            if case .management(.unavailable) = error { throw error }
            try? await blobs.delete(name)
            throw error
        }
    }

    private func check(_ new: NewFirmware) throws(FirmwareError) {
        if let objection = FirmwareRecord.objection(hardwareModel: new.hardwareModel, version: new.version) {
            throw .management(.invalid(field: objection.field, objection.rule))
        }
        if let sha256 = new.sha256, sha256.utf8.count != 64 || !sha256.allSatisfy(\.isHexDigit) {
            throw .management(.invalid(field: "sha256", "expected 64 hexadecimal digits"))
        }
    }

    private func receive<Body: AsyncSequence>(
        _ new: NewFirmware,
        _ body: Body,
        as name: BlobName
    ) async throws(FirmwareError) -> BlobReceipt where Body.Element == [UInt8] {
        let writer: any BlobWriter
        do throws(BlobError) {
            writer = try await blobs.begin(name, expecting: new.size, limit: settings.imageSize)
        } catch {
            throw refusal(error)
        }
        do {
            for try await chunk in body { try await writer.append(ByteBuffer(bytes: chunk)) }
            return try await writer.finish()
        } catch let error as BlobError {
            await writer.abandon()
            throw refusal(error)
        } catch {
            // The connection broke off, or the platform is ending.
            await writer.abandon()
            throw .incomplete
        }
    }

    private func refusal(_ error: BlobError) -> FirmwareError {
        switch error {
        case .tooLarge(let limit): return .tooLarge(limit: limit)
        case .incomplete: return .incomplete
        case .noSpace: return .noSpace
        default:
            logger.error("a firmware cannot be stored", metadata: ["reason": "\(error)"])
            return .management(.unavailable("\(error)"))
        }
    }

    package func firmware(_ id: FirmwareID) async throws(ManagementError) -> FirmwareRecord {
        let firmware: StoredFirmware?
        do throws(StoreError) { firmware = try await store.firmware(id) } catch {
            throw ManagementError(error)
        }
        guard let firmware else { throw .notFound("this firmware") }
        return firmware.record
    }

    package func firmwares(
        after: FirmwareID?,
        limit: Int,
        hardwareModel: String?
    ) async throws(ManagementError) -> [FirmwareRecord] {
        do throws(StoreError) {
            return try await store.firmwares(after: after, limit: limit, hardwareModel: hardwareModel)
                .map(\.record)
        } catch {
            throw ManagementError(error)
        }
    }

    package func removeFirmware(_ id: FirmwareID) async throws(ManagementError) {
        let removed: StoredFirmware
        do throws(StoreError) { removed = try await store.removeFirmware(id) } catch {
            throw ManagementError(error)
        }
        logger.notice("firmware removed", metadata: ["firmware": "\(id)"])
        // Not deleted now, it is by the sweep.
        if let name = BlobName(.firmware, key: removed.blob) { try? await blobs.delete(name) }
    }
}
