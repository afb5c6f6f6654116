package import HSSModel
package import Vd
package import Vm

/// What the SCU is told by the configuration.
package struct SignallingSettings: Sendable {
    package var node: NodeName
    /// Heartbeat interval given to units (`vd.keepalive`).
    package var keepalive: Duration
    /// Silence after which a unit counts as offline (`vd.offline_after`).
    package var offlineAfter: Duration
    /// Largest Vd message in bytes (`limits.message_size`).
    package var messageSize: Int
    package var sessionLimits: RPCSession.Limits
    /// Units logged in at a time (`limits.units`). Logins on their way may pass it by their number.
    package var units: Int
    /// Logins that may wait for the registry at once; more are asked to come again.
    package var pendingLogins: Int
    package var live: LiveChannel.Timing
    /// Customers that wait for one channel's first picture (`limits.live_waiting`).
    package var liveWaiting: Int
    /// The most that a unit may push for one channel, in bit/s; 0: no limit (`live.max_bitrate`).
    package var maxBitrate: Int
    /// Pictures that one user may watch at a time, over all devices (`limits.viewers_per_user`).
    package var viewersPerUser: Int
    /// Serve the path and the method names of units built on the published device SDK (`vd.deployed_names`).
    package var deployedNames: Bool
    /// Nil: no hibernation server.
    package var hibernation: HibernationSettings?
    /// Units that are asked for their documents at the same time; 0: none is asked on its login.
    package var documentQueries: Int
    package var configuration: ConfigurationShadow.Timing
    /// How long a unit that was here before a restart may take to connect again: the longest wait of §9.3.1.3.
    package var returnTime = Duration.seconds(60)

    package init(
        node: NodeName,
        keepalive: Duration = .seconds(10),
        offlineAfter: Duration = .seconds(60),
        messageSize: Int = 65_536,
        sessionLimits: RPCSession.Limits = RPCSession.Limits(),
        units: Int = 20_000,
        pendingLogins: Int = 1024,
        live: LiveChannel.Timing = LiveChannel.Timing(),
        liveWaiting: Int = 100,
        maxBitrate: Int = 0,
        viewersPerUser: Int = 100,
        deployedNames: Bool = true,
        hibernation: HibernationSettings? = nil,
        documentQueries: Int = 32,
        configuration: ConfigurationShadow.Timing = ConfigurationShadow.Timing()
    ) {
        self.node = node
        self.keepalive = keepalive
        self.offlineAfter = offlineAfter
        self.messageSize = messageSize
        self.sessionLimits = sessionLimits
        self.units = units
        self.pendingLogins = pendingLogins
        self.live = live
        self.liveWaiting = liveWaiting
        self.maxBitrate = maxBitrate
        self.viewersPerUser = viewersPerUser
        self.deployedNames = deployedNames
        self.hibernation = hibernation
        self.documentQueries = documentQueries
        self.configuration = configuration
    }

    var serverInfo: ServerInfo {
        ServerInfo(heartbeatSeconds: max(1, Int(keepalive.inSeconds.rounded())))
    }
}
