import Bus
import HSSModel
import HostClock
import Logging
import ServerKit
import Store
import Vd

/// Tells what becomes of units: writes each change of state, with its event, and remembers what it wrote.
///
/// It looks a few times a second at the units that the registry says something is new of, so that a login waits for
/// nothing here, and what changes back in between is not told. What cannot be written is tried again.
actor PresenceDesk {
    /// Changes in one transaction: the writer is not held for longer than some 10 ms.
    private static let step = 500
    /// Changes of one unit, in the long run and at once: one that changes its mind with every heartbeat must not fill
    /// the log. What is too much is told later, as it is then.
    private static let changesPerSecond = 0.1
    private static let burst = 20

    private let units: UnitRegistry
    private let news: UnitNewsFeed
    private let journal: PresenceJournal
    private let returnTime: Duration
    private let logger: Logger
    private var ledger = PresenceLedger()
    private var hasBegun = false
    /// To be looked at. At most every unit of the registry.
    private var unlooked: Set<UnitID> = []
    /// Of these one change is due; a store that fails costs them no second turn.
    private var admitted: Set<UnitID> = []
    private var rates = RateLimiter<UnitID>(perSecond: changesPerSecond, burst: burst, capacity: 100_000)
    private let startedAt: Instant
    /// The last round could not write.
    private var isFailing = false

    init(
        units: UnitRegistry,
        journal: PresenceJournal,
        returnTime: Duration,
        startedAt: Instant,
        logger: Logger
    ) {
        self.units = units
        self.journal = journal
        self.returnTime = returnTime
        self.startedAt = startedAt
        self.logger = logger
        news = units.news(states: true)
    }

    /// Takes up what was told before the platform started. Pictures of that time have ended.
    private func begin(at now: Instant) async throws(StoreError) {
        let told = try await journal.told()
        for stream in told.streams {
            journal.stopped(stream, because: "restart of the platform", at: .now)
        }
        ledger.begin(with: told.units, awaitedUntil: startedAt + returnTime)
        hasBegun = true
    }

    /// One round: everything that is new is written, or kept for the next one.
    func tick(at now: Instant) async {
        do throws(StoreError) {
            if !hasBegun { try await begin(at: now) }
            hear(at: now)
            try await writeStates(at: now)
            try await writeStreams()
            isFailing = false
        } catch {
            if !isFailing {
                logger.error("states of units cannot be written", metadata: ["reason": "\(error)"])
            }
            isFailing = true
        }
    }

    private func hear(at now: Instant) {
        let news = news.take()
        unlooked.formUnion(news.links)
        unlooked.formUnion(ledger.overdue(at: now))
        guard news.hasOverflowed else { return }
        unlooked.formUnion(ledger.present)
        unlooked.formUnion(units.sessions(after: nil, limit: .max).map(\.unit))
    }

    private func writeStates(at now: Instant) async throws(StoreError) {
        var postponed: Set<UnitID> = []
        defer { unlooked.formUnion(postponed) }
        while !unlooked.isEmpty {
            var changes: [PresenceChange] = []
            let looked = Array(unlooked.prefix(Self.step))
            for unit in looked {
                guard let change = look(at: unit, now) else { continue }
                if admitted.contains(unit) || rates.admit(unit, at: now) {
                    admitted.insert(unit)
                    changes.append(change)
                } else {
                    postponed.insert(unit)
                }
            }
            let strangers = try await journal.write(changes)
            for case .became(let record, _) in changes { ledger.noted(record) }
            for unit in strangers { ledger.forget(unit) }
            unlooked.subtract(looked)
            admitted.subtract(looked)
        }
    }

    private func look(at unit: UnitID, _ now: Instant) -> PresenceChange? {
        let sight = units.sight(of: unit)
        let change = ledger.change(unit, to: sight, at: now, .now)
        if sight != nil, change == nil { ledger.returned(unit) }
        return change
    }

    private func writeStreams() async throws(StoreError) {
        while true {
            let changes = journal.oldest(Self.step)
            guard !changes.isEmpty else { return }
            _ = try await journal.write(changes)
            journal.wrote(changes.count)
        }
    }
}
