import HSSModel

/// What the configuration says of uploads.
package struct UploadSettings: Sendable {
    /// What addresses begin with: `https://host:8443`.
    package var secureAddress: String
    /// The same without TLS; nil where `http.port` is off.
    package var plainAddress: String?
    /// Largest picture and log in bytes (`limits.upload_picture`, `limits.upload_log`).
    package var pictureSize: Int64
    package var logSize: Int64
    /// Uploads at a time, of all units (`limits.uploads`).
    package var uploads: Int
    /// How long alarms and their pictures are kept (`alarms.retention`).
    package var alarmRetention: Duration
    /// Addresses that one unit may have open.
    package var openPerUnit = 64
    /// Requests a second of one network address, in the long run and at once.
    package var requestsPerSecond = 50.0
    package var burst = 200

    package init(
        secureAddress: String,
        plainAddress: String? = nil,
        pictureSize: Int64 = 8 << 20,
        logSize: Int64 = 64 << 20,
        uploads: Int = 256,
        alarmRetention: Duration = .seconds(30 * 86_400)
    ) {
        self.secureAddress = secureAddress
        self.plainAddress = plainAddress
        self.pictureSize = pictureSize
        self.logSize = logSize
        self.uploads = uploads
        self.alarmRetention = alarmRetention
    }

    /// In bytes.
    func limit(of purpose: UploadPurpose) -> Int64 {
        switch purpose {
        case .snapshot, .alarm: pictureSize
        case .log: logSize
        }
    }

    /// How long an address works. A snapshot is waited for; an alarm's picture may come from a unit that has to
    /// repeat it over a bad network; a log has to be gathered first.
    func addressTime(of purpose: UploadPurpose) -> Duration {
        switch purpose {
        case .snapshot: .seconds(120)
        case .alarm: .seconds(600)
        case .log: .seconds(3600)
        }
    }

    func keepingTime(of purpose: UploadPurpose) -> Duration {
        switch purpose {
        case .snapshot: .seconds(3600)
        case .alarm: alarmRetention
        case .log: .seconds(7 * 86_400)
        }
    }
}
