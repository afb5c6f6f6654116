package import Bus
package import HSSModel
import HostClock
import Synchronization
package import Vd

package enum LinkState: Sendable, Equatable {
    case connected, disconnected, offline
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

    package init(node: NodeName, offlineAfter: Duration) {
        self.node = node
        self.offlineAfter = offlineAfter
    }

    /// News from now on, for a listener of its own that takes them a few times a second. For what runs as long as the
    /// registry: a feed is not given back.
    package func news(bound: Int = 65_536) -> UnitNewsFeed {
        let feed = UnitNewsFeed(bound: bound)
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
        for feed in feeds { feed.changed(link.unit) }
        return displaced
    }

    /// The socket of `link` is gone.
    func detach(_ link: UnitLink) {
        let feeds: [UnitNewsFeed] = state.withLock {
            guard $0.entries[link.unit]?.link === link, $0.isConnected(link.unit) else { return [] }
            $0.connected -= 1
            $0.entries[link.unit]?.offlineAt = link.lastSeen + offlineAfter
            return $0.feeds
        }
        for feed in feeds { feed.changed(link.unit) }
    }

    func reported(_ channel: ChannelAddress, _ stream: StreamID?) {
        for feed in state.withLock({ $0.feeds }) { feed.reported(channel, stream) }
    }

    /// Forgets units that have been silent for too long, and returns them.
    package func sweep(at now: Instant) -> [UnitID] {
        let (gone, feeds) = state.withLock { state in
            let gone = state.entries.filter { $0.value.offlineAt.map { $0 <= now } ?? false }.map(\.key)
            for unit in gone { state.entries[unit] = nil }
            return (gone, state.feeds)
        }
        for feed in feeds { for unit in gone { feed.changed(unit) } }
        return gone
    }

    // MARK: For the rest of the platform

    package func link(of unit: UnitID) -> LinkState {
        state.withLock {
            guard let entry = $0.entries[unit] else { return .offline }
            return entry.offlineAt == nil ? .connected : .disconnected
        }
    }

    package func presence(of unit: UnitID) -> UnitPresence? {
        state.withLock { $0.entries[unit] }.map { presence($0) }
    }

    /// Units that are here, ordered by name.
    package func sessions(after: UnitID?, limit: Int) -> [UnitSession] {
        let entries = state.withLock { $0.entries }
        return entries.filter { after == nil || $0.key > after ?? $0.key }.sorted { $0.key < $1.key }
            .prefix(limit).map { UnitSession(unit: $0.key, presence: presence($0.value)) }
    }

    package var connectedUnits: Int { state.withLock { $0.connected } }

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
        connectedLink(unit)?.close(.local(reason))
    }

    package func registration(of unit: UnitID) -> UnitRegistration? {
        state.withLock { $0.entries[unit]?.link.registration }
    }

    /// Nil where the unit is not connected now.
    func connectedLink(_ unit: UnitID) -> UnitLink? {
        state.withLock {
            $0.isConnected(unit) ? $0.entries[unit]?.link : nil
        }
    }

    private func presence(_ entry: Entry) -> UnitPresence {
        entry.link.presence(node: node, connected: entry.offlineAt == nil)
    }
}
