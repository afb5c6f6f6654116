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
    init(_ configuration: Configuration, node: NodeName) {
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
            live: .init(linger: configuration.liveLinger),
            liveWaiting: configuration.limits.liveWaiting,
            maxBitrate: configuration.liveMaxBitrate,
            deployedNames: configuration.vd.deployedNames
        )
    }
}

extension MediaSettings {
    init(_ configuration: Configuration) throws {
        self.init(key: try TicketKey.load(folder: configuration.node.data + "/keys"))
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
        deployedNames = configuration.vd.deployedNames
        requestsPerSecond = Double(configuration.limits.vsRate)
        burst = configuration.limits.vsBurst
    }
}

/// The secret that signs stream tickets: 256 random bits, made once under the data folder, mode 0600.
private enum TicketKey {
    static func load(folder: String) throws -> Secret {
        let path = folder + "/stream-tickets.key"
        if FileManager.default.fileExists(atPath: path) {
            return Secret(try ProtectedFile.read(path, what: "ticket key"))
        }
        try ProtectedFile.makeFolder(folder)
        let text = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0).base64EncodedString() }
        try ProtectedFile.write(text, to: path, mode: 0o600)
        return Secret(text)
    }
}
