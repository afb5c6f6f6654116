import HSSModel
import HostClock
import NIOCore

/// Closes the channel when ``ConnectionDeadlines`` says so. Sits behind TLS, where bytes are HTTP's.
///
/// One timer per connection, set again when it fires early: requests cost no timer.
final class ConnectionDeadlineHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private var deadlines: ConnectionDeadlines
    private let closed: [ConnectionDeadlines.Reason: Counter]
    private var timer: Scheduled<Void>?
    private var timerAt: Instant?

    init(limits: ListenerLimits, closed: [ConnectionDeadlines.Reason: Counter]) {
        deadlines = ConnectionDeadlines(
            headerTimeout: limits.headerTimeout,
            idleTimeout: limits.idleTimeout,
            openedAt: .now
        )
        self.closed = closed
    }

    func multiplexed() {
        deadlines.isMultiplexed = true
    }

    func requestBegan() {
        deadlines.requestBegan()
    }

    /// A peer that reads too slowly, or goes on to send what nobody reads, is cut.
    func countSlow() { closed[.slow]?.add() }

    func requestEnded(_ context: ChannelHandlerContext) {
        deadlines.requestEnded(at: .now)
        schedule(context.channel)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        schedule(context.channel)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let before = deadlines.deadline
        deadlines.bytesArrived(at: .now)
        if deadlines.deadline != before { schedule(context.channel) }
        context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // During the handshake no HTTP handler is there yet to answer a shutdown.
        if event is ChannelShouldQuiesceEvent, !deadlines.isBusy, !deadlines.isMultiplexed {
            context.close(promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func schedule(_ channel: any Channel) {
        guard let deadline = deadlines.deadline else { return }
        if let timerAt, timer != nil, timerAt <= deadline { return }
        timer?.cancel()
        timerAt = deadline
        let wait = TimeAmount.nanoseconds(max(0, (deadline - .now).wholeNanoseconds))
        timer = channel.eventLoop.assumeIsolated().scheduleTask(in: wait) { self.wake(channel) }
    }

    private func wake(_ channel: any Channel) {
        timer = nil
        if let reason = deadlines.expired(at: .now) {
            closed[reason]?.add()
            if reason == .header { channel.cut() } else { channel.close(promise: nil) }
        } else {
            schedule(channel)
        }
    }
}
