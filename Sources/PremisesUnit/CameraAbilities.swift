/// What a maker's camera can do besides showing its picture. The SDK refuses what is missing with error 101 and
/// leaves it out of the camera's list of capabilities (Table I.2-28), so that the platform does not ask for it.
///
/// Each object is called on a queue of its own, one call after the other. An answer that takes longer than 15 s is
/// given up: the platform waits 20 s at most.
public struct CameraAbilities: Sendable {
    public var ptz: (any PTZControl)?
    public var configuration: (any ConfigurationKeeper)?
    public var firmware: (any FirmwareUpdater)?
    public var storage: (any CameraStorage)?
    public var snapshots: (any SnapshotSource)?
    public var player: (any CameraPlayer)?
    public var log: (any LogSource)?
    public var power: (any PowerControl)?
    public var status: (any StatusSource)?
    /// It records to the platform's storage; nil: it cannot.
    public var recording: CameraRecording? = CameraRecording()
    /// It runs on a battery: ``Camera/report(battery:)`` is used.
    public var hasBattery = false
    /// What it can be alarmed by.
    public var alarms: Set<CameraAlarm.Kind> = []

    public init() {}

    var kinds: UnitAbilities {
        let present: [(Bool, UnitAbilities)] = [
            (ptz != nil, .ptz), (configuration != nil, .configuration), (firmware != nil, .firmware),
            (storage != nil, .storage), (snapshots != nil, .snapshots), (player != nil, .player),
            (log != nil, .log), (power != nil, .sleep), (hasBattery, .battery),
            (recording != nil, .recording),
        ]
        return UnitAbilities(present.filter(\.0).map(\.1))
    }
}

/// Turns a camera (Tables I.2-17 and I.2-18).
public protocol PTZControl: Sendable {
    /// Returns when the motion has begun.
    func carryOut(_ command: PTZCommand, channel: Int) throws
    /// 0 to 255, none twice.
    func presets(channel: Int) throws -> [Int]
}

/// Keeps the camera's configuration (Tables I.2-19 to I.2-21), a JSON document. The SDK reads, checks and merges: it
/// refuses what the factory settings do not name, and values that break a rule, before the camera sees them.
public protocol ConfigurationKeeper: Sendable {
    /// Every field that the camera has, with its value at the factory.
    var factorySettings: String { get }
    /// What ``save(_:changed:)`` was given last; nil: the factory settings hold.
    func load() throws -> String?
    /// Obeys and keeps the document, which is the whole of it from now on. `changed` names what was changed by
    /// paths such as `channels.0.image.horflip`, nothing after a reset. An error is told to the platform as error
    /// 13, and nothing has changed then.
    func save(_ document: String, changed: [String]) throws
}

/// Installs firmware (Tables I.2-7 and I.2-8).
public protocol FirmwareUpdater: Sendable {
    /// Returns when the firmware is in place; the SDK then restarts the camera and logs in with `version`, which is
    /// what the platform calls it. `file` was fetched whole and goes away afterwards; `progress` takes percent.
    func install(_ file: String, version: String, progress: @escaping @Sendable (Int) -> Void) throws
}

/// The memory card (Tables I.2-31 and I.2-32).
public protocol CameraStorage: Sendable {
    func disk() throws -> CameraDisk
    /// May take its time: the platform has its answer already and asks for the state.
    func format() throws
}

/// Takes pictures (Table I.2-22).
public protocol SnapshotSource: Sendable {
    /// A JPEG of now, at most 4 MB.
    func picture(channel: Int) throws -> [UInt8]
    /// A JPEG of the alarm, which may lie some time back; a picture of now where there is none.
    func picture(of alarm: CameraAlarm) throws -> [UInt8]
}

extension SnapshotSource {
    public func picture(of alarm: CameraAlarm) throws -> [UInt8] { try picture(channel: alarm.channel) }
}

/// Plays files through the camera's loudspeaker (Tables I.2-23 to I.2-25).
public protocol CameraPlayer: Sendable {
    /// Returns when it plays. The file was fetched whole and is the player's to delete.
    func play(_ file: String, channel: Int) throws
    func carryOut(_ command: PlaybackCommand, channel: Int) throws
    func playback(channel: Int) throws -> Playback
}

/// The camera's log (Tables I.2-29 and I.2-30).
public protocol LogSource: Sendable {
    /// Lines between two times in seconds since 1970, both included; at most 16 MB. None is an empty text.
    func log(from: Int, to: Int) throws -> CameraLog
}

/// Text of a log, and the times of its first and last line in seconds since 1970.
public struct CameraLog: Sendable, Equatable {
    public var text: [UInt8]
    public var first: Int?
    public var last: Int?

    public init(text: [UInt8], first: Int? = nil, last: Int? = nil) {
        self.text = text
        self.first = first
        self.last = last
    }
}

/// Starts the camera anew and keeps it awake (Tables I.2-4, I.2-5 and I.2-26).
public protocol PowerControl: Sendable {
    /// A camera whose process ends with it may do so at once; one whose does not is logged in anew by the SDK.
    func restart()
    /// False where one channel alone cannot be restarted: the whole camera is.
    func restart(channel: Int) -> Bool
    /// Not to sleep for so many seconds.
    func keepAwake(channel: Int, seconds: Int)
}

/// What the camera knows of its network (Table I.2-11).
public protocol StatusSource: Sendable {
    func status() -> CameraStatus
}

/// Something happened before the lens (Table I.2-16).
public struct CameraAlarm: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case external, motion, intrusion, cry, face, sound, lowPower, lockPicking, bellRing, human
        /// Passive infrared.
        case infraredMotion
    }

    public enum Phase: Sendable {
        case start, end
        /// It happens and has no end: intrusion, low power, lock picking, bell.
        case pulse
    }

    public var kind: Kind
    public var phase: Phase
    public var channel: Int
    /// For people; cut off after 128 Unicode scalars.
    public var text: String

    public init(_ kind: Kind, _ phase: Phase, channel: Int = 0, text: String = "") {
        self.kind = kind
        self.phase = phase
        self.channel = channel
        self.text = text
    }
}
