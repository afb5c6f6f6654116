import Bus
import CentreManagement
import CloudStorage
import CustomerAccess
import FoundationEssentials
import HSSModel
import HostClock
import Hummingbird
import Logging
import MediaDistribution
import ServerKit
import ServiceControl
import ServiceLifecycle
import Store
import Vs
import WebConsole

/// Every role of the platform in one process: what runs is what this list says.
struct Platform {
    private let process: ServerProcess
    private let madePassword: Secret?
    /// Held as long as the platform runs.
    private let lock: DataFolderLock
    /// The SRT port is open from the start; it is told after the operator's first password.
    private let reportMedia: @Sendable () -> Void

    /// `level` is the one of the process's log.
    init(
        _ configuration: Configuration,
        adminPassword: Secret?,
        reloader: Reloader,
        level: LogLevel
    ) async throws {
        let logger = Logger(label: "vedette")
        let metrics = MetricRegistry()
        let readiness = Readiness()
        ProcessMetrics.register(in: metrics, version: Build.version)
        let node = NodeName(rawValue: configuration.node.name) ?? NodeName(unchecked: "node")
        try ProtectedFile.makeFolder(configuration.node.data)
        lock = try DataFolderLock(configuration.node.data)
        try RestoreMarker.refuse(configuration.node.data)

        let identity = try Self.identity(configuration, logger)
        let store = try SQLiteStore(path: configuration.databasePath, at: .now)
        readiness.register("store") {
            do throws(StoreError) { try await store.check() } catch { return error.description }
            return nil
        }
        let registry = Registry(
            store: store,
            limits: .init(configuration),
            verifier: try .load(configuration),
            zone: { ZoneFolder().offsets(of: $0, at: .now) },
            metrics: metrics,
            logger: logger
        )
        let audit = AuditTrail(
            store: store,
            settings: .init(configuration),
            metrics: metrics,
            logger: logger
        )
        try await audit.load()
        madePassword = try await registry.ensureOperator(password: adminPassword)

        let isListening = readiness.condition("listeners")
        let status = PlatformStatus()
        let manager = ServiceManagerLink(
            environment: ProcessInfo.processInfo.environment,
            pulses: [("event loops", ServiceManagerLink.eventLoops())],
            status: { status.line },
            logger: logger
        )
        let report = StartupReport(
            listeners: Self.listenerNames(configuration),
            say: { Terminal.printLine($0) },
            onReady: {
                isListening.set(nil)
                manager.ready()
            }
        )
        let domain = URLHost.text(configuration.node.domain)
        let media = try MediaService(
            try MediaSettings(configuration),
            metrics: metrics,
            logger: logger
        )
        let activities = try Activities(
            configuration,
            store: store,
            devices: registry,
            metrics: metrics,
            logger: logger
        )
        let recordings = try Recordings(
            configuration,
            store: store,
            devices: registry,
            metrics: metrics,
            logger: logger
        )
        try await recordings.storage.start()
        let limits = configuration.limits.listener
        let usage = UsageDesk(
            media: media,
            store: store,
            settings: .init(
                interval: configuration.usage.interval,
                retention: configuration.usage.retention
            ),
            metrics: metrics,
            logger: logger
        )
        let signalling = SignallingService(
            settings: try SignallingSettings(configuration, node: node),
            ports: Self.vdPorts(configuration, identity),
            gate: ConnectionGate(limits: limits, listener: "vd", metrics: metrics),
            hibernationGate: ConnectionGate(limits: limits, listener: "hibernation", metrics: metrics),
            admission: registry,
            media: media,
            servers: activities.servers,
            documents: store,
            uploads: activities.uploads,
            presence: activities.presence,
            moves: store,
            usage: usage,
            channels: store,
            recording: recordings.parts(configuration, store: store, events: activities.feed),
            metrics: metrics,
            logger: logger,
            onListening: { port, number in
                let scheme =
                    port.name == "hibernation" ? "tcp" : port.identity == nil ? "ws" : "wss"
                report.listening(port.name, at: "\(scheme)://\(domain):\(number)")
            }
        )
        let pictures = PictureKeeper(
            settings: .init(configuration),
            media: media,
            pictures: media,
            store: store,
            blobs: activities.blobs,
            metrics: metrics,
            logger: logger
        )
        let playback = PlaybackDesk(
            index: store,
            blobs: activities.blobs,
            key: recordings.key,
            rights: RegistryPlaybackRights(devices: registry, users: store),
            pictures: media,
            settings: .init(configuration),
            metrics: metrics,
            logger: logger
        )
        let firmware = try FirmwareRollOuts(
            configuration,
            store: store,
            activities: activities,
            registry: registry,
            signalling: signalling,
            metrics: metrics,
            logger: logger
        )
        status.show { "\(signalling.connectedUnits) units connected" }
        registry.onArrival { firmware.rollOuts.arrived($0) }
        registry.onAudit { audit.tally($0) }
        registry.onDeviceChange { change in
            switch change {
            case .disabled: break
            case .removed(let unit):
                await signalling.forgetWishes(of: unit)
                firmware.rollOuts.removed(unit)
                activities.batteries.forget(unit)
            case .unbound(let unit, _): await signalling.forgetWishes(of: unit)
            }
            await signalling.disconnect(change.unit)
            // It sends no more by now.
            if case .unbound(let unit, _) = change { await pictures.forget(unit) }
        }
        registry.onOwnerChange {
            await usage.ownerChanges(of: $0)
            await signalling.ownerChanges(of: $0)
        }
        activities.alarms.onChange { signalling.heard($0, $1) }
        let rights = RightsWatch(audience: signalling) { try await registry.mayWatch($0, at: $1) }
        registry.onUserDisabled {
            await signalling.withdraw($0)
            // What the user had given others rests.
            await rights.look(at: nil)
        }
        registry.onAccessChange { change in
            await rights.look(at: change.units)
            for news in change.news {
                await activities.feed.record(
                    NewEvent(time: .now, unit: news.unit, kind: .share, detail: news.detail)
                )
            }
        }
        registry.onLeaseEnd { await signalling.revoke($0, of: $1) }

        let nodes = OneNode(configuration: configuration, name: node, signalling: signalling)
        let scheduling = SchedulingService(
            devices: store,
            nodes: nodes,
            settings: .init(configuration),
            metrics: metrics,
            logger: logger
        )
        let api = CustomerAPI(
            accounts: registry,
            devices: registry,
            control: signalling,
            units: signalling,
            media: media,
            pictures: pictures,
            activity: activities.point,
            firmware: firmware.access,
            nodes: NodeDesk(directory: nodes, drainable: [node: signalling]),
            usage: usage,
            channels: ChannelDesk(devices: registry, store: store),
            upkeep: recordings.upkeep.desk,
            recordChecks: recordings.inspector,
            recordControl: signalling,
            recordings: playback,
            access: registry,
            audit: audit,
            settings: .init(configuration),
            logger: logger
        )
        let responder = Self.router(
            scheduling: scheduling,
            api: api,
            media: media,
            uploads: activities.uploads,
            recordings: recordings,
            playback: playback,
            library: firmware.library,
            console: WebConsole(media: ["https://\(domain):\(configuration.https.port)"]),
            plainPort: configuration.httpPort
        ).buildResponder()
        let gate = ConnectionGate(limits: limits, listener: "http", metrics: metrics)
        let listeners = Self.httpPorts(configuration, identity).map { name, port, identity in
            HTTPListener(
                name: name,
                host: configuration.https.host,
                port: port,
                identity: identity,
                limits: limits,
                gate: gate,
                metrics: metrics,
                responder: responder,
                webSockets: [media.webSocketRoute],
                logger: logger,
                onListening: { report.listening(name, at: "\(name)://\(domain):\($0)") }
            )
        }

        // Each may use those before it; the last one is shut down first.
        var services: [any Service] = [identity]
        if configuration.metrics.port != 0 {
            services.append(
                MetricsListener(
                    host: configuration.metrics.host,
                    port: configuration.metrics.port,
                    metrics: metrics,
                    readiness: readiness,
                    logger: logger,
                    onListening: {
                        report.listening(
                            "metrics",
                            at: "http://\(URLHost.text(configuration.metrics.host)):\($0)"
                        )
                    }
                )
            )
        }
        // Accounts are closed when no media runs any more.
        services += [audit, registry, usage, media, pictures]
        services += activities.services
        services += recordings.services
        services += [signalling, rights]
        services.append(firmware.rollOuts)
        services += listeners
        // Shut down first: it tells of it.
        services.append(manager)
        let reload = PlatformReload(
            reloader: reloader,
            level: level,
            identity: identity,
            api: api,
            signalling: signalling,
            upkeep: activities.upkeep,
            usage: usage,
            audit: audit
        )
        reloader.tell()
        process = ServerProcess(
            services: services,
            longestShutdown: configuration.limits.drainTimeout + .seconds(10),
            logger: logger,
            onReload: {
                manager.reloading()
                await reload.run()
                manager.ready()
            }
        )
        reportMedia = { report.listening("srt", at: "srt://\(domain):\(media.port)") }
    }

    func run() async throws {
        if let madePassword {
            Terminal.printLine("operator 'admin' made; password, shown only now: \(madePassword.reveal())")
        }
        reportMedia()
        try await process.run()
    }

    private static func identity(_ configuration: Configuration, _ logger: Logger) throws -> ServerIdentity {
        try ServerIdentity(
            try .init(
                certificate: configuration.tls.certificate,
                key: configuration.tls.key,
                dataFolder: configuration.node.data,
                domain: configuration.node.domain
            ),
            clientAuthority: configuration.vd.clientAuthority,
            logger: logger
        )
    }

    private static func router(
        scheduling: SchedulingService,
        api: CustomerAPI,
        media: MediaService,
        uploads: UploadDesk,
        recordings: Recordings,
        playback: PlaybackDesk,
        library: FirmwareLibrary,
        console: WebConsole,
        plainPort: Int
    ) -> Router<PlatformContext> {
        let router = Router(context: PlatformContext.self)
        router.add(middleware: ProblemMiddleware())
        scheduling.addRoutes(to: router) { $0.remoteAddress }
        api.addRoutes(to: router)
        media.addRoutes(to: router) {
            let isPlain = plainPort != 0 && $0.localPort == plainPort
            return ViewerPeer(address: $0.remoteAddress, isEncrypted: !isPlain)
        }
        uploads.addRoutes(to: router) { $0.remoteAddress }
        recordings.storage.addRoutes(to: router) { $0.remoteAddress }
        playback.addRoutes(to: router) { $0.isThere }
        library.addRoutes(to: router) { $0.remoteAddress }
        console.addRoutes(to: router)
        return router
    }
}

/// The table of signalling nodes while there is one.
private struct OneNode: NodeDirectory {
    let configuration: Configuration
    let name: NodeName
    let signalling: SignallingService

    func signallingNodes() async -> [SignallingNode] {
        [
            SignallingNode(
                name: name,
                domain: configuration.node.domain,
                plainPort: configuration.vd.plainPort,
                securePort: configuration.vd.port,
                connectedUnits: signalling.connectedUnits,
                capacity: configuration.limits.units,
                draining: await signalling.drainProgress().map { !$0.returning } ?? false
            )
        ]
    }
}
