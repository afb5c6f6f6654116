import HSSModel
import HostClock
import NIOCore

/// Closes a connection whose peer has not said who it is in time: one that sends one byte a minute.
final class LoginDeadline: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let limit: Duration
    private var timer: Scheduled<Void>?
    private var context: ChannelHandlerContext?

    init(after limit: Duration) {
        self.limit = limit
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: TimeAmount(limit)) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        self.context = nil
    }

    /// The login is there: nothing of this handler is left behind.
    func met() {
        timer?.cancel()
        if let context { context.pipeline.syncOperations.removeHandler(self, promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A failed handshake: there is nobody to tell.
        context.close(promise: nil)
    }
}
