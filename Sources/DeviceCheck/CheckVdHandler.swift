import NIOCore
import NIOWebSocket
import Vd

/// Moves messages between one WebSocket and the check.
final class CheckVdHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// As the platform takes them by default.
    static let longestMessage = 256 << 10
    private static let mostFragments = 32

    private let site: CheckSite
    private let url: UnitLoginURL
    private var id: CheckConnection?
    private var context: ChannelHandlerContext?
    private var fragments: [UInt8] = []
    private var fragmentCount = 0

    init(_ site: CheckSite, _ url: UnitLoginURL) {
        self.site = site
        self.url = url
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        id = site.connected(self, url)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        if let id { site.disconnected(id) }
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func send(_ bytes: [UInt8]) { write(.text, ByteBuffer(bytes: bytes)) }

    func close() { context?.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        guard let id else { return }
        // RFC 6455, 5.1: a client masks every frame.
        guard frame.maskKey != nil else { return site.receive(.message(id, [])) }
        switch frame.opcode {
        case .ping: write(.pong, frame.unmaskedData)
        case .connectionClose: context.close(promise: nil)
        case .text, .continuation:
            fragments += Array(frame.unmaskedData.readableBytesView)
            fragmentCount += 1
            guard fragments.count <= Self.longestMessage, fragmentCount <= Self.mostFragments else {
                return site.receive(.message(id, []))
            }
            guard frame.fin else { return }
            let message = fragments
            fragments = []
            fragmentCount = 0
            site.receive(.message(id, message))
        case .binary: site.receive(.message(id, []))
        default: break
        }
    }

    private func write(_ opcode: WebSocketOpcode, _ data: ByteBuffer) {
        guard let context else { return }
        let frame = WebSocketFrame(fin: true, opcode: opcode, data: data)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }
}
