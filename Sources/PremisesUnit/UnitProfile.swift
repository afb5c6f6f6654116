package import HSSModel
package import Vd

/// What a unit is and tells of itself.
package struct UnitProfile: Sendable, Equatable {
    package struct Channel: Sendable, Equatable {
        package var state: ChannelState
        /// Bit/s of its picture and sound, compared with `max_bitrate` (Table I.2-12).
        package var bitrate: Int

        package init(state: ChannelState = .online, bitrate: Int) {
            self.state = state
            self.bitrate = bitrate
        }
    }

    package var credentials: UnitCredentials
    package var hardwareModel: String
    package var firmwareModel: String
    /// Nil where the maker built on no SDK (Table 9-3).
    package var sdk: String?
    /// By number, 0 for the only channel of a single camera.
    package var channels: [Int: Channel]
    package var abilities: UnitAbilities = []
    /// What its document of capabilities names besides its abilities, such as a lamp.
    package var extras: Set<Capability> = []
    package var login = UnitLoginForm.offered
    /// It sleeps when it had nothing to do for so long; nil: never.
    package var sleepAfter: Duration?
    /// What it can be alarmed by.
    package var alarms: Set<AlarmType> = []
    package var recording = RecordSettings()

    package init(
        credentials: UnitCredentials,
        hardwareModel: String,
        firmwareModel: String,
        sdk: String?,
        channels: [Int: Channel]
    ) {
        self.credentials = credentials
        self.hardwareModel = hardwareModel
        self.firmwareModel = firmwareModel
        self.sdk = sdk
        self.channels = channels
    }
}

extension UnitProfile {
    /// Table I.2-28. Files travel by https in both directions.
    package var capabilities: Capabilities {
        var capabilities = extras
        let named: [(UnitAbilities, Capability)] = [
            (.ptz, .ptz), (.battery, .battery), (.player, .audioOut), (.snapshots, .pictureUploadHTTPS),
            (.log, .logUploadHTTPS), (.firmware, .firmwareDownloadHTTPS), (.recording, .cloudRecord),
        ]
        for (ability, capability) in named where abilities.contains(ability) {
            capabilities.insert(capability)
        }
        return Capabilities(capabilities, mediaProtocol: .srt, alarms: alarms)
    }
}
