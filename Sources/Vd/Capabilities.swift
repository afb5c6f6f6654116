/// What a unit can be able to do (`GetCap`, deployed practice): the names are those of the document.
package enum Capability: String, Sendable, CaseIterable {
    /// Pan, tilt and zoom.
    case ptz
    case battery
    /// Plays files (`PlayVideo`).
    case audioOut = "audio_out"
    /// Plays speech that is sent to it.
    case voiceOut = "voice_out"
    case cloudRecord = "cloud_record"
    /// Follows what moves.
    case trace
    case videoEncryption = "video_encrypt"
    /// Switches channels on and off by a schedule.
    case switchSchedule = "switch"
    case led
    case autoReboot = "auto_reboot"
    /// The three transfers below work over https; otherwise they need an http address.
    case pictureUploadHTTPS = "pic_upload_https"
    case logUploadHTTPS = "log_upload_https"
    case firmwareDownloadHTTPS = "firmware_download_https"
}

/// `media_protocol`: how a unit pushes media. Units of the Recommendation use SRT.
package enum MediaProtocol: String, Sendable, CaseIterable {
    case srt, rtmp
}

extension AlarmType {
    /// The alarms that documents of units speak of, in the order of the documents.
    package static let documented: [AlarmType] = [
        .external, .face, .cry, .sound, .motion, .intrusion, .human,
    ]

    /// The name in configuration and capabilities; nil: neither speaks of it.
    package var documentName: String? {
        switch self {
        case .external: "io"
        case .face: "face"
        case .cry: "cry"
        case .sound: "voice"
        case .motion: "motion"
        case .intrusion: "cross"
        case .human: "body"
        case .lowPower, .lockPicking, .bellRing, .infraredMotion: nil
        }
    }
}

/// `GetCap` (Table I.2-28): asks what a unit is able to do.
package struct GetCap: VdRequest, VdBare {
    package typealias Answer = Capabilities
    package static let name = "GetCap"

    package init() {}
}

/// The answer to ``GetCap``. The Recommendation gives no body; this is the document of deployed practice, in which
/// what is absent is not there.
package struct Capabilities: VdBody {
    package var abilities: Set<Capability>
    package var mediaProtocol: MediaProtocol
    /// Of ``AlarmType/documented``.
    package var alarms: Set<AlarmType>

    package init(
        _ abilities: Set<Capability> = [],
        mediaProtocol: MediaProtocol = .srt,
        alarms: Set<AlarmType> = []
    ) {
        self.abilities = abilities
        self.mediaProtocol = mediaProtocol
        self.alarms = alarms
    }

    package init(_ object: JSONObject) throws(FieldError) {
        var flaws = Flaws.refused
        try self.init(reported: object, &flaws)
    }

    package init(reported object: JSONObject, _ flaws: inout Flaws) throws(FieldError) {
        abilities = []
        for ability in Capability.allCases {
            // One that cannot be read counts as there: the unit is asked, and says itself what it cannot.
            let isThere = try flaws.flag(ability.rawValue, in: object, unreadable: true)
            if isThere == true { abilities.insert(ability) }
        }
        let protocolName: MediaProtocol? = try flaws.read { () throws(FieldError) in
            object.has("media_protocol") ? try object.choice("media_protocol") : nil
        }
        mediaProtocol = protocolName ?? .srt
        alarms = []
        let flags = try flaws.read { () throws(FieldError) in try object.object("alarms") }
        guard let flags else { return }
        for alarm in AlarmType.documented {
            guard let name = alarm.documentName else { continue }
            let isThere = try flaws.flag(name, in: flags, below: "alarms.", unreadable: false)
            if isThere == true { alarms.insert(alarm) }
        }
    }

    /// Every field, the absent abilities too: the document reads as a list.
    package var object: JSONObject {
        JSONObject {
            for ability in Capability.allCases {
                $0.field(named: ability.rawValue, abilities.contains(ability))
            }
            $0.field("media_protocol", mediaProtocol.rawValue)
            $0.field(
                "alarms",
                JSONObject {
                    for alarm in AlarmType.documented {
                        guard let name = alarm.documentName else { continue }
                        $0.field(named: name, alarms.contains(alarm))
                    }
                }
            )
        }
    }

    package func supports(_ ability: Capability) -> Bool { abilities.contains(ability) }

    /// Whether the unit announces that alarm. Types that its document cannot name are never announced.
    package func supports(_ alarm: AlarmType) -> Bool { alarms.contains(alarm) }
}
