import Bus
import HSSModel
import HostClock
import NIOCore
import ServerKit
import Synchronization
import Vd

/// The hibernation server (device documents): TCP, one connection for each sleeping unit.
final class HibernationListener: Sendable {
    /// A heartbeat is 40 bytes.
    private static let readSize = 128

    let settings: HibernationSettings
    private let listener: ChannelListener
    private let units: UnitRegistry
    private let waker: UnitWaker
    private let admission: any UnitAdmission
    private let metrics: HibernationMetrics
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
        listener = ChannelListener(
            name: "hibernation",
            host: settings.host,
            port: settings.port,
            gate: gate,
            readSize: Self.readSize,
            group: group
        )
        self.units = units
        self.waker = waker
        self.admission = admission
        self.metrics = HibernationMetrics(metrics)
    }

    func bind() async throws(ServerError) -> any Channel {
        try await listener.bind { channel in
            let deadline = LoginDeadline(after: self.settings.headerTimeout)
            let handler = HibernationHandler(self, deadline: deadline)
            try channel.pipeline.syncOperations.addHandlers(deadline, handler)
        }
    }

    func closeAll() { listener.closeAll() }

    var connections: Int { listener.connections }

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
