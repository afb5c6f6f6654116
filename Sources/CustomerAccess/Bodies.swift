import Bus
import FoundationEssentials
import HSSModel

// The bodies of CONTRACT.md. Keys are written in snake case.

struct LoginBody: Decodable {
    var user: String
    var password: String
    /// Of an authenticator, or a recovery code.
    var code: String?
    var scope: String?
}

struct RefreshBody: Decodable {
    var refreshToken: String
}

struct NewUserBody: Decodable {
    var user: String
    var password: String
    var role: Role?
}

struct SwitchBody: Decodable {
    var disabled: Bool
}

struct NewDeviceBody: Decodable {
    var deviceId: String
    var macId: String
    var loginPassword: String?
    var channels: Int?
    var name: String?
    var signedOnly: Bool?
}

struct TokensBody: Encodable {
    var accessToken: String
    var refreshToken: String
    var expiresIn: Int

    init(_ tokens: SessionTokens) {
        accessToken = tokens.access.reveal()
        refreshToken = tokens.refresh.reveal()
        expiresIn = tokens.expiresIn
    }
}

struct PageBody<Item: Encodable>: Encodable {
    var items: [Item]
    var nextCursor: String?
}

struct UserBody: Encodable {
    var user: String
    var role: Role
    var disabled: Bool
    var createdAt: String

    init(_ user: UserRecord) {
        self.user = user.name.rawValue
        role = user.role
        disabled = user.disabled
        createdAt = user.createdAt.rfc3339
    }
}

struct DeviceBody: Encodable {
    struct Channel: Encodable {
        var channel: Int
        var channelId: String
        var state: String
        var streaming: Bool
        var recording: Bool
        /// Bit set of Table I.2-1.
        var alarm: UInt32
    }

    var deviceId: String
    var name: String
    var online: Bool
    var state: String
    /// How the unit reaches the platform.
    var transport: String?
    var firmwareModel: String?
    var lastSeen: String?
    /// Nil: it never told.
    var battery: BatteryBody?
    var role: DeviceRole
    var owner: String?
    var rights: [String]
    var channels: [Channel]

    init(_ visible: VisibleDevice, _ presence: UnitPresence?, _ battery: BatteryReport?) {
        let device = visible.device
        deviceId = device.unit.rawValue
        name = device.name
        online = presence != nil
        state = presence?.word ?? "offline"
        transport = presence == nil ? nil : "vd"
        firmwareModel = presence?.knownFirmwareModel ?? device.firmwareModel
        lastSeen = (presence?.lastSeen ?? device.lastSeen)?.rfc3339
        self.battery = battery.map { BatteryBody($0) }
        role = visible.role
        owner = device.owner?.rawValue
        rights = visible.rights.words
        channels = device.channels.sorted { $0.key < $1.key }.map { number, id in
            let reported = presence?.channels.first { $0.number == number }
            return Channel(
                channel: number,
                channelId: id.rawValue,
                state: reported?.state.word ?? (presence?.asleep ?? false ? "asleep" : "offline"),
                streaming: reported?.streaming ?? false,
                recording: reported?.recording ?? false,
                alarm: reported?.alarms ?? 0
            )
        }
    }
}

struct AdminDeviceBody: Encodable {
    struct Channel: Encodable {
        var channel: Int
        var channelId: String
        /// Where one is set for this channel; only of a single device.
        var srtLatencyMs: Int64?
    }

    var deviceId: String
    var macId: String
    var name: String
    var disabled: Bool
    var owner: String?
    var online: Bool
    var state: String
    var battery: BatteryBody?
    var hardwareModel: String?
    var firmwareModel: String?
    var lastSeen: String?
    var createdAt: String
    var signedOnly: Bool
    var channels: [Channel]
    /// Only in the answer to an enrolment.
    var loginPassword: String?

    init(
        _ device: DeviceRecord,
        _ presence: UnitPresence?,
        _ battery: BatteryReport?,
        latencies: [Int: Duration] = [:],
        loginPassword: Secret? = nil
    ) {
        deviceId = device.unit.rawValue
        macId = device.macIdentity.rawValue
        name = device.name
        disabled = device.disabled
        owner = device.owner?.rawValue
        online = presence != nil
        state = presence?.word ?? "offline"
        self.battery = battery.map { BatteryBody($0) }
        hardwareModel = device.hardwareModel
        firmwareModel = presence?.knownFirmwareModel ?? device.firmwareModel
        lastSeen = (presence?.lastSeen ?? device.lastSeen)?.rfc3339
        createdAt = device.createdAt.rfc3339
        signedOnly = device.signedOnly
        channels = device.channels.sorted { $0.key < $1.key }.map {
            Channel(
                channel: $0.key,
                channelId: $0.value.rawValue,
                srtLatencyMs: latencies[$0.key]?.wholeMilliseconds
            )
        }
        self.loginPassword = loginPassword?.reveal()
    }
}

struct BindCodeBody: Encodable {
    var bindId: String
    var expiresAt: String
}

struct LiveRequestBody: Decodable {
    var rendition: String?
}

struct LiveBody: Encodable {
    struct Play: Encodable {
        var srt: String
        var ts: String
        var hls: String
        var ws: String
        var jpeg: String
    }

    var streamId: String
    var lease: String
    var rendition: String
    var play: Play
    var expiresAt: String
}

struct UnitSessionBody: Encodable {
    var deviceId: String
    var node: String
    var epoch: UInt64
    var connected: Bool
    var state: String
    var hardwareModel: String
    var firmwareModel: String
    var remoteAddress: String
    var connectedAt: String
    var lastSeen: String

    init(_ session: UnitSession) {
        let presence = session.presence
        deviceId = session.unit.rawValue
        node = presence.node.rawValue
        epoch = presence.epoch.rawValue
        connected = presence.connected
        state = presence.word
        hardwareModel = presence.hardwareModel
        firmwareModel = presence.firmwareModel
        remoteAddress = presence.remoteAddress
        connectedAt = presence.connectedAt.rfc3339
        lastSeen = presence.lastSeen.rfc3339
    }
}

// MARK: Words

extension UnitState {
    var word: String {
        switch self {
        case .online: "online"
        case .upgrading: "upgrading"
        case .error: "error"
        }
    }
}

extension ChannelState {
    fileprivate var word: String {
        switch self {
        case .offline: "offline"
        case .online: "online"
        case .error: "error"
        case .disabled: "disabled"
        }
    }
}

extension WallTime {
    /// Seconds are enough for people, and what every client parses.
    var rfc3339: String {
        Date(timeIntervalSince1970: Double(milliseconds) / 1000).formatted(.iso8601)
    }
}
