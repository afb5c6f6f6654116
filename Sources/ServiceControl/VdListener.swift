import Bus
import Glibc
import HSSModel
import HostClock
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import ServerKit
import Synchronization
import Vd

/// A port on which units open Vd: wss, or ws where the operator switched that on. Makes a ``VdHandler`` of each
/// login that the registry admits.
final class VdListener: Sendable {
    /// Read buffers of one connection start and stay this small: most messages are heartbeats.
    private static let readSize = 1024

    private let port: VdPort
    private let gate: ConnectionGate
    private let units: UnitRegistry
    private let services: UnitServices
    private let sweepers: [ObjectIdentifier: NIOLoopBound<LoopSweeper>]
    private let group: any EventLoopGroup
    private let open = Mutex<[ObjectIdentifier: any Channel]>([:])
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
        self.gate = gate
        self.units = units
        self.services = services
        self.sweepers = sweepers
        self.group = group
    }

    func bind() async throws(ServerError) -> any Channel {
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
                return channel.eventLoop.makeCompletedFuture { try self.configure(channel) }
            }
        do {
            return try await bootstrap.bind(host: port.host, port: port.port).get()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw .addressInUse(listener: port.name, host: port.host, port: port.port)
        } catch {
            throw .cannotListen(listener: port.name, host: port.host, port: port.port, reason: "\(error)")
        }
    }

    /// Tells every connection that the platform goes away (close code 1001).
    func drain() {
        for channel in open.withLock({ Array($0.values) }) {
            channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
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

    // MARK: One connection

    private func configure(_ channel: any Channel) throws {
        if let identity = port.identity {
            try channel.pipeline.syncOperations.addHandler(
                NIOSSLServerHandler(context: identity.currentContext)
            )
        }
        let deadline = LoginDeadline(after: port.headerTimeout)
        try channel.pipeline.syncOperations.addHandler(deadline)
        let login = PendingLogin()
        let upgrader = NIOTypedWebSocketServerUpgrader<Void>(
            maxFrameSize: services.settings.messageSize,
            shouldUpgrade: { channel, head in self.admit(head, channel, login) },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture { try self.connect(channel, login, deadline) }
            }
        )
        var configuration = NIOUpgradableHTTPServerPipelineConfiguration<Void>(
            upgradeConfiguration: .init(upgraders: [upgrader]) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(VdRefusalHandler(login))
                }
            }
        )
        configuration.enablePipelining = false
        configuration.enableResponseHeaderValidation = false
        _ = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
            configuration: configuration
        )
    }

    /// On the channel's loop. Nil: ``VdRefusalHandler`` answers with the refusal noted in `login`.
    private func admit(
        _ head: HTTPRequestHead,
        _ channel: any Channel,
        _ login: PendingLogin
    ) -> EventLoopFuture<HTTPHeaders?> {
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let dialect: Dialect? =
            switch parts[0] {
            case UnitLoginURL.path[...]: .recommendation
            case UnitLoginURL.deployedPath[...] where services.settings.deployedNames: .deployed
            default: nil
            }
        guard let dialect else { return refuse(.notFound, "no such path", channel, login) }
        let url: UnitLoginURL
        let proof: LoginProof
        do throws(FieldError) {
            url = try UnitLoginURL(parsing: parts.count > 1 ? parts[1] : "")
            let certificate = port.identity?.certificate(shownOn: channel, at: .now)
            proof = try url.proof(besides: certificate.map { .certificate($0.unit) })
        } catch {
            return refuse(.badRequest, error.description, channel, login)
        }
        guard pendingLogins.wrappingAdd(1, ordering: .relaxed).newValue <= services.settings.pendingLogins
        else {
            pendingLogins.wrappingSubtract(1, ordering: .relaxed)
            login.refusal = .busy("too many logins at once; come again")
            return channel.eventLoop.makeSucceededFuture(nil)
        }
        let request = UnitLogin(
            loginCode: url.deviceID,
            proof: proof,
            hardwareModel: url.hardwareModel,
            firmwareModel: url.firmwareModel,
            sdk: url.sdk,
            reconnect: url.reconnect,
            remoteAddress: channel.remoteAddress?.ipAddress ?? "local"
        )
        let promise = channel.eventLoop.makePromise(of: UnitRegistration.self)
        let executor = sweepers[ObjectIdentifier(channel.eventLoop)]?.value.executor
        Task(executorPreference: executor) {
            do throws(AdmissionError) {
                promise.succeed(try await self.services.admit(request))
            } catch {
                promise.fail(error)
            }
        }
        return promise.futureResult.assumeIsolated().map { registration -> HTTPHeaders? in
            self.pendingLogins.wrappingSubtract(1, ordering: .relaxed)
            guard self.units.hasRoom(for: registration.unit, limit: self.services.settings.units) else {
                self.services.metrics.loginsTooMany.add()
                login.refusal = .busy("the platform serves as many units as it may; come again")
                return nil
            }
            login.admitted = (request, registration, dialect)
            return HTTPHeaders()
        }.flatMapErrorThrowing { error -> HTTPHeaders? in
            self.pendingLogins.wrappingSubtract(1, ordering: .relaxed)
            login.refusal = Self.refusal(error as? AdmissionError ?? .unavailable("\(error)"))
            return nil
        }.nonisolated()
    }

    private func refuse(
        _ status: HTTPResponseStatus,
        _ text: String,
        _ channel: any Channel,
        _ login: PendingLogin
    ) -> EventLoopFuture<HTTPHeaders?> {
        login.refusal = VdRefusal(status: status, text: text)
        return channel.eventLoop.makeSucceededFuture(nil)
    }

    private static func refusal(_ error: AdmissionError) -> VdRefusal {
        switch error {
        case .refused: VdRefusal(status: .unauthorized, text: error.description)
        case .lockedOut(let delay):
            VdRefusal(
                status: .tooManyRequests,
                text: error.description,
                retryAfterSeconds: Int(delay.inSeconds.rounded(.up))
            )
        // Why is for the operator's log.
        case .unavailable: .busy("the platform cannot check logins now")
        }
    }

    private func connect(_ channel: any Channel, _ login: PendingLogin, _ deadline: LoginDeadline) throws {
        guard let (request, registration, dialect) = login.admitted,
            let sweeper = sweepers[ObjectIdentifier(channel.eventLoop)]?.value
        else { return channel.close(promise: nil) }
        deadline.met()
        try channel.pipeline.syncOperations.addHandler(
            VdHandler(
                login: request,
                registration: registration,
                dialect: dialect,
                units: units,
                services: services,
                sweeper: sweeper
            )
        )
    }
}

/// What became of one connection's login, between the steps of the upgrade. Only used on its event loop.
final class PendingLogin: @unchecked Sendable {
    // Unchecked: NIO's upgrader wants sendable closures but calls all of them on the channel's loop.
    var admitted: (UnitLogin, UnitRegistration, Dialect)?
    var refusal: VdRefusal?
}
