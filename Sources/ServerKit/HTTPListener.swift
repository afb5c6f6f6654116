import Glibc
import HSSModel
package import Hummingbird
import HummingbirdCore
package import Logging
package import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// A port on which a responder answers HTTP: HTTP/1.1 and HTTP/2 over TLS, or HTTP/1.1 without.
///
/// Hummingbird speaks the protocol; accepting is our own. Its server stops for good when the set-up of one
/// accepted socket fails, which a peer can bring about, and waits for ever for a viewer at a shutdown.
package final class HTTPListener: Service {
    /// The connections that are open, so that a shutdown reaches them. Bounded by the gate.
    private struct Open {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isDraining = false
    }

    private let name: String
    private let host: String
    private let port: Int
    private let limits: ListenerLimits
    private let gate: ConnectionGate
    private let connection: HTTPConnection
    private let group: any EventLoopGroup
    private let logger: Logger
    private let onListening: @Sendable (Int) -> Void
    private let open = Mutex(Open())

    /// - Parameters:
    ///   - name: `https` or `http`: the configuration's section, in messages and metrics.
    ///   - host: the address to bind.
    ///   - port: 0 for any.
    ///   - identity: nil for a port without TLS.
    ///   - limits: what strangers are granted.
    ///   - gate: may be shared with other listeners.
    ///   - metrics: where connections closed by a deadline are counted.
    ///   - responder: usually `router.buildResponder()`.
    ///   - webSockets: which paths open a WebSocket instead, over HTTP/1.1.
    ///   - logger: requests get it with a `request` number.
    ///   - group: the event loops; nil for those that the process shares.
    ///   - onListening: told the port once connections are accepted.
    package init<Responder: HTTPResponder>(
        name: String,
        host: String,
        port: Int,
        identity: ServerIdentity?,
        limits: ListenerLimits,
        gate: ConnectionGate,
        metrics: MetricRegistry,
        responder: Responder,
        webSockets: [WebSocketRoute] = [],
        logger: Logger,
        group: (any EventLoopGroup)? = nil,
        onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
        self.name = name
        self.host = host
        self.port = port
        self.limits = limits
        self.gate = gate
        self.group = group ?? MultiThreadedEventLoopGroup.singleton
        self.logger = logger
        self.onListening = onListening
        let closed = Dictionary(
            uniqueKeysWithValues: ConnectionDeadlines.Reason.allCases.map { reason in
                let labels = [("listener", name), ("reason", reason.rawValue)]
                let help = "Connections closed because a deadline passed."
                return (reason, metrics.counter("vedette_connections_expired_total", help, labels: labels))
            }
        )
        connection = HTTPConnection(
            identity: identity,
            limits: limits,
            closed: closed,
            responder: Self.answer(
                with: responder,
                WebSocketDoor(
                    routes: webSockets,
                    isEncrypted: identity != nil,
                    pingInterval: limits.webSocketPing
                ),
                logger
            )
        )
    }

    /// Serves until the graceful shutdown, then until the last answer, ``ListenerLimits/drainTimeout`` at most.
    package func run() async throws {
        let (accepted, continuation) = AsyncStream.makeStream(of: (any Channel).self)
        let server = try await bind(continuation)
        onListening(server.localAddress?.port ?? port)
        await withGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.serve(accepted) }
                group.addTask { await self.waitForDrain() }
                await group.next()
                continuation.finish()
                self.closeAll()
                group.cancelAll()
            }
        } onGracefulShutdown: {
            server.close(promise: nil)
            continuation.finish()
            self.drain()
        }
        try? await server.close()
        for channel in closeAll() { try? await channel.closeFuture.get() }
    }

    // MARK: Accepting

    private func bind(_ accepted: AsyncStream<any Channel>.Continuation) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                guard self.gate.admit(channel), self.enter(channel) else { return channel.close() }
                // Reading starts when the pipeline is there, in the connection's task.
                try? channel.syncOptions?.setOption(.autoRead, value: false)
                if case .terminated = accepted.yield(channel) { return channel.close() }
                return channel.eventLoop.makeSucceededVoidFuture()
            }
        do {
            return try await bootstrap.bind(host: host, port: port).get()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw ServerError.addressInUse(listener: name, host: host, port: port)
        } catch let error as IOError {
            let reason = String(cString: strerror(error.errnoCode))
            throw ServerError.cannotListen(listener: name, host: host, port: port, reason: reason)
        } catch {
            throw ServerError.cannotListen(listener: name, host: host, port: port, reason: "\(error)")
        }
    }

    private func serve(_ accepted: AsyncStream<any Channel>) async {
        await withDiscardingTaskGroup { group in
            for await channel in accepted {
                group.addTask { await self.connection.run(channel, logger: self.logger) }
            }
        }
    }

    private static func answer<Responder: HTTPResponder>(
        with responder: Responder,
        _ door: WebSocketDoor,
        _ logger: Logger
    ) -> HTTPChannelHandler.Responder
    where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
        let requests = Counter()
        return { request, writer, channel in
            requests.add()
            var logger = logger
            // Hummingbird's own key: it reads the request's number back from there.
            logger[metadataKey: "hb.request.id"] = "\(requests.current)"
            if let upgrade = door.upgrade(for: request) {
                guard let refusal = await door.serve(request, with: upgrade, on: channel, logger) else {
                    return
                }
                try await writer.write(response: refusal.head, body: refusal.body)
                if WebSocketDoor.isLast(request) { throw CancellationError() }
                return
            }
            let context = Responder.Context(source: .init(channel: channel, logger: logger))
            var request = request
            request.body = ExpectedBody.of(request, on: channel)
            let response: Response
            do {
                response = try await responder.respond(to: request, context: context)
            } catch {
                response = Problem.answering(error, logger).response
            }
            try await writer.write(response: response.head, body: response.body)
        }
    }

    // MARK: Shutdown

    /// False while draining: a connection that was accepted in the meantime is not served any more.
    private func enter(_ channel: any Channel) -> Bool {
        let key = ObjectIdentifier(channel)
        let entered = open.withLock { open -> Bool in
            guard !open.isDraining else { return false }
            open.channels[key] = channel
            return true
        }
        channel.closeFuture.whenComplete { _ in
            self.open.withLock { _ = $0.channels.removeValue(forKey: key) }
        }
        return entered
    }

    /// Asks every connection to end after the requests that are under way.
    private func drain() {
        let channels = open.withLock { open in
            open.isDraining = true
            return Array(open.channels.values)
        }
        for channel in channels {
            channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        }
    }

    private func waitForDrain() async {
        try? await gracefulShutdown()
        try? await Task.sleep(for: limits.drainTimeout)
    }

    /// - Returns: what was still open.
    @discardableResult
    private func closeAll() -> [any Channel] {
        let channels = open.withLock { open in
            open.isDraining = true
            return Array(open.channels.values)
        }
        for channel in channels { channel.cut() }
        return channels
    }
}
