import Bus
import HSSModel
import HostClock
import Logging
import Store
import Vd

/// Runs a ``ConfigurationShadow`` for each unit of which something is wanted or asked, and keeps what they know.
actor ConfigurationDesk {
    /// Calls of customers wait this long for the unit; what comes later is seen by the next call.
    private static let patience = Duration.seconds(5)
    /// Units whose configuration is at hand because somebody asked for it, and how long after.
    private static let mostVisitors = 10_000
    private static let visit = Duration.seconds(30)

    private struct Desk {
        var shadow: ConfigurationShadow
        var epoch: Epoch?
        var firmwareModel: String?
        var wake: Instant?
        var waiting: [Waiter] = []
        /// The store knows what the machine knows.
        var isSaved = true
        var usedAt = Instant.now
    }

    private struct Waiter {
        var deadline: Instant
        var continuation: CheckedContinuation<Void, Never>
    }

    private let units: UnitRegistry
    private let calls: UnitCalls
    private let memory: ConfigurationMemory
    private let turnstile: Turnstile
    private let timing: ConfigurationShadow.Timing
    private let logger: Logger
    private var desks: [UnitID: Desk] = [:]
    /// The last save of each unit that has not ended.
    private var saves: [UnitID: Task<StoreError?, Never>] = [:]
    /// Units of which something is wanted: they are looked after whenever they connect.
    private var wanted: Set<UnitID> = []

    init(
        units: UnitRegistry,
        calls: UnitCalls,
        memory: ConfigurationMemory,
        timing: ConfigurationShadow.Timing,
        mostAtOnce: Int,
        logger: Logger
    ) {
        self.units = units
        self.calls = calls
        self.memory = memory
        self.timing = timing
        self.logger = logger
        turnstile = Turnstile(max(1, mostAtOnce))
    }

    // MARK: Customers

    func configuration(of unit: UnitID) async throws(ConfigurationError) -> UnitConfiguration {
        try await open(unit)
        receive(.refresh, of: unit)
        await settle(unit)
        return state(of: unit)
    }

    func change(
        _ unit: UnitID,
        _ change: ConfigurationDocument,
        dropping dropped: [ConfigurationPath]
    ) async throws(ConfigurationError) -> UnitConfiguration {
        try check(change, unit)
        try await open(unit)
        wanted.insert(unit)
        receive(.desire(change, dropping: dropped), of: unit)
        try await save(unit)
        await settle(unit)
        return state(of: unit)
    }

    func reset(_ unit: UnitID) async throws(ConfigurationError) {
        try await open(unit)
        do throws(UnitCallError) {
            _ = try await calls.ask(ResetConfig(), of: unit)
            receive(.release, of: unit)
            try await calls.tell(RebootDevice(), to: unit)
        } catch {
            throw .unit(error)
        }
        wanted.remove(unit)
        try await save(unit)
    }

    /// What the unit is known not to have, channels that are not there, and what only the unit may set.
    private func check(_ change: ConfigurationDocument, _ unit: UnitID) throws(ConfigurationError) {
        do throws(FieldError) { try change.checkWritable() } catch { throw .invalid(error) }
        if let registered = units.registration(of: unit)?.channels,
            let missing = change.channels.first(where: { registered[$0] == nil })
        {
            throw .unit(.noSuchChannel(ChannelAddress(unit: unit, number: missing)))
        }
        guard let known = calls.abilities.known(of: unit) else { return }
        for (path, _) in change.fields {
            if let capability = CapabilityTable.capability(for: path), !known.supports(capability) {
                throw .unit(.unsupported(capability: capability.rawValue))
            }
        }
    }

    // MARK: News

    /// Units of which something was wanted before the platform started.
    func begin() async {
        do throws(StoreError) {
            wanted = try await memory.wanted()
        } catch {
            logger.error("wanted configurations cannot be read", metadata: ["reason": "\(error)"])
        }
        for unit in wanted { await heard(unit) }
    }

    /// A unit came or went.
    func heard(_ unit: UnitID) async {
        guard wanted.contains(unit) || desks[unit] != nil else { return }
        do throws(ConfigurationError) {
            try await open(unit)
            receive(nil, of: unit)
        } catch {
            logger.error(
                "a configuration cannot be read",
                metadata: ["unit": "\(unit)", "reason": "\(error)"]
            )
        }
    }

    /// Wakes whoever is due, and lets those go who have waited long enough.
    func tick(at now: Instant) {
        for (unit, desk) in desks {
            if let wake = desk.wake, wake <= now { receive(.wake, of: unit) }
            if desk.waiting.contains(where: { $0.deadline <= now }) { release(unit, at: now) }
            // Nobody wants anything of it: the store remembers.
            if !wanted.contains(unit), desk.waiting.isEmpty, desk.shadow.isSettled,
                now - desk.usedAt > Self.visit
            {
                desks[unit] = nil
            }
        }
    }

    /// The device was given up or removed: what its owner wanted goes with the owner.
    func withdraw(_ unit: UnitID) async {
        guard wanted.remove(unit) != nil || desks[unit] != nil else { return }
        receive(.release, of: unit)
        do throws(ConfigurationError) { try await save(unit) } catch {
            logger.error(
                "a configuration cannot be dropped",
                metadata: ["unit": "\(unit)", "reason": "\(error)"]
            )
        }
    }

    // MARK: One unit

    private func open(_ unit: UnitID) async throws(ConfigurationError) {
        guard desks[unit] == nil else {
            desks[unit]?.usedAt = .now
            return
        }
        guard desks.count < Self.mostVisitors || wanted.contains(unit) else { throw .unit(.busy(unit)) }
        let stored: ConfigurationMemory.Stored
        do throws(StoreError) { stored = try await memory.load(unit) } catch {
            throw .unavailable(error.description)
        }
        // Somebody else may have been faster.
        guard desks[unit] == nil else { return }
        desks[unit] = Desk(
            shadow: ConfigurationShadow(
                reported: stored.reported,
                desired: stored.desired,
                refusals: stored.refusals,
                timing: timing
            ),
            firmwareModel: stored.firmwareModel
        )
    }

    /// Feeds the machine; first with what has become of the connection.
    private func receive(_ input: ConfigurationShadow.Input?, of unit: UnitID) {
        guard var desk = desks[unit] else { return }
        let before = desk.shadow
        var actions: [ConfigurationShadow.Action] = []
        let link = units.connectedLink(unit)
        if link?.epoch != desk.epoch {
            desk.epoch = link?.epoch
            if let link {
                let other = desk.firmwareModel != nil && desk.firmwareModel != link.firmwareModel
                desk.firmwareModel = link.firmwareModel
                actions += desk.shadow.receive(.connected(otherFirmware: other), at: .now)
            } else {
                actions += desk.shadow.receive(.disconnected, at: .now)
            }
        }
        if let input { actions += desk.shadow.receive(input, at: .now) }
        desk.wake = nil
        for case .wake(let instant) in actions { desk.wake = instant }
        desk.isSaved = desk.isSaved && desk.shadow.knowsTheSame(as: before)
        desks[unit] = desk
        for action in actions { perform(action, on: unit) }
        if desk.shadow.isSettled { settled(unit) }
    }

    private func perform(_ action: ConfigurationShadow.Action, on unit: UnitID) {
        let calls = calls
        switch action {
        case .read(let id):
            Task {
                let outcome = await turnstile.pass { await calls.outcome(of: GetConfig(), unit) }
                receive(.answered(id, outcome), of: unit)
            }
        case .write(let id, let document):
            Task {
                let outcome = await turnstile.pass {
                    await calls.outcome(of: SetConfig(document: document), unit)
                }
                receive(.answered(id, outcome), of: unit)
            }
        case .wake: break
        }
    }

    private func settle(_ unit: UnitID) async {
        guard desks[unit].map({ !$0.shadow.isSettled }) ?? false else { return }
        let deadline = Instant.now + Self.patience
        await withCheckedContinuation { continuation in
            desks[unit]?.waiting.append(Waiter(deadline: deadline, continuation: continuation))
        }
    }

    private func settled(_ unit: UnitID) {
        release(unit, at: nil)
        guard desks[unit]?.isSaved == false else { return }
        Task {
            do throws(ConfigurationError) { try await save(unit) } catch {
                logger.error(
                    "a configuration cannot be kept",
                    metadata: ["unit": "\(unit)", "reason": "\(error)"]
                )
            }
        }
    }

    /// Lets those go whose deadline has passed; nil: all.
    private func release(_ unit: UnitID, at now: Instant?) {
        guard let waiting = desks[unit]?.waiting, !waiting.isEmpty else { return }
        let due = waiting.filter { waiter in now.map { waiter.deadline <= $0 } ?? true }
        desks[unit]?.waiting = now.map { now in waiting.filter { $0.deadline > now } } ?? []
        for waiter in due { waiter.continuation.resume() }
    }

    private func state(of unit: UnitID) -> UnitConfiguration {
        let shadow = desks[unit]?.shadow ?? ConfigurationShadow()
        return UnitConfiguration(
            reported: shadow.reported,
            desired: shadow.desired,
            difference: shadow.difference,
            refused: shadow.refusals,
            isSettled: shadow.isSettled && (desks[unit]?.epoch != nil || shadow.difference == nil)
        )
    }

    /// Returns when what is known now is durable. Saves of one unit are done in the order of their calls: a later
    /// state never gives way to an earlier one.
    private func save(_ unit: UnitID) async throws(ConfigurationError) {
        guard let desk = desks[unit] else { return }
        let stored = ConfigurationMemory.Stored(
            reported: desk.shadow.reported,
            desired: desk.shadow.desired,
            refusals: desk.shadow.refusals,
            firmwareModel: desk.firmwareModel
        )
        desks[unit]?.isSaved = true
        let (memory, previous) = (memory, saves[unit])
        let task = Task { () async -> StoreError? in
            _ = await previous?.value
            do throws(StoreError) { try await memory.keep(stored, of: unit) } catch { return error }
            return nil
        }
        saves[unit] = task
        let failure = await task.value
        if saves[unit] == task { saves[unit] = nil }
        guard let failure else { return }
        desks[unit]?.isSaved = false
        throw .unavailable(failure.description)
    }
}

extension UnitCalls {
    /// Either message of the configuration as the machine hears of it.
    fileprivate func outcome<Request: VdRequest>(
        of request: Request,
        _ unit: UnitID
    ) async -> ConfigurationShadow.Outcome where Request.Answer == ConfigurationDocument {
        do throws(UnitCallError) {
            return .document(try await ask(request, of: unit))
        } catch {
            switch error {
            case .refused(let code, let message): return .refused(code: code, message: message)
            case .malformedAnswer: return .malformed
            default: return .lost
            }
        }
    }
}
