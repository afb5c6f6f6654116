import Blobs
package import HSSModel
package import Logging
package import NIOCore
package import ServerKit
import ServiceLifecycle
import Store
import Synchronization
package import Vr

/// Takes recordings (CS, §9.3.4): answers units over Vr, keeps what they upload, and never loses what it acknowledged
/// (docs/design/recording.md).
package final class RecordStorage: Service {
    /// Whether something more may be recorded of a channel: quotas are somebody else's rule.
    package struct Admission: Sendable {
        package let refusal: @Sendable (RecordedChannel, _ size: Int64) async -> RecordFailure?

        package init(refusal: @escaping @Sendable (RecordedChannel, _ size: Int64) async -> RecordFailure?) {
            self.refusal = refusal
        }

        package static let open = Admission { _, _ in nil }
    }

    package let settings: RecordStorageSettings
    let key: RecordKey
    let stores: RecordStores
    let clock: RecordClock
    let table: SessionTable
    let metrics: RecordingMetrics
    let logger: Logger
    private let admission: Admission
    private let attempts = UploadNumbers()
    private let uploads = Atomic<Int>(0)
    private let isEnding = Atomic<Bool>(false)

    package init(
        settings: RecordStorageSettings,
        key: RecordKey,
        stores: RecordStores,
        admission: Admission = .open,
        clock: RecordClock = .host,
        metrics: MetricRegistry,
        logger: Logger
    ) {
        self.settings = settings
        self.key = key
        self.stores = stores
        self.clock = clock
        self.admission = admission
        self.metrics = RecordingMetrics(metrics)
        self.logger = logger
        table = SessionTable(capacity: settings.sessions, metrics: self.metrics)
    }

    // MARK: What units ask

    /// One `POST`; `target` is its path and query.
    package func answer(to target: String, _ body: some Collection<UInt8> & Sendable) async -> SegmentAnswer {
        do throws(RecordFailure) {
            let address = try RecordAddress(parsing: target, key: key)
            let request = try SegmentRequest(parsing: body)
            let session = try await session(address.session, of: address.channel)
            var origin = settings.origins.secure
            if case .create(_, let secure, _) = request {
                origin = try settings.origins.origin(secure: secure)
            }
            let outcome = try await table.with(
                session.id,
                make: { runner(of: session, news: $0) },
                ask: { await $0.ask(request, until: session.endedAt) }
            )
            return SegmentAnswer(counted(outcome)) { name, size, expiresAt in
                UploadAddress(
                    channel: session.channelID,
                    session: session.id,
                    segment: name,
                    size: size,
                    expiresAt: expiresAt
                ).url(at: origin, key: key)
            }
        } catch {
            return .failure(counted(error))
        }
    }

    /// One `PUT`. Nothing of the body is read before it is taken.
    ///
    /// - Parameters:
    ///   - target: path and query.
    ///   - header: `Content-Range`; nil where there is none.
    ///   - length: `Content-Length`; nil for a body whose end nobody announced.
    ///   - body: the bytes.
    /// - Returns: 200 where all bytes of the segment are on the disk.
    package func upload<Body: AsyncSequence & Sendable>(
        to target: String,
        range header: String?,
        length: Int64?,
        _ body: Body
    ) async -> SegmentAnswer where Body.Element == ByteBuffer {
        do throws(RecordFailure) {
            let address = try UploadAddress(parsing: target, key: key, at: clock.now().clock)
            let range = try UploadRange(header: header, length: length, announced: address.size)
            try enter()
            defer { uploads.wrappingSubtract(1, ordering: .relaxed) }
            let session = try await session(address.session, of: address.channel)
            let outcome = try await table.with(
                session.id,
                make: { runner(of: session, news: $0) },
                ask: {
                    await $0.put(
                        address.segment,
                        range,
                        body,
                        within: settings.uploadTime
                    )
                }
            )
            if case .failure(let failure) = outcome { return .failure(counted(failure)) }
            return .none
        } catch {
            return .failure(counted(error))
        }
    }

    /// One more upload at a time; while the platform ends, none.
    private func enter() throws(RecordFailure) {
        let count = uploads.wrappingAdd(1, ordering: .relaxed).newValue
        guard count <= settings.uploads, !isEnding.load(ordering: .relaxed) else {
            uploads.wrappingSubtract(1, ordering: .relaxed)
            throw .busy
        }
    }

    private func counted(_ failure: RecordFailure) -> RecordFailure {
        metrics.count(failure)
        return failure
    }

    private func counted(_ outcome: RecordOutcome) -> RecordOutcome {
        if case .failure(let failure) = outcome { metrics.count(failure) }
        return outcome
    }

    // MARK: Sessions

    /// A session that is forgotten, or whose device is removed, disabled or somebody else's now, has no address any more.
    private func session(
        _ id: RecordSessionID,
        of channel: ChannelID
    ) async throws(RecordFailure) -> StoredRecordSession {
        do throws(StoreError) {
            guard let session = try await stores.sessions.recordSession(id), session.channelID == channel,
                let device = try await stores.devices.device(session.recorded.channel.unit)
            else { throw .notFound("") }
            guard device.owner == session.recorded.owner else {
                // Its order outlived its owner, as after a kill between the two: it never comes back.
                if session.endedAt == nil {
                    try await stores.sessions.endRecordSession(id, at: clock.now().clock)
                }
                throw .notFound("")
            }
            guard !device.disabled, device.channels[session.recorded.channel.number] == channel else {
                throw .notFound("")
            }
            return session
        } catch {
            if case .notFound = error { throw .wrongKey }
            logger.error(
                "a record session cannot be looked up",
                metadata: ["session": "\(id)", "reason": "\(error)"]
            )
            throw .storageFailed
        }
    }

    /// Asked of each segment that its session would begin, and of no other: what is granted counts.
    private static func room(
        for size: Int64,
        of recorded: RecordedChannel,
        _ admission: Admission,
        _ files: SegmentFiles
    ) async -> RecordFailure? {
        if let failure = await admission.refusal(recorded, size) { return failure }
        do { return try await files.hasRoom(for: size) ? nil : .noSpace } catch { return .storageFailed }
    }

    func runner(
        of session: StoredRecordSession,
        unfinished: [StoredSegment] = [],
        news: SessionRunner.News
    ) -> SessionRunner {
        var limits = settings.session
        limits.asksForRoom = true
        let (recorded, admission, files) = (session.recorded, self.admission, stores.files)
        return SessionRunner(
            session,
            unfinished: unfinished,
            limits: limits,
            stores: stores,
            clock: clock,
            attempts: attempts,
            metrics: metrics,
            logger: logger,
            news: news,
            room: { await Self.room(for: $0, of: recorded, admission, files) }
        )
    }

    // MARK: The run

    /// Looks after time limits until the graceful shutdown, then waits until nothing is being made durable any more.
    package func run() async throws {
        await withTaskGroup { group in
            group.addTask { await self.dropOrphans() }
            while (try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(1)) }) != nil {
                await wakeSessions()
            }
            group.cancelAll()
        }
        await end()
    }

    func wakeSessions() async {
        for id in table.due(at: clock.now().instant) { await table.withHeld(id) { await $0.wake() } }
        await stores.files.removeLeftovers()
    }

    /// Uploads that come from now on are refused; what is under way is finished.
    package func end() async {
        isEnding.store(true, ordering: .relaxed)
        for id in table.held { await table.withHeld(id) { await $0.rest() } }
    }
}
