package import HSSModel

/// A firmware roll-out: who is told when, and when it had better stop.
///
/// `UpgradeFirmware` is an event (Table I.2-7): nobody answers it. So a unit that was told is asked with `QueryUpgrade`
/// until it returns with the new version, which counts whatever was heard before. What a unit fails, it may try
/// again, ``RollOutPlan/attempts`` times; a download that the platform itself turned away is not the unit's failure.
///
/// All times are wall-clock times: a roll-out survives restarts. Units that were being updated are asked again.
package struct RollOut: Sendable {
    package typealias Phase = RollOutPhase
    package typealias Counts = RollOutCounts

    package enum Input: Sendable, Equatable {
        case wake
        /// The unit logged in, or was found connected. `restarted`: for the first time since its start (Table 9-3).
        case seen(UnitID, version: String, restarted: Bool)
        /// It could not be told or asked: offline.
        case unreachable(UnitID)
        case reported(UnitID, UpgradeReport)
        /// It answered `QueryUpgrade` with an error or not at all; it may well be busy with the update.
        case unclear(UnitID)
        /// The platform refused the download because it was busy.
        case turnedAway(UnitID)
        /// It is not enrolled any more.
        case removed(UnitID)
        case pause, resume, cancel
    }

    package enum Action: Sendable, Equatable {
        /// Send `UpgradeFirmware`.
        case tell(UnitID)
        /// Send `QueryUpgrade`; answer with ``Input/reported(_:_:)``, ``Input/unclear(_:)`` or ``Input/unreachable(_:)``.
        case ask(UnitID)
        case save(UnitID, RollOutProgress)
        case savePhase(Phase)
        /// Replaces the wake before. Waking early does no harm.
        case wake(at: WallTime)
    }

    /// Between two questions to one unit.
    static let askInterval: Duration = .seconds(10)
    /// A unit that says "not started" for this long did not hear the event.
    static let tellAgain: Duration = .seconds(30)
    /// An error that follows a refused download within this time is not the unit's.
    static let refusalTime: Duration = .seconds(120)

    /// Before the next attempt of a unit.
    static func pause(afterFailures failures: Int) -> Duration {
        .seconds(60 * (1 << min(failures, 5)))
    }

    /// Attempts of one unit that failed, and why the last one did.
    private struct Failures: Equatable {
        var count = 0
        var reason: String?
    }

    private struct Update {
        var attempt: Int
        var before: Failures
        var began: WallTime
        var toldAt: WallTime
        var nextAsk: WallTime
        var report: UpgradeReport?
        var turnedAwayAt: WallTime?
        /// What the last try to ask it came to, where that was no report.
        var hold: Hold?
    }

    private struct Turn: Equatable {
        var unit: UnitID
        var notBefore: WallTime
        var failures: Failures
    }

    package let plan: RollOutPlan
    package private(set) var phase = Phase.running
    package private(set) var counts = Counts()
    /// Units whose turn comes; ``queue`` says in which order.
    private var waiting: [UnitID: Turn] = [:]
    /// Latest first: the next one is taken from the end. One that is not in ``waiting`` any more is passed over.
    private var queue: [Turn] = []
    private var updates: [UnitID: Update] = [:]
    /// Units whose turn came while they were offline, with their failures.
    private var away: [UnitID: Failures] = [:]
    /// What had finished when an operator resumed a stopped roll-out: it counts from there.
    package private(set) var forgiven: Counts

    /// Spreads `units` over the plan's time. Those that a restart of the platform found half-way are in `progress`,
    /// and what had finished before it in `finished`.
    package init(
        _ plan: RollOutPlan,
        phase: Phase = .running,
        units: [UnitID],
        progress: [UnitID: RollOutProgress] = [:],
        finished: Counts = Counts(),
        forgiven: Counts = Counts(),
        at now: WallTime,
        using random: inout some RandomNumberGenerator
    ) {
        self.plan = plan
        self.phase = phase
        self.forgiven = forgiven
        counts.done = finished.done
        counts.failed = finished.failed
        counts.missed = finished.missed
        let spread = plan.spread.wholeMilliseconds
        for unit in units {
            var failures = Failures()
            switch progress[unit] {
            case .updating(let attempt, let report):
                let before = Failures(count: attempt - 1)
                updates[unit] = Update(
                    attempt: attempt,
                    before: before,
                    began: now,
                    toldAt: now,
                    nextAsk: now,
                    report: report
                )
                continue
            case .waiting(let count, let reason): failures = Failures(count: count, reason: reason)
            case .done, .failed, .missed: continue
            case nil: break
            }
            let delay = spread > 0 ? Int64.random(in: 0...spread, using: &random) : 0
            let time = plan.opens + .milliseconds(delay)
            waiting[unit] = Turn(unit: unit, notBefore: time, failures: failures)
        }
        queue = Array(waiting.values)
        queue.sort { ($1.notBefore, $1.unit) < ($0.notBefore, $0.unit) }
        count()
    }

    /// Nil: it is not under way here, or not any more.
    package func progress(of unit: UnitID) -> RollOutProgress? {
        if let update = updates[unit] { return .updating(attempt: update.attempt, update.report) }
        guard let failures = away[unit] ?? waiting[unit]?.failures else { return nil }
        return .waiting(failures: failures.count, reason: failures.reason)
    }

    /// Nil where ``progress(of:)`` is.
    package func hold(of unit: UnitID, at now: WallTime) -> Hold? {
        if let update = updates[unit] {
            if let refused = update.turnedAwayAt, now - refused <= Self.refusalTime { return .turnedAway }
            return update.hold
                ?? (update.report?.step ?? .notStarted == .notStarted ? .notBegun : .working)
        }
        guard away[unit] != nil || waiting[unit] != nil else { return nil }
        if phase == .paused { return .paused }
        if phase == .stopped { return .stopped }
        guard let turn = waiting[unit] else { return .offline }
        if now < plan.opens { return .opens(plan.opens) }
        return now < turn.notBefore ? .turn(turn.notBefore) : .place
    }

    /// Units that are waiting or being updated.
    package var openUnits: [UnitID] { Array(waiting.keys) + away.keys + updates.keys }

    package var isOver: Bool { (phase == .finished || phase == .cancelled) && updates.isEmpty }

    package mutating func receive(_ input: Input, at now: WallTime) -> [Action] {
        var actions: [Action] = []
        switch input {
        case .wake: break
        case .seen(let unit, let version, let restarted): actions += seen(unit, version, restarted, at: now)
        case .unreachable(let unit): actions += unreachable(unit, at: now)
        case .reported(let unit, let report): actions += reported(unit, report, at: now)
        case .unclear(let unit):
            updates[unit]?.nextAsk = now + Self.askInterval
            updates[unit]?.hold = .unclear
        case .turnedAway(let unit): updates[unit]?.turnedAwayAt = now
        case .removed(let unit):
            waiting[unit] = nil
            away[unit] = nil
            updates[unit] = nil
        case .pause: actions += enter(.paused, from: [.running])
        case .resume:
            if phase == .stopped { forgiven = counts }
            actions += enter(.running, from: [.paused, .stopped])
        case .cancel: actions += enter(.cancelled, from: [.running, .paused, .stopped])
        }
        actions += act(at: now)
        count()
        if let next = nextWake(after: now) { actions.append(.wake(at: next)) }
        return actions
    }

    // MARK: Units

    private mutating func seen(
        _ unit: UnitID,
        _ version: String,
        _ restarted: Bool,
        at now: WallTime
    ) -> [Action] {
        if version == plan.version { return finish(unit, .done) }
        if let failures = away.removeValue(forKey: unit) {
            enqueue(Turn(unit: unit, notBefore: now, failures: failures))
        }
        guard restarted, let update = updates[unit], update.report?.step ?? .notStarted != .notStarted
        else { return [] }
        return attemptFailed(unit, update, "it restarted and still runs version \(version)", at: now)
    }

    private mutating func reported(_ unit: UnitID, _ report: UpgradeReport, at now: WallTime) -> [Action] {
        guard var update = updates[unit] else { return [] }
        // The version alone decides: a unit may say "done" of an earlier update.
        if report.version == plan.version { return finish(unit, .done) }
        let before = update.report
        update.report = report
        update.hold = nil
        update.nextAsk = now + Self.askInterval
        var actions: [Action] =
            report == before ? [] : [.save(unit, .updating(attempt: update.attempt, report))]
        switch report.step {
        case .error:
            if let refused = update.turnedAwayAt, now - refused <= Self.refusalTime {
                return putBack(unit, update.before, at: now)
            }
            // An error that stands since before the telling is of an earlier update.
            guard before != nil && before?.step != .error || now - update.toldAt >= Self.tellAgain else {
                break
            }
            return attemptFailed(unit, update, "the unit reports an error", at: now)
        case .notStarted where now - update.toldAt >= Self.tellAgain:
            // It did not hear the event. Nobody is told out of turn, and this one has not begun.
            guard phase == .running, now < plan.closes else {
                return putBack(unit, update.before, at: now)
            }
            update.toldAt = now
            actions.append(.tell(unit))
        case .notStarted, .downloading, .installing, .upgrading, .done: break
        }
        updates[unit] = update
        return actions
    }

    /// A unit that restarts in the middle of its update is away for a while: it stays under way until its time is up.
    private mutating func unreachable(_ unit: UnitID, at now: WallTime) -> [Action] {
        guard let update = updates[unit] else { return [] }
        guard update.report == nil, now - update.began < Self.tellAgain else {
            updates[unit]?.nextAsk = now + Self.askInterval
            updates[unit]?.hold = .unreachable
            return []
        }
        updates[unit] = nil
        away[unit] = update.before
        return [.save(unit, .waiting(failures: update.before.count, reason: update.before.reason))]
    }

    private mutating func attemptFailed(
        _ unit: UnitID,
        _ update: Update,
        _ reason: String,
        at now: WallTime
    ) -> [Action] {
        guard update.attempt < plan.attempts else {
            return finish(unit, .failed("\(reason), \(update.attempt) times told"))
        }
        return putBack(unit, Failures(count: update.attempt, reason: reason), at: now)
    }

    private mutating func putBack(_ unit: UnitID, _ failures: Failures, at now: WallTime) -> [Action] {
        updates[unit] = nil
        let time = now + Self.pause(afterFailures: failures.count)
        enqueue(Turn(unit: unit, notBefore: time, failures: failures))
        return [.save(unit, .waiting(failures: failures.count, reason: failures.reason))]
    }

    private mutating func finish(_ unit: UnitID, _ progress: RollOutProgress) -> [Action] {
        guard
            updates.removeValue(forKey: unit) != nil || away.removeValue(forKey: unit) != nil
                || waiting.removeValue(forKey: unit) != nil
        else { return [] }
        switch progress {
        case .done: counts.done += 1
        case .failed: counts.failed += 1
        case .missed: counts.missed += 1
        case .waiting, .updating: break
        }
        return [.save(unit, progress)]
    }

    private mutating func enqueue(_ turn: Turn) {
        waiting[turn.unit] = turn
        var low = 0
        var high = queue.count
        while low < high {
            let middle = (low + high) / 2
            if queue[middle].notBefore >= turn.notBefore { low = middle + 1 } else { high = middle }
        }
        queue.insert(turn, at: low)
    }

    // MARK: The whole

    private mutating func act(at now: WallTime) -> [Action] {
        var actions: [Action] = []
        for (unit, update) in updates.sorted(by: { $0.key < $1.key }) {
            if now - update.began >= plan.patience {
                actions += attemptFailed(
                    unit,
                    update,
                    "it did not return with the new version in time",
                    at: now
                )
            } else if update.nextAsk <= now {
                updates[unit]?.nextAsk = now + Self.askInterval
                actions.append(.ask(unit))
            }
        }
        if phase == .running, isFailing { actions += enter(.stopped, from: [.running]) }
        if now >= plan.closes || phase == .cancelled { actions += missTheRest() }
        if phase == .running {
            while updates.count < plan.mostAtOnce, let next = nextTurn, next.notBefore <= now {
                queue.removeLast()
                waiting[next.unit] = nil
                let attempt = next.failures.count + 1
                updates[next.unit] = Update(
                    attempt: attempt,
                    before: next.failures,
                    began: now,
                    toldAt: now,
                    nextAsk: now + Self.askInterval
                )
                actions += [.tell(next.unit), .save(next.unit, .updating(attempt: attempt, nil))]
            }
        }
        if waiting.isEmpty, away.isEmpty, updates.isEmpty {
            actions += enter(.finished, from: [.running, .paused, .stopped])
        }
        return actions
    }

    /// The turn that comes next. Drops those that are no more.
    private var nextTurn: Turn? {
        mutating get {
            while let last = queue.last, waiting[last.unit] != last { queue.removeLast() }
            return queue.last
        }
    }

    private var isFailing: Bool {
        let failed = counts.failed - forgiven.failed
        let finished = counts.done - forgiven.done + failed
        return finished >= plan.errorSample && failed * 100 > plan.errorLimit * finished
    }

    private mutating func missTheRest() -> [Action] {
        let rest = Array(waiting.keys) + away.keys
        waiting = [:]
        queue = []
        away = [:]
        counts.missed += rest.count
        return rest.sorted().map { .save($0, .missed) }
    }

    private mutating func enter(_ new: Phase, from allowed: [Phase]) -> [Action] {
        guard allowed.contains(phase), phase != new else { return [] }
        phase = new
        return [.savePhase(new)]
    }

    private mutating func count() {
        counts.waiting = waiting.count + away.count
        counts.updating = updates.count
    }

    private mutating func nextWake(after now: WallTime) -> WallTime? {
        guard !isOver else { return nil }
        var times = updates.values.flatMap { [$0.nextAsk, $0.began + plan.patience] }
        if phase == .running, updates.count < plan.mostAtOnce, let next = nextTurn {
            times.append(next.notBefore)
        }
        if !waiting.isEmpty || !away.isEmpty { times.append(plan.closes) }
        return times.min().map { max($0, now) }
    }
}
