import Bus
import HSSModel
import HostClock
import NIOCore
import NIOHTTP1
import NIOSSL
import ServerKit
import Synchronization
import Vd

/// A port on which units open Vd: wss, or ws where the operator switched that on. Judges logins, and makes a
/// ``VdHandler`` of each that the registry admits.
final class VdListener: Sendable {
    /// Most messages are heartbeats.
    private static let readSize = 1024

    private let port: VdPort
    private let units: UnitRegistry
    private let services: UnitServices
    private let sweepers: [ObjectIdentifier: NIOLoopBound<LoopSweeper>]
    private let listener: ChannelListener
    private let pendingLogins = Atomic(0)

    init(
        port: VdPort,
        gate: ConnectionGate,
        units: UnitRegistry,
        services: UnitServices,
        sweepers: [ObjectIdentifier: NIOLoopBound<LoopSweeper>],
        group: any EventLoopGroup
    ) {
        self.port = port
        self.units = units
        self.services = services
        self.sweepers = sweepers
        listener = ChannelListener(
            name: port.name,
            host: port.host,
            port: port.port,
            gate: gate,
            readSize: Self.readSize,
            group: group
        )
    }

    func bind() async throws(ServerError) -> any Channel {
        try await listener.bind { channel in
            if let identity = self.port.identity {
                let handler = NIOSSLServerHandler(context: identity.currentContext)
                try channel.pipeline.syncOperations.addHandler(handler)
            }
            try channel.pipeline.syncOperations.addHandler(
                VdOpeningHandler(self, limit: self.port.headerTimeout)
            )
        }
    }

    /// Tells every connection that the platform goes away (close code 1001).
    func drain() { listener.drain() }

    func closeAll() { listener.closeAll() }

    var connections: Int { listener.connections }

    // MARK: Logins

    /// What a unit presents at `target` (Table 9-3).
    func login(_ target: String, on channel: any Channel) throws(VdRefusal) -> (UnitLogin, Dialect) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let dialect: Dialect? =
            switch parts[0] {
            case UnitLoginURL.path[...]: .recommendation
            case UnitLoginURL.deployedPath[...] where services.settings.deployedNames: .deployed
            default: nil
            }
        guard let dialect else { throw VdRefusal(status: .notFound, text: "no such path") }
        let url: UnitLoginURL
        let proof: LoginProof
        do throws(FieldError) {
            url = try UnitLoginURL(parsing: parts.count > 1 ? parts[1] : "")
            let certificate = port.identity?.certificate(shownOn: channel, at: .now)
            proof = try url.proof(besides: certificate.map { .certificate($0.unit) })
        } catch {
            throw VdRefusal(status: .badRequest, text: error.description)
        }
        let login = UnitLogin(
            loginCode: url.deviceID,
            proof: proof,
            hardwareModel: url.hardwareModel,
            firmwareModel: url.firmwareModel,
            sdk: url.sdk,
            reconnect: url.reconnect,
            remoteAddress: channel.remoteAddress?.ipAddress ?? "local"
        )
        return (login, dialect)
    }

    /// Asks the registry; `finished` is called once, on `loop`.
    func admit(
        _ login: UnitLogin,
        on loop: any EventLoop,
        finished: @escaping @Sendable (Result<UnitRegistration, VdRefusal>) -> Void
    ) {
        guard pendingLogins.wrappingAdd(1, ordering: .relaxed).newValue <= services.settings.pendingLogins
        else {
            pendingLogins.wrappingSubtract(1, ordering: .relaxed)
            services.metrics.loginsBusy.add()
            return finished(.failure(.busy("too many logins at once; come again")))
        }
        Task(executorPreference: sweepers[ObjectIdentifier(loop)]?.value.executor) {
            let verdict: Result<UnitRegistration, VdRefusal>
            do throws(VdRefusal) {
                verdict = .success(try await self.registration(for: login))
            } catch {
                verdict = .failure(error)
            }
            self.pendingLogins.wrappingSubtract(1, ordering: .relaxed)
            if loop.inEventLoop { finished(verdict) } else { loop.execute { finished(verdict) } }
        }
    }

    private func registration(for login: UnitLogin) async throws(VdRefusal) -> UnitRegistration {
        let registration: UnitRegistration
        do throws(AdmissionError) {
            registration = try await services.admit(login)
        } catch {
            throw VdRefusal(error)
        }
        guard units.hasRoom(for: registration.unit, limit: services.settings.units) else {
            services.metrics.loginsTooMany.add()
            throw .busy("the platform serves as many units as it may; come again")
        }
        return registration
    }

    /// Nil on a loop that does not serve units.
    func handler(
        of login: UnitLogin,
        _ registration: UnitRegistration,
        _ dialect: Dialect,
        _ loop: any EventLoop
    ) -> VdHandler? {
        sweepers[ObjectIdentifier(loop)].map {
            VdHandler(
                login: login,
                registration: registration,
                dialect: dialect,
                units: units,
                services: services,
                sweeper: $0.value
            )
        }
    }
}

extension VdRefusal {
    fileprivate init(_ error: AdmissionError) {
        switch error {
        case .refused: self.init(status: .unauthorized, text: error.description)
        case .lockedOut(let delay):
            self.init(
                status: .tooManyRequests,
                text: error.description,
                retryAfterSeconds: Int(delay.inSeconds.rounded(.up))
            )
        // Why is for the operator's log.
        case .unavailable: self = .busy("the platform cannot check logins now")
        }
    }
}
