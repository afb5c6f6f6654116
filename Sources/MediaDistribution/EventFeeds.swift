import Bus
import ServerKit

/// Those who listen to the MDU's events.
///
/// Each may fall ``longestBacklog`` behind. One that falls further behind is cut off rather than given events with gaps:
/// it can ask again and learns the state as it is then.
struct EventFeeds {
    static let longestBacklog = 65_536
    private static let mostFeeds = 64

    private var feeds: [AsyncStream<MediaEvent>.Continuation] = []

    mutating func open(_ history: [MediaEvent]) -> AsyncStream<MediaEvent> {
        let (stream, feed) = AsyncStream<MediaEvent>.makeStream(
            bufferingPolicy: .bufferingOldest(Self.longestBacklog)
        )
        for event in history { feed.yield(event) }
        // Listeners that went away are found when something is sent; those that never read are cut off here.
        if feeds.count >= Self.mostFeeds { feeds.removeFirst().finish() }
        feeds.append(feed)
        return stream
    }

    mutating func send(_ event: MediaEvent, _ metrics: MediaMetrics) {
        feeds.removeAll { feed in
            switch feed.yield(event) {
            case .enqueued: return false
            case .dropped:
                metrics.eventFeedsDropped.add()
                feed.finish()
                return true
            case .terminated: return true
            @unknown default: return false
            }
        }
    }

    mutating func finish() {
        for feed in feeds { feed.finish() }
        feeds = []
    }
}
