import Foundation
import HSSModel
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import Synchronization
import Vd

/// A unit that only speaks Vd: it says yes to everything and leaves the pushing to the test, so that FFmpeg can
/// be the camera with nothing but the address of `PushLive`.
final class ManualUnit: Sendable {
    private struct State {
        var pushes: [PushLive] = []
        var stops: [StopLive] = []
        var turns: [CtrlPTZ] = []
        var closed = false
    }

    private let channel: any Channel
    private let state: Received

    /// What arrived, safe from any thread.
    private final class Received: Sendable {
        let state = Mutex(State())
    }

    static func logIn(
        _ platform: PlatformProcess,
        device: String,
        password: Secret,
        reconnect: Bool = false
    ) async throws -> ManualUnit {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(platform.authorityPath))
        let context = try NIOSSLContext(configuration: tls)
        let login = UnitLoginURL(
            deviceID: device,
            password: password.reveal(),
            hardwareModel: "manual",
            firmwareModel: "1",
            sdk: nil,
            reconnect: reconnect
        )
        let received = Received()
        let upgraded = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: platform.vd) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: context, serverHostname: "localhost")
                    )
                    let upgrader = NIOTypedWebSocketClientUpgrader<(any Channel)?> { channel, _ in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(Handler(received))
                            return channel
                        }
                    }
                    var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: login.requestTarget)
                    head.headers.add(name: "host", value: "localhost")
                    head.headers.add(name: "content-length", value: "0")
                    return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
                        configuration: .init(
                            upgradeConfiguration: .init(upgradeRequestHead: head, upgraders: [upgrader]) {
                                channel in
                                channel.eventLoop.makeSucceededFuture(nil)
                            }
                        )
                    )
                }
            }
        guard let channel = try await upgraded.get() else { throw EndToEndError("the login was refused") }
        return ManualUnit(channel: channel, state: received)
    }

    private init(channel: any Channel, state: Received) {
        self.channel = channel
        self.state = state
    }

    deinit {
        channel.close(promise: nil)
    }

    /// The next `PushLive` after the first `count`.
    func push(after count: Int = 0) async throws -> PushLive {
        try await eventually("PushLive") { state.state.withLock { $0.pushes.count > count } }
        return state.state.withLock { $0.pushes[count] }
    }

    var pushCount: Int { state.state.withLock { $0.pushes.count } }
    var stopCount: Int { state.state.withLock { $0.stops.count } }
    /// What it was told to turn.
    var turns: [PTZOperation] { state.state.withLock { $0.turns.map(\.operation) } }
    var isClosed: Bool { state.state.withLock { $0.closed } }

    func send(_ message: RPCMessage) async throws {
        try await send(text: message.encoded())
    }

    func send(text: [UInt8]) async throws {
        let frame = WebSocketFrame(
            fin: true,
            opcode: .text,
            maskKey: .random(),
            data: ByteBuffer(bytes: text)
        )
        try await channel.writeAndFlush(frame)
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = WebSocketFrame
        typealias OutboundOut = WebSocketFrame

        private let received: Received

        init(_ received: Received) {
            self.received = received
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let frame = unwrapInboundIn(data)
            guard frame.opcode == .text,
                let message = try? RPCMessage(parsing: Array(buffer: frame.unmaskedData))
            else { return }
            if case .event(let event) = message, event.name == CtrlPTZ.name,
                let turn = try? CtrlPTZ(event.parameters)
            {
                received.state.withLock { $0.turns.append(turn) }
            }
            guard case .request(let request, let seq) = message else { return }
            if let push = try? PushLive(request.parameters), request.method == PushLive.name {
                received.state.withLock { $0.pushes.append(push) }
            }
            if let stop = try? StopLive(request.parameters), request.method == StopLive.name {
                received.state.withLock { $0.stops.append(stop) }
            }
            let answer = RPCMessage.answer(.success(.empty), seq: seq).encoded()
            let reply = WebSocketFrame(
                fin: true,
                opcode: .text,
                maskKey: .random(),
                data: ByteBuffer(bytes: answer)
            )
            context.writeAndFlush(wrapOutboundOut(reply), promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            received.state.withLock { $0.closed = true }
        }
    }
}
