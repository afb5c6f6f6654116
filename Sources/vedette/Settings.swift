import CentreManagement
import Crypto
import CustomerAccess
import FoundationEssentials
import HSSModel
import MediaDistribution
import ServerKit
import ServiceControl
import Vd
import Vm
import Vr
import Vs

// What each role takes of the configuration.

extension SignallingSettings {
    init(_ configuration: Configuration, node: NodeName) throws {
        var live = LiveChannel.Timing(linger: configuration.liveLinger)
        // Whoever waits for a sleeping unit waits for its push too.
        live.request = max(live.request, configuration.hibernation.wakeTimeout + live.publish)
        self.init(
            node: node,
            keepalive: configuration.vd.keepalive,
            offlineAfter: configuration.vd.offlineAfter,
            messageSize: configuration.limits.messageSize,
            sessionLimits: .init(
                answerTime: configuration.vd.rpcTimeout,
                waitingCalls: configuration.limits.callsPerUnit
            ),
            units: configuration.limits.units,
            live: live,
            liveWaiting: configuration.limits.liveWaiting,
            maxBitrate: configuration.liveMaxBitrate,
            viewersPerUser: configuration.limits.viewersPerUser,
            deployedNames: configuration.vd.deployedNames,
            hibernation: try HibernationSettings(configuration)
        )
    }
}

extension HibernationSettings {
    /// Nil where it is switched off.
    fileprivate init?(_ configuration: Configuration) throws {
        guard configuration.hibernation.port != 0 else { return nil }
        let secret = try KeyFile.load("hibernation", of: configuration, what: "hibernation key")
        guard let key = HibernationKey(secret) else {
            throw ServerError.unusable(
                what: "hibernation key",
                path: KeyFile.path("hibernation", of: configuration),
                reason: "it is shorter than 32 bytes"
            )
        }
        self.init(
            host: configuration.https.host,
            port: configuration.hibernation.port,
            domain: configuration.node.domain,
            key: key,
            wakeTime: configuration.hibernation.wakeTimeout,
            headerTimeout: configuration.limits.headerTimeout
        )
    }
}

extension MediaSettings {
    init(_ configuration: Configuration) throws {
        self.init(key: try KeyFile.load("stream-tickets", of: configuration, what: "ticket key"))
        host = configuration.https.host
        port = configuration.srt.port
        domain = configuration.node.domain
        httpsPort = configuration.https.port
        latency = configuration.srt.latency
        encryption = Encryption(rawValue: configuration.srt.encryption.rawValue) ?? .required
        keyLength = configuration.srt.keyLength / 8
        limits.silence = configuration.liveSilence
        limits.grace = configuration.liveGrace
        limits.hlsPart = configuration.liveHLSPart
        limits.streams = configuration.limits.streams
        limits.viewers = configuration.limits.viewers
        limits.viewersPerStream = configuration.limits.viewersPerStream
        limits.viewerQueueInBytes = configuration.limits.viewerBacklog
        limits.hlsWindowInBytes = configuration.limits.hlsWindow
        limits.pictureCacheInBytes = configuration.limits.picturesCache
        limits.pictureQueue = configuration.limits.picturesWaiting
        pictureProgramme = OwnProgramme.beside("vedette-codec", or: configuration.pictures.codec)
        limits.handshakesPerSecond = Double(configuration.limits.srtHandshakes)
        limits.handshakeBurst = configuration.limits.srtHandshakesBurst
        renditions = RenditionSettings(configuration.transcoding, codec: pictureProgramme)
    }
}

extension RenditionSettings {
    /// `codec`: the programme that confines ffmpeg.
    fileprivate init(_ transcoding: Configuration.Transcoding, codec: String?) {
        self.init()
        cores = Double(transcoding.cpuPercent * ProcessInfo.processInfo.activeProcessorCount) / 100
        processes = transcoding.processes
        smallWidth = transcoding.smallWidth
        smallHeight = transcoding.smallHeight
        smallFrameRate = transcoding.smallFrameRate
        smallBitrate = transcoding.smallBitrate
        if let path = transcoding.ffmpeg { ffmpeg = path }
        confiner = codec
    }
}

extension PictureKeeper.Settings {
    init(_ configuration: Configuration) {
        self.init()
        interval = configuration.pictures.keepEvery
    }
}

extension AuditTrail.Settings {
    init(_ configuration: Configuration) {
        self.init()
        retention = configuration.audit.retention
        entries = configuration.audit.entries
    }
}

extension CustomerAPI.Settings {
    init(_ configuration: Configuration) {
        self.init(
            requestsPerSecond: Double(configuration.limits.apiRate),
            burst: configuration.limits.apiBurst,
            bodySize: configuration.limits.requestBody
        )
    }
}

extension Registry.Limits {
    init(_ configuration: Configuration) {
        self.init()
        sessionsPerUser = configuration.limits.sessionsPerUser
        login.freeAtAddress = configuration.limits.loginFailures
        login.freeOfAccount = configuration.limits.loginFailuresAccount
        userLogin.freeAtAddress = configuration.limits.loginFailures
        userLogin.freeOfAccount = configuration.limits.loginFailuresAccount
        // Every unit that is connected, and as many that come in place of others.
        signingUnits = max(10_000, 2 * configuration.limits.units)
    }
}

extension SchedulingService.Settings {
    init(_ configuration: Configuration) {
        self.init(peerToPeer: .none, relay: .none)
        if configuration.hibernation.port != 0 { hibernationDomain = configuration.node.domain }
        deployedNames = configuration.vd.deployedNames
        requestsPerSecond = Double(configuration.limits.vsRate)
        burst = configuration.limits.vsBurst
    }
}

extension UploadSettings {
    init(_ configuration: Configuration) {
        let domain = URLHost.text(configuration.node.domain)
        let plainPort = configuration.httpPort
        self.init(
            secureAddress: "https://\(domain):\(configuration.https.port)",
            plainAddress: plainPort == 0 ? nil : "http://\(domain):\(plainPort)",
            pictureSize: Int64(configuration.limits.uploadPicture),
            logSize: Int64(configuration.limits.uploadLog),
            uploads: configuration.limits.uploads,
            alarmRetention: configuration.alarmRetention
        )
        requestsPerSecond = Double(configuration.limits.apiRate)
        burst = configuration.limits.apiBurst
    }
}

extension AlarmDesk.Settings {
    init(_ configuration: Configuration) {
        self.init(
            reportsPerSecond: Double(configuration.limits.alarmRate),
            burst: configuration.limits.alarmBurst,
            alarmsPerUnit: configuration.limits.alarmsPerUnit
        )
    }
}

extension WebhookSettings {
    init(_ configuration: Configuration) throws {
        self.init(
            allowsHTTP: configuration.webhooks.allowsHTTP,
            allowsPrivate: configuration.webhooks.allowsPrivate,
            perUser: configuration.limits.webhooksPerUser
        )
        let file = configuration.webhooks.authorities
        if !file.isEmpty { authorities = try WebhookClient.authorities(file: file) }
    }
}

extension ActivityUpkeep.Settings {
    init(_ configuration: Configuration) {
        self.init(retention: configuration.alarmRetention, events: configuration.limits.events)
    }
}

extension UploadKey {
    /// The key of upload addresses, made once.
    static func load(_ configuration: Configuration) throws -> UploadKey {
        let secret = try KeyFile.load("uploads", of: configuration, what: "upload key")
        guard let key = UploadKey(secret) else {
            throw ServerError.unusable(
                what: "upload key",
                path: KeyFile.path("uploads", of: configuration),
                reason: "it is shorter than 32 bytes"
            )
        }
        return key
    }
}

extension RecordKey {
    /// The key of recording addresses, made once.
    static func load(_ configuration: Configuration) throws -> RecordKey {
        let secret = try KeyFile.load("recordings", of: configuration, what: "recording key")
        guard let key = RecordKey(secret) else {
            throw ServerError.unusable(
                what: "recording key",
                path: KeyFile.path("recordings", of: configuration),
                reason: "it is shorter than 32 bytes"
            )
        }
        return key
    }
}

extension FirmwareLibrary.Settings {
    init(_ configuration: Configuration) {
        let domain = URLHost.text(configuration.node.domain)
        let plainPort = configuration.httpPort
        self.init(
            secureAddress: "https://\(domain):\(configuration.https.port)",
            plainAddress: plainPort == 0 ? nil : "http://\(domain):\(plainPort)",
            imageSize: Int64(configuration.limits.firmware),
            downloads: configuration.limits.firmwareDownloads
        )
    }
}

extension FirmwareKey {
    /// The key of firmware addresses, made once.
    static func load(_ configuration: Configuration) throws -> FirmwareKey {
        let secret = try KeyFile.load("firmware", of: configuration, what: "firmware key")
        guard let key = FirmwareKey(secret) else {
            throw ServerError.unusable(
                what: "firmware key",
                path: KeyFile.path("firmware", of: configuration),
                reason: "it is shorter than 32 bytes"
            )
        }
        return key
    }
}

extension LoginVerifier {
    /// With the key under which keys of units are sealed, made once.
    static func load(_ configuration: Configuration) throws -> LoginVerifier {
        let secret = try KeyFile.load("logins", of: configuration, what: "key of logins")
        guard let bytes = Data(base64Encoded: secret.reveal()), bytes.count == 32 else {
            throw ServerError.unusable(
                what: "key of logins",
                path: KeyFile.path("logins", of: configuration),
                reason: "it is not 32 bytes in base64"
            )
        }
        return LoginVerifier(
            seal: SymmetricKey(data: bytes),
            refusesPasswords: configuration.vd.signedLogin == .required
        )
    }
}

/// A secret of this installation: 256 random bits, made once under the data folder, mode 0600.
private enum KeyFile {
    static func path(_ name: String, of configuration: Configuration) -> String {
        configuration.node.data + "/keys/\(name).key"
    }

    static func load(_ name: String, of configuration: Configuration, what: String) throws -> Secret {
        let folder = configuration.node.data + "/keys"
        let path = path(name, of: configuration)
        if FileManager.default.fileExists(atPath: path) {
            return Secret(try ProtectedFile.read(path, what: what))
        }
        try ProtectedFile.makeFolder(folder)
        let text = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0).base64EncodedString() }
        try ProtectedFile.write(text, to: path, mode: 0o600)
        return Secret(text)
    }
}
