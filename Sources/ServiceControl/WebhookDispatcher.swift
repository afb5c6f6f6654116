package import HSSModel
import HostClock
package import Logging
package import ServerKit
import ServiceLifecycle
package import Store
import Synchronization

/// Tells webhooks what happens: at least once, and the events of one unit in their order.
///
/// Each webhook walks the event log page by page; the units of a page go side by side. A unit whose event is not taken is
/// set aside after some attempts, and the walk goes on without it; when its time has come the walk goes back to it, and
/// what others were told meanwhile is not told again. How far it has come stands in the store, so that a restart
/// repeats at most what was on its way.
package final class WebhookDispatcher: Service {
    private struct State {
        var running: Set<WebhookID> = []
        /// Those with units that are to be tried again.
        var lagging: Set<WebhookID> = []
        /// When something was last taken.
        var delivered: [WebhookID: WallTime] = [:]
        var log = WebhookLog()
        /// Those that somebody tries at this moment.
        var testing: Set<WebhookID> = []

        /// It is parked, or removed: what is known of it is learned anew.
        mutating func forget(_ id: WebhookID) {
            running.remove(id)
            lagging.remove(id)
            delivered[id] = nil
        }
    }

    /// The way to a webhook ended before its page was through.
    private enum Stop: Error {
        case parked(String)
        /// Removed, parked by somebody else, or the platform is ending.
        case withdrawn
    }

    private static let page = 100
    /// Tests on their way at a time, of whichever webhooks.
    private static let mostTests = 16
    /// Webhooks are looked for this often even where nobody told of one.
    private static let lookInterval = Duration.seconds(30)

    let store: any WebhookStore
    private let feed: EventFeed
    private let carrier: any WebhookCarrier
    let settings: WebhookSettings
    let key: UploadKey
    /// Whether a user may hear of something at this moment.
    private let isVisible: @Sendable (NewEvent, UserName) async throws -> Bool
    private let delivered: Counter
    private let failed: Counter
    private let logger: Logger
    private let state = Mutex(State())
    private let changes: AsyncStream<Void>
    private let changed: AsyncStream<Void>.Continuation

    package init(
        store: any WebhookStore,
        feed: EventFeed,
        carrier: any WebhookCarrier,
        settings: WebhookSettings,
        key: UploadKey,
        metrics: MetricRegistry,
        logger: Logger,
        isVisible: @escaping @Sendable (NewEvent, UserName) async throws -> Bool
    ) {
        self.store = store
        self.feed = feed
        self.carrier = carrier
        self.settings = settings
        self.key = key
        self.isVisible = isVisible
        self.logger = logger
        func counter(_ outcome: String) -> Counter {
            metrics.counter(
                "vedette_webhook_deliveries_total",
                "Attempts to tell a webhook.",
                labels: [("outcome", outcome)]
            )
        }
        delivered = counter("delivered")
        failed = counter("failed")
        (changes, changed) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    package func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while (try? await Task.sleep(for: Self.lookInterval)) != nil { self.changed.yield() }
            }
            changed.yield()
            for await _ in changes.cancelOnGracefulShutdown() {
                for webhook in await working()
                where state.withLock({ $0.running.insert(webhook.id).inserted }) {
                    group.addTask {
                        await self.serve(webhook.id)
                        self.state.withLock { $0.forget(webhook.id) }
                    }
                }
            }
            group.cancelAll()
        }
    }

    private func working() async -> [WebhookRecord] {
        do throws(StoreError) {
            return try await store.webhooks(owner: nil).filter { $0.parking == nil }
        } catch {
            logger.error("webhooks cannot be read", metadata: ["reason": "\(error)"])
            return []
        }
    }

    // MARK: One webhook

    /// Until it is parked or removed, or the platform ends.
    private func serve(_ id: WebhookID) async {
        let bell = feed.ownBell()
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in bell { wake.yield() } }
            group.addTask {
                // For units that were set aside.
                while (try? await Task.sleep(for: self.settings.laggardInterval)) != nil {
                    if self.state.withLock({ $0.lagging.contains(id) }) { wake.yield() }
                }
            }
            group.addTask { await self.walk(id, wakes) }
            // The walk ends first, or everything is cancelled.
            await group.next()
            group.cancelAll()
            wake.finish()
        }
    }

    private func walk(_ id: WebhookID, _ wakes: AsyncStream<Void>) async {
        do {
            while try await walkPage(id) {}
            for await _ in wakes {
                while try await walkPage(id) {}
            }
        } catch Stop.parked(let reason) {
            await park(id, reason)
        } catch is Stop {
            return
        } catch {
            // The store failed; the next look begins again.
            logger.error("a webhook rests", metadata: ["webhook": "\(id)", "reason": "\(error)"])
        }
    }

    /// False at the end of the log.
    private func walkPage(_ id: WebhookID) async throws -> Bool {
        var laggards = try await store.laggards(id)
        note(laggards.values.contains { $0.retryAt != nil }, id)
        // One at a time, so that the page begins with its event.
        let due = laggards.values.filter { $0.retryAt.map { $0 <= .now } ?? false }.min {
            $0.event < $1.event
        }
        if let due {
            try await store.recall([due], of: id)
            laggards[due.unit] = nil
        }
        let webhook = try await current(id)
        let events = try await feed.events(after: webhook.deliveredThrough, limit: Self.page)
        // It has had its time (`alarms.retention`).
        if let due, events.first?.id != due.event { try await store.caughtUp(due.unit, of: id) }
        guard let last = events.last else { return false }
        let cursors = try await store.webhookCursors(id)
        var queues: [UnitID: [PlatformEvent]] = [:]
        for event in events where laggards[event.event.unit] == nil && isWanted(event, webhook, cursors) {
            queues[event.event.unit, default: []].append(event)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            var waiting = queues.values.makeIterator()
            func add() {
                guard let queue = waiting.next() else { return }
                group.addTask { try await self.deliver(queue, to: webhook, due) }
            }
            for _ in 0..<settings.unitsAtOnce { add() }
            while try await group.next() != nil { add() }
        }
        try await store.advance(id, cursors: [:], through: last.id)
        return true
    }

    private func isWanted(
        _ event: PlatformEvent,
        _ webhook: WebhookRecord,
        _ cursors: [UnitID: EventID]
    ) -> Bool {
        (webhook.kinds.isEmpty || webhook.kinds.contains(event.event.kind))
            && event.id > cursors[event.event.unit] ?? .none
    }

    private func current(_ id: WebhookID) async throws -> WebhookRecord {
        let webhook = try await store.webhooks(owner: nil).first { $0.id == id }
        guard !Task.isCancelled, let webhook, webhook.parking == nil else { throw Stop.withdrawn }
        return webhook
    }

    /// The events of one unit, in order, until one is not taken for too long.
    private func deliver(
        _ events: [PlatformEvent],
        to webhook: WebhookRecord,
        _ recalled: WebhookLaggard?
    ) async throws {
        for event in events {
            let laggard = recalled?.event == event.id ? recalled : nil
            if try await isVisible(event.event, webhook.owner) {
                guard try await deliver(event, to: webhook, laggard) else { return }
            }
            if laggard != nil { try await store.caughtUp(event.event.unit, of: webhook.id) }
            try await store.advance(
                webhook.id,
                cursors: [event.event.unit: event.id],
                through: webhook.deliveredThrough
            )
        }
    }

    /// False: its unit was set aside.
    private func deliver(
        _ event: PlatformEvent,
        to webhook: WebhookRecord,
        _ laggard: WebhookLaggard?
    ) async throws -> Bool {
        let body = Array(event.json.utf8)
        var random = SystemRandomNumberGenerator()
        var attempt = (laggard?.attempts ?? 0) + 1
        let began = laggard?.since ?? .now
        while true {
            switch await send(body, event.id, attempt, to: webhook).outcome {
            case .delivered:
                delivered.add()
                state.withLock { $0.delivered[webhook.id] = .now }
                return true
            case .refused(let reason):
                failed.add()
                throw Stop.parked(reason)
            case .failed(let reason):
                failed.add()
                let isTaken = state.withLock { $0.delivered[webhook.id].map { $0 > began } ?? false }
                let pause = settings.pause(afterAttempt: attempt, using: &random)
                var aside = WebhookLaggard(
                    unit: event.event.unit,
                    event: event.id,
                    attempts: attempt,
                    reason: reason,
                    since: began,
                    retryAt: .now + pause
                )
                if attempt >= settings.attempts {
                    // Where the receiver takes what others say, it is this unit's event that it cannot take.
                    guard isTaken else { throw Stop.parked("\(reason), \(attempt) times in a row") }
                    aside.reason = "\(reason), \(attempt) times in a row"
                    aside.retryAt = nil
                    try await setAside(aside, webhook)
                    return false
                }
                if attempt >= settings.attemptsInPlace {
                    let unproven = try await store.laggards(webhook.id).count
                    if isTaken || laggard != nil || unproven < settings.mostUnproven {
                        try await setAside(aside, webhook)
                        return false
                    }
                }
                do { try await Task.sleep(for: pause) } catch { throw Stop.withdrawn }
                // Somebody may have removed or parked it meanwhile.
                _ = try await current(webhook.id)
                attempt += 1
            }
        }
    }

    /// One attempt, signed and noted; `event` is nil for a test.
    private func send(
        _ body: [UInt8],
        _ event: EventID?,
        _ attempt: Int,
        to webhook: WebhookRecord
    ) async -> (outcome: WebhookOutcome, delivery: WebhookDelivery) {
        let signature = WebhookSignature.header(body, at: .now, secret: key.secret(of: webhook.id))
        let began = Instant.now
        let reply = await carrier.deliver(
            body,
            to: webhook.url,
            headers: [
                ("Content-Type", "application/json"), ("User-Agent", "vedette"),
                ("Vedette-Webhook", webhook.id.rawValue), ("Vedette-Event", "\(event?.rawValue ?? 0)"),
                ("Vedette-Signature", signature),
            ]
        )
        let error: String? =
            switch reply.outcome {
            case .delivered: nil
            case .failed(let reason), .refused(let reason): reason
            }
        let delivery = WebhookDelivery(
            at: .now,
            event: event,
            attempt: attempt,
            duration: .now - began,
            status: reply.status,
            error: error
        )
        state.withLock { $0.log.add(delivery, of: webhook.id) }
        return (reply.outcome, delivery)
    }

    // MARK: What people ask

    /// Sends `body`, which is no event, once. Nil: a test of this webhook is on its way, or too many of others are.
    func test(_ webhook: WebhookRecord, _ body: [UInt8]) async -> WebhookDelivery? {
        let isFree = state.withLock {
            $0.testing.count < Self.mostTests && $0.testing.insert(webhook.id).inserted
        }
        guard isFree else { return nil }
        defer { state.withLock { _ = $0.testing.remove(webhook.id) } }
        return await send(body, nil, 1, to: webhook).delivery
    }

    package func attempts(of id: WebhookID) -> [WebhookDelivery] {
        state.withLock { $0.log.attempts(of: id) }
    }

    func forgetAttempts(of id: WebhookID) { state.withLock { $0.log.forget(id) } }

    /// A webhook was added, or is to go on.
    func look() { changed.yield() }

    func note(_ isLagging: Bool, _ id: WebhookID) {
        state.withLock { state in
            if isLagging { state.lagging.insert(id) } else { state.lagging.remove(id) }
        }
    }

    private func setAside(_ laggard: WebhookLaggard, _ webhook: WebhookRecord) async throws {
        if laggard.retryAt == nil {
            logger.notice(
                "a webhook does not take a unit's event; those of others go on",
                metadata: [
                    "webhook": "\(webhook.id)", "unit": "\(laggard.unit)",
                    "event": "\(laggard.event.rawValue)",
                    "reason": "\(laggard.reason)",
                ]
            )
        }
        try await store.setAside(laggard, of: webhook.id)
        if laggard.retryAt != nil { note(true, webhook.id) }
    }

    private func park(_ id: WebhookID, _ reason: String) async {
        logger.notice("webhook parked", metadata: ["webhook": "\(id)", "reason": "\(reason)"])
        do throws(StoreError) {
            let parking = WebhookRecord.Parking(reason: reason, at: .now)
            _ = try await store.park(id, owner: nil, parking)
        } catch {
            logger.error("a webhook cannot be parked", metadata: ["webhook": "\(id)", "reason": "\(error)"])
        }
    }
}
