import Bus
import HSSModel
import HostClock
import NIOCore
import Vd

/// Reads the heartbeats of one sleeping unit. No task and no timer belongs to it once the unit is known.
final class HibernationHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Heartbeats closer together say nothing new.
    private static let leastInterval = Duration.seconds(1)

    private enum Phase {
        /// Nothing was shown yet.
        case fresh
        /// The token is right; the registry is asked who it is.
        case asking(HibernationHeartbeat)
        case known(HibernationHeartbeat, HibernationConnection)
        case closed
    }

    private let server: HibernationListener
    private let deadline: LoginDeadline
    private var reader = HibernationReader()
    private var phase = Phase.fresh

    init(_ server: HibernationListener, deadline: LoginDeadline) {
        self.server = server
        self.deadline = deadline
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            let heartbeats = try reader.receive(unwrapInboundIn(data).readableBytesView)
            for heartbeat in heartbeats { take(heartbeat, context) }
        } catch {
            refuse(.malformed, context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func take(_ heartbeat: HibernationHeartbeat, _ context: ChannelHandlerContext) {
        switch phase {
        case .fresh:
            guard server.settings.key.accepts(heartbeat) else { return refuse(.wrongToken, context) }
            phase = .asking(heartbeat)
            ask(heartbeat, context)
        case .asking(let first):
            // One unit, one connection.
            if heartbeat != first { refuse(.malformed, context) }
        case .known(let first, let connection):
            guard heartbeat == first else { return refuse(.malformed, context) }
            let now = Instant.now
            if now - connection.heardAt >= Self.leastInterval { tell(connection, at: now, context) }
        case .closed:
            break
        }
    }

    private func ask(_ heartbeat: HibernationHeartbeat, _ context: ChannelHandlerContext) {
        guard let answer = server.registration(of: heartbeat.identity, on: context.eventLoop) else {
            return refuse(.busy, context)
        }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        answer.whenComplete { result in
            let (handler, context) = bound.value
            handler.answered(result, context)
        }
    }

    private func answered(_ result: Result<UnitRegistration, any Error>, _ context: ChannelHandlerContext) {
        guard case .asking(let heartbeat) = phase else { return }
        guard case .success(let registration) = result else { return refuse(.unknownUnit, context) }
        deadline.met()
        let connection = HibernationConnection(
            registration,
            address: context.channel.remoteAddress?.ipAddress ?? "local",
            channel: context.channel,
            at: .now
        )
        phase = .known(heartbeat, connection)
        tell(connection, at: .now, context)
    }

    private func tell(_ connection: HibernationConnection, at now: Instant, _ context: ChannelHandlerContext)
    {
        if !server.heard(connection, at: now) { refuse(.busy, context) }
    }

    private func refuse(_ reason: HibernationRefusal, _ context: ChannelHandlerContext) {
        server.refused(reason)
        end()
        context.close(promise: nil)
    }

    private func end() {
        if case .known(_, let connection) = phase { server.lost(connection) }
        phase = .closed
    }
}

/// Why the hibernation server closed a connection. The peer sees no difference.
enum HibernationRefusal: String, CaseIterable {
    case malformed
    case wrongToken = "wrong_token"
    case unknownUnit = "unknown_unit"
    case busy
}
