package import Bus
package import HSSModel
import HostClock
package import Logging
package import ServerKit
import ServiceLifecycle
package import Store
import Synchronization
package import Vr

/// A change after which somebody should no longer have what they have.
package enum DeviceChange: Sendable, Equatable {
    case disabled(UnitID)
    case removed(UnitID)
    /// Streams and sessions of the former owner should end.
    case unbound(UnitID, from: UserName)

    package var unit: UnitID {
        switch self {
        case .disabled(let unit), .removed(let unit), .unbound(let unit, _): unit
        }
    }
}

/// The centre's register of people and devices: reference points Ms and Cc. What it knows is in the store; here
/// are the rules, and what need not survive a restart (lock-outs, rates).
package final class Registry: Sendable {
    package struct Limits: Sendable {
        package var sessionsPerUser = 20
        package var bindCodesPerUser = 5
        package var bindCodeValidity: Duration = .seconds(600)
        package var accessValidity: Duration = .seconds(15 * 60)
        package var refreshValidity: Duration = .seconds(30 * 24 * 3600)
        /// Attempts of one unit to bind: a burst, then one in each interval.
        package var bindBurst = 5
        package var bindInterval: Duration = .seconds(10)
        package var login = LoginGuard<UnitID>.Rules()
        package var userLogin = LoginGuard<UserName>.Rules()
        /// Units whose signed logins are remembered at a time (``NonceMemory``).
        package var signingUnits = 40_000
        package var tokensPerUser = 20
        package var sharesPerDevice = 50
        package var sharesPerUser = 1000
        package var householdsPerUser = 20
        package var householdMembers = 50
        package var householdDevices = 200
        package var groupsPerUser = 50
        package var groupDevices = 200
        /// Names of other people that one caller tries: a burst, then one in each interval.
        package var nameBurst = 20
        package var nameInterval: Duration = .seconds(30)

        package init() {}
    }

    /// In a structure: a lock around a bare closure wraps it once more each time it is read, for good.
    private struct Followers {
        var arrival: (@Sendable (UnitArrival) -> Void)?
        var change: (@Sendable (DeviceChange) async -> Void)?
        var userDisabled: (@Sendable (UserName) async -> Void)?
        var ownerChanges: (@Sendable (UnitID) async -> Void)?
        var accessChange: (@Sendable (AccessChange) async -> Void)?
        var leaseEnd: (@Sendable (LeaseID, ChannelAddress) async -> Void)?
        var audit: (@Sendable (AuditNote) -> Void)?
    }

    let store: any CentreStore
    let hasher: PasswordHasher
    let limits: Limits
    let logger: Logger
    let metrics: RegistryMetrics
    let unitGuard: Mutex<LoginGuard<UnitID>>
    let userGuard: Mutex<LoginGuard<UserName>>
    let bindRates: Mutex<RateLimiter<UnitID>>
    let verifier: LoginVerifier
    let logins: LoginReader
    let nonces: Mutex<NonceMemory>
    let sightings = SightingJournal()
    let plans: WeeklyPlans
    let leases = LeaseBook()
    let uses = UseJournal()
    let nameRates: Mutex<RateLimiter<UserName>>
    private let followers = Mutex(Followers())
    /// Revocations since the last upkeep, told once more by the next: a login that was under way when the device
    /// was disabled may have become a session only after the first telling.
    private let revoked = Mutex<Set<UnitID>>([])
    /// The same for users: a call that was under way may have got a picture after the first telling.
    private let disabledUsers = Mutex<Set<UserName>>([])

    package init(
        store: any CentreStore,
        hasher: PasswordHasher = PasswordHasher(),
        limits: Limits = Limits(),
        verifier: LoginVerifier = LoginVerifier(),
        zone: @escaping @Sendable (String) -> ZoneOffsets? = { $0 == "UTC" ? .utc : nil },
        metrics: MetricRegistry,
        logger: Logger
    ) {
        self.store = store
        plans = WeeklyPlans(zone: zone)
        nameRates = Mutex(
            RateLimiter(
                perSecond: 1 / limits.nameInterval.inSeconds,
                burst: limits.nameBurst,
                capacity: limits.login.capacity
            )
        )
        self.verifier = verifier
        nonces = Mutex(NonceMemory(units: limits.signingUnits, startedAt: .now))
        logins = LoginReader(verifier) { units, accepts async throws(StoreError) in
            try await store.devices(units, where: accepts)
        }
        self.hasher = hasher
        self.limits = limits
        self.logger = logger
        self.metrics = RegistryMetrics(metrics)
        unitGuard = Mutex(LoginGuard(rules: limits.login))
        userGuard = Mutex(LoginGuard(rules: limits.userLogin))
        bindRates = Mutex(
            RateLimiter(
                perSecond: 1 / limits.bindInterval.inSeconds,
                burst: limits.bindBurst,
                capacity: limits.login.capacity
            )
        )
    }

    /// Sets what is done when a device is disabled, removed or unbound. The call that made the change returns
    /// after `action`, so an operator who hears "done" can rely on the unit being disconnected. A disabled or removed
    /// device is told a second time within 10 s; disconnecting what is not connected must do nothing. One action; the
    /// root sets it once the signalling service is there.
    package func onDeviceChange(_ action: @escaping @Sendable (DeviceChange) async -> Void) {
        followers.withLock { $0.change = action }
    }

    /// Sets what is done when a unit has connected. One action, and it must not wait: event loops call it.
    package func onArrival(_ action: @escaping @Sendable (UnitArrival) -> Void) {
        followers.withLock { $0.arrival = action }
    }

    /// Sets what is done before a device is bound, unbound or removed: what is counted for its owner ends there. One
    /// action; the change waits for it.
    package func onOwnerChange(_ action: @escaping @Sendable (UnitID) async -> Void) {
        followers.withLock { $0.ownerChanges = action }
    }

    /// Sets what is done when rights on devices have changed. One action; the call that changed them returns after it.
    package func onAccessChange(_ action: @escaping @Sendable (AccessChange) async -> Void) {
        followers.withLock { $0.accessChange = action }
    }

    func announce(_ change: AccessChange) async {
        guard !change.units.isEmpty else { return }
        let action = followers.withLock { $0.accessChange }
        await action?(change)
    }

    /// Sets what is done with what a session opened when the session ends. One action.
    package func onLeaseEnd(_ action: @escaping @Sendable (LeaseID, ChannelAddress) async -> Void) {
        followers.withLock { $0.leaseEnd = action }
    }

    func end(_ entries: [LeaseBook.Entry]) async {
        let action = followers.withLock { $0.leaseEnd }
        for entry in entries { await action?(entry.lease, entry.channel) }
    }

    /// Sets who hears what the audit trail should know and no call of the API tells: what units are refused, and what
    /// they bind. One action, and it must not wait: event loops call it.
    package func onAudit(_ action: @escaping @Sendable (AuditNote) -> Void) {
        followers.withLock { $0.audit = action }
    }

    func audit(_ note: AuditNote) {
        let action = followers.withLock { $0.audit }
        action?(note)
    }

    func ownerChanges(of unit: UnitID) async {
        let action = followers.withLock { $0.ownerChanges }
        await action?(unit)
    }

    func announce(_ news: UnitArrival) {
        let action = followers.withLock { $0.arrival }
        action?(news)
    }

    /// Sets what is done when a user is disabled, in the manner of ``onDeviceChange(_:)``: the user is told a second
    /// time within 10 s.
    package func onUserDisabled(_ action: @escaping @Sendable (UserName) async -> Void) {
        followers.withLock { $0.userDisabled = action }
    }

    func announce(disabled user: UserName) async {
        _ = disabledUsers.withLock { $0.insert(user) }
        await tell(disabled: user)
    }

    private func tell(disabled user: UserName) async {
        let action = followers.withLock { $0.userDisabled }
        await action?(user)
    }

    func announce(_ news: DeviceChange) async {
        switch news {
        case .disabled(let unit), .removed(let unit): _ = revoked.withLock { $0.insert(unit) }
        case .unbound: break
        }
        await tell(news)
    }

    private func tell(_ news: DeviceChange) async {
        let action = followers.withLock { $0.change }
        await action?(news)
    }

    private func repeatRevocations() async throws(StoreError) {
        let units = revoked.withLock { revoked in
            defer { revoked = [] }
            return revoked
        }
        do {
            for unit in units {
                // Enabled or enrolled again in the meantime: its sessions are welcome.
                switch try await store.credential(of: unit)?.disabled {
                case true: await tell(.disabled(unit))
                case nil: await tell(.removed(unit))
                case false: break
                }
            }
        } catch {
            // The next upkeep tells them; who has been told hears it again.
            revoked.withLock { $0.formUnion(units) }
            throw error
        }
        let users = disabledUsers.withLock { users in
            defer { users = [] }
            return users
        }
        do {
            for user in users where try await store.user(user)?.disabled ?? true {
                await tell(disabled: user)
            }
        } catch {
            // The next upkeep tells them; who has been told hears it again.
            disabledUsers.withLock { $0.formUnion(users) }
            throw error
        }
    }
}

extension Registry: Service {
    private static let maintenanceInterval: Duration = .seconds(10)

    /// Writes sightings down and drops what has expired, now and then and once more at the end.
    package func run() async throws {
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            await maintain()
            // Cancelled by the shutdown: go round once more and end.
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.maintenanceInterval) }
        }
        await maintain()
    }

    /// Writes what logins have said, for whoever is about to choose devices by it. What cannot be written is kept for
    /// the next time.
    package func writeSightings() async {
        let noted = sightings.take()
        guard !noted.isEmpty else { return }
        do {
            try await store.note(noted)
        } catch {
            for sighting in noted { sightings.note(sighting) }
            logger.warning("sightings of units are not written", metadata: ["reason": "\(error)"])
        }
    }

    /// Devices of which the next upkeep tells a second time.
    var openRevocations: Set<UnitID> { revoked.withLock { $0 } }

    /// One round of ``run()``.
    package func maintain() async {
        do {
            await writeSightings()
            try await repeatRevocations()
            try await writeUses()
            try await endExpiredShares()
            _ = try await store.dropExpired(at: .now)
            metrics.sessions.set(try await store.sessionCount())
            metrics.devices.set(try await store.deviceCount())
        } catch {
            logger.warning("registry upkeep failed; tried again soon", metadata: ["reason": "\(error)"])
        }
    }
}
