package import HSSModel
import Synchronization

/// What became of units since somebody looked last, for one listener that looks from time to time.
///
/// News of one unit or channel coalesce: who listens wants to know where to look, and reads the present state from
/// ``UnitRegistry``. Nobody is woken: thousands of units may come within a second.
package final class UnitNewsFeed: Sendable {
    package struct News: Sendable, Equatable {
        /// Units that connected, lost their connection or were declared offline; ``UnitRegistry/link(of:)`` says which
        /// it is now.
        package var links: Set<UnitID> = []
        /// What `Keepalive` last said of a channel's stream.
        package var reports: [ChannelAddress: StreamID?] = [:]
        /// More happened than fits: every unit may have changed. Reports come again with the next heartbeats.
        package var hasOverflowed = false

        package var isEmpty: Bool { links.isEmpty && reports.isEmpty && !hasOverflowed }
    }

    private let bound: Int
    /// Also units that say something else of themselves in a heartbeat.
    let hearsStates: Bool
    private let news = Mutex(News())

    /// At most `bound` units and as many channels wait.
    init(bound: Int, states: Bool = false) {
        self.bound = bound
        hearsStates = states
    }

    /// Everything since the last call.
    package func take() -> News {
        news.withLock { news in
            guard !news.isEmpty else { return News() }
            defer { news = News() }
            return news
        }
    }

    func changed(_ unit: UnitID) {
        news.withLock { news in
            if news.links.count < bound {
                _ = news.links.insert(unit)
            } else if !news.links.contains(unit) {
                news.hasOverflowed = true
            }
        }
    }

    func reported(_ channel: ChannelAddress, _ stream: StreamID?) {
        news.withLock { news in
            if news.reports.count < bound || news.reports[channel] != nil {
                _ = news.reports.updateValue(stream, forKey: channel)
            } else {
                news.hasOverflowed = true
            }
        }
    }
}
