import Bus
import HSSModel
import ServerKit

struct NewClipBody: Decodable {
    var from: String
    var to: String
    var note: String?

    var range: Range<WallTime> {
        get throws {
            func time(_ field: String, _ text: String) throws -> WallTime {
                guard let time = WallTime(rfc3339: text) else {
                    throw ManagementError.invalid(
                        field: field,
                        "expected a time such as 2025-11-21T08:00:00Z"
                    )
                }
                return time
            }
            let (start, end) = (try time("from", from), try time("to", to))
            guard start < end else {
                throw ManagementError.invalid(field: "to", "expected a time after from")
            }
            return start..<end
        }
    }
}

struct KeptClipBody: Encodable {
    var clipId: String
    var deviceId: String
    var channel: Int
    var owner: String?
    var from: String
    var to: String
    var note: String
    var keptBy: String
    var keptAt: String

    init(_ clip: KeptClip) {
        clipId = clip.id.rawValue
        deviceId = clip.recorded.channel.unit.rawValue
        channel = clip.recorded.channel.number
        owner = clip.recorded.owner?.rawValue
        from = clip.range.lowerBound.rfc3339
        to = clip.range.upperBound.rfc3339
        note = clip.note
        keptBy = clip.keptBy.rawValue
        keptAt = clip.keptAt.rfc3339
    }
}

/// Left out or `null`: as the configuration says; 0: no limit.
struct NewLimitsBody: Decodable {
    var retentionSeconds: Int64?
    var quotaBytes: Int64?

    var limits: RecordingLimits {
        get throws {
            // A duration counts in smaller units: what it cannot hold must not reach it.
            if let seconds = retentionSeconds, !(0...(1 << 40)).contains(seconds) {
                throw ManagementError.invalid(
                    field: "retention_seconds",
                    "expected 3600 (1 h) to 315360000 (3650 d), or 0: no limit"
                )
            }
            return RecordingLimits(retention: retentionSeconds.map { .seconds($0) }, bytes: quotaBytes)
        }
    }
}

struct RecordingLimitsBody: Encodable {
    struct InForce: Encodable {
        /// Absent: no limit.
        var retentionSeconds: Int64?
        var quotaBytes: Int64?
    }

    /// As it was set; absent: not.
    var retentionSeconds: Int64?
    var quotaBytes: Int64?
    var inForce: InForce

    init(_ limits: RecordingLimitsInForce) {
        retentionSeconds = limits.set.retention?.components.seconds
        quotaBytes = limits.set.bytes
        inForce = InForce(
            retentionSeconds: limits.retention?.components.seconds,
            quotaBytes: limits.bytes
        )
    }
}

struct RecordedAmountsBody: Encodable {
    var segments: Int
    var bytes: Int64
    var recordedSeconds: Int64
    /// Absent: nothing is recorded.
    var oldest: String?
    var newest: String?

    init(_ amounts: RecordedAmounts) {
        segments = amounts.segments
        bytes = amounts.bytes
        recordedSeconds = amounts.duration.components.seconds
        oldest = amounts.span?.lowerBound.rfc3339
        newest = amounts.span?.upperBound.rfc3339
    }
}

struct RecordedUseBody: Encodable {
    var deviceId: String
    var channel: Int
    var owner: String?
    private var amounts: RecordedAmountsBody

    private enum CodingKeys: CodingKey { case deviceId, channel, owner }

    init(_ use: RecordedUse) {
        deviceId = use.recorded.channel.unit.rawValue
        channel = use.recorded.channel.number
        owner = use.recorded.owner?.rawValue
        amounts = RecordedAmountsBody(use.amounts)
    }

    func encode(to encoder: any Encoder) throws {
        try amounts.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(deviceId, forKey: .deviceId)
        try container.encode(channel, forKey: .channel)
        try container.encodeIfPresent(owner, forKey: .owner)
    }
}

struct RecordedUsePageBody: Encodable {
    var items: [RecordedUseBody]
    var nextCursor: String?
    var total: RecordedAmountsBody
}

extension RecordedChannel {
    var cursor: String { "\(channel.number)~\(channel.unit)~\(owner?.rawValue ?? "")" }

    init?(cursor: String) {
        let parts = cursor.split(separator: "~", omittingEmptySubsequences: false)
        guard parts.count == 3, let number = Int(parts[0]),
            (0...ChannelAddress.highestNumber).contains(number),
            let unit = UnitID(rawValue: String(parts[1])),
            parts[2].isEmpty || UserName.isValid(String(parts[2]))
        else { return nil }
        self.init(ChannelAddress(unit: unit, number: number), owner: UserName(rawValue: String(parts[2])))
    }
}
