import HSSModel
import HostClock
import NIOCore
import NIOHTTPTypes

/// Follows the requests of one connection, or of one stream of HTTP/2.
///
/// Tells the connection's ``ConnectionDeadlineHandler`` when a request begins and ends: on HTTP/1.1 it is in the same
/// pipeline, on HTTP/2 in that of the parent channel (which has the same event loop). Ends those of which it comes to
/// nothing: an answer that is not taken, and a body that goes on long after its answer.
final class RequestTracker: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart

    private let unreadBody: Int
    private var progress: OutboundProgress
    private var timer: Scheduled<Void>?
    private var connection: ConnectionDeadlineHandler?
    private var open = 0
    /// Bytes of the body that comes, since its answer ended.
    private var unread = 0
    private var isCut = false

    init(_ limits: ListenerLimits) {
        unreadBody = limits.unreadBody
        progress = OutboundProgress(patience: limits.idleTimeout, rate: limits.slowestReader)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let own = try? context.pipeline.syncOperations.handler(type: ConnectionDeadlineHandler.self)
        let parent = context.channel.parent?.pipeline
        connection =
            own ?? (try? parent?.syncOperations.handler(type: ConnectionDeadlineHandler.self))
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        while open > 0 { end(context) }
        timer?.cancel()
        timer = nil
        connection = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            open += 1
            unread = 0
            connection?.requestBegan()
        // It has its answer and sends on: what is under way is let pass, so that the answer is read, and no more.
        case .body(let bytes) where open == 0:
            unread += bytes.readableBytes
            if unread > unreadBody { return cut(context.channel) }
        case .body, .end: break
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .end:
            if open > 0 { end(context) }
        case .body(let bytes): return write(context, data, bytes.readableBytes, promise)
        case .head: break
        }
        context.write(data, promise: promise)
    }

    private func write(
        _ context: ChannelHandlerContext,
        _ data: NIOAny,
        _ count: Int,
        _ promise: EventLoopPromise<Void>?
    ) {
        progress.wrote(count, at: .now)
        let promise = promise ?? context.eventLoop.makePromise()
        promise.futureResult.assumeIsolated().whenComplete { _ in self.progress.took(count, at: .now) }
        context.write(data, promise: promise)
        if timer == nil { schedule(context.channel) }
    }

    /// Left running when everything is taken: the next answer need not set one.
    private func schedule(_ channel: any Channel) {
        guard let deadline = progress.deadline else { return }
        let wait = TimeAmount.nanoseconds(max(0, (deadline - .now).wholeNanoseconds))
        timer = channel.eventLoop.assumeIsolated().scheduleTask(in: wait) {
            self.timer = nil
            if self.progress.isTooSlow(at: .now) { self.cut(channel) } else { self.schedule(channel) }
        }
    }

    private func cut(_ channel: any Channel) {
        guard !isCut else { return }
        isCut = true
        connection?.countSlow()
        channel.cut()
    }

    private func end(_ context: ChannelHandlerContext) {
        open -= 1
        connection?.requestEnded(context)
    }
}
