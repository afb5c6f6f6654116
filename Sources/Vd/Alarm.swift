package import HSSModel

/// What a unit can be alarmed by (`type` of Table I.2-16); the bit of that number in `Keepalive`.
package enum AlarmType: Int, Sendable, CaseIterable {
    case external = 2
    case motion = 3
    /// Intrusion, or somebody crosses a line.
    case intrusion = 4
    case cry = 5
    case face = 6
    case sound = 7
    case lowPower = 8
    case lockPicking = 9
    case bellRing = 10
    case human = 11
    /// Passive infrared.
    case infraredMotion = 12

    /// It happens (`pulse`) and has no end; the others last (`start`, `end`).
    package var isSingle: Bool {
        switch self {
        case .intrusion, .lowPower, .lockPicking, .bellRing: true
        case .external, .motion, .cry, .face, .sound, .human, .infraredMotion: false
        }
    }

    /// Its place in `alarm` of Table I.2-1.
    package var bit: UInt32 { 1 << UInt32(rawValue) }

    /// Those of a bit set; bits that no type has are passed over.
    package static func all(in bits: UInt32) -> [AlarmType] { allCases.filter { bits & $0.bit != 0 } }
}

/// `state` of Table I.2-16.
package enum AlarmPhase: String, Sendable, CaseIterable {
    case start, end
    /// Of an alarm that only happens.
    case pulse
}

/// `AlarmNotify` (Table I.2-16): a unit reports an alarm.
package struct AlarmNotify: VdRequest {
    package typealias Answer = AlarmAnswer
    package static let name = "AlarmNotify"

    package var channel: Int
    /// When it happened, by the unit's clock: whole seconds, since that is what travels.
    package let timestamp: WallTime
    package var type: AlarmType
    /// As the unit says; some report single alarms as `start` too.
    package var phase: AlarmPhase
    package var description: String

    package init(channel: Int, timestamp: WallTime, type: AlarmType, phase: AlarmPhase, description: String) {
        self.channel = channel
        self.timestamp = WallTime(milliseconds: timestamp.seconds * 1000)
        self.type = type
        self.phase = phase
        self.description = description
    }

    package init(_ object: JSONObject) throws(FieldError) {
        channel = try object.channel()
        timestamp = WallTime(milliseconds: Int64(try object.integer("timestamp", 0...1 << 40)) * 1000)
        guard let type = AlarmType(rawValue: try object.integer("type", 2...12)) else {
            throw FieldError("type", "expected 2 to 12")
        }
        self.type = type
        phase = try object.choice("state")
        description = try object.string("desc", 0...1024)
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("channel", channel)
            $0.field("timestamp", Int(timestamp.seconds))
            $0.field("type", type.rawValue)
            $0.field("state", phase.rawValue)
            $0.field("desc", description)
        }
    }
}

/// The answer to ``AlarmNotify``.
package struct AlarmAnswer: VdBody {
    /// Where the unit puts a picture of the alarm; nil: none is wanted.
    package var pictureURL: Secret?

    package init(pictureURL: Secret? = nil) {
        self.pictureURL = pictureURL
    }

    package init(_ object: JSONObject) throws(FieldError) {
        pictureURL = try object.optionalURL("pic_upload_url")
    }

    package var object: JSONObject {
        JSONObject { $0.field("pic_upload_url", pictureURL?.reveal()) }
    }
}
