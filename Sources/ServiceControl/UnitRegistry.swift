package import Bus
package import HSSModel
import HostClock
import Synchronization
package import Vd

package enum LinkState: Sendable, Equatable {
    case connected, disconnected, offline
    /// Powered down, with heartbeats at the hibernation server.
    case asleep
}

/// Which units are here: the owner and epoch of each, and the way to call it.
///
/// The newest login wins: a unit that lost its network returns before its old socket times out. Late news of a
/// displaced connection changes nothing. A lost socket is no offline; ``offlineAfter`` of silence is.
///
/// A lock instead of an actor: event loops call it at each login and close, and must not wait for a task.
package final class UnitRegistry: Sendable {
    private struct Entry {
        var link: UnitLink
        /// When the lost socket becomes an offline; nil while connected.
        var offlineAt: Instant?
    }

    private struct State {
        var entries: [UnitID: Entry] = [:]
        /// Entries that are connected: counted, because every login asks.
        var connected = 0
        var lastEpoch: Epoch?
        var feeds: [UnitNewsFeed] = []

        func isConnected(_ unit: UnitID) -> Bool {
            entries[unit].map { $0.offlineAt == nil } ?? false
        }
    }

    private let state = Mutex(State())
    private let node: NodeName
    private let offlineAfter: Duration
    /// Looked at for units that are not connected.
    let sleepers: SleepingUnits

    /// `silence`: without a heartbeat a sleeping unit counts as offline then. `sleepers`: units that may sleep.
    package init(
        node: NodeName,
        offlineAfter: Duration,
        silence: Duration = .seconds(135),
        sleepers: Int = 20_000
    ) {
        self.node = node
        self.offlineAfter = offlineAfter
        self.sleepers = SleepingUnits(silence: silence, capacity: sleepers)
    }

    /// News from now on, for a listener of its own that takes them a few times a second. For what runs as long as the
    /// registry: a feed is not given back. With `states`, also units whose own word of their state is another one.
    package func news(bound: Int = 65_536, states: Bool = false) -> UnitNewsFeed {
        let feed = UnitNewsFeed(bound: bound, states: states)
        state.withLock { $0.feeds.append(feed) }
        return feed
    }

    // MARK: For connections

    /// An epoch above all before it, also those before a restart.
    func nextEpoch() -> Epoch {
        state.withLock {
            let epoch = Epoch.following($0.lastEpoch, at: .now)
            $0.lastEpoch = epoch
            return epoch
        }
    }

    /// Makes `link` the way to its unit. Returns the link that it displaces, for the caller to close;
    /// or `link` itself where a newer one is there already.
    func attach(_ link: UnitLink) -> UnitLink? {
        let (displaced, feeds): (UnitLink?, [UnitNewsFeed]) = state.withLock {
            let old = $0.entries[link.unit]
            if let old, old.link.epoch > link.epoch { return (link, []) }
            if old.map({ $0.offlineAt != nil }) ?? true { $0.connected += 1 }
            $0.entries[link.unit] = Entry(link: link, offlineAt: nil)
            return (old?.link, $0.feeds)
        }
        if displaced !== link { sleepers.woke(link.unit) }
        for feed in feeds { feed.changed(link.unit) }
        return displaced
    }

    /// The socket of `link` is gone.
    func detach(_ link: UnitLink) {
        let feeds: [UnitNewsFeed] = state.withLock {
            guard $0.entries[link.unit]?.link === link, $0.isConnected(link.unit) else { return [] }
            $0.connected -= 1
            $0.entries[link.unit]?.offlineAt = link.lastSeen + max(offlineAfter, link.silence)
            return $0.feeds
        }
        for feed in feeds { feed.changed(link.unit) }
    }

    func reported(_ channel: ChannelAddress, _ stream: StreamID?) {
        for feed in state.withLock({ $0.feeds }) { feed.reported(channel, stream) }
    }

    /// A heartbeat told another state of the unit or a channel, or is the first since its login.
    func restated(_ unit: UnitID) {
        for feed in state.withLock({ $0.feeds }) where feed.hearsStates { feed.changed(unit) }
    }

    /// A heartbeat of a sleeping unit came. False: as many sleep as may.
    func slept(_ connection: HibernationConnection, at now: Instant) -> Bool {
        switch sleepers.heard(connection, at: now) {
        case .full: return false
        case .taken(let fellAsleep, let displaced):
            displaced?.close()
            guard fellAsleep else { return true }
            for feed in state.withLock({ $0.feeds }) { feed.changed(connection.registration.unit) }
            return true
        }
    }

    /// Forgets units that have been silent for too long, and returns them. What was known of a unit that sleeps is
    /// kept.
    package func sweep(at now: Instant) -> [UnitID] {
        let silent = sleepers.sweep(at: now)
        let asleep = sleepers.all
        let (gone, feeds) = state.withLock { state in
            var gone = state.entries.filter { $0.value.offlineAt.map { $0 <= now } ?? false }.map(\.key)
                .filter { asleep[$0] == nil }
            for unit in gone { state.entries[unit] = nil }
            gone += silent.filter { state.entries[$0] == nil && !gone.contains($0) }
            return (gone, state.feeds)
        }
        for feed in feeds { for unit in gone + silent { feed.changed(unit) } }
        return gone
    }

    // MARK: For the rest of the platform

    package func link(of unit: UnitID) -> LinkState {
        let known: LinkState? = state.withLock {
            $0.entries[unit].map { $0.offlineAt == nil ? .connected : .disconnected }
        }
        if known != .connected, sleepers.sleeper(unit) != nil { return .asleep }
        return known ?? .offline
    }

    package func presence(of unit: UnitID) -> UnitPresence? {
        presence(state.withLock { $0.entries[unit] }, sleepers.sleeper(unit))
    }

    /// Nil where the unit is not here.
    func sight(of unit: UnitID) -> PresenceLedger.Sight? {
        let entry = state.withLock { $0.entries[unit] }
        if entry == nil || entry?.offlineAt != nil, sleepers.sleeper(unit) != nil {
            return PresenceLedger.Sight(condition: .asleep, channels: nil)
        }
        return entry?.link.sight
    }

    /// Units that are here, ordered by name.
    package func sessions(after: UnitID?, limit: Int) -> [UnitSession] {
        let entries = state.withLock { $0.entries }
        let asleep = sleepers.all
        let names = Set(entries.keys).union(asleep.keys).filter { unit in after.map { $0 < unit } ?? true }
        return names.sorted().prefix(limit).compactMap { unit in
            presence(entries[unit], asleep[unit]).map { UnitSession(unit: unit, presence: $0) }
        }
    }

    package var connectedUnits: Int { state.withLock { $0.connected } }

    /// Every connected unit, for a node that is emptied.
    var candidates: [Drain.Candidate] {
        let entries = state.withLock { $0.entries.values.filter { $0.offlineAt == nil } }
        return entries.map {
            Drain.Candidate(unit: $0.link.unit, epoch: $0.link.epoch, pushesLive: $0.link.pushesLive)
        }
    }

    /// Whether `unit` may connect where `limit` units may: a unit that displaces itself always may.
    func hasRoom(for unit: UnitID, limit: Int) -> Bool {
        state.withLock { $0.connected < limit || $0.isConnected(unit) }
    }

    /// Calls a unit and waits for its answer, at most the time of its session.
    package func call(_ request: RPCRequest, on unit: UnitID) async -> CallOutcome {
        guard let link = connectedLink(unit) else { return .lost(.peerGone) }
        return await link.call(request)
    }

    package func disconnect(_ unit: UnitID, because reason: String) {
        sleepers.forget(unit)
        connectedLink(unit)?.close(.local(reason))
    }

    package func registration(of unit: UnitID) -> UnitRegistration? {
        state.withLock { $0.entries[unit]?.link.registration } ?? sleepers.sleeper(unit)?.registration
    }

    /// Nil where the unit is not connected now.
    func connectedLink(_ unit: UnitID) -> UnitLink? {
        state.withLock {
            $0.isConnected(unit) ? $0.entries[unit]?.link : nil
        }
    }

    private func presence(_ entry: Entry?, _ sleeper: SleepingUnits.Sleeper?) -> UnitPresence? {
        guard let entry else { return sleeper?.presence(node: node) }
        let awake = entry.link.presence(node: node, connected: entry.offlineAt == nil)
        guard !awake.connected, let sleeper else { return awake }
        return sleeper.presence(after: awake)
    }
}
