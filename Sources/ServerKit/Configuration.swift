import Foundation
package import Logging

/// The platform's configuration, checked and typed. Made by ``init(_:)`` from ``ConfigurationValues``.
package struct Configuration: Sendable {
    package struct Node: Sendable {
        package var name: String
        package var domain: String
        package var data: String
    }

    package struct TLS: Sendable {
        package var certificate: String
        package var key: String
    }

    package struct Address: Sendable {
        package var host: String
        package var port: Int
    }

    package struct Vd: Sendable {
        package enum SignedLogin: String, Sendable { case optional, required }
        package var port: Int
        package var plainPort: Int
        package var keepalive: Duration
        package var offlineAfter: Duration
        package var rpcTimeout: Duration
        package var deployedNames: Bool
        package var signedLogin: SignedLogin
        /// Nil: units are not asked for certificates.
        package var clientAuthority: String?
    }

    package struct Hibernation: Sendable {
        /// 0: off.
        package var port: Int
        package var wakeTimeout: Duration
    }

    package struct SRT: Sendable {
        package enum Encryption: String, Sendable { case off, optional, required }
        package var port: Int
        package var latency: Duration
        package var encryption: Encryption
        /// AES, in bits.
        package var keyLength: Int
    }

    package struct Transcoding: Sendable {
        /// Of all processors.
        package var cpuPercent: Int
        package var processes: Int
        package var smallWidth: Int
        package var smallHeight: Int
        package var smallFrameRate: Int
        /// Bit/s.
        package var smallBitrate: Int
        /// Nil: it is looked for.
        package var ffmpeg: String?
    }

    package struct Blobs: Sendable {
        /// The path of the folder.
        package var folder: String
        /// In bytes.
        package var reserve: Int
    }

    package struct Webhooks: Sendable {
        package var allowsHTTP: Bool
        package var allowsPrivate: Bool
        /// Empty: the system's only.
        package var authorities: String
    }

    package struct Usage: Sendable {
        package var interval: Duration
        package var retention: Duration
    }

    package struct Pictures: Sendable {
        /// Zero: only at the end of streams.
        package var keepEvery: Duration
        /// Nil: beside our own programme.
        package var codec: String?
    }

    package struct Log: Sendable {
        package enum Format: String, Sendable { case text, json }
        package var level: Logger.Level
        package var format: Format
    }

    package struct Limits: Sendable {
        package var connections: Int
        package var connectionsPerAddress: Int
        package var headerTimeout: Duration
        package var idleTimeout: Duration
        package var drainTimeout: Duration
        /// Sizes are in bytes.
        package var headerSize: Int
        package var requestBody: Int
        package var messageSize: Int
        package var loginFailures: Int
        package var loginFailuresAccount: Int
        package var sessionsPerUser: Int
        /// Rates are per second and address.
        package var vsRate: Int
        package var vsBurst: Int
        package var apiRate: Int
        package var apiBurst: Int
        package var units: Int
        package var callsPerUnit: Int
        package var liveWaiting: Int
        package var uploadPicture: Int
        package var uploadLog: Int
        package var uploads: Int
        package var firmware: Int
        package var firmwareDownloads: Int
        package var alarmsPerUnit: Int
        /// Per second and unit.
        package var alarmRate: Int
        package var alarmBurst: Int
        package var events: Int
        package var eventSubscribers: Int
        package var webhooksPerUser: Int
        package var streams: Int
        package var viewers: Int
        package var viewersPerStream: Int
        package var viewersPerUser: Int
        package var viewerBacklog: Int
        package var hlsWindow: Int
        package var picturesCache: Int
        package var picturesWaiting: Int
        package var playbackRate: Int
        package var playbackBurst: Int
        package var exports: Int
        package var exportsPerUser: Int
        package var srtHandshakes: Int
        package var srtHandshakesBurst: Int

        /// Those of a listener.
        package var listener: ListenerLimits {
            ListenerLimits(
                connections: connections,
                connectionsPerAddress: connectionsPerAddress,
                headerTimeout: headerTimeout,
                idleTimeout: idleTimeout,
                headerSize: headerSize,
                drainTimeout: drainTimeout
            )
        }
    }

    package var node: Node
    package var roles: Set<String>
    package var tls: TLS
    package var https: Address
    /// On the same address as ``https``; 0: off.
    package var httpPort: Int
    package var vd: Vd
    package var hibernation: Hibernation
    package var srt: SRT
    package var liveLinger: Duration
    package var liveSilence: Duration
    package var liveGrace: Duration
    package var liveHLSPart: Duration
    /// Bit/s; 0: no limit.
    package var liveMaxBitrate: Int
    package var transcoding: Transcoding
    package var recording: Recording
    package var retention: Retention
    /// The path of the SQLite database.
    package var databasePath: String
    package var blobs: Blobs
    package var pictures: Pictures
    package var alarmRetention: Duration
    package var usage: Usage
    package var audit: Audit
    package var webhooks: Webhooks
    package var metrics: Address
    package var limits: Limits
    package var log: Log

    /// Types the values and checks those rules that concern several keys.
    package init(_ values: ConfigurationValues) throws(ConfigurationProblems) {
        let read = Typed(values: values)
        let name = read.text("node.name")
        node = Node(
            name: name.isEmpty ? ProcessInfo.processInfo.hostName : name,
            domain: read.text("node.domain"),
            data: read.text("node.data")
        )
        roles = Set(read.names("roles"))
        tls = TLS(certificate: read.text("tls.certificate"), key: read.text("tls.key"))
        https = Address(host: read.text("https.host"), port: read.number("https.port"))
        httpPort = read.number("http.port")
        vd = Vd(
            port: read.number("vd.port"),
            plainPort: read.number("vd.plain_port"),
            keepalive: read.duration("vd.keepalive"),
            offlineAfter: read.duration("vd.offline_after"),
            rpcTimeout: read.duration("vd.rpc_timeout"),
            deployedNames: read.truth("vd.deployed_names"),
            signedLogin: Vd.SignedLogin(rawValue: read.text("vd.signed_login")) ?? .required,
            clientAuthority: read.text("vd.client_ca").isEmpty ? nil : read.text("vd.client_ca")
        )
        hibernation = Hibernation(
            port: read.number("hibernation.port"),
            wakeTimeout: read.duration("hibernation.wake_timeout")
        )
        srt = SRT(
            port: read.number("srt.port"),
            latency: read.duration("srt.latency"),
            encryption: SRT.Encryption(rawValue: read.text("srt.encryption")) ?? .required,
            keyLength: Int(read.text("srt.key_length")) ?? 128
        )
        liveMaxBitrate = read.number("live.max_bitrate")
        liveLinger = read.duration("live.linger")
        liveSilence = read.duration("live.silence")
        liveGrace = read.duration("live.grace")
        liveHLSPart = read.duration("live.hls_part")
        transcoding = Transcoding(
            cpuPercent: read.number("transcoding.cpu_percent"),
            processes: read.number("transcoding.processes"),
            smallWidth: read.number("transcoding.small_width"),
            smallHeight: read.number("transcoding.small_height"),
            smallFrameRate: read.number("transcoding.small_frame_rate"),
            smallBitrate: read.number("transcoding.small_bitrate"),
            ffmpeg: read.text("transcoding.ffmpeg").isEmpty ? nil : read.text("transcoding.ffmpeg")
        )
        recording = Recording(read)
        retention = Retention(read)
        let path = String(read.text("store.url").dropFirst("sqlite:".count))
        databasePath = path.isEmpty ? node.data + "/vedette.sqlite" : path
        let folder = String(read.text("blobs.url").dropFirst("file:".count))
        blobs = Blobs(
            folder: folder.isEmpty ? node.data + "/blobs" : folder,
            reserve: read.number("blobs.reserve")
        )
        pictures = Pictures(
            keepEvery: read.duration("pictures.keep_every"),
            codec: read.text("pictures.codec").isEmpty ? nil : read.text("pictures.codec")
        )
        alarmRetention = read.duration("alarms.retention")
        usage = Usage(
            interval: read.duration("usage.interval"),
            retention: read.duration("usage.retention")
        )
        audit = Audit(read)
        webhooks = Webhooks(
            allowsHTTP: read.truth("webhooks.allow_http"),
            allowsPrivate: read.truth("webhooks.allow_private"),
            authorities: read.text("webhooks.ca")
        )
        metrics = Address(host: read.text("metrics.host"), port: read.number("metrics.port"))
        limits = Limits(read)
        log = Log(
            level: Logger.Level(rawValue: read.text("log.level")) ?? .info,
            format: Log.Format(rawValue: read.text("log.format")) ?? .text
        )
        let problems = contradictions(values)
        guard problems.isEmpty else { throw ConfigurationProblems(problems: problems) }
    }

    private func contradictions(_ values: ConfigurationValues) -> [String] {
        var problems: [String] = []
        func report(_ path: String, _ text: String) {
            let place = values[path].map { $0.origin == .defaulted ? "" : "\($0.origin): " } ?? ""
            problems.append("\(place)\(path): \(text)")
        }
        if node.domain.isEmpty { report("node.domain", "expected a name or an address, found nothing") }
        if node.data.isEmpty { report("node.data", "expected a folder, found nothing") }
        if vd.offlineAfter <= vd.keepalive {
            let found = Quantity.text(vd.offlineAfter)
            let least = Quantity.text(vd.keepalive)
            report("vd.offline_after", "expected more than vd.keepalive (\(least)), found \(found)")
        }
        if roles.count < ConfigurationTable.roles.count {
            let found = roles.sorted().joined(separator: ", ")
            report("roles", "expected all, found \(found): a bus between nodes is not in this version")
        }
        if tls.certificate.isEmpty != tls.key.isEmpty {
            let missing = tls.key.isEmpty ? "tls.key" : "tls.certificate"
            report(missing, "expected a file, for the other one of tls.certificate and tls.key is set")
        }
        if vd.clientAuthority != nil, vd.port == 0 {
            report("vd.client_ca", "expected vd.port too: certificates are shown over TLS only")
        }
        var taken: [Int: String] = [:]
        let ports = [
            "https.port", "http.port", "vd.port", "vd.plain_port", "hibernation.port", "metrics.port",
        ]
        for path in ports {
            guard case .number(let port) = values[path]?.value, port != 0 else { continue }
            if let other = taken.updateValue(path, forKey: port) {
                report(path, "expected a port of its own, found \(port), which is \(other) too")
            }
        }
        return problems
    }
}

/// Values by the type that the table gives them. Asking for another type is a mistake in the code above.
struct Typed {
    let values: ConfigurationValues

    func text(_ path: String) -> String {
        guard case .text(let text) = value(path) else { mistake(path) }
        return text
    }

    func number(_ path: String) -> Int {
        guard case .number(let number) = value(path) else { mistake(path) }
        return number
    }

    func duration(_ path: String) -> Duration {
        guard case .duration(let duration) = value(path) else { mistake(path) }
        return duration
    }

    func truth(_ path: String) -> Bool {
        guard case .truth(let truth) = value(path) else { mistake(path) }
        return truth
    }

    func names(_ path: String) -> [String] {
        guard case .names(let names) = value(path) else { mistake(path) }
        return names
    }

    private func value(_ path: String) -> ConfigurationKey.Value? { values[path]?.value }

    private func mistake(_ path: String) -> Never {
        preconditionFailure("the table has no \(path) of this type")
    }
}

extension Configuration.Limits {
    fileprivate init(_ read: Typed) {
        self.init(
            connections: read.number("limits.connections"),
            connectionsPerAddress: read.number("limits.connections_per_address"),
            headerTimeout: read.duration("limits.header_timeout"),
            idleTimeout: read.duration("limits.idle_timeout"),
            drainTimeout: read.duration("limits.drain_timeout"),
            headerSize: read.number("limits.header_size"),
            requestBody: read.number("limits.request_body"),
            messageSize: read.number("limits.message_size"),
            loginFailures: read.number("limits.login_failures"),
            loginFailuresAccount: read.number("limits.login_failures_account"),
            sessionsPerUser: read.number("limits.sessions_per_user"),
            vsRate: read.number("limits.vs_rate"),
            vsBurst: read.number("limits.vs_burst"),
            apiRate: read.number("limits.api_rate"),
            apiBurst: read.number("limits.api_burst"),
            units: read.number("limits.units"),
            callsPerUnit: read.number("limits.calls_per_unit"),
            liveWaiting: read.number("limits.live_waiting"),
            uploadPicture: read.number("limits.upload_picture"),
            uploadLog: read.number("limits.upload_log"),
            uploads: read.number("limits.uploads"),
            firmware: read.number("limits.firmware"),
            firmwareDownloads: read.number("limits.firmware_downloads"),
            alarmsPerUnit: read.number("limits.alarms_per_unit"),
            alarmRate: read.number("limits.alarm_rate"),
            alarmBurst: read.number("limits.alarm_burst"),
            events: read.number("limits.events"),
            eventSubscribers: read.number("limits.event_subscribers"),
            webhooksPerUser: read.number("limits.webhooks_per_user"),
            streams: read.number("limits.streams"),
            viewers: read.number("limits.viewers"),
            viewersPerStream: read.number("limits.viewers_per_stream"),
            viewersPerUser: read.number("limits.viewers_per_user"),
            viewerBacklog: read.number("limits.viewer_backlog"),
            hlsWindow: read.number("limits.hls_window"),
            picturesCache: read.number("limits.pictures_cache"),
            picturesWaiting: read.number("limits.pictures_waiting"),
            playbackRate: read.number("limits.playback_rate"),
            playbackBurst: read.number("limits.playback_burst"),
            exports: read.number("limits.exports"),
            exportsPerUser: read.number("limits.exports_per_user"),
            srtHandshakes: read.number("limits.srt_handshakes"),
            srtHandshakesBurst: read.number("limits.srt_handshakes_burst")
        )
    }
}
