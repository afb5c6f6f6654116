import HSSModel
import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOSSL
import NIOTLS

/// One admitted connection: its pipeline and its conversation, HTTP/1.1 or, where ALPN chose it, HTTP/2.
///
/// In place of Hummingbird's own TLS channel, which fixes the certificate for the life of the server.
struct HTTPConnection: Sendable {
    private enum Negotiated: Sendable {
        case http1(HTTP1Channel.Value)
        case http2(HTTP2Channel.Value)
    }

    private static let lowWatermark = 64 << 10
    private static let highWatermark = 128 << 10
    /// `TCP_NOTSENT_LOWAT` and `TCP_USER_TIMEOUT` of <netinet/tcp.h>.
    private static let notSentLowWater = NIOBSDSocket.Option(rawValue: 25)
    private static let userTimeout = NIOBSDSocket.Option(rawValue: 18)

    private let identity: ServerIdentity?
    private let limits: ListenerLimits
    private let closed: [ConnectionDeadlines.Reason: Counter]
    private let http1: HTTP1Channel
    private let http2: HTTP2Channel

    init(
        identity: ServerIdentity?,
        limits: ListenerLimits,
        closed: [ConnectionDeadlines.Reason: Counter],
        responder: @escaping HTTPChannelHandler.Responder
    ) {
        self.identity = identity
        self.limits = limits
        self.closed = closed
        let request = HTTP1Channel.Configuration(
            additionalChannelHandlers: [RequestTracker(limits)],
            idleTimeout: .nanoseconds(limits.idleTimeout.wholeNanoseconds),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: limits.headerSize,
                maxHeaderListSize: limits.headerSize,
                maxHeaderFieldCount: 100
            )
        )
        http1 = HTTP1Channel(responder: responder, configuration: request)
        // Streams per connection (100), resets (200 in 30 s), control frames and header lists (16 KiB) are
        // bounded by NIOHTTP2's defaults.
        http2 = HTTP2Channel(
            responder: responder,
            configuration: HTTP2Channel.Configuration(
                idleTimeout: limits.idleTimeout,
                gracefulCloseTimeout: limits.drainTimeout,
                streamConfiguration: request
            )
        )
    }

    /// Returns when the connection is over. The channel does not read on its own yet.
    func run(_ channel: any Channel, logger: Logger) async {
        do {
            let negotiated = try await channel.eventLoop.flatSubmit { setUp(channel, logger) }.get()
            let conversation = try await negotiated.get()
            switch conversation {
            case .http1(let value): await http1.handle(value: value, logger: logger)
            case .http2(let value): await http2.handle(value: value, logger: logger)
            }
        } catch {
            logger.debug("Connection ended before a request", metadata: ["reason": "\(error)"])
        }
        channel.close(promise: nil)
    }

    /// - Returns: when the pipeline is ready and reading, a future of the protocol that was agreed.
    private func setUp(
        _ channel: any Channel,
        _ logger: Logger
    ) -> EventLoopFuture<EventLoopFuture<Negotiated>> {
        setOptions(channel)
        let deadlines = NIOLoopBound(
            ConnectionDeadlineHandler(limits: limits, closed: closed),
            eventLoop: channel.eventLoop
        )
        let pipeline = channel.pipeline.syncOperations
        let negotiated: EventLoopFuture<Negotiated>
        do {
            if let identity {
                try pipeline.addHandler(NIOSSLServerHandler(context: identity.httpContext))
                try pipeline.addHandler(deadlines.value)
                let negotiation = NIOTypedApplicationProtocolNegotiationHandler<Negotiated> { result in
                    guard case .negotiated("h2") = result else {
                        return http1.setup(channel: channel, logger: logger).map { .http1($0) }
                    }
                    deadlines.value.multiplexed()
                    return http2.setup(channel: channel, logger: logger).map { .http2($0) }
                }
                try pipeline.addHandler(negotiation)
                negotiated = negotiation.protocolNegotiationResult
            } else {
                try pipeline.addHandler(deadlines.value)
                negotiated = http1.setup(channel: channel, logger: logger).map { .http1($0) }
            }
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
        return channel.setOption(.autoRead, value: true).map { negotiated }
    }

    private func setOptions(_ channel: any Channel) {
        // Each is an improvement, none a condition: a socket that refuses one is served all the same.
        let options = channel.syncOptions
        // A viewer that has gone is noticed at once; no HTTP client half-closes.
        try? options?.setOption(.allowRemoteHalfClosure, value: false)
        try? options?.setOption(.tcpOption(.tcp_nodelay), value: 1)
        // Without it the kernel keeps megabytes for a slow viewer, who then lags by 10 s and more.
        try? options?.setOption(.tcpOption(Self.notSentLowWater), value: 128 << 10)
        let patience = Int(clamping: limits.idleTimeout.wholeMilliseconds)
        try? options?.setOption(.tcpOption(Self.userTimeout), value: SocketOptionValue(patience))
        try? options?.setOption(
            .writeBufferWaterMark,
            value: .init(low: Self.lowWatermark, high: Self.highWatermark)
        )
    }
}
