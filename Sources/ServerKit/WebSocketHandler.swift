import HSSModel
import HostClock
import NIOCore
import NIOWebSocket

/// Moves bytes between one channel and its ``WebSocketConversation``. Decides nothing.
final class WebSocketHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var conversation: WebSocketConversation
    /// What a peer sends are control frames.
    private var reader = WebSocketFrameReader(largest: 125)
    /// It has sent what is no frame: where the next one begins is not known any more.
    private var isDeaf = false
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var timerAt: Instant?
    private var ended: EventLoopPromise<WebSocketEnd>?

    init(pingInterval: Duration, ended: EventLoopPromise<WebSocketEnd>) {
        conversation = WebSocketConversation(pingInterval: pingInterval, at: .now)
        self.ended = ended
    }

    /// Says that the WebSocket is open (RFC 6455, 4.2.2).
    func open(_ key: String) {
        context?.writeAndFlush(wrapOutboundOut(ByteBuffer(openingFor: key)), promise: nil)
    }

    /// Whole frames; the promise is kept when the kernel has taken them.
    func write(_ frames: [ByteBuffer], _ promise: EventLoopPromise<Void>) {
        guard let context, conversation.isOpen, let last = frames.last else {
            return promise.fail(ChannelError.ioOnClosedChannel)
        }
        for frame in frames.dropLast() { context.write(wrapOutboundOut(frame), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(last), promise: promise)
    }

    func close(_ close: WebSocketClose) { step(.close(close)) }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        schedule()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        self.context = nil
        end(.closedByPeer)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDeaf else { return }
        reader.append(unwrapInboundIn(data))
        do throws(WebSocketFrameReader.Fault) {
            while let frame = try reader.next() { step(.frame(frame)) }
        } catch {
            isDeaf = true
            step(.fault(error))
        }
        reader.settle()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(.closedByPeer)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
        context.fireErrorCaught(error)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is ChannelShouldQuiesceEvent else { return context.fireUserInboundEventTriggered(event) }
        step(.quiesce)
    }

    // MARK: The conversation

    private func step(_ input: WebSocketConversation.Input) {
        for action in conversation.receive(input, at: .now) {
            switch action {
            case .send(let opcode, let payload):
                // Who asks and does not read is not answered: nothing bounds what would wait for him.
                guard let context, opcode != .pong || context.channel.isWritable else { continue }
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(frame: opcode, payload)), promise: nil)
            case .end(let end): self.end(end)
            case .hangUp: context?.close(promise: nil)
            case .cut: context?.channel.cut()
            }
        }
        schedule()
    }

    private func end(_ end: WebSocketEnd) {
        ended?.succeed(end)
        ended = nil
    }

    private func schedule() {
        guard conversation.wakeAt != timerAt || timer == nil else { return }
        timer?.cancel()
        timer = nil
        timerAt = conversation.wakeAt
        guard let timerAt, let context else { return }
        let wait = TimeAmount.nanoseconds(max(0, (timerAt - .now).wholeNanoseconds))
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: wait) {
            self.timer = nil
            self.step(.wake)
        }
    }
}
