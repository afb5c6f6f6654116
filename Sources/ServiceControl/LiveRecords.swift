import HSSModel
import Logging
import Store

/// What is kept beside the pictures that run.
struct LiveRecords {
    /// Hears which pictures run.
    var journal: PresenceJournal?
    /// Hears who watches.
    var usage: UsageDesk?
    /// What is set for single channels.
    var channels: (any ChannelSettingStore)?

    /// Nil: as the media server is set, also where the store does not say: a picture is worth more than its setting.
    func latency(of channel: ChannelAddress, _ logger: Logger) async -> Duration? {
        do throws(StoreError) {
            return try await channels?.srtLatency(of: channel)
        } catch {
            logger.error("the latency of a channel cannot be read", metadata: ["reason": "\(error)"])
            return nil
        }
    }
}
