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
    package var channels: [RecordedChannel: Channel]
    /// Of all channels of one owner together, for owners that have none of their own.
    package var standardOwnerBytes: Int64?
    package var ownerBytes: [UserName: Int64?]
    /// Of the platform.
    package var totalBytes: Int64?

    package init(
        standard: Channel = Channel(),
        channels: [RecordedChannel: Channel] = [:],
        standardOwnerBytes: Int64? = nil,
        ownerBytes: [UserName: Int64?] = [:],
        totalBytes: Int64? = nil
    ) {
        self.standard = standard
        self.channels = channels
        self.standardOwnerBytes = standardOwnerBytes
        self.ownerBytes = ownerBytes
        self.totalBytes = totalBytes
    }

    package func rule(of recorded: RecordedChannel) -> Channel { channels[recorded] ?? standard }

    package func bytes(of owner: UserName) -> Int64? { ownerBytes[owner] ?? standardOwnerBytes }
}

/// What recordings take up, in bytes. What is being dropped counts no more.
package struct RetentionUsage: Sendable, Hashable {
    package var channels: [RecordedChannel: Int64]
    package var owners: [UserName: Int64]
    package var total: Int64
    /// What was announced and is not saved yet, by owner: of the sums above.
    package var announced: [UserName?: Int64] = [:]
    /// How much less than its watermark the disk has free; 0 or less: enough.
    package var shortage: Int64

    package init(
        channels: [RecordedChannel: Int64] = [:],
        owners: [UserName: Int64] = [:],
        total: Int64 = 0,
        shortage: Int64 = 0
    ) {
        self.channels = channels
        self.owners = owners
        self.total = total
        self.shortage = shortage
    }

    /// Bytes that came, or with a minus went.
    package mutating func add(_ bytes: Int64, of recorded: RecordedChannel) {
        channels[recorded, default: 0] += bytes
        if let owner = recorded.owner { owners[owner, default: 0] += bytes }
        total += bytes
        shortage += bytes
    }
}

extension RetentionUsage {
    /// Bytes that are to come.
    package mutating func announce(_ bytes: Int64, of recorded: RecordedChannel) {
        add(bytes, of: recorded)
        announced[recorded.owner, default: 0] += bytes
    }
}

/// A saved segment, as retention sees it.
package struct RetentionCandidate: Sendable, Hashable {
    package var recorded: RecordedChannel
    package var end: WallTime
    package var bytes: Int64
    /// Part of a clip that is kept whatever its age (a legal hold).
    package var isKept: Bool
    /// The device was removed, or is not this owner's any more.
    package var isFormer: Bool

    package init(
        _ recorded: RecordedChannel,
        end: WallTime,
        bytes: Int64,
        isKept: Bool = false,
        isFormer: Bool = false
    ) {
        self.recorded = recorded
        self.end = end
        self.bytes = bytes
        self.isKept = isKept
        self.isFormer = isFormer
    }
}

/// One walk along the saved segments, oldest first, page by page: says of each whether it goes, and why.
///
/// What goes is marked in one commit, and its bytes and row go after that (``RecordCheck/drop(_:)``): a crash between the
/// two leaves a clean-up that goes on, and no orphan. It is off the account as soon as it is marked.
package struct RetentionPass: Sendable {
    package enum Reason: String, Sendable, CaseIterable {
        case formerOwner = "former-owner"
        case age
        case channelQuota = "channel-quota"
        case ownerQuota = "owner-quota"
        case totalQuota = "total-quota"
        case lowDisk = "low-disk"
    }

    /// Along which segments the walk goes; each has the limits of those before it too. Along one channel nothing is taken
    /// for the sake of all of them, for there the oldest of all has to go first.
    package enum Scope: Int, Sendable, Comparable, CaseIterable {
        case channel, owner, platform

        package static func < (left: Scope, right: Scope) -> Bool { left.rawValue < right.rawValue }
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
    package mutating func judge(_ segment: RetentionCandidate, along scope: Scope = .platform) -> Reason? {
        guard !segment.isKept, let reason = reason(for: segment, scope) else { return nil }
        usage.add(-segment.bytes, of: segment.recorded)
        return reason
    }

    /// Counts a segment that may be begun.
    package mutating func admit(_ bytes: Int64, to recorded: RecordedChannel) {
        usage.announce(bytes, of: recorded)
    }

    /// Counts room that is to be made, and what stays after all; with a minus what comes to nothing.
    package mutating func announce(_ bytes: Int64, to recorded: RecordedChannel) {
        usage.add(bytes, of: recorded)
    }

    /// No limit in bytes is exceeded: from here on only age can take something.
    package var hasRoom: Bool {
        !usage.channels.keys.contains(where: isFull(_:)) && !usage.owners.keys.contains(where: isFull(_:))
            && !isPlatformFull()
    }

    package func isFull(_ recorded: RecordedChannel) -> Bool {
        isOver(usage.channels[recorded], rules.rule(of: recorded).bytes)
    }

    package func isFull(_ owner: UserName) -> Bool { isOver(usage.owners[owner], rules.bytes(of: owner)) }

    /// With so many bytes more.
    package func isPlatformFull(for bytes: Int64 = 0) -> Bool {
        isOver(usage.total + bytes, rules.totalBytes) || usage.shortage > 0
    }

    /// Whether a segment that ends at `end` is too old for its channel.
    package func isTooOld(_ end: WallTime, in recorded: RecordedChannel) -> Bool {
        rules.rule(of: recorded).age.map { end + $0 <= time } ?? false
    }

    /// Whether a channel may begin another segment of this size now.
    package func admits(_ bytes: Int64, to recorded: RecordedChannel) -> Bool {
        limits(on: recorded).allSatisfy { $0.used <= $0.most - bytes } && usage.shortage <= 0
            && isWithinShare(bytes, of: recorded)
    }

    /// Of the room of the platform one owner may hold a sixteenth with what is only announced, or four segments: others'
    /// recordings go for it, and nothing may ever come.
    package func isWithinShare(_ bytes: Int64, of recorded: RecordedChannel) -> Bool {
        guard let total = rules.totalBytes else { return true }
        let announced = usage.announced[recorded.owner] ?? 0
        return announced <= max(total / 16, 4 * bytes) - bytes
    }

    /// Whether it could if all that is stored were dropped.
    package func couldAdmit(_ bytes: Int64, to recorded: RecordedChannel) -> Bool {
        limits(on: recorded).allSatisfy { bytes <= $0.most }
    }

    /// How much to make free for a segment of this size: for seven more like it too, so that not each of them has to wait
    /// for room, but no more than a sixteenth of the tightest limit. Where the platform is full all of its channels want
    /// some, and to look through all of them costs much: then at least a 128th of all, or `batch` bytes.
    package func room(for bytes: Int64, in recorded: RecordedChannel, batch: Int64 = 0) -> Int64 {
        let tightest = limits(on: recorded).map(\.most).min() ?? .max
        let all = isPlatformFull(for: bytes) ? max(batch, (rules.totalBytes ?? 0) / 128) : 0
        return max(bytes, min(max(8 * bytes, all), tightest / 16))
    }

    private func limits(on recorded: RecordedChannel) -> [(used: Int64, most: Int64)] {
        let owner = recorded.owner
        return [
            (usage.channels[recorded], rules.rule(of: recorded).bytes),
            (owner.flatMap { usage.owners[$0] }, owner.flatMap { rules.bytes(of: $0) }),
            (usage.total, rules.totalBytes),
        ].compactMap { used, most in most.map { (used ?? 0, $0) } }
    }

    private func reason(for segment: RetentionCandidate, _ scope: Scope) -> Reason? {
        if segment.isFormer { return .formerOwner }
        if isTooOld(segment.end, in: segment.recorded) { return .age }
        if isFull(segment.recorded) { return .channelQuota }
        if scope >= .owner, let owner = segment.recorded.owner, isFull(owner) { return .ownerQuota }
        guard scope >= .platform else { return nil }
        if isOver(usage.total, rules.totalBytes) { return .totalQuota }
        return usage.shortage > 0 ? .lowDisk : nil
    }

    private func isOver(_ used: Int64?, _ limit: Int64?) -> Bool {
        guard let used, let limit else { return false }
        return used > limit
    }
}
