import HSSModel
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import Vd

/// What becomes of one Vd connection, told on its event loop.
protocol VdConnectionOwner: AnyObject {
    func vdConnected(_ attempt: AttemptID, _ channel: any Channel)
    func vdReceived(_ attempt: AttemptID, _ message: Result<RPCMessage, MalformedPacket>)
    /// Once, and last; also where the login did not come about.
    func vdClosed(_ attempt: AttemptID, _ reason: String)
}

/// Opens Vd (§9.3.2.2) and moves its messages. Decides nothing.
enum VdConnection {
    /// Requests of the platform are a few hundred bytes; configuration documents come to some ten thousand.
    static let longestMessage = 64 << 10
    private static let connectTime = TimeAmount.seconds(10)
    private static let loginTime = TimeAmount.seconds(15)

    /// The future is done when the connection stands, long before the login; it fails where there is none.
    static func open(
        _ attempt: AttemptID,
        to address: SignallingAddress,
        trust: NIOSSLContext,
        on loop: any EventLoop,
        owner: NIOLoopBound<any VdConnectionOwner>
    ) -> EventLoopFuture<any Channel> {
        let host = address.host.trimmingBrackets
        return ClientBootstrap(group: loop)
            .connectTimeout(connectTime)
            // Thousands of units share a process: a buffer each of the usual 2 to 64 KiB is what they cost.
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 1024))
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try initialize(channel, attempt, address, host: host, trust: trust, owner: owner)
                }
            }
            .connect(host: host, port: address.port)
    }

    private static func initialize(
        _ channel: any Channel,
        _ attempt: AttemptID,
        _ address: SignallingAddress,
        host: String,
        trust: NIOSSLContext,
        owner: NIOLoopBound<any VdConnectionOwner>
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        if address.isSecure {
            // An address literal is no server name (RFC 6066 §3); it is checked against the certificate.
            let isLiteral = (try? SocketAddress(ipAddress: host, port: address.port)) != nil
            try pipeline.addHandler(
                NIOSSLClientHandler(context: trust, serverHostname: isLiteral ? nil : host)
            )
        }
        let messages = VdMessageHandler(attempt, owner: owner.value)
        let bound = NIOLoopBound(messages, eventLoop: channel.eventLoop)
        let upgrader = NIOWebSocketClientUpgrader(maxFrameSize: longestMessage) { channel, _ in
            channel.eventLoop.makeCompletedFuture {
                let aggregator = NIOWebSocketFrameAggregator(
                    minNonFinalFragmentSize: 1,
                    maxAccumulatedFrameCount: 64,
                    maxAccumulatedFrameSize: longestMessage
                )
                // The message handler stands at the end of the pipeline from the start, to hear every failure.
                try channel.pipeline.syncOperations.addHandler(aggregator, position: .before(bound.value))
            }
        }
        let login = VdLoginHandler(
            host: address.host,
            port: address.port,
            target: address.target,
            bound.value
        )
        let boundLogin = NIOLoopBound(login, eventLoop: channel.eventLoop)
        try pipeline.addHTTPClientHandlers(
            leftOverBytesStrategy: .forwardBytes,
            withClientUpgrade: (
                upgraders: [upgrader],
                completionHandler: { context in
                    context.pipeline.syncOperations.removeHandler(boundLogin.value, promise: nil)
                    bound.value.loggedIn()
                }
            )
        )
        try pipeline.addHandlers(login, messages)
        let deadline = channel.eventLoop.scheduleTask(in: loginTime) {
            bound.value.giveUp("the login was not answered in time")
        }
        messages.deadline = deadline
    }
}

/// Sends the login (Table 9-3) and reads a refusal.
private final class VdLoginHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let host: String
    private let port: Int
    private let target: Secret
    private let messages: VdMessageHandler

    init(host: String, port: Int, target: Secret, _ messages: VdMessageHandler) {
        self.host = host
        self.port = port
        self.target = target
        self.messages = messages
    }

    func channelActive(context: ChannelHandlerContext) {
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: target.reveal())
        head.headers.add(name: "Host", value: "\(host):\(port)")
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    /// A response comes here only where it does not switch protocols.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data) else { return }
        let reason =
            switch head.status.code {
            case 401, 403: "the platform does not know this device ID and login password"
            case 429: "the platform locked this unit out after too many failed logins"
            default: "the login was refused with status \(head.status.code)"
            }
        messages.giveUp(reason)
    }
}

/// Turns frames into messages of Vd.
private final class VdMessageHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let attempt: AttemptID
    private weak var owner: (any VdConnectionOwner)?
    private var context: ChannelHandlerContext?
    private var problem: String?
    private var wasConnected = false
    private var isLoggedIn = false
    var deadline: Scheduled<Void>?

    init(_ attempt: AttemptID, owner: any VdConnectionOwner) {
        self.attempt = attempt
        self.owner = owner
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    /// Where there was no connection, the future of it tells why.
    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        deadline?.cancel()
        guard wasConnected else { return }
        owner?.vdClosed(attempt, problem ?? "the platform closed the connection")
        owner = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        wasConnected = true
        context.fireChannelActive()
    }

    func loggedIn() {
        guard let context else { return }
        isLoggedIn = true
        deadline?.cancel()
        deadline = nil
        owner?.vdConnected(attempt, context.channel)
    }

    func giveUp(_ reason: String) {
        guard !isLoggedIn else { return }
        if problem == nil { problem = reason }
        context?.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        var payload = frame.unmaskedData
        switch frame.opcode {
        case .text:
            let bytes = payload.readBytes(length: payload.readableBytes) ?? []
            owner?.vdReceived(
                attempt,
                Result { () throws(MalformedPacket) in try RPCMessage(parsing: bytes) }
            )
        case .ping:
            send(.pong, payload, context)
        case .connectionClose:
            let code = payload.readWebSocketErrorCode().map { "\(UInt16(webSocketErrorCode: $0))" }
            if problem == nil { problem = "the platform closed the connection (\(code ?? "no code"))" }
            context.close(promise: nil)
        case .pong:
            break
        default:
            if problem == nil { problem = "the platform sent something else than text" }
            context.close(promise: nil)
        }
    }

    private func send(_ opcode: WebSocketOpcode, _ data: ByteBuffer, _ context: ChannelHandlerContext) {
        guard context.channel.isWritable else {
            context.close(promise: nil)
            return
        }
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: data)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if problem == nil { problem = Self.text(error) }
        context.close(promise: nil)
    }

    /// Errors of NIO and BoringSSL in words that tell what to do.
    static func text(_ error: any Error) -> String {
        switch error {
        case NIOSSLError.handshakeFailed(let reason):
            "the TLS handshake failed: \(String("\(reason)".prefix(200)))"
        case NIOSSLError.uncleanShutdown: "the platform broke the connection off"
        case let error as IOError: "the connection broke: \(error)"
        default: String("\(error)".prefix(200))
        }
    }
}

extension VdConnection {
    /// One text frame, masked as a client must (RFC 6455 §5.3). False: the platform takes nothing more, and the
    /// connection should be closed rather than its answers kept.
    static func send(_ bytes: [UInt8], on channel: any Channel) -> Bool {
        guard channel.isWritable else { return false }
        let data = channel.allocator.buffer(bytes: bytes)
        channel.writeAndFlush(
            WebSocketFrame(fin: true, opcode: .text, maskKey: .random(), data: data),
            promise: nil
        )
        return true
    }

    /// Says goodbye (1001, going away) and closes.
    static func close(_ channel: any Channel) {
        var data = channel.allocator.buffer(capacity: 2)
        data.write(webSocketErrorCode: .goingAway)
        channel.writeAndFlush(
            WebSocketFrame(fin: true, opcode: .connectionClose, maskKey: .random(), data: data),
            promise: nil
        )
        channel.close(promise: nil)
    }

    static func failure(_ error: any Error) -> String { VdMessageHandler.text(error) }
}

extension String {
    /// `[2001:db8::1]` stands in URLs; sockets want `2001:db8::1`.
    fileprivate var trimmingBrackets: String {
        hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : self
    }
}
