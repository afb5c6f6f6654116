package import Blobs
package import Bus
package import HSSModel
import HostClock
package import Logging
import NIOCore
package import ServerKit
package import Store
import Synchronization

/// Addresses to which units send pictures and logs, and what came to them.
///
/// An address works once, until its time. An upload that breaks off gives it back: units repeat. What has been
/// answered with 201 survives a power cut.
package final class UploadDesk: Sendable {
    private struct State {
        var busy: Set<UploadID> = []
        var waiting: [UploadID: [Int: AsyncStream<Void>.Continuation]] = [:]
        var waiters = 0
        var lastWaiter = 0
    }

    private static let mostWaiters = 10_000
    /// An upload that began in time may still go on for this long after the end of its address.
    static let grace = Duration.seconds(60)
    private static let chunk = 256 << 10

    let settings: UploadSettings
    private let key: UploadKey
    private let store: any UploadStore
    private let blobs: any BlobStore
    private let feed: EventFeed
    private let metrics: UploadMetrics
    private let logger: Logger
    private let state = Mutex(State())

    package init(
        settings: UploadSettings,
        key: UploadKey,
        store: any UploadStore,
        blobs: any BlobStore,
        feed: EventFeed,
        metrics: MetricRegistry,
        logger: Logger
    ) {
        self.settings = settings
        self.key = key
        self.store = store
        self.blobs = blobs
        self.feed = feed
        self.metrics = UploadMetrics(metrics)
        self.logger = logger
    }

    // MARK: Addresses

    /// An address that is not stored yet: for whoever stores it together with what it belongs to.
    func draft(
        _ purpose: UploadPurpose,
        of unit: UnitID,
        channel: Int?,
        reference: String?,
        at now: WallTime
    ) -> StoredUpload {
        let id = UploadID(unchecked: UploadKey.freshName())
        return StoredUpload(
            id: id,
            tokenHash: UploadKey.hash(key.token(of: id)),
            purpose: purpose,
            unit: unit,
            channel: channel,
            reference: reference,
            createdAt: now,
            expiresAt: now + settings.addressTime(of: purpose)
        )
    }

    func url(of upload: UploadID, https: Bool) -> Secret {
        let base = https ? settings.secureAddress : settings.plainAddress ?? settings.secureAddress
        return Secret("\(base)/upload/\(key.token(of: upload).reveal())")
    }

    // MARK: Receiving

    /// One `PUT`. Returns when the content is durable and whoever waits has been told.
    func receive(
        token: String,
        announced: Int64?,
        body: some AsyncSequence<ByteBuffer, any Error>
    ) async throws(UploadRefusal) {
        guard Base32.isText(token, length: UploadKey.tokenLength) else { throw metrics.count(.unknown) }
        do throws(UploadRefusal) {
            let upload = try await open(Secret(token))
            try take(upload.id)
            defer { give(back: upload.id) }
            try await store(upload, announced, body)
        } catch {
            throw metrics.count(error)
        }
    }

    private func open(_ token: Secret) async throws(UploadRefusal) -> StoredUpload {
        do throws(StoreError) {
            let hash = UploadKey.hash(token)
            guard let upload = try await store.openUpload(tokenHash: hash, at: .now) else {
                throw .notFound("")
            }
            return upload
        } catch {
            if case .notFound = error { throw .unknown }
            throw failed("an upload address cannot be looked up", nil, "\(error)")
        }
    }

    private func store(
        _ upload: StoredUpload,
        _ announced: Int64?,
        _ body: some AsyncSequence<ByteBuffer, any Error>
    ) async throws(UploadRefusal) {
        let limit = settings.limit(of: upload.purpose)
        if let announced, announced > limit { throw .tooLarge(limit: limit) }
        let name = BlobName.fresh(in: .uploads)
        let writer: any BlobWriter
        do throws(BlobError) {
            writer = try await blobs.begin(name, expecting: announced, limit: limit)
        } catch {
            throw refusal(error, upload.unit)
        }
        let receipt: BlobReceipt
        do throws(UploadRefusal) {
            receipt = try await write(body, of: upload, to: writer)
        } catch {
            await writer.abandon()
            throw error
        }
        let now = WallTime.now
        let content = StoredUpload.Content(
            blob: name.key,
            type: upload.purpose.isPicture ? "image/jpeg" : "application/octet-stream",
            size: receipt.size,
            sha256: receipt.sha256,
            storedAt: now
        )
        do throws(StoreError) {
            let isFirst = try await store.complete(
                upload.id,
                with: content,
                keepUntil: now + settings.keepingTime(of: upload.purpose),
                event: upload.event(at: now)
            )
            guard isFirst else {
                try? await blobs.delete(name)
                throw .notFound("")
            }
        } catch {
            if case .notFound = error { throw .unknown }
            // Whether the row was written is unknown: upkeep deletes the blob if it was not.
            throw failed("an upload cannot be noted", upload.unit, "\(error)")
        }
        metrics.stored(upload.purpose, receipt.size)
        if upload.purpose == .alarm { feed.ring() }
        tell(upload.id)
    }

    private func write(
        _ body: some AsyncSequence<ByteBuffer, any Error>,
        of upload: StoredUpload,
        to writer: any BlobWriter
    ) async throws(UploadRefusal) -> BlobReceipt {
        var signature = PictureSignature()
        do {
            for try await chunk in body {
                if upload.purpose.isPicture, !signature.accepts(chunk.readableBytesView) {
                    throw UploadRefusal.notAPicture
                }
                guard WallTime.now < upload.expiresAt + Self.grace else { throw UploadRefusal.tooSlow }
                try await writer.append(chunk)
            }
            guard !upload.purpose.isPicture || signature.isComplete else { throw UploadRefusal.notAPicture }
            return try await writer.finish()
        } catch let error as UploadRefusal {
            throw error
        } catch let error as BlobError {
            throw refusal(error, upload.unit)
        } catch {
            // The connection broke off, or the platform is ending.
            throw .incomplete
        }
    }

    private func refusal(_ error: BlobError, _ unit: UnitID) -> UploadRefusal {
        switch error {
        case .tooLarge(let limit): return .tooLarge(limit: limit)
        case .incomplete: return .incomplete
        case .noSpace:
            logger.error("no space is left for uploads", metadata: ["unit": "\(unit)", "reason": "\(error)"])
            return .noSpace
        default: return failed("an upload cannot be stored", unit, "\(error)")
        }
    }

    private func failed(_ what: Logger.Message, _ unit: UnitID?, _ reason: String) -> UploadRefusal {
        logger.error(what, metadata: ["unit": "\(unit.map(\.rawValue) ?? "-")", "reason": "\(reason)"])
        return .failed
    }

    // MARK: One at a time

    private func take(_ upload: UploadID) throws(UploadRefusal) {
        try state.withLock { (state) throws(UploadRefusal) in
            guard state.busy.count < settings.uploads else { throw .tooMany }
            guard state.busy.insert(upload).inserted else { throw .inUse }
        }
    }

    private func give(back upload: UploadID) {
        state.withLock { _ = $0.busy.remove(upload) }
    }

    // MARK: Waiting

    private func enter(_ upload: UploadID, _ bell: AsyncStream<Void>.Continuation) -> Int? {
        state.withLock {
            guard $0.waiters < Self.mostWaiters else { return nil }
            $0.waiters += 1
            $0.lastWaiter += 1
            $0.waiting[upload, default: [:]][$0.lastWaiter] = bell
            return $0.lastWaiter
        }
    }

    private func leave(_ upload: UploadID, _ number: Int) {
        state.withLock {
            $0.waiters -= 1
            $0.waiting[upload]?[number] = nil
            if $0.waiting[upload]?.isEmpty ?? false { $0.waiting[upload] = nil }
        }
    }

    private func tell(_ upload: UploadID) {
        let bells = state.withLock { $0.waiting[upload] ?? [:] }
        for bell in bells.values { bell.yield() }
    }
}

extension UploadDesk: UploadPoint {
    package func address(
        for purpose: UploadPurpose,
        of unit: UnitID,
        channel: Int?,
        reference: String?,
        https: Bool
    ) async throws(ActivityError) -> UploadAddress {
        let upload = draft(purpose, of: unit, channel: channel, reference: reference, at: .now)
        do throws(StoreError) {
            guard try await store.add(upload, limit: settings.openPerUnit) else {
                throw .conflict("uploads that unit \(unit) has not finished")
            }
        } catch {
            throw ActivityError(error)
        }
        return UploadAddress(
            id: upload.id,
            url: url(of: upload.id, https: https),
            expiresAt: upload.expiresAt
        )
    }

    package func content(
        of upload: UploadID,
        within limit: Duration
    ) async throws(ActivityError) -> StoredContent {
        let (bell, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        // Before the first look, so that what comes between look and wait is heard.
        guard let number = enter(upload, ring) else { throw .busy("waits for uploads") }
        defer { leave(upload, number) }
        if let content = try await stored(upload) { return content }
        await withTaskGroup { group in
            group.addTask { for await _ in bell { return } }
            group.addTask { try? await Task.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
        guard let content = try await stored(upload) else { throw .nothingCame(after: limit) }
        return content
    }

    package func content(for reference: String) async throws(ActivityError) -> StoredContent {
        let upload: StoredUpload?
        do throws(StoreError) { upload = try await store.storedUpload(for: reference) } catch {
            throw ActivityError(error)
        }
        guard let upload, let content = upload.content else { throw .notFound("a picture or log") }
        return try await self.content(content)
    }

    private func stored(_ id: UploadID) async throws(ActivityError) -> StoredContent? {
        let upload: StoredUpload?
        do throws(StoreError) { upload = try await store.upload(id) } catch { throw ActivityError(error) }
        guard let upload else { throw .notFound("upload \(id)") }
        guard let content = upload.content else { return nil }
        return try await self.content(content)
    }

    private func content(_ stored: StoredUpload.Content) async throws(ActivityError) -> StoredContent {
        guard let name = BlobName(.uploads, key: stored.blob) else {
            throw .unavailable("a blob without a name")
        }
        let reader: any BlobReader
        do throws(BlobError) { reader = try await blobs.open(name) } catch {
            if case .notFound = error { throw .notFound("a picture or log") }
            throw .unavailable("\(error)")
        }
        return StoredContent(
            type: stored.type,
            size: reader.size,
            sha256: stored.sha256,
            storedAt: stored.storedAt
        ) { offset, count throws(ActivityError) in
            do throws(BlobError) {
                let bytes = try await reader.read(at: offset, count: min(count, Self.chunk))
                return Array(bytes.readableBytesView)
            } catch {
                throw .unavailable("\(error)")
            }
        }
    }
}

/// The first bytes of a JPEG: the marker SOI (ITU-T T.81, B.1.1.3) and the begin of the next one.
struct PictureSignature {
    private static let bytes: [UInt8] = [0xff, 0xd8, 0xff]
    private var seen = 0

    var isComplete: Bool { seen == Self.bytes.count }

    /// False: this is not how a JPEG begins.
    mutating func accepts(_ chunk: some Sequence<UInt8>) -> Bool {
        guard !isComplete else { return true }
        for byte in chunk {
            guard byte == Self.bytes[seen] else { return false }
            seen += 1
            if isComplete { return true }
        }
        return true
    }
}

extension UploadPurpose {
    var isPicture: Bool { self != .log }
}

extension ActivityError {
    init(_ error: StoreError) {
        switch error {
        case .notFound(let what): self = .notFound(what)
        case .conflict(let limit): self = .busy(limit)
        default: self = .unavailable("\(error)")
        }
    }
}
