package import Bus
package import HSSModel
import HostClock
package import Logging
import ServerKit
package import Store
import Vr

/// Keeps clips, limits and accounts of recordings for those who may ask (Cs).
package struct RecordUpkeepDesk: RecordUpkeepPoint {
    package typealias Stores = SegmentStore & RetentionStore

    /// Of one owner's recordings.
    package static let mostClips = 1000
    /// What may be set: an hour to ten years, a mebibyte to a pebibyte; zero: no limit.
    private static let retentions = Duration.seconds(3600)...Duration.seconds(3650 * 86_400)
    private static let sizes = (Int64(1) << 20)...(Int64(1) << 50)

    private let store: any Stores
    private let devices: any DevicePoint
    private let settings: RetentionSettings
    private let logger: Logger

    package init(
        store: any Stores,
        devices: any DevicePoint,
        settings: RetentionSettings,
        logger: Logger
    ) {
        self.store = store
        self.devices = devices
        self.settings = settings
        self.logger = logger
    }

    // MARK: Accounts

    package func recordedUse(
        of owner: UserName?,
        after: RecordedChannel?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [RecordedUse] {
        let owner = try Self.owner(owner, caller)
        return try await reading { () async throws(StoreError) in
            try await store.recordedChannels(owner: owner, after: after, limit: limit).map {
                RecordedUse(recorded: $0.0, amounts: $0.1)
            }
        }
    }

    package func recordedTotal(
        of owner: UserName?,
        by caller: Principal
    ) async throws(ManagementError) -> RecordedAmounts {
        let owner = try Self.owner(owner, caller)
        return try await reading { () async throws(StoreError) in
            try await store.recordedTotal(of: owner)
        }
    }

    // MARK: Limits

    package func recordingLimits(
        of scope: RecordingLimitScope,
        by caller: Principal
    ) async throws(ManagementError) -> RecordingLimitsInForce {
        guard caller.role == .operator else { throw .forbidden }
        let set = try await reading { () async throws(StoreError) in try await store.recordingLimits() }
        switch scope {
        case .channel(let channel):
            let device = try await devices.device(channel.unit.rawValue, visibleTo: caller).device
            guard device.channels[channel.number] != nil else { throw .notFound("channel \(channel)") }
            let recorded = RecordedChannel(channel, owner: device.owner)
            let rule = RetentionRules(settings, set, channels: [recorded]).rule(of: recorded)
            return RecordingLimitsInForce(
                set: set.channels[channel] ?? RecordingLimits(),
                retention: rule.age,
                bytes: rule.bytes
            )
        case .owner(let owner):
            let own = set.owners[owner] ?? RecordingLimits()
            let rules = RetentionRules(settings, set, channels: [])
            let age = own.retention.map { $0 == .zero ? nil : $0 } ?? settings.age
            return RecordingLimitsInForce(set: own, retention: age, bytes: rules.bytes(of: owner))
        }
    }

    package func setRecordingLimits(
        _ limits: RecordingLimits,
        of scope: RecordingLimitScope,
        by caller: Principal
    ) async throws(ManagementError) -> RecordingLimitsInForce {
        guard caller.role == .operator else { throw .forbidden }
        if let time = limits.retention, time != .zero, !Self.retentions.contains(time) {
            throw .invalid(
                field: "retention_seconds",
                "expected 3600 (1 h) to 315360000 (3650 d), or 0: no limit"
            )
        }
        if let bytes = limits.bytes, bytes != 0, !Self.sizes.contains(bytes) {
            throw .invalid(field: "quota_bytes", "expected 1048576 (1 MiB) to 2^50, or 0: no limit")
        }
        try await reading { () async throws(StoreError) in
            switch scope {
            case .channel(let channel): try await store.setRecordingLimits(limits, of: channel)
            case .owner(let owner): try await store.setRecordingLimits(limits, of: owner)
            }
        }
        logger.notice(
            "limits of recordings set",
            metadata: ["of": "\(scope)", "limits": "\(limits)", "user": "\(caller.user)"]
        )
        return try await recordingLimits(of: scope, by: caller)
    }

    // MARK: Kept clips

    package func keep(
        _ range: Range<WallTime>,
        of id: String,
        channel: Int,
        note: String,
        by caller: Principal
    ) async throws(ManagementError) -> KeptClip {
        let device = try await devices.device(id, visibleTo: caller).device
        guard caller.role == .operator || device.owner == caller.user else { throw .forbidden }
        guard device.channels[channel] != nil else {
            throw .notFound("channel \(channel) of device \(device.unit)")
        }
        guard range.lowerBound.milliseconds >= 0, range.upperBound <= SegmentName.latestStart, !range.isEmpty,
            range.upperBound - range.lowerBound <= KeptClip.longestRange
        else { throw .invalid(field: "to", "expected a time after from, within 31 days of it") }
        // What is to come is not kept yet: a clip that never ends would stand over every quota.
        let recorded = RecordedChannel(
            ChannelAddress(unit: device.unit, number: channel),
            owner: device.owner
        )
        let newest = try await reading { () async throws(StoreError) in
            try await store.recordedAmounts(of: recorded).span?.upperBound
        }
        guard range.upperBound <= max(newest ?? .now, .now) else {
            throw .invalid(field: "to", "expected a time up to now")
        }
        guard note.unicodeScalars.count <= KeptClip.longestNote else {
            throw .invalid(field: "note", "expected at most \(KeptClip.longestNote) characters")
        }
        let clip = KeptClip(
            id: ClipID(unchecked: RandomName.make("clip-")),
            recorded: recorded,
            range: range,
            note: note,
            keptBy: caller.user,
            keptAt: .now
        )
        // What an operator holds is no use of the owner's.
        let time = caller.role == .operator ? nil : settings.keptTime
        let isKept = try await reading { () async throws(StoreError) in
            guard try await store.recorded(clip.recorded, in: [range]) == [true] else {
                throw .notFound("a recording in this range")
            }
            return try await store.keep(clip, limit: Self.mostClips, time: time)
        }
        guard isKept else {
            let hours = time.map { ", or \(Int($0.inSeconds) / 3600) hours of them" } ?? ""
            throw .limit("\(Self.mostClips) kept clips of one owner\(hours)")
        }
        logger.notice(
            "a clip is kept",
            metadata: ["clip": "\(clip.id)", "channel": "\(clip.recorded.channel)", "user": "\(caller.user)"]
        )
        return clip
    }

    package func keptClips(
        of owner: UserName?,
        after: ClipID?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [KeptClip] {
        let owner = try Self.owner(owner, caller)
        return try await reading { () async throws(StoreError) in
            try await store.keptClips(owner: owner, after: after, limit: limit)
        }
    }

    /// What an operator keeps, an owner cannot release: a legal hold is not the owner's to end.
    package func release(_ text: String, by caller: Principal) async throws(ManagementError) {
        let unknown = ManagementError.notFound("clip \(text.prefix(64))")
        guard let id = ClipID(rawValue: text) else { throw unknown }
        let clip = try await reading { () async throws(StoreError) in try await store.keptClip(id) }
        guard let clip, caller.role == .operator || clip.recorded.owner == caller.user else { throw unknown }
        guard caller.role == .operator || clip.keptBy == caller.user else { throw .forbidden }
        try await reading { () async throws(StoreError) in try await store.releaseClip(id) }
        logger.notice("a clip is released", metadata: ["clip": "\(id)", "user": "\(caller.user)"])
    }

    // MARK: Who may ask

    /// Whose: customers ask of themselves, operators of anybody.
    private static func owner(
        _ owner: UserName?,
        _ caller: Principal
    ) throws(ManagementError) -> UserName? {
        if caller.role == .operator { return owner }
        guard owner == nil || owner == caller.user else { throw .forbidden }
        return caller.user
    }

    private func reading<Value: Sendable>(
        _ body: () async throws(StoreError) -> Value
    ) async throws(ManagementError) -> Value {
        do throws(StoreError) { return try await body() } catch {
            switch error {
            case .notFound(let what): throw .notFound(what)
            case .conflict(let what): throw .conflict(what)
            default: throw .unavailable(error.description)
            }
        }
    }
}
