package import Bus
package import HSSModel
import HostClock
package import Logging
package import ServerKit
import ServiceLifecycle
package import Store
import Vd

/// Carries roll-outs out: tells units, asks them, writes down how far they are. What it does is decided by
/// ``RollOut``.
///
/// Nobody is told before it is written that he will be: after a kill a unit is asked, not told a second time.
package actor RollOutService {
    package struct Limits: Sendable {
        /// Units of one roll-out.
        package var units = 100_000
        /// Roll-outs that have not ended.
        package var open = 20
        /// Those that have, the newest.
        package var kept = 100

        package init() {}
    }

    /// What the platform knows of its units, as the root hands it over.
    package struct Units: Sendable {
        package var control: any UnitControlPoint
        package var documents: any UnitDocumentPoint
        /// Those of them that are connected.
        package var connected: @Sendable ([UnitID]) async -> Set<UnitID>
        /// Returns once what the last logins said stands in the store: units are chosen by it.
        package var settle: @Sendable () async -> Void

        package init(
            control: any UnitControlPoint,
            documents: any UnitDocumentPoint,
            settle: @escaping @Sendable () async -> Void = {},
            connected: @escaping @Sendable ([UnitID]) async -> Set<UnitID>
        ) {
            self.control = control
            self.documents = documents
            self.settle = settle
            self.connected = connected
        }
    }

    package enum Order: Sendable, Equatable {
        case tell(UnitID)
        case ask(UnitID)
    }

    struct Active {
        var record: RollOutRecord
        var machine: RollOut
        var unsaved: [UnitID: RollOutProgress] = [:]
        /// The phase or the end is not written yet.
        var isChanged = false
        var wakeAt: WallTime?

        var snapshot: RollOutRecord {
            var record = record
            record.phase = machine.phase
            record.counts = machine.counts
            record.forgiven = machine.forgiven
            return record
        }
    }

    /// An address works longer than the unit may take: a download that began in time is not cut off.
    private static let addressMargin = Duration.seconds(600)
    /// Units found offline in one go, before others get their turn.
    private static let offlineRounds = 200
    private static let tick = Duration.seconds(1)

    let library: FirmwareLibrary
    let store: any RollOutStore
    let limits: Limits
    let logger: Logger
    let metrics: RollOutMetrics
    nonisolated let news = RollOutNews()
    let hands: Units
    private let events: (any EventSink)?
    let now: @Sendable () -> WallTime
    var active: [RollOutID: Active] = [:]
    var rollOuts: [UnitID: RollOutID] = [:]
    private var orders: [Order] = []
    /// Units that have not answered yet: they are not asked again meanwhile.
    private var asking: Set<UnitID> = []
    private var isSaving = false
    private var savers: [CheckedContinuation<Void, Never>] = []
    var lastID: RollOutID?

    /// `now` is another clock in tests.
    package init(
        library: FirmwareLibrary,
        store: any RollOutStore,
        units: Units,
        events: (any EventSink)? = nil,
        limits: Limits = Limits(),
        metrics: MetricRegistry,
        logger: Logger,
        now: @escaping @Sendable () -> WallTime = { .now }
    ) {
        self.library = library
        self.store = store
        hands = units
        self.events = events
        self.limits = limits
        self.metrics = RollOutMetrics(metrics)
        self.logger = logger
        self.now = now
        library.onTurnedAway { [news] in news.turnedAway($0) }
    }

    // MARK: News of units

    package nonisolated func arrived(_ arrival: UnitArrival) { news.arrived(arrival) }
    package nonisolated func removed(_ unit: UnitID) { news.removed(unit) }

    private func takeNews() {
        let items = news.take()
        for unit in items.removed { receive(.removed(unit), of: unit) }
        for (unit, arrival) in items.arrivals.sorted(by: { $0.key < $1.key }) {
            receive(
                .seen(unit, version: arrival.firmwareModel, restarted: arrival.restarted),
                of: unit
            )
        }
        for unit in items.turnedAway { receive(.turnedAway(unit), of: unit) }
    }

    // MARK: The machines

    func receive(_ input: RollOut.Input, of unit: UnitID) {
        guard let id = rollOuts[unit] else { return }
        receive(input, id)
        if case .removed = input {
            rollOuts[unit] = nil
            news.forget(unit)
        }
    }

    func receive(_ input: RollOut.Input, _ id: RollOutID) {
        guard let actions = active[id]?.machine.receive(input, at: now()) else { return }
        active[id]?.wakeAt = nil
        for action in actions {
            switch action {
            case .tell(let unit): orders.append(.tell(unit))
            case .ask(let unit): orders.append(.ask(unit))
            case .wake(let time): active[id]?.wakeAt = time
            case .save(let unit, let progress): note(progress, of: unit, in: id)
            case .savePhase(let phase):
                active[id]?.isChanged = true
                logger.notice(
                    "roll-out is \(phase.rawValue)",
                    metadata: ["roll_out": "\(id)", "counts": "\(active[id]?.machine.counts.text ?? "")"]
                )
            }
        }
        if active[id]?.machine.isOver ?? false, active[id]?.record.endedAt == nil {
            active[id]?.record.endedAt = now()
            active[id]?.isChanged = true
        }
    }

    private func note(_ progress: RollOutProgress, of unit: UnitID, in id: RollOutID) {
        active[id]?.unsaved[unit] = progress
        metrics.count(progress)
        switch progress {
        case .waiting, .updating: return
        case .failed(let reason):
            logger.warning(
                "a unit did not take the firmware",
                metadata: ["unit": "\(unit)", "roll_out": "\(id)", "reason": "\(reason)"]
            )
        case .done, .missed: break
        }
        rollOuts[unit] = nil
        news.forget(unit)
    }

    // MARK: Rounds

    /// What is to be said now. Empty while it cannot be written down.
    package func takeOrders() async -> [Order] {
        takeNews()
        let time = now()
        for (id, rollOut) in active.sorted(by: { $0.key < $1.key }) where rollOut.wakeAt ?? time <= time {
            receive(.wake, id)
        }
        for _ in 0..<Self.offlineRounds {
            let told = orders.compactMap { if case .tell(let unit) = $0 { unit } else { nil } }
            guard !told.isEmpty else { break }
            let connected = await hands.connected(told)
            let away = Set(told).subtracting(connected)
            if away.isEmpty { break }
            orders.removeAll { if case .tell(let unit) = $0 { away.contains(unit) } else { false } }
            for unit in away.sorted() { receive(.unreachable(unit), of: unit) }
        }
        let taken = orders
        orders = []
        guard await save() else {
            orders = taken + orders
            return []
        }
        metrics.open.set(active.count)
        metrics.updating.set(active.values.reduce(0) { $0 + $1.machine.counts.updating })
        return taken
    }

    /// Says it, and hears what the unit answers.
    package func carryOut(_ order: Order) async {
        switch order {
        case .tell(let unit): await tell(unit)
        case .ask(let unit): await ask(unit)
        }
    }

    private func tell(_ unit: UnitID) async {
        // It may have come back with the new version since the order was given.
        guard let id = rollOuts[unit], let rollOut = active[id], let firmware = rollOut.record.firmware,
            case .updating = rollOut.machine.progress(of: unit)
        else { return }
        let expiry = now() + rollOut.machine.plan.patience + Self.addressMargin
        do throws(UnitCallError) {
            try await tell(unit, firmware, rollOut.machine.plan.version, until: expiry)
        } catch {
            switch error {
            case .offline, .asleep: receive(.unreachable(unit), of: unit)
            default: receive(.unclear(unit), of: unit)
            }
        }
    }

    func tell(
        _ unit: UnitID,
        _ firmware: FirmwareID,
        _ version: String,
        until expiry: WallTime
    ) async throws(UnitCallError) {
        let https = try await canFetchSecurely(unit)
        let url = library.address(of: firmware, for: unit, until: expiry, https: https)
        try await hands.control.tell(UpgradeFirmware(firmwareModel: version, url: url), to: unit)
        metrics.told.add()
    }

    /// A unit that says nothing of what it can is one of the Recommendation, which fetches by https.
    private func canFetchSecurely(_ unit: UnitID) async throws(UnitCallError) -> Bool {
        if let known = hands.documents.knownCapabilities(of: unit) {
            return known.supports(.firmwareDownloadHTTPS)
        }
        do throws(UnitCallError) {
            let said = try await hands.documents.capabilities(of: unit)
            return said == Capabilities() || said.supports(.firmwareDownloadHTTPS)
        } catch {
            switch error {
            case .offline, .asleep: throw error
            default: return true
            }
        }
    }

    private func ask(_ unit: UnitID) async {
        guard asking.insert(unit).inserted else { return }
        defer { asking.remove(unit) }
        do throws(UnitCallError) {
            let status = try await hands.control.ask(QueryUpgrade(), of: unit)
            receive(.reported(unit, UpgradeReport(status)), of: unit)
        } catch {
            switch error {
            case .offline, .asleep: receive(.unreachable(unit), of: unit)
            default: receive(.unclear(unit), of: unit)
            }
        }
    }

    // MARK: Writing

    /// Writes what has changed, all of it in one transaction. False: it could not; it stays to be written.
    func save() async -> Bool {
        while isSaving { await withCheckedContinuation { savers.append($0) } }
        var changes: [RollOutChange] = []
        var ended: [(UnitID, RollOutProgress, RollOutRecord)] = []
        for (id, rollOut) in active where rollOut.isChanged || !rollOut.unsaved.isEmpty {
            changes.append(
                RollOutChange(
                    id: id,
                    phase: rollOut.machine.phase,
                    forgiven: rollOut.machine.forgiven,
                    endedAt: rollOut.record.endedAt,
                    units: rollOut.unsaved
                )
            )
            for (unit, progress) in rollOut.unsaved { ended.append((unit, progress, rollOut.record)) }
            active[id]?.unsaved = [:]
            active[id]?.isChanged = false
        }
        guard !changes.isEmpty else { return true }
        isSaving = true
        defer {
            isSaving = false
            for saver in savers { saver.resume() }
            savers = []
        }
        do throws(StoreError) {
            try await store.save(changes, at: now())
        } catch {
            metrics.unsaved.add()
            logger.error(
                "the progress of roll-outs cannot be written; nobody is told meanwhile",
                metadata: ["reason": "\(error)"]
            )
            for change in changes {
                active[change.id]?.isChanged = true
                active[change.id]?.unsaved.merge(change.units) { newer, _ in newer }
            }
            return false
        }
        for change in changes where change.endedAt != nil { active[change.id] = nil }
        for (unit, progress, record) in ended { await tellOthers(unit, progress, record) }
        return true
    }

    private func tellOthers(_ unit: UnitID, _ progress: RollOutProgress, _ record: RollOutRecord) async {
        guard let event = UpgradeEvent(progress, version: record.plan.version) else { return }
        await tellOthers(event, of: unit)
    }

    func tellOthers(_ event: UpgradeEvent, of unit: UnitID) async {
        await events?.record(NewEvent(time: now(), unit: unit, kind: .upgrade, detail: event.detail))
    }
}

extension RollOutService: Service {
    package func run() async throws {
        var isLoaded = false
        await withDiscardingTaskGroup { group in
            repeat {
                if !isLoaded { isLoaded = await start() }
                for order in await takeOrders() { group.addTask { await self.carryOut(order) } }
            } while await Self.pause()
            group.cancelAll()
        }
        _ = await save()
    }

    private func start() async -> Bool {
        do {
            try await load()
            let swept = try await library.sweep(at: now())
            if swept > 0 { logger.notice("firmware swept", metadata: ["blobs": "\(swept)"]) }
            return true
        } catch {
            logger.error("roll-outs cannot be read; tried again soon", metadata: ["reason": "\(error)"])
            return false
        }
    }

    private static func pause() async -> Bool {
        (try? await cancelWhenGracefulShutdown { try await Task.sleep(for: tick) }) != nil
    }
}

extension UpgradeReport {
    fileprivate init(_ status: UpgradeStatus) {
        self.init(
            step: Step(rawValue: status.state.rawValue) ?? .notStarted,
            percent: status.progress,
            version: status.firmwareModel
        )
    }
}

extension RollOutCounts {
    fileprivate var text: String {
        "waiting \(waiting), updating \(updating), done \(done), failed \(failed), missed \(missed)"
    }
}
