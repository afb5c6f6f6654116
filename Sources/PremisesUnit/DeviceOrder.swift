package import HSSModel
package import Vd

/// Names one thing that is being done outside the machine; never travels.
package struct JobID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// What the device can do besides pictures. What it cannot is refused with error 101 and missing in `GetCap`.
package struct UnitAbilities: OptionSet, Hashable, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) {
        self.rawValue = rawValue
    }

    package static let ptz = UnitAbilities(rawValue: 1)
    package static let configuration = UnitAbilities(rawValue: 2)
    package static let firmware = UnitAbilities(rawValue: 4)
    package static let storage = UnitAbilities(rawValue: 8)
    package static let snapshots = UnitAbilities(rawValue: 16)
    package static let player = UnitAbilities(rawValue: 32)
    package static let log = UnitAbilities(rawValue: 64)
    /// Sleeps and can be kept awake.
    package static let sleep = UnitAbilities(rawValue: 128)
    package static let battery = UnitAbilities(rawValue: 256)
    /// To the platform's storage.
    package static let recording = UnitAbilities(rawValue: 512)

    package static let names: [(name: String, ability: UnitAbilities)] = [
        ("ptz", .ptz), ("configuration", .configuration), ("firmware", .firmware), ("storage", .storage),
        ("snapshots", .snapshots), ("player", .player), ("log", .log), ("sleep", .sleep),
        ("battery", .battery), ("recording", .recording),
    ]
    package static let everything = UnitAbilities(names.map(\.ability))
}

/// A file that was fetched for the device.
package struct ReceivedFile: Equatable, Sendable {
    package var size: Int
    /// Nil where only its size counts.
    package var path: String?

    package init(size: Int, path: String? = nil) {
        self.size = size
        self.path = path
    }
}

/// What the platform asks of the device itself: decoded, its channel known, its ability there. Each is answered
/// once with ``UnitMachine/Input/device(_:_:)``.
package enum DeviceOrder: Equatable, Sendable {
    case restart
    case restartChannel(Int)
    case turn(channel: Int, PTZCommand)
    case presets(channel: Int)
    case status
    case disk
    case format
    /// A picture of now.
    case picture(channel: Int)
    case alarmPicture(UnitAlarm)
    case configuration
    /// Only what is to change.
    case configure(ConfigurationDocument)
    case resetConfiguration
    /// Lines of the log between two times, both included.
    case log(from: WallTime, to: WallTime)
    case install(model: String, ReceivedFile)
    case play(channel: Int, ReceivedFile)
    case player(channel: Int, PlaybackCommand)
    case playerState(channel: Int)
    case keepAwake(channel: Int, Duration)
}

/// What came of a ``DeviceOrder``.
package enum DeviceAnswer: Equatable, Sendable {
    case done
    /// Only as a whole: the device has to start anew.
    case needsRestart
    case presets([Int])
    case status(CameraStatus)
    case disk(CameraDisk)
    case configuration(ConfigurationDocument)
    /// A JPEG.
    case picture([UInt8])
    case log(UnitLogPart)
    case player(channel: Int, Playback)
    case refused(RPCFailure)
}

/// Lines of a log and the times of the first and the last.
package struct UnitLogPart: Equatable, Sendable {
    package var bytes: [UInt8]
    package var first: WallTime?
    package var last: WallTime?

    package init(bytes: [UInt8], first: WallTime?, last: WallTime?) {
        self.bytes = bytes
        self.first = first
        self.last = last
    }
}

/// What the device tells by itself.
package enum DeviceNews: Equatable, Sendable {
    case channel(Int, ChannelState)
    /// Percent of an installation.
    case installing(Int)
    /// Percent of the battery.
    case battery(Int)
    case alarm(channel: Int, AlarmType, AlarmPhase, String)
}

/// A file to send away. The content is bounded by whoever makes it.
package struct UploadOrder: Equatable, Sendable {
    package var id: JobID
    package var url: Secret
    package var type: String
    package var content: [UInt8]
    /// With all its tries.
    package var limit: Duration

    package init(id: JobID, url: Secret, type: String, content: [UInt8], limit: Duration) {
        self.id = id
        self.url = url
        self.type = type
        self.content = content
        self.limit = limit
    }
}

/// A file to fetch.
package struct DownloadOrder: Equatable, Sendable {
    package var id: JobID
    package var url: Secret
    /// Bytes; a longer file is a failure.
    package var most: Int
    package var limit: Duration

    package init(id: JobID, url: Secret, most: Int, limit: Duration) {
        self.id = id
        self.url = url
        self.most = most
        self.limit = limit
    }
}

/// What came of a transfer; `progress` may come many times before the end.
package enum TransferNews: Equatable, Sendable {
    case progress(percent: Int)
    case sent
    case received(ReceivedFile)
    case failed(String)
}
