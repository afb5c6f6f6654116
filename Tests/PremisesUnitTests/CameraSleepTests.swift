import HSSModel
import NIOCore
import NIOPosix
import PremisesUnit
import Synchronization
import Testing
import Vd

/// The SDK of a battery camera as its makers see it: of `PremisesUnit` only public names.
@Suite("A camera on the SDK that sleeps, device documents", .timeLimit(.minutes(4))) struct CameraSleepTests {
    enum News: Sendable, Equatable {
        case asleep(CameraSleep), woke, login(String), battery(Int), chip([UInt8])
    }

    private struct Maker: CameraDelegate {
        let tell: AsyncStream<News>.Continuation
        func fellAsleep(_ sleep: CameraSleep) { tell.yield(.asleep(sleep)) }
        func wokeUp() { tell.yield(.woke) }
    }

    private struct Dark: CameraSource {
        func open(channel: Int, into output: CameraOutput) throws {}
        func close(channel: Int) {}
    }

    /// A hibernation server that hears one connection.
    private final class Server: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let tell: AsyncStream<News>.Continuation
        private let connection = Mutex<(any Channel)?>(nil)

        init(_ tell: AsyncStream<News>.Continuation) { self.tell = tell }

        func listen() async throws -> any Channel {
            try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelInitializer { channel in channel.pipeline.addHandler(self) }
                .bind(host: "127.0.0.1", port: 0).get()
        }

        func channelActive(context: ChannelHandlerContext) {
            let channel = context.channel
            connection.withLock { $0 = channel }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            tell.yield(.chip(Array(unwrapInboundIn(data).readableBytesView)))
        }

        func say(_ bytes: [UInt8]) {
            connection.withLock { $0?.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }
        }
    }

    private static func configuration(_ platform: String) -> Camera.Configuration {
        var configuration = CameraTests.configuration(platform)
        configuration.macIdentity = "1000000000000042"
        configuration.sleepAfter = .seconds(3600)
        configuration.abilities.hasBattery = true
        return configuration
    }

    @Test func sleepsWhenItIsToldAndWakesWhenItIsWanted() async throws {
        let platform = try await FakePlatform()
        let (stream, tell) = AsyncStream<News>.makeStream()
        let server = Server(tell)
        let listener = try await server.listen()
        let port = try #require(listener.localAddress?.port)
        let camera = try Camera(
            Self.configuration(platform.address),
            source: Dark(),
            delegate: Maker(tell: tell)
        )
        camera.report(battery: 71)
        let info = ServerInfo(
            hibernation: "127.0.0.1:\(port)",
            heartbeatSeconds: 60,
            heartbeatToken: Secret("0123456789abcdef")
        )
        let serving = Task {
            for await event in platform.events {
                switch event {
                case .login(let uri, _): tell.yield(.login(uri.hasSuffix("reconnect=1") ? "again" : "first"))
                case .message(.request(let request, let seq), let connection):
                    let isInfo = request.method == GetServerInfo.name
                    connection.send(.answer(.success(isInfo ? info.object : .empty), seq: seq))
                    // The answer is on its way before the device may sleep.
                    if request.method == Keepalive.name { camera.sleep() }
                case .message(.event(let event), _):
                    guard event.name == BatteryChange.name else { continue }
                    if let change = try? BatteryChange(event.parameters) {
                        tell.yield(.battery(change.percent))
                    }
                default: break
                }
            }
        }
        defer { serving.cancel() }
        var news = stream.makeAsyncIterator()
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await camera.run() }
            #expect(await news.next() == .login("first"))
            #expect(await news.next() == .battery(71))
            guard case .asleep(let sleep)? = await news.next() else {
                Issue.record("it does not sleep")
                return group.cancelAll()
            }
            #expect(sleep.port == port && sleep.interval == 60 && sleep.heartbeat.count == 40)
            #expect(!"\(sleep)".contains("204") && sleep.wakeUp == Array("TOWAKEUP".utf8))
            #expect(await news.next() == .chip(sleep.heartbeat), "the SDK keeps in touch meanwhile")
            server.say(sleep.wakeUp)
            #expect(await news.next() == .woke)
            #expect(await news.next() == .login("again"), "Table 9-3: it was connected before")
            guard case .asleep? = await news.next(), case .chip? = await news.next() else {
                Issue.record("it does not sleep again")
                return group.cancelAll()
            }
            // Somebody presses the button.
            camera.wake()
            #expect(await news.next() == .woke)
            #expect(await news.next() == .login("again"))
            group.cancelAll()
        }
        try await listener.close()
        await platform.shutdown()
    }

    @Test func whatCannotSleepIsSaidAtOnce() throws {
        var configuration = Self.configuration("https://localhost")
        configuration.macIdentity = "00:11:22:33:44:55"
        let mac = "macIdentity: expected 16 digits of a camera that sleeps, found 00:11:22:33:44:55"
        #expect(throws: CameraError(mac)) { try Camera(configuration, source: Dark()) }
        configuration = Self.configuration("https://localhost")
        configuration.sleepAfter = .zero
        #expect(throws: CameraError.self) { try Camera(configuration, source: Dark()) }
    }
}
