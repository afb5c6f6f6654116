// The bodies of calls to one unit (docs/api.md) as a client sees them.

package struct StatusAnswer: Codable, Sendable {
    package var deviceId: String
    package var hardwareModel: String
    package var firmwareModel: String
    package var lastUpgradeDatetime: String?
    package var wifiSsid: String?
    package var wifiSignal: Int?
    package var upBandwidth: Int?
    package var downBandwidth: Int?
    package var ipAddr: String?
    package var macAddr: String?
    package var battery: Int?
}

package struct DiskAnswer: Codable, Sendable {
    package var state: String
    package var totalMb: Int
    package var freeMb: Int
}

package struct UpgradeAnswer: Codable, Sendable {
    package var state: String
    package var progress: Int
    package var firmwareModel: String
}

package struct UnitTimeAnswer: Codable, Sendable {
    package var datetime: String
    package var tz: Int?
    package var aheadSeconds: Int?
    package var platformTime: String
}

package struct PresetsAnswer: Codable, Sendable {
    package var presets: [Int]
}

package struct PlayingAnswer: Codable, Sendable {
    package var state: String
    package var url: String?
}

package struct SetTimeRequest: Encodable, Sendable {
    package var datetime: String?
    package var tz: Int?
    package var tolerance: Int?

    package init(datetime: String?, tz: Int?, tolerance: Int?) {
        self.datetime = datetime
        self.tz = tz
        self.tolerance = tolerance
    }
}

package struct PTZRequest: Encodable, Sendable {
    package var op: String
    package var value: Int?

    package init(op: String, value: Int?) {
        self.op = op
        self.value = value
    }
}

package struct PlayRequest: Encodable, Sendable {
    package var url: String?
    package var op: String?

    package init(url: String?, op: String?) {
        self.url = url
        self.op = op
    }
}

package struct LogTaskAnswer: Codable, Sendable {
    package var task: String
    package var state: String
    package var start: String
    package var end: String
    package var coversStart: String?
    package var coversEnd: String?
    package var createdAt: String
    package var endedAt: String?
}

package struct LogRequest: Encodable, Sendable {
    package var start: String?
    package var end: String?

    package init(start: String?, end: String?) {
        self.start = start
        self.end = end
    }
}
