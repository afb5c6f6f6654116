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
            deployedNames: configuration.vd.deployedNames,
            hibernation: try HibernationSettings(configuration)
        )
    }
}

extension HibernationSettings {
    /// Nil where it is switched off.
    fileprivate init?(_ configuration: Configuration) throws {
        guard configuration.hibernation.port != 0 else { return nil }
        let secret = try KeyFile.load("hibernation", folder: configuration.node.data + "/keys")
        guard let key = HibernationKey(secret) else {
            throw Failure(
                "\(configuration.node.data)/keys/hibernation.key is too short; remove it to have one made"
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
        self.init(key: try KeyFile.load("stream-tickets", folder: configuration.node.data + "/keys"))
        host = configuration.https.host
        port = configuration.srt.port
        domain = configuration.node.domain
        httpsPort = configuration.https.port
        latency = configuration.srt.latency
        encryption = Encryption(rawValue: configuration.srt.encryption.rawValue) ?? .required
        limits.streams = configuration.limits.streams
        limits.viewers = configuration.limits.viewers
        limits.viewersPerStream = configuration.limits.viewersPerStream
        limits.viewerQueueInBytes = configuration.limits.viewerBacklog
        limits.handshakesPerSecond = Double(configuration.limits.srtHandshakes)
        limits.handshakeBurst = configuration.limits.srtHandshakesBurst
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

/// Secrets of the platform's own: 256 random bits each, made once under the data folder, mode 0600.
private enum KeyFile {
    /// `stream-tickets` signs stream tickets, `hibernation` makes the tokens of sleeping units.
    static func load(_ name: String, folder: String) throws -> Secret {
        let path = "\(folder)/\(name).key"
        if FileManager.default.fileExists(atPath: path) {
            return Secret(try ProtectedFile.read(path, what: "\(name) key"))
        }
        try ProtectedFile.makeFolder(folder)
        let text = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0).base64EncodedString() }
        try ProtectedFile.write(text, to: path, mode: 0o600)
        return Secret(text)
    }
}
