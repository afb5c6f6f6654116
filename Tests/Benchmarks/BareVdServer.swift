import ArgumentParser
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import Synchronization

/// `vedette-bench vd`: the least that a server of Vd can be over NIO: TLS, NIO's own WebSocket upgrade, and a handler that
/// answers every message. It asks for no password, parses no JSON, knows no unit. What the platform costs beyond it is the
/// platform's own doing.
struct BareVdServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vd",
        abstract: "Serve Vd with nothing behind it, to compare.",
        shouldDisplay: false
    )

    @Option(help: "TCP port of Vd.") var port: Int
    @Option(help: "TCP port of the figures.") var metricsPort: Int
    @Option(help: "Folder with server.pem and server.key.") var identity: String
    @Option(help: "Seconds between heartbeats.") var keepalive: Int

    func run() async throws {
        let figures = Figures()
        let group = MultiThreadedEventLoopGroup.singleton
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(identity + "/server.pem").map {
                .certificate($0)
            },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: identity + "/server.key", format: .pem))
        )
        tls.minimumTLSVersion = .tlsv12
        tls.curves = [.x25519, .secp256r1]
        let context = try NIOSSLContext(configuration: tls)
        let keepalive = keepalive
        _ = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 1024))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    try Self.serve(channel, keepalive, figures)
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        let metrics = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FiguresHandler(figures))
                }
            }
            .bind(host: "127.0.0.1", port: metricsPort).get()
        say("ready")
        try await metrics.closeFuture.get()
    }

    private static func serve(_ channel: any Channel, _ keepalive: Int, _ figures: Figures) throws {
        let upgrader = NIOTypedWebSocketServerUpgrader<Void>(
            shouldUpgrade: { channel, head in
                channel.eventLoop.makeSucceededFuture(head.uri.hasPrefix("/Vd") ? HTTPHeaders() : nil)
            },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    let handler = BareUnitHandler(keepalive: keepalive, figures)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
        )
        var configuration = NIOUpgradableHTTPServerPipelineConfiguration<Void>(
            upgradeConfiguration: .init(upgraders: [upgrader]) { $0.close() }
        )
        configuration.enablePipelining = false
        configuration.enableResponseHeaderValidation = false
        _ = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
            configuration: configuration
        )
    }

    /// Under the names of the platform's.
    final class Figures: Sendable {
        let connections = Atomic(0)
        let heartbeats = Atomic(0)

        var text: String {
            """
            vedette_vd_connections \(connections.load(ordering: .relaxed))
            vedette_vd_heartbeats_total \(heartbeats.load(ordering: .relaxed))

            """
        }
    }
}

/// Answers whatever carries a number with `{}`, and the question for the heartbeat's interval with that.
private final class BareUnitHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let keepalive: Int
    private let figures: BareVdServer.Figures

    init(keepalive: Int, _ figures: BareVdServer.Figures) {
        self.keepalive = keepalive
        self.figures = figures
    }

    func handlerAdded(context: ChannelHandlerContext) {
        figures.connections.wrappingAdd(1, ordering: .relaxed)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        figures.connections.wrappingSubtract(1, ordering: .relaxed)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text:
            let message = Array(buffer: frame.unmaskedData)
            guard let number = Self.number(message) else { return }
            let isHeartbeat = !message.starts(with: #"{"req":"GetServerInfo""#.utf8)
            if isHeartbeat { figures.heartbeats.wrappingAdd(1, ordering: .relaxed) }
            let result = isHeartbeat ? "{}" : #"{"hb_interval":\#(keepalive)}"#
            let answer = ByteBuffer(string: "{\"seq\":\(number),\"resp\":\(result)}")
            context.write(
                wrapOutboundOut(WebSocketFrame(fin: true, opcode: .text, data: answer)),
                promise: nil
            )
        case .connectionClose:
            context.close(promise: nil)
        default:
            break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// The `seq` at the end of a request as our units write it.
    private static func number(_ message: [UInt8]) -> Int? {
        let digits = message.dropLast().reversed().prefix { (0x30...0x39).contains($0) }
        return Int(String(decoding: digits.reversed(), as: UTF8.self))
    }
}

/// Answers any request with the figures, and closes.
private final class FiguresHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let figures: BareVdServer.Figures

    init(_ figures: BareVdServer.Figures) {
        self.figures = figures
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let body = figures.text
        let head = "HTTP/1.1 200 OK\r\ncontent-length: \(body.utf8.count)\r\nconnection: close\r\n\r\n"
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: head + body))).whenComplete { _ in
            channel.close(promise: nil)
        }
    }
}
