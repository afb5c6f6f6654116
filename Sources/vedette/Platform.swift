import Bus
import CentreManagement
import CustomerAccess
import HSSModel
import HostClock
import Hummingbird
import Logging
import MediaDistribution
import ServerKit
import ServiceControl
import ServiceLifecycle
import Store
import UnixSignals
import Vs

/// Every role of the platform in one process: what runs is what this list says.
struct Platform {
    private let services: ServiceGroup
    private let announcements: StartAnnouncements
    private let madePassword: Secret?

    init(_ configuration: Configuration, adminPassword: Secret?) async throws {
        let logger = Logger(label: "vedette")
        let metrics = MetricRegistry()
        let node = NodeName(rawValue: configuration.node.name) ?? NodeName(unchecked: "node")
        try ProtectedFile.makeFolder(configuration.node.data)

        let identity = try ServerIdentity(
            try .init(
                certificate: configuration.tls.certificate,
                key: configuration.tls.key,
                dataFolder: configuration.node.data,
                domain: configuration.node.domain
            ),
            logger: logger
        )
        let store = try SQLiteStore(path: configuration.databasePath, at: .now)
        let registry = Registry(
            store: store,
            limits: .init(configuration),
            metrics: metrics,
            logger: logger
        )
        madePassword = try await registry.ensureOperator(password: adminPassword)

        let media = try MediaService(
            try MediaSettings(configuration),
            metrics: metrics,
            logger: logger
        )
        let announcements = StartAnnouncements()
        self.announcements = announcements
        let limits = configuration.limits.listener
        let vdGate = ConnectionGate(limits: limits, listener: "vd", metrics: metrics)
        let httpGate = ConnectionGate(limits: limits, listener: "http", metrics: metrics)
        let signalling = SignallingService(
            settings: SignallingSettings(configuration, node: node),
            ports: Self.vdPorts(configuration, identity),
            gate: vdGate,
            admission: registry,
            media: media,
            metrics: metrics,
            logger: logger,
            onListening: { port, number in announcements.listening(port.name, "\(port.host):\(number)") }
        )
        registry.onDeviceChange { await signalling.disconnect($0.unit) }

        let scheduling = SchedulingService(
            devices: store,
            nodes: OneNode(configuration: configuration, name: node, signalling: signalling),
            settings: .init(configuration),
            metrics: metrics,
            logger: logger
        )
        let responder = Self.router(
            scheduling: scheduling,
            api: CustomerAPI(accounts: registry, devices: registry, control: signalling, media: media),
            media: media
        ).buildResponder()
        var listeners = [
            HTTPListener(
                name: "https",
                host: configuration.https.host,
                port: configuration.https.port,
                identity: identity,
                limits: limits,
                gate: httpGate,
                metrics: metrics,
                responder: responder,
                logger: logger,
                onListening: { announcements.listening("https", "\(configuration.https.host):\($0)") }
            )
        ]
        if configuration.httpPort != 0 {
            listeners.append(
                HTTPListener(
                    name: "http",
                    host: configuration.https.host,
                    port: configuration.httpPort,
                    identity: nil,
                    limits: limits,
                    gate: httpGate,
                    metrics: metrics,
                    responder: responder,
                    logger: logger,
                    onListening: { announcements.listening("http", "\(configuration.https.host):\($0)") }
                )
            )
        }
        announcements.listening("srt", "\(configuration.https.host):\(media.port)")
        announcements.expect(listeners.count + Self.vdPorts(configuration, identity).count + 1)

        // A service may use those above it; shutdown runs from the bottom up.
        services = ServiceGroup(
            configuration: .init(
                services: ([identity, registry, media, signalling] as [any Service]).map {
                    .init(service: $0)
                }
                    + listeners.map { .init(service: $0) }
                    + [.init(service: ReloadOnSignal(identity: identity, logger: logger))],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger
            )
        )
    }

    func run() async throws {
        if let madePassword {
            print("The operator 'admin' has been made. Password, shown only now: \(madePassword.reveal())")
        }
        announcements.begin()
        try await services.run()
    }

    private static func vdPorts(_ configuration: Configuration, _ identity: ServerIdentity) -> [VdPort] {
        [("vd", configuration.vd.port, identity), ("vd.plain", configuration.vd.plainPort, nil)]
            .filter { $0.1 != 0 }
            .map { name, port, identity in
                VdPort(
                    name: name,
                    host: configuration.https.host,
                    port: port,
                    identity: identity,
                    headerTimeout: configuration.limits.headerTimeout
                )
            }
    }

    private static func router(
        scheduling: SchedulingService,
        api: CustomerAPI,
        media: MediaService
    ) -> Router<PlatformContext> {
        let router = Router(context: PlatformContext.self)
        router.add(middleware: ProblemMiddleware())
        scheduling.addRoutes(to: router) { $0.remoteAddress }
        api.addRoutes(to: router)
        media.addRoutes(to: router)
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
                draining: false
            )
        ]
    }
}

/// Reads the certificate again at SIGHUP; no connection notices.
private struct ReloadOnSignal: Service {
    let identity: ServerIdentity
    let logger: Logger

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            do {
                try identity.reload()
            } catch {
                logger.error(
                    "reload refused; the old certificate stays in use",
                    metadata: ["reason": "\(error)"]
                )
            }
        }
    }
}
