import NIOCore
import NIOHTTP1
import ServerKit

/// Why a request is not answered with a WebSocket.
struct VdRefusal: Sendable {
    var status: HTTPResponseStatus
    var text: String
    var retryAfterSeconds: Int?

    /// The unit is not at fault and should come again.
    static func busy(_ text: String) -> VdRefusal {
        VdRefusal(status: .serviceUnavailable, text: text, retryAfterSeconds: 5)
    }
}

/// Answers a request that was not upgraded, and closes: `{"info": "…"}`, as Vs does.
///
/// It answers when it is added, without the request: NIO keeps that to itself where it asked for an upgrade.
final class VdRefusalHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let login: PendingLogin

    init(_ login: PendingLogin) {
        self.login = login
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let refusal = login.refusal ?? VdRefusal(status: .upgradeRequired, text: "this port speaks WebSocket")
        let body = ByteBuffer(string: "{\"info\":\(JSONText.quote(refusal.text))}")
        var head = HTTPResponseHead(version: .http1_1, status: refusal.status)
        head.headers.add(name: "content-type", value: "application/json; charset=utf-8")
        head.headers.add(name: "content-length", value: "\(body.readableBytes)")
        head.headers.add(name: "connection", value: "close")
        if let seconds = refusal.retryAfterSeconds {
            head.headers.add(name: "retry-after", value: "\(seconds)")
        }
        if refusal.status == .upgradeRequired { head.headers.add(name: "upgrade", value: "websocket") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// Closes a connection whose TLS handshake and login take too long: a peer that sends one byte a minute.
final class LoginDeadline: ChannelInboundHandler, RemovableChannelHandler, @unchecked Sendable {
    typealias InboundIn = NIOAny

    // Unchecked: only used on the event loop of its channel.
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
        // A failed handshake or broken HTTP: there is nobody to tell.
        context.close(promise: nil)
    }
}
