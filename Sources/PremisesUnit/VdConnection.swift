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
    /// In place of ``vdClosed(_:_:)``: the platform does not take the credentials.
    func vdRefused(_ attempt: AttemptID, _ reason: String)
}

/// Opens Vd (§9.3.2.2) and moves its messages. Decides nothing.
enum VdConnection {
    /// Requests of the platform are a few hundred bytes; configuration documents come to some ten thousand.
    static let longestMessage = 64 << 10
    private static let connectTime = TimeAmount.seconds(10)

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
        let login = VdLoginHandler(attempt, to: address, owner: owner.value)
        let bound = NIOLoopBound(login, eventLoop: channel.eventLoop)
        let upgrader = NIOWebSocketClientUpgrader(maxFrameSize: longestMessage) { channel, _ in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                let aggregator = NIOWebSocketFrameAggregator(
                    minNonFinalFragmentSize: 1,
                    maxAccumulatedFrameCount: 64,
                    maxAccumulatedFrameSize: longestMessage
                )
                try pipeline.addHandlers(aggregator, VdMessageHandler(attempt, owner: owner.value))
                // Frames that came with the answer are handed on after this.
                bound.value.loggedIn()
            }
        }
        try pipeline.addHTTPClientHandlers(
            leftOverBytesStrategy: .forwardBytes,
            withClientUpgrade: (upgraders: [upgrader], completionHandler: { _ in })
        )
        try pipeline.addHandler(login)
    }
}

/// Sends the login (Table 9-3) and reads a refusal. Leaves the pipeline when the login stands.
private final class VdLoginHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private static let answerTime = TimeAmount.seconds(15)

    private let attempt: AttemptID
    private let address: SignallingAddress
    private var owner: (any VdConnectionOwner)?
    private var context: ChannelHandlerContext?
    private var deadline: Scheduled<Void>?
    /// Nil before there was a connection: then the future of it tells why.
    private var problem: String?
    private var isRefused = false

    init(_ attempt: AttemptID, to address: SignallingAddress, owner: any VdConnectionOwner) {
        self.attempt = attempt
        self.address = address
        self.owner = owner
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        deadline?.cancel()
        if let problem {
            if isRefused { owner?.vdRefused(attempt, problem) } else { owner?.vdClosed(attempt, problem) }
        }
        owner = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        problem = "the platform closed the connection before the login"
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: address.target.reveal())
        head.headers.add(name: "Host", value: "\(address.host):\(address.port)")
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: Self.answerTime) {
            bound.value.giveUp("the login was not answered in time")
        }
    }

    func loggedIn() {
        guard let context, let owner else { return }
        self.owner = nil
        let channel = context.channel
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
        owner.vdConnected(attempt, channel)
    }

    /// A response comes here only where it does not switch protocols.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data) else { return }
        isRefused = [401, 403].contains(head.status.code)
        let reason =
            switch head.status.code {
            case 401, 403:
                "the platform does not take this device ID with its password, signature or certificate"
            case 429: "the platform locked this unit out after too many failed logins"
            default: "the login was refused with status \(head.status.code)"
            }
        giveUp(reason)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        giveUp(VdConnection.failure(error))
    }

    private func giveUp(_ reason: String) {
        problem = reason
        context?.close(promise: nil)
    }
}

/// Turns frames into messages of Vd.
private final class VdMessageHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let attempt: AttemptID
    private var owner: (any VdConnectionOwner)?
    private var problem: String?

    init(_ attempt: AttemptID, owner: any VdConnectionOwner) {
        self.attempt = attempt
        self.owner = owner
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        owner?.vdClosed(attempt, problem ?? "the platform closed the connection")
        owner = nil
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
        if problem == nil { problem = VdConnection.failure(error) }
        context.close(promise: nil)
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

    /// Errors of NIO and BoringSSL in words that tell what to do.
    static func failure(_ error: any Error) -> String {
        if let words = TLSProblem.words(for: "\(error)") { return words }
        return switch error {
        case NIOSSLError.handshakeFailed(let reason):
            "the TLS handshake failed: \(String("\(reason)".prefix(200)))"
        case NIOSSLError.uncleanShutdown: "the platform broke the connection off"
        case let error as IOError: "the connection broke: \(error)"
        default: String("\(error)".prefix(200))
        }
    }
}

extension String {
    /// `[2001:db8::1]` stands in URLs; sockets want `2001:db8::1`.
    fileprivate var trimmingBrackets: String {
        hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : self
    }
}
