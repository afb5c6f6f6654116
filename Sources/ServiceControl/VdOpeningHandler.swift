import Bus
import HSSModel
import NIOCore
import ServerKit
import Vd

/// The first handler of a connection: reads the request for a WebSocket, has it judged, answers, and makes room for
/// ``VdHandler``. TLS handshake and login together have ``VdPort/headerTimeout``.
final class VdOpeningHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What a peer may send before it has its answer. RFC 6455, 4.1, lets it send nothing; units in the field are hasty.
    private static let mostEarlyBytes = 16 << 10

    private enum Phase {
        case reading(OpeningReader)
        /// The registry is asked; what came meanwhile waits.
        case judged(OpeningRequest, early: [UInt8])
        case over
    }

    private let listener: VdListener
    private let limit: Duration
    private var phase = Phase.reading(OpeningReader())
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?

    init(_ listener: VdListener, limit: Duration) {
        self.listener = listener
        self.limit = limit
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: TimeAmount(limit)) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        phase = .over
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data).readableBytesView
        switch phase {
        case .reading(var reader):
            phase = .over
            do throws(OpeningRequest.Fault) {
                guard let (request, rest) = try reader.receive(bytes) else {
                    phase = .reading(reader)
                    return
                }
                phase = .judged(request, early: rest)
                judge(request, context)
            } catch {
                refuse(VdRefusal(error), context)
            }
        case .judged(let request, var early):
            phase = .over
            early += bytes
            guard early.count <= Self.mostEarlyBytes else { return context.close(promise: nil) }
            phase = .judged(request, early: early)
        case .over:
            break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // Nobody to take leave of: the peer will ask elsewhere.
        if event is ChannelShouldQuiesceEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A failed handshake: there is nobody to tell.
        context.close(promise: nil)
    }

    private func judge(_ request: OpeningRequest, _ context: ChannelHandlerContext) {
        let login: UnitLogin
        let dialect: Dialect
        do throws(VdRefusal) {
            (login, dialect) = try listener.login(request.target, on: context.channel)
        } catch {
            return refuse(error, context)
        }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        listener.admit(login, on: context.eventLoop) { bound.value.judged(login, dialect, $0) }
    }

    /// The connection may have ended meanwhile.
    private func judged(
        _ login: UnitLogin,
        _ dialect: Dialect,
        _ verdict: Result<UnitRegistration, VdRefusal>
    ) {
        guard let context, case .judged(let request, let early) = phase else { return }
        switch verdict {
        case .failure(let refusal):
            refuse(refusal, context)
        case .success(let registration):
            phase = .over
            open(context, request, early) { listener.handler(of: login, registration, dialect, $0) }
        }
    }

    /// The answer is written first and leaves last: who reads it stands in the registry.
    private func open(
        _ context: ChannelHandlerContext,
        _ request: OpeningRequest,
        _ early: [UInt8],
        _ handler: (any EventLoop) -> VdHandler?
    ) {
        context.write(wrapOutboundOut(ByteBuffer(openingFor: request.key)), promise: nil)
        guard let handler = handler(context.eventLoop),
            (try? context.pipeline.syncOperations.addHandler(handler, position: .after(self))) != nil
        else { return context.close(promise: nil) }
        if !early.isEmpty { context.fireChannelRead(NIOAny(ByteBuffer(bytes: early))) }
        context.flush()
        if !early.isEmpty { context.fireChannelReadComplete() }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func refuse(_ refusal: VdRefusal, _ context: ChannelHandlerContext) {
        phase = .over
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(refusal.answer)).whenComplete { _ in channel.close(promise: nil)
        }
    }
}
