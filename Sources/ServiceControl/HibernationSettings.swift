import HSSModel
import Vd

/// What the hibernation server is told by the configuration.
package struct HibernationSettings: Sendable {
    package var host: String
    /// 0 for any.
    package var port: Int
    /// Host name for the address handed out.
    package var domain: String
    package var key: HibernationKey
    /// `hb_interval`, as units in the field know it.
    package var interval: Duration
    /// "A broken TCP connection is not an offline; 135 s without a heartbeat is" (device documents).
    package var silence: Duration
    /// How long a call waits for a unit that was told to wake (`hibernation.wake_timeout`).
    package var wakeTime: Duration
    /// The first heartbeat has to be there by then.
    package var headerTimeout: Duration
    /// Connections that wait for the registry at once; more are closed and come again.
    package var pendingLookups: Int

    package init(
        host: String = "0.0.0.0",
        port: Int,
        domain: String,
        key: HibernationKey,
        interval: Duration = .seconds(60),
        silence: Duration = .seconds(135),
        wakeTime: Duration = .seconds(15),
        headerTimeout: Duration = .seconds(10),
        pendingLookups: Int = 1024
    ) {
        self.host = host
        self.port = port
        self.domain = domain
        self.key = key
        self.interval = interval
        self.silence = silence
        self.wakeTime = wakeTime
        self.headerTimeout = headerTimeout
        self.pendingLookups = pendingLookups
    }

    /// What `GetServerInfo` tells a unit that may sleep; nil: it cannot, its identity is not 16 digits.
    func serverInfo(for macIdentity: MACIdentity, port: Int) -> ServerInfo? {
        guard let identity = HibernationIdentity(macIdentity) else { return nil }
        return ServerInfo(
            hibernation: "\(domain):\(port)",
            heartbeatSeconds: max(1, Int(interval.inSeconds.rounded())),
            heartbeatToken: key.token(of: identity)
        )
    }
}
