import HSSModel
package import Store
import Synchronization
import Vd

/// Where what becomes of units is written: state and events together, many in one transaction.
///
/// Whoever runs pictures tells of them here and does not wait; ``PresenceDesk`` takes what waits and writes it.
package final class PresenceJournal: Sendable {
    /// Pictures that started or ended and are not yet written; more are lost, and counted.
    private static let mostWaiting = 65_536

    private let store: any PresenceStore
    private let feed: EventFeed
    private let waiting = Mutex<[PresenceChange]>([])

    package init(store: any PresenceStore, feed: EventFeed) {
        self.store = store
        self.feed = feed
    }

    /// What was told in earlier runs of the platform.
    func told() async throws(StoreError) -> (units: [PresenceRecord], streams: [RunningStream]) {
        var units: [PresenceRecord] = []
        while true {
            let page = try await store.presences(after: units.last?.unit, limit: pageLimit)
            units += page
            guard page.count == pageLimit else { break }
        }
        return (units, try await store.runningStreams())
    }

    /// All or none. Returns units that are not enrolled any more.
    func write(_ changes: [PresenceChange]) async throws(StoreError) -> Set<UnitID> {
        guard !changes.isEmpty else { return [] }
        let strangers = try await store.note(changes)
        feed.ring()
        return strangers
    }

    /// A picture runs from now on.
    func started(_ stream: RunningStream, at now: WallTime) {
        tell(stream, runs: true, "started", nil, now)
    }

    /// A picture ended for good: a push that is renewed is no end.
    func stopped(_ stream: RunningStream, because reason: String, at now: WallTime) {
        tell(stream, runs: false, "stopped", reason, now)
    }

    /// The oldest `limit` of what waits; it goes on waiting until ``wrote(_:)``.
    func oldest(_ limit: Int) -> [PresenceChange] { waiting.withLock { Array($0.prefix(limit)) } }

    func wrote(_ count: Int) { waiting.withLock { $0.removeFirst(min(count, $0.count)) } }

    private func tell(
        _ stream: RunningStream,
        runs: Bool,
        _ state: String,
        _ reason: String?,
        _ now: WallTime
    ) {
        let detail = JSONObject {
            $0.field("state", state)
            $0.field("stream_id", stream.stream.rawValue)
            $0.field("reason", reason)
        }
        let event = NewEvent(
            time: now,
            unit: stream.channel.unit,
            channel: stream.channel.number,
            kind: .live,
            detail: detail.text
        )
        let fits = waiting.withLock { waiting in
            guard waiting.count < Self.mostWaiting else { return false }
            waiting.append(.live(stream, runs: runs, event))
            return true
        }
        if !fits { feed.lose() }
    }
}
