package import Bus
package import HSSModel
import HostClock
package import Logging
package import ServerKit
import ServiceLifecycle
package import Store
import Synchronization

/// Writes down who did what (``AuditStore``): entries that come while others are being written go together in the next
/// commit, so that many at once cost little more than one.
package final class AuditTrail: Sendable {
    package struct Settings: Sendable {
        package var retention: Duration = .seconds(400 * 86_400)
        /// Entries that are kept at most.
        package var entries = 5_000_000

        package init() {}
    }

    private struct Waiting {
        var note: AuditNote
        /// Hears whether the entry is durable; nil: nobody waits.
        var told: CheckedContinuation<Bool, Never>?
    }

    private struct State {
        var waiting: [Waiting] = []
        var isWriting = false
        /// Entries that could not be written, of which the next one that can tells.
        var lost = 0
        var tallies = AuditTallies()
        var head = AuditHead.none
        /// It is being looked through, or its beginning is going: both at once would take one for the other.
        var isHeld = false
    }

    /// Beyond them newcomers are refused: the store is gone.
    private static let mostWaiting = 10_000
    private static let batch = 500
    private static let page = 500
    private static let pruned = 5000

    private let store: any AuditStore
    private let settings: HotValue<Settings>
    private let logger: Logger
    private let state = Mutex(State())
    private let written: Counter
    private let lost: Counter

    package init(
        store: any AuditStore,
        settings: Settings = Settings(),
        metrics: MetricRegistry,
        logger: Logger
    ) {
        self.store = store
        self.settings = HotValue(settings)
        self.logger = logger
        written = metrics.counter("vedette_audit_entries_total", "Entries written to the audit trail.")
        lost = metrics.counter(
            "vedette_audit_lost_total",
            "Entries of the audit trail that could not be written."
        )
        metrics.gauge("vedette_audit_head", "Number of the newest entry of the audit trail.") { [weak self] in
            self.map { Double($0.head.id) } ?? .nan
        }
        metrics.gauge(
            "vedette_audit_head_hash",
            "First 12 hexadecimal digits of its hash, as a number: an end that was taken away shows."
        ) { [weak self] in
            self.flatMap { Int64($0.head.hash.prefix(12), radix: 16) }.map(Double.init) ?? .nan
        }
    }

    /// From the next pruning on.
    package func set(_ settings: Settings) { self.settings.current = settings }

    package var head: AuditHead { state.withLock { $0.head } }

    // MARK: Writing

    private func add(_ waiting: Waiting) {
        let (isTaken, isFirst) = state.withLock { state in
            guard state.waiting.count < Self.mostWaiting else {
                state.lost += 1
                return (false, false)
            }
            state.waiting.append(waiting)
            defer { state.isWriting = true }
            return (true, !state.isWriting)
        }
        guard isTaken else {
            lost.add()
            waiting.told?.resume(returning: false)
            return
        }
        // One task for all that waits; it ends when nothing does.
        if isFirst { Task { await write() } }
    }

    private func write() async {
        while let batch = take() {
            do {
                let head = try await store.append(batch.notes)
                state.withLock { $0.head = head }
                written.add(batch.notes.count)
                for entry in batch.waiting { entry.told?.resume(returning: true) }
            } catch {
                state.withLock { $0.lost += batch.lost + batch.waiting.count }
                lost.add(batch.waiting.count)
                logger.error(
                    "entries of the audit trail cannot be written",
                    metadata: ["entries": "\(batch.waiting.count)", "reason": "\(error)"]
                )
                for entry in batch.waiting { entry.told?.resume(returning: false) }
            }
        }
    }

    private struct Batch {
        var waiting: [Waiting]
        var lost: Int

        /// What was lost is told first.
        var notes: [AuditNote] {
            let gap = AuditNote(
                at: waiting.first?.note.at ?? .now,
                user: nil,
                address: "local",
                action: "audit.lost",
                result: .failed,
                detail: "\(lost) entries could not be written"
            )
            return (lost > 0 ? [gap] : []) + waiting.map(\.note)
        }
    }

    private func take() -> Batch? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isWriting = false
                return nil
            }
            let batch = Batch(waiting: Array(state.waiting.prefix(Self.batch)), lost: state.lost)
            state.waiting.removeFirst(batch.waiting.count)
            state.lost = 0
            return batch
        }
    }
}

extension AuditTrail: AuditPoint {
    package func record(_ note: AuditNote) async throws(AuditError) {
        let isDurable = await withCheckedContinuation { add(Waiting(note: note, told: $0)) }
        guard isDurable else { throw .unavailable("an entry cannot be written") }
    }

    package func tally(_ note: AuditNote) {
        guard state.withLock({ $0.tallies.admit(note, at: .now) }) else { return }
        add(Waiting(note: note, told: nil))
    }

    package func entries(
        _ filter: AuditFilter,
        before: AuditPlace?,
        limit: Int
    ) async throws(AuditError) -> [AuditEntry] {
        try await stored { try await $0.auditEntries(filter, before: before, limit: limit) }
    }

    package func lines(after last: AuditHead?, limit: Int) async throws(AuditError) -> AuditLines? {
        var last = try await start(last)
        let page = try await stored { [last] in
            try await $0.auditTrail(after: last.id, limit: min(limit, Self.page))
        }
        guard let first = page.first else { return nil }
        if first.id > last.id + 1, try await start(nil).id > last.id {
            throw .unavailable("its beginning went while it was read")
        }
        var text = ""
        for entry in page {
            text += AuditLine(entry, previous: last.hash).text + "\n"
            last = AuditHead(id: entry.id, hash: entry.hash)
        }
        return AuditLines(text: text, count: page.count, last: last)
    }

    private func start(_ last: AuditHead?) async throws(AuditError) -> AuditHead {
        if let last { return last }
        return try await stored { try await $0.auditAnchor() }
    }

    package func head(before id: Int64) async throws(AuditError) -> AuditHead? {
        let anchor = try await stored { try await $0.auditAnchor() }
        guard id > anchor.id + 1 else { return id == anchor.id + 1 ? anchor : nil }
        let entry = try await stored { try await $0.auditTrail(after: id - 2, limit: 1) }.first
        guard let entry, entry.id == id - 1 else { return nil }
        return AuditHead(id: entry.id, hash: entry.hash)
    }

    package func verify(seen: AuditHead?) async throws(AuditError) -> AuditVerdict {
        guard hold() else { throw .busy }
        defer { letGo() }
        let anchor = try await stored { try await $0.auditAnchor() }
        var inspector = AuditInspector(anchor: anchor, seen: seen)
        var last = anchor.id
        while true {
            guard let page = try await readable(after: last, &inspector), let newest = page.last else {
                return inspector.end()
            }
            for entry in page where !inspector.look(at: entry) { return inspector.end() }
            last = newest.id
            guard !Task.isCancelled else { throw .unavailable("the look at it was cancelled") }
        }
    }

    private func hold() -> Bool {
        state.withLock { state in
            defer { state.isHeld = true }
            return !state.isHeld
        }
    }

    private func letGo() { state.withLock { $0.isHeld = false } }

    /// Nil: the next entry cannot be read at all.
    private func readable(
        after last: Int64,
        _ inspector: inout AuditInspector
    ) async throws(AuditError) -> [AuditEntry]? {
        do {
            return try await store.auditTrail(after: last, limit: Self.page)
        } catch .corrupt {
            // One of them: up to it they are looked at one by one.
            do {
                return try await store.auditTrail(after: last, limit: 1)
            } catch .corrupt {
                inspector.meetsDamage()
                return nil
            } catch { throw AuditError.unavailable(error.description) }
        } catch { throw .unavailable(error.description) }
    }

    private func stored<Value>(
        _ body: (any AuditStore) async throws -> Value
    ) async throws(AuditError) -> Value {
        do {
            return try await body(store)
        } catch let error as StoreError {
            throw .unavailable(error.description)
        } catch {
            throw .unavailable("the store failed")
        }
    }
}

extension AuditTrail: Service {
    private static let interval = Duration.seconds(60)
    /// In rounds of ``interval``.
    private static let roundsOfAnHour = 60
    private static let roundsOfADay = 24 * 60

    /// Writes what was counted, drops what is old, and says once a day where the trail ends.
    package func run() async throws {
        var round = 0
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            await upkeep(prunes: round % Self.roundsOfAnHour == 0, tells: round % Self.roundsOfADay == 0)
            round += 1
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.interval) }
        }
        for note in state.withLock({ $0.tallies.take(at: .now, everything: true) }) {
            try? await record(note)
        }
    }

    /// Reads where the trail ends, for the figures.
    package func load() async throws(StoreError) {
        let head = try await store.auditHead()
        state.withLock { if $0.head.id < head.id { $0.head = head } }
    }

    /// One round of ``run()``.
    package func upkeep(prunes: Bool, tells: Bool) async {
        for note in state.withLock({ $0.tallies.take(at: .now) }) {
            add(Waiting(note: note, told: nil))
        }
        if prunes { await prune() }
        guard tells else { return }
        let head = head
        logger.notice(
            "the audit trail ends here; keep this line elsewhere",
            metadata: ["entry": "\(head.id)", "hash": "\(head.hash)"]
        )
    }

    private func prune() async {
        guard hold() else { return }
        defer { letGo() }
        let settings = settings.current
        do {
            var dropped = 0
            repeat {
                dropped = try await store.pruneAudit(
                    before: .now + (.zero - settings.retention),
                    keeping: settings.entries,
                    limit: Self.pruned,
                    at: .now
                )
                try await load()
            } while dropped == Self.pruned && !Task.isCancelled
        } catch {
            logger.warning("the audit trail is not pruned; tried again", metadata: ["reason": "\(error)"])
        }
    }
}
