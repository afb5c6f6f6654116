package import HSSModel
import Vm

/// Whom the check looks at, and how.
package struct CheckSettings: Sendable {
    package var device: UnitID
    package var macIdentity: MACIdentity
    package var password: Secret
    /// Only these clauses and tables; empty: all.
    package var only: Set<String> = []
    /// Restarts, resets, formats and upgrades too.
    package var isDestructive = false
    /// How long the device may take until it asks Vs for the first time.
    package var patience: Duration = .seconds(600)
    /// How long heartbeats are watched.
    package var duration: Duration = .seconds(60)
    /// Told in the answer to `GetServerInfo`.
    package var heartbeatSeconds = 10
    /// What addresses of files begin with, `https://HOST:PORT/check/`.
    package var base = ""
    /// The SRT port on ``domain``, nil: nobody listens, and pictures are not looked at.
    package var mediaPort: Int?
    /// Name under which the device reaches this host.
    package var domain = "localhost"
    /// Of the streams that are asked for, as is the ticket.
    package var passphrase = Secret("")
    package var ticket = Secret("ticket")
    /// What `UpgradeFirmware` tells the version to be.
    package var firmwareModel = "check-2.0"

    package init(device: UnitID, macIdentity: MACIdentity, password: Secret) {
        self.device = device
        self.macIdentity = macIdentity
        self.password = password
    }

    /// The address to which a device pushes `stream`, in the very form of the platform.
    func pushURL(_ stream: StreamID) -> Secret {
        let access = StreamAccess(stream: stream, mode: .publish, ticket: ticket)
        let address = SRTAddress(
            host: domain,
            port: mediaPort ?? 9,
            streamID: access.text.reveal(),
            passphrase: passphrase,
            keyLength: 16,
            latencyMilliseconds: 120
        )
        return address.text
    }
}
