import Bus
import FoundationEssentials
import HSSModel
import HTTPTypes
import ServerKit
import Vd

// The bodies of calls to units. Keys are written in snake case.

// MARK: Answers

/// Table I.2-11.
struct StatusBody: Encodable {
    var deviceId: String
    var hardwareModel: String
    var firmwareModel: String
    /// By the unit's own clock; absent: it runs what it came with.
    var lastUpgradeDatetime: String?
    var wifiSsid: String?
    var wifiSignal: Int?
    /// Bit/s.
    var upBandwidth: Int?
    var downBandwidth: Int?
    var ipAddr: String?
    var macAddr: String?
    var battery: Int?

    init(_ status: DeviceStatus) {
        deviceId = status.deviceID
        hardwareModel = status.hardwareModel
        firmwareModel = status.firmwareModel
        lastUpgradeDatetime = status.lastUpgrade?.description
        wifiSsid = status.wifiSSID
        wifiSignal = status.wifiSignal
        upBandwidth = status.upBandwidth
        downBandwidth = status.downBandwidth
        ipAddr = status.address
        macAddr = status.macAddress
        battery = status.battery
    }
}

/// Table I.2-31.
struct DiskBody: Encodable {
    var state: String
    var totalMb: Int
    var freeMb: Int

    init(_ disk: DiskInfo) {
        state =
            switch disk.state {
            case .normal: "normal"
            case .noCard: "no-card"
            case .exception: "error"
            case .formatting: "formatting"
            }
        totalMb = disk.total
        freeMb = disk.free
    }
}

/// Table I.2-8.
struct UpgradeBody: Encodable {
    var state: String
    /// Percent.
    var progress: Int
    var firmwareModel: String

    init(_ status: UpgradeStatus) {
        state = status.state.rawValue
        progress = status.progress
        firmwareModel = status.firmwareModel
    }
}

/// Table I.2-10, beside the platform's clock.
struct UnitTimeBody: Encodable {
    /// As the unit's clock shows it.
    var datetime: String
    /// Hours east of UTC; absent where the unit does not say.
    var tz: Int?
    /// By how much the unit's clock is ahead; absent without a zone.
    var aheadSeconds: Int?
    var platformTime: String

    init(_ time: UnitTime, at now: WallTime) {
        datetime = time.dateTime.description
        tz = time.timeZone
        aheadSeconds = time.timeZone.map { Int(time.dateTime.wallTime(hoursEast: $0).seconds - now.seconds) }
        platformTime = now.rfc3339
    }
}

struct PresetsBody: Encodable {
    var presets: [Int]
}

/// Table I.2-25.
struct PlayingBody: Encodable {
    var state: String
    /// Without its query: that may hold a key, and whoever sees the device may read this.
    var url: String?

    init(_ status: PlayingStatus) {
        state = status.state.rawValue
        url = status.url.map { String($0.reveal().prefix { $0 != "?" }) }
    }
}

// MARK: Requests

/// Table I.2-9. Whatever is left out is the platform's.
struct SetTimeBody: Decodable {
    var datetime: String?
    var tz: Int?
    /// Seconds within which the unit keeps its clock.
    var tolerance: Int?

    func request(inZone zone: Int?, at now: WallTime) throws(FieldError) -> SetTime {
        let time = datetime ?? UnitDateTime(now, hoursEast: zone ?? 0).description
        return try SetTime(
            JSONObject {
                $0.field("datetime", time)
                $0.field("tz", zone)
                $0.field("offset", tolerance ?? 2)
            }
        )
    }
}

/// Table I.2-17.
struct PTZBody: Decodable {
    var op: String
    var value: Int?

    func command(on channel: Int) throws(FieldError) -> CtrlPTZ {
        try CtrlPTZ(
            JSONObject {
                $0.field("channel", channel)
                $0.field("op", op)
                $0.field("value", value)
            }
        )
    }
}

/// Tables I.2-23 and I.2-24: a file to play, or what to do with the one that plays.
struct PlayBody: Decodable {
    enum Order {
        case play(PlayVideo), control(CtrlVideo)
    }

    var url: String?
    var op: String?

    func order(on channel: Int) throws -> Order {
        switch (url, op) {
        case (let url?, nil):
            guard url.hasPrefix("https://") || url.hasPrefix("http://"), URL(string: url)?.host() != nil
            else {
                throw FieldError("url", "expected https://… or http://…")
            }
            return .play(
                try PlayVideo(
                    JSONObject {
                        $0.field("channel", channel)
                        $0.field("url", url)
                    }
                )
            )
        case (nil, let op?):
            return .control(
                try CtrlVideo(
                    JSONObject {
                        $0.field("channel", channel)
                        $0.field("op", op)
                    }
                )
            )
        default: throw FieldError("url", "expected either url or op")
        }
    }
}

/// Table I.2-26.
struct KeepAwakeBody: Decodable {
    /// A day: longer is no nap but a changed configuration.
    static let longest = 86_400

    var seconds: Int

    func request(on channel: Int) throws(FieldError) -> KeepAwaken {
        guard (1...Self.longest).contains(seconds) else {
            throw FieldError("seconds", "expected 1 to \(Self.longest)")
        }
        return KeepAwaken(channel: channel, seconds: seconds)
    }
}
