import Glibc
package import NIOCore
import NIOPosix
import Synchronization

/// A port whose connections are handlers on their event loop, without a task for each: lets in what the gate admits, and
/// knows what is open, so that a shutdown reaches it.
package final class ChannelListener: Sendable {
    private let name: String
    private let host: String
    private let port: Int
    private let gate: ConnectionGate
    private let readSize: Int
    private let group: any EventLoopGroup
    /// Bounded by the gate.
    private let open = Mutex<[ObjectIdentifier: any Channel]>([:])

    /// `name`: the configuration's section, in messages. `port`: 0 for any. `readSize`: read buffers of one connection, in
    /// bytes; they stay this small.
    package init(
        name: String,
        host: String,
        port: Int,
        gate: ConnectionGate,
        readSize: Int,
        group: any EventLoopGroup
    ) {
        self.name = name
        self.host = host
        self.port = port
        self.gate = gate
        self.readSize = readSize
        self.group = group
    }

    /// `configure` puts the handlers of a connection in place, on its event loop.
    package func bind(
        configure: @escaping @Sendable (any Channel) throws -> Void
    ) async throws(ServerError) -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: readSize))
            .childChannelInitializer { channel in
                guard self.gate.admit(channel) else { return channel.close() }
                self.enter(channel)
                return channel.eventLoop.makeCompletedFuture { try configure(channel) }
            }
        do {
            return try await bootstrap.bind(host: host, port: port).get()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw .addressInUse(listener: name, host: host, port: port)
        } catch {
            throw .cannotListen(listener: name, host: host, port: port, reason: "\(error)")
        }
    }

    /// Tells every connection that the platform goes away.
    package func drain() {
        for channel in open.withLock({ Array($0.values) }) {
            channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        }
    }

    package func closeAll() {
        for channel in open.withLock({ Array($0.values) }) { channel.close(promise: nil) }
    }

    package var connections: Int { open.withLock { $0.count } }

    private func enter(_ channel: any Channel) {
        let key = ObjectIdentifier(channel)
        open.withLock { $0[key] = channel }
        channel.closeFuture.whenComplete { _ in self.open.withLock { _ = $0.removeValue(forKey: key) } }
    }
}
