package import HSSModel

/// Who holds a unit and what the unit last said of itself.
package struct UnitPresence: Sendable, Equatable {
    package struct Channel: Sendable, Equatable {
        package var number: Int
        package var state: ChannelState
        package var streaming: Bool
        package var recording: Bool
        /// Bit set of Table I.2-1: bit number = alarm type.
        package var alarms: UInt32

        package init(number: Int, state: ChannelState, streaming: Bool, recording: Bool, alarms: UInt32) {
            self.number = number
            self.state = state
            self.streaming = streaming
            self.recording = recording
            self.alarms = alarms
        }
    }

    package var node: NodeName
    package var epoch: Epoch
    package var state: UnitState
    package var hardwareModel: String
    package var firmwareModel: String
    package var remoteAddress: String
    package var connectedAt: WallTime
    package var lastSeen: WallTime
    /// False while the socket is gone but ``offline`` has not been declared: a reconnect is not an offline.
    package var connected: Bool
    package var channels: [Channel]
    /// The unit powered its main chip down; it is woken by a call that needs it.
    package var asleep: Bool

    package init(
        node: NodeName,
        epoch: Epoch,
        state: UnitState,
        hardwareModel: String,
        firmwareModel: String,
        remoteAddress: String,
        connectedAt: WallTime,
        lastSeen: WallTime,
        connected: Bool,
        channels: [Channel],
        asleep: Bool = false
    ) {
        self.asleep = asleep
        self.node = node
        self.epoch = epoch
        self.state = state
        self.hardwareModel = hardwareModel
        self.firmwareModel = firmwareModel
        self.remoteAddress = remoteAddress
        self.connectedAt = connectedAt
        self.lastSeen = lastSeen
        self.connected = connected
        self.channels = channels
    }
}

/// A signalling node as scheduling sees it (§9.3.1.1): where it is and how much it carries.
package struct SignallingNode: Sendable, Equatable {
    package var name: NodeName
    /// Host name for addresses handed out.
    package var domain: String
    /// Port of plain ws, 0 where it is switched off.
    package var plainPort: Int
    /// Port of wss, 0 where there is none.
    package var securePort: Int
    package var connectedUnits: Int
    /// Units the node is willing to hold.
    package var capacity: Int
    /// A draining node keeps what it has and gets nothing new.
    package var draining: Bool

    package init(
        name: NodeName,
        domain: String,
        plainPort: Int,
        securePort: Int,
        connectedUnits: Int,
        capacity: Int,
        draining: Bool
    ) {
        self.name = name
        self.domain = domain
        self.plainPort = plainPort
        self.securePort = securePort
        self.connectedUnits = connectedUnits
        self.capacity = capacity
        self.draining = draining
    }
}

/// The table of live signalling nodes that Vs schedules over.
package protocol NodeDirectory: Sendable {
    func signallingNodes() async -> [SignallingNode]
}
