import Bus
import Glibc
import HSSModel
import HostClock
import NIOCore
import NIOPosix
import ServerKit
import Synchronization
import Vd

/// The hibernation server (device documents): TCP, one connection for each sleeping unit.
final class HibernationListener: Sendable {
    /// A heartbeat is 40 bytes.
    private static let readSize = 128

    let settings: HibernationSettings
    private let gate: ConnectionGate
    private let units: UnitRegistry
    private let waker: UnitWaker
    private let admission: any UnitAdmission
    private let metrics: HibernationMetrics
    private let group: any EventLoopGroup
    private let open = Mutex<[ObjectIdentifier: any Channel]>([:])
    private let pending = Atomic(0)

    init(
        settings: HibernationSettings,
        gate: ConnectionGate,
        units: UnitRegistry,
        waker: UnitWaker,
        admission: any UnitAdmission,
        metrics: MetricRegistry,
        group: any EventLoopGroup
    ) {
        self.settings = settings
        self.gate = gate
        self.units = units
        self.waker = waker
        self.admission = admission
        self.metrics = HibernationMetrics(metrics)
        self.group = group
    }

    func bind() async throws(ServerError) -> any Channel {
        let name = "hibernation"
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(capacity: Self.readSize)
            )
            .childChannelInitializer { channel in
                guard self.gate.admit(channel) else { return channel.close() }
                self.enter(channel)
                return channel.eventLoop.makeCompletedFuture {
                    let deadline = LoginDeadline(after: self.settings.headerTimeout)
                    let handler = HibernationHandler(self, deadline: deadline)
                    try channel.pipeline.syncOperations.addHandlers(deadline, handler)
                }
            }
        do {
            return try await bootstrap.bind(host: settings.host, port: settings.port).get()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw .addressInUse(listener: name, host: settings.host, port: settings.port)
        } catch {
            throw .cannotListen(listener: name, host: settings.host, port: settings.port, reason: "\(error)")
        }
    }

    func closeAll() {
        for channel in open.withLock({ Array($0.values) }) { channel.close(promise: nil) }
    }

    var connections: Int { open.withLock { $0.count } }

    private func enter(_ channel: any Channel) {
        let key = ObjectIdentifier(channel)
        open.withLock { $0[key] = channel }
        channel.closeFuture.whenComplete { _ in self.open.withLock { _ = $0.removeValue(forKey: key) } }
    }

    // MARK: For connections

    /// Who has this identity; fails where nobody has. Nil: too many ask at once.
    func registration(
        of identity: HibernationIdentity,
        on loop: any EventLoop
    ) -> EventLoopFuture<UnitRegistration>? {
        guard pending.wrappingAdd(1, ordering: .relaxed).newValue <= settings.pendingLookups else {
            pending.wrappingSubtract(1, ordering: .relaxed)
            return nil
        }
        let promise = loop.makePromise(of: UnitRegistration.self)
        promise.completeWithTask { try await self.admission.registration(of: identity.macIdentity) }
        promise.futureResult.whenComplete { _ in self.pending.wrappingSubtract(1, ordering: .relaxed) }
        return promise.futureResult
    }

    /// False: as many units sleep as may.
    func heard(_ connection: HibernationConnection, at now: Instant) -> Bool {
        metrics.heartbeats.add()
        guard units.slept(connection, at: now) else { return false }
        waker.heartbeat(connection)
        return true
    }

    func lost(_ connection: HibernationConnection) { units.sleepers.lost(connection) }

    func refused(_ reason: HibernationRefusal) { metrics.refused[reason]?.add() }
}

/// Figures of the hibernation server.
struct HibernationMetrics: Sendable {
    let heartbeats: Counter
    let refused: [HibernationRefusal: Counter]

    init(_ registry: MetricRegistry) {
        heartbeats = registry.counter(
            "vedette_hibernation_heartbeats_total",
            "Heartbeats of sleeping units."
        )
        refused = Dictionary(
            uniqueKeysWithValues: HibernationRefusal.allCases.map {
                let help = "Connections closed by the hibernation server, by reason."
                let labels = [("reason", $0.rawValue)]
                return ($0, registry.counter("vedette_hibernation_refused_total", help, labels: labels))
            }
        )
    }
}
