package import HSSModel

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
    /// `srt://HOST:PORT`, nil: nobody listens, and pictures are not looked at.
    package var media: String?
    /// Of the streams that are asked for.
    package var passphrase = Secret("")
    /// What `UpgradeFirmware` tells the version to be.
    package var firmwareModel = "check-2.0"

    package init(device: UnitID, macIdentity: MACIdentity, password: Secret) {
        self.device = device
        self.macIdentity = macIdentity
        self.password = password
    }

    /// The address to which a device pushes `stream`.
    func pushURL(_ stream: StreamID) -> Secret {
        let media = media ?? "srt://127.0.0.1:9"
        return Secret(
            "\(media)?streamid=%23%21%3A%3Ar%3D\(stream)%2Cm%3Dpublish&passphrase=\(passphrase.reveal())"
                + "&pbkeylen=16&latency=120"
        )
    }
}
