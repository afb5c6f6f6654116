package import Bus
package import HSSModel
package import Logging
package import ServerKit
package import Store
import Synchronization

/// The event log as the rest of the platform sees it: written here, read from here, and a bell for whoever
/// follows it.
package final class EventFeed: Sendable {
    private struct State {
        var bells: [Int: AsyncStream<Void>.Continuation] = [:]
        var last = 0
    }

    private let store: any EventStore
    /// Followers at a time (`limits.event_subscribers`).
    private let mostBells: Int
    private let lost: Counter
    private let logger: Logger
    private let state = Mutex(State())

    package init(
        store: any EventStore,
        mostBells: Int = 1000,
        metrics: MetricRegistry,
        logger: Logger
    ) {
        self.store = store
        self.mostBells = mostBells
        self.logger = logger
        lost = metrics.counter("vedette_events_lost_total", "Events that could not be written.")
        metrics.gauge("vedette_event_subscribers", "Followers of the event log.") { [state = Weak(self)] in
            Double(state.feed?.followers ?? 0)
        }
    }

    private var followers: Int { state.withLock { $0.bells.count } }

    /// There are new events in the log.
    func ring() {
        for bell in state.withLock({ $0.bells }).values { bell.yield() }
    }

    /// There is no room for an event.
    func lose() { lost.add() }

    func lose(_ event: NewEvent, because error: StoreError) {
        lost.add()
        logger.error(
            "an event cannot be written",
            metadata: ["unit": "\(event.unit)", "kind": "\(event.kind)", "reason": "\(error)"]
        )
    }

    /// A bell for a part of the platform: not counted against the limit.
    func ownBell() -> AsyncStream<Void> {
        let (stream, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock {
            $0.last += 1
            $0.bells[$0.last] = ring
            return $0.last
        }
        ring.onTermination = { [weak self] _ in self?.leave(number) }
        return stream
    }

    private func leave(_ number: Int) {
        state.withLock { $0.bells[number] = nil }
    }

    /// The registry of figures must not keep the feed.
    private struct Weak: Sendable {
        weak let feed: EventFeed?
        init(_ feed: EventFeed) { self.feed = feed }
    }
}

extension EventFeed: EventPoint {
    package func events(after: EventID, limit: Int) async throws(ActivityError) -> [PlatformEvent] {
        do throws(StoreError) {
            return try await store.events(after: after, of: nil, limit: limit)
        } catch {
            throw ActivityError(error)
        }
    }

    package func newestEvent() async throws(ActivityError) -> EventID {
        do throws(StoreError) { return try await store.newestEvent() } catch { throw ActivityError(error) }
    }

    package func bell() throws(ActivityError) -> AsyncStream<Void> {
        let (stream, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let number: Int? = state.withLock {
            guard $0.bells.count < mostBells else { return nil }
            $0.last += 1
            $0.bells[$0.last] = ring
            return $0.last
        }
        guard let number else { throw .busy("followers of events") }
        ring.onTermination = { [weak self] _ in self?.leave(number) }
        return stream
    }
}

extension EventFeed: EventSink {
    package func record(_ event: NewEvent) async {
        guard event.detail.utf8.count <= NewEvent.longestDetail else { return lost.add() }
        do throws(StoreError) {
            _ = try await store.add(event)
            ring()
        } catch {
            lose(event, because: error)
        }
    }
}
