/// What the device tells of itself (Table I.2-11), besides what the SDK knows.
public struct CameraStatus: Sendable, Equatable {
    /// Nil: no Wi-Fi.
    public var wifiName: String?
    /// 0 to 100.
    public var wifiSignal: Int?
    /// Measured, bit/s.
    public var upstream: Int?
    public var downstream: Int?
    public var localAddress: String?
    public var macAddress: String?
    /// Percent; nil: no battery.
    public var battery: Int?

    public init(
        wifiName: String? = nil,
        wifiSignal: Int? = nil,
        upstream: Int? = nil,
        downstream: Int? = nil,
        localAddress: String? = nil,
        macAddress: String? = nil,
        battery: Int? = nil
    ) {
        self.wifiName = wifiName
        self.wifiSignal = wifiSignal
        self.upstream = upstream
        self.downstream = downstream
        self.localAddress = localAddress
        self.macAddress = macAddress
        self.battery = battery
    }
}

/// The memory card (Table I.2-31).
public struct CameraDisk: Sendable, Equatable {
    public enum State: Sendable {
        case normal, noCard, failed
    }

    public var state: State
    /// MB.
    public var total: Int
    public var free: Int

    public init(state: State, total: Int, free: Int) {
        self.state = state
        self.total = total
        self.free = free
    }
}

/// What a player does (Table I.2-25).
public enum Playback: Sendable, Equatable {
    case stopped, pausing, playing
}

/// What a player is told (Table I.2-24).
public enum PlaybackCommand: Sendable, Equatable {
    case stop, pause, resume
}
