import HSSModel
import Store
import Vr

/// What the configuration says of how long recordings stay. Nil: no limit.
package struct RetentionSettings: Sendable {
    /// Of one channel (`recording.retention`, `recording.quota`).
    package var age: Duration?
    package var channelBytes: Int64?
    /// Of all channels of one owner (`recording.owner_quota`).
    package var ownerBytes: Int64?
    /// Of the platform (`recording.total_quota`).
    package var totalBytes: Int64?
    /// Free space of the disk below which the oldest recordings go (`recording.reserve`); bytes.
    package var reserve: Int64
    /// Of clips that one owner keeps, together (`recording.kept_time`).
    package var keptTime: Duration?
    package var interval = Duration.seconds(60)
    /// How long what was admitted may take until it has a row.
    package var settling = Duration.seconds(1)

    package init(
        age: Duration? = .seconds(7 * 86_400),
        channelBytes: Int64? = nil,
        ownerBytes: Int64? = nil,
        totalBytes: Int64? = nil,
        reserve: Int64 = 0
    ) {
        self.age = age
        self.channelBytes = channelBytes
        self.ownerBytes = ownerBytes
        self.totalBytes = totalBytes
        self.reserve = reserve
    }
}

extension RetentionRules {
    /// The configuration, and over it what was set for the owner, and over that what was set for the channel.
    init(_ settings: RetentionSettings, _ set: StoredRecordingLimits, channels: [RecordedChannel]) {
        self.init(
            standard: Channel(age: settings.age, bytes: settings.channelBytes),
            standardOwnerBytes: settings.ownerBytes,
            totalBytes: settings.totalBytes
        )
        for (owner, limits) in set.owners {
            if let bytes = limits.bytes { ownerBytes.updateValue(bytes == 0 ? nil : bytes, forKey: owner) }
        }
        for recorded in channels {
            let own = set.channels[recorded.channel]
            let owners = recorded.owner.flatMap { set.owners[$0] }
            var rule = standard
            if let age = own?.retention ?? owners?.retention { rule.age = age == .zero ? nil : age }
            if let bytes = own?.bytes { rule.bytes = bytes == 0 ? nil : bytes }
            if rule != standard { self.channels[recorded] = rule }
        }
    }
}
