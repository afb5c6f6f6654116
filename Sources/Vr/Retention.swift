package import HSSModel

/// How long recordings stay, and how much of them. Nil: no limit.
package struct RetentionRules: Sendable, Hashable {
    package struct Channel: Sendable, Hashable {
        package var age: Duration?
        package var bytes: Int64?

        package init(age: Duration? = nil, bytes: Int64? = nil) {
            self.age = age
            self.bytes = bytes
        }
    }

    /// For channels that have none of their own.
    package var standard: Channel
    package var channels: [ChannelID: Channel]
    /// Of all channels of one owner together.
    package var ownerBytes: [UserName: Int64]
    /// Of the platform.
    package var totalBytes: Int64?

    package init(
        standard: Channel = Channel(),
        channels: [ChannelID: Channel] = [:],
        ownerBytes: [UserName: Int64] = [:],
        totalBytes: Int64? = nil
    ) {
        self.standard = standard
        self.channels = channels
        self.ownerBytes = ownerBytes
        self.totalBytes = totalBytes
    }

    package func rule(of channel: ChannelID) -> Channel { channels[channel] ?? standard }
}

/// What recordings take up, in bytes. What is being dropped counts no more.
package struct RetentionUsage: Sendable, Hashable {
    package var channels: [ChannelID: Int64]
    package var owners: [UserName: Int64]
    package var total: Int64
    /// How much less than its watermark the disk has free; 0 or less: enough.
    package var shortage: Int64

    package init(
        channels: [ChannelID: Int64] = [:],
        owners: [UserName: Int64] = [:],
        total: Int64 = 0,
        shortage: Int64 = 0
    ) {
        self.channels = channels
        self.owners = owners
        self.total = total
        self.shortage = shortage
    }
}

/// A saved segment, as retention sees it.
package struct RetentionCandidate: Sendable, Hashable {
    package var channel: ChannelID
    package var owner: UserName?
    package var end: WallTime
    package var bytes: Int64
    /// Part of a clip that is kept whatever its age (a legal hold).
    package var isKept: Bool

    package init(channel: ChannelID, owner: UserName?, end: WallTime, bytes: Int64, isKept: Bool = false) {
        self.channel = channel
        self.owner = owner
        self.end = end
        self.bytes = bytes
        self.isKept = isKept
    }
}

/// One walk along the saved segments, oldest first, page by page: says of each whether it goes, and why.
///
/// What goes is marked in one commit, and its bytes and row go after that (``RecordCheck/drop(_:)``): a crash between the
/// two leaves a clean-up that goes on, and no orphan. It is off the account as soon as it is marked.
package struct RetentionPass: Sendable {
    package enum Reason: String, Sendable, CaseIterable {
        case age
        case channelQuota = "channel-quota"
        case ownerQuota = "owner-quota"
        case totalQuota = "total-quota"
        case lowDisk = "low-disk"
    }

    package let rules: RetentionRules
    private let time: WallTime
    package private(set) var usage: RetentionUsage

    package init(_ rules: RetentionRules, usage: RetentionUsage, at now: WallTime) {
        self.rules = rules
        self.usage = usage
        time = now
    }

    /// Nil: it stays. A kept segment always does, and still counts.
    package mutating func judge(_ segment: RetentionCandidate) -> Reason? {
        guard !segment.isKept, let reason = reason(for: segment) else { return nil }
        usage.channels[segment.channel, default: 0] -= segment.bytes
        if let owner = segment.owner { usage.owners[owner, default: 0] -= segment.bytes }
        usage.total -= segment.bytes
        usage.shortage -= segment.bytes
        return reason
    }

    /// No limit in bytes is exceeded: from here on only age can take something.
    package var hasRoom: Bool {
        let isChannelFull = usage.channels.contains { isOver($0.value, rules.rule(of: $0.key).bytes) }
        let isOwnerFull = usage.owners.contains { isOver($0.value, rules.ownerBytes[$0.key]) }
        return !isChannelFull && !isOwnerFull && !isOver(usage.total, rules.totalBytes) && usage.shortage <= 0
    }

    /// What ends later is too old in no channel; nil: nothing ever is. The walk may stop at the first segment that starts
    /// later, when ``hasRoom``.
    package var youngestExpiry: WallTime? {
        let ages = ([rules.standard] + rules.channels.values).compactMap(\.age)
        return ages.min().map { WallTime(milliseconds: time.milliseconds - $0.wholeMilliseconds) }
    }

    /// Whether a channel may begin another segment of this size before the next walk.
    package func admits(_ bytes: Int64, to channel: ChannelID, of owner: UserName?) -> Bool {
        func fits(_ used: Int64?, _ limit: Int64?) -> Bool { limit.map { (used ?? 0) <= $0 - bytes } ?? true }
        return fits(usage.channels[channel], rules.rule(of: channel).bytes)
            && fits(owner.flatMap { usage.owners[$0] }, owner.flatMap { rules.ownerBytes[$0] })
            && fits(usage.total, rules.totalBytes) && usage.shortage <= 0
    }

    private func reason(for segment: RetentionCandidate) -> Reason? {
        let rule = rules.rule(of: segment.channel)
        if let age = rule.age, segment.end + age <= time { return .age }
        if isOver(usage.channels[segment.channel], rule.bytes) { return .channelQuota }
        if let owner = segment.owner, isOver(usage.owners[owner], rules.ownerBytes[owner]) {
            return .ownerQuota
        }
        if isOver(usage.total, rules.totalBytes) { return .totalQuota }
        return usage.shortage > 0 ? .lowDisk : nil
    }

    private func isOver(_ used: Int64?, _ limit: Int64?) -> Bool {
        guard let used, let limit else { return false }
        return used > limit
    }
}
