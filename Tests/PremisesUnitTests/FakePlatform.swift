import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import Synchronization
import TestSupport
import Vd

/// Vs and Vd on one port, played by a test.
final class FakePlatform: Sendable {
    enum Event: Sendable {
        case scheduling(uri: String, macIdentity: String?)
        case login(uri: String, Connection)
        case message(RPCMessage, Connection)
        /// Something that is no packet of Vd.
        case malformed
        case closed
        /// A file that was sent with PUT.
        case upload(path: String, type: String?, content: [UInt8])
    }

    struct Connection: Sendable {
        fileprivate let channel: any Channel

        func send(_ message: RPCMessage) { send(message.encoded()) }

        func send(_ bytes: [UInt8], opcode: WebSocketOpcode = .text) {
            let data = channel.allocator.buffer(bytes: bytes)
            channel.writeAndFlush(WebSocketFrame(fin: true, opcode: opcode, data: data), promise: nil)
        }

        func close() { channel.close(promise: nil) }
    }

    let port: Int
    let isSecure: Bool
    let events: AsyncStream<Event>
    private let listener: any Channel
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    var address: String { "\(isSecure ? "https" : "http")://localhost:\(port)" }

    /// With `certificate` both speak TLS. `files` are served by their paths; a PUT whose path says `/status/N` is
    /// answered with N once, and with 200 after it. `refuseLogin`: the status that every login gets. `clockAhead`: whole
    /// seconds between the platform's clock and the host's. `offersSignatures`: Vs offers signed logins.
    init(
        certificate: TestCertificate? = nil,
        refuseLogin: HTTPResponseStatus? = nil,
        clockAhead: Int = 0,
        offersSignatures: Bool = false,
        files: [String: [UInt8]] = [:]
    ) async throws {
        let (events, tell) = AsyncStream<Event>.makeStream()
        self.events = events
        isSecure = certificate != nil
        let trust = try certificate.map { certificate in
            let chain = try NIOSSLCertificate.fromPEMFile(certificate.certificatePath)
            return try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: chain.map { .certificate($0) },
                    privateKey: .privateKey(try NIOSSLPrivateKey(file: certificate.keyPath, format: .pem))
                )
            )
        }
        let isSecure = isSecure
        listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 512)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let trust { try pipeline.addHandler(NIOSSLServerHandler(context: trust)) }
                    let upgrader = NIOWebSocketServerUpgrader(
                        shouldUpgrade: { channel, head in
                            channel.eventLoop.makeSucceededFuture(refuseLogin == nil ? HTTPHeaders() : nil)
                        },
                        upgradePipelineHandler: { channel, head in
                            tell.yield(.login(uri: head.uri, Connection(channel: channel)))
                            return channel.eventLoop.makeCompletedFuture {
                                try channel.pipeline.syncOperations.addHandler(MessageHandler(tell))
                            }
                        }
                    )
                    let schedules = NIOLoopBound(
                        SchedulingHandler(
                            tell,
                            isSecure: isSecure,
                            otherwise: refuseLogin ?? .notFound,
                            clockAhead: clockAhead,
                            offersSignatures: offersSignatures,
                            files: files
                        ),
                        eventLoop: channel.eventLoop
                    )
                    try pipeline.configureHTTPServerPipeline(
                        withServerUpgrade: (
                            upgraders: [upgrader],
                            completionHandler: { context in
                                context.pipeline.syncOperations.removeHandler(schedules.value, promise: nil)
                            }
                        )
                    )
                    try pipeline.addHandler(schedules.value)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress?.port ?? 0
    }

    func shutdown() async {
        try? await listener.close()
        try? await group.shutdownGracefully()
    }

    private final class SchedulingHandler: ChannelInboundHandler, RemovableChannelHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let tell: AsyncStream<Event>.Continuation
        private let isSecure: Bool
        private let otherwise: HTTPResponseStatus
        private let clockAhead: Int
        private let offersSignatures: Bool
        private let files: [String: [UInt8]]
        private var put: (head: HTTPRequestHead, content: [UInt8])?
        private static let refused = Mutex<Set<String>>([])

        init(
            _ tell: AsyncStream<Event>.Continuation,
            isSecure: Bool,
            otherwise: HTTPResponseStatus,
            clockAhead: Int,
            offersSignatures: Bool,
            files: [String: [UInt8]]
        ) {
            self.clockAhead = clockAhead
            self.offersSignatures = offersSignatures
            self.files = files
            self.tell = tell
            self.isSecure = isSecure
            self.otherwise = otherwise
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head) where head.method == .PUT: put = (head, [])
            case .head(let head): answer(head, context)
            case .body(let part): put?.content += Array(part.readableBytesView)
            case .end:
                guard let (head, content) = put else { return }
                put = nil
                take(head, content, context)
            }
        }

        private func take(_ head: HTTPRequestHead, _ content: [UInt8], _ context: ChannelHandlerContext) {
            let wanted = head.uri.firstMatch(of: /\/status\/(\d+)/).flatMap { Int($0.1) }
            let key = "\(context.channel.localAddress?.port ?? 0)\(head.uri)"
            if let wanted, Self.refused.withLock({ $0.insert(key).inserted }) {
                return send(HTTPResponseStatus(statusCode: wanted), [], context)
            }
            tell.yield(
                .upload(path: head.uri, type: head.headers.first(name: "Content-Type"), content: content)
            )
            send(.ok, [], context)
        }

        private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
            if let file = files[head.uri] { return send(.ok, file, context) }
            var body = ""
            var status = otherwise
            if head.uri.hasPrefix("/Vs/getServerAddr?") {
                tell.yield(.scheduling(uri: head.uri, macIdentity: head.headers.first(name: "Mac-Identity")))
                let port = context.channel.localAddress?.port ?? 0
                let time = Int(Date().timeIntervalSince1970 * 1000) + clockAhead * 1000
                body = """
                    {"PassDomain":"localhost","PassPort":\(isSecure ? 0 : port),\
                    "Secure_PassPort":\(isSecure ? port : 0),"SyncTime":\(time)\(offersSignatures ? #","SignedLogin":1"# : "")}
                    """
                status = .ok
            }
            send(status, Array(body.utf8), context)
        }

        private func send(_ status: HTTPResponseStatus, _ body: [UInt8], _ context: ChannelHandlerContext) {
            var response = HTTPResponseHead(version: .http1_1, status: status)
            response.headers.add(name: "Content-Length", value: "\(body.count)")
            context.write(wrapOutboundOut(.head(response)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    private final class MessageHandler: ChannelInboundHandler {
        typealias InboundIn = WebSocketFrame

        private let tell: AsyncStream<Event>.Continuation

        init(_ tell: AsyncStream<Event>.Continuation) {
            self.tell = tell
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let frame = unwrapInboundIn(data)
            guard frame.opcode == .text, frame.maskKey != nil else { return }
            let bytes = Array(frame.unmaskedData.readableBytesView)
            if let message = try? RPCMessage(parsing: bytes) {
                tell.yield(.message(message, Connection(channel: context.channel)))
            } else {
                tell.yield(.malformed)
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            tell.yield(.closed)
            context.fireChannelInactive()
        }
    }
}

/// A self-signed certificate for `names`, made by openssl; also its own authority.
final class TestCertificate: Sendable {
    let certificatePath: String
    let keyPath: String

    init(names: String = "DNS:localhost,IP:127.0.0.1") throws {
        let base = FileManager.default.temporaryDirectory.appending(path: "vedette-\(UUID().uuidString)")
            .path()
        certificatePath = base + ".pem"
        keyPath = base + ".key"
        let result = try MediaFile.run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", keyPath, "-out", certificatePath, "-days", "2", "-subj", "/CN=test",
            "-addext", "subjectAltName=\(names)",
        ])
        guard result.status == 0 else { throw ToolFailure(text: result.errors) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: certificatePath)
        try? FileManager.default.removeItem(atPath: keyPath)
    }

    struct ToolFailure: Error { var text: String }
}
