import Foundation
import HSSModel
import MediaFormats
import PremisesUnit
import Synchronization
import TestSupport
import Testing
import Vd

/// The device SDK as its makers see it: of `PremisesUnit` only public names.
@Suite("A camera on the SDK", .timeLimit(.minutes(4)), .serialized) struct CameraTests {
    enum News: Sendable, Equatable {
        case clock(Duration)
        case event(String)
        case started(Int)
        case ended(Int)
        case opened(Int)
        case closed(Int)
    }

    struct Maker: CameraDelegate {
        let tell: AsyncStream<News>.Continuation

        func correctClock(by offset: Duration) -> Bool {
            tell.yield(.clock(offset))
            return true
        }
        func happened(_ name: String, _ text: String) { tell.yield(.event(name)) }
        func pushStarted(channel: Int) { tell.yield(.started(channel)) }
        func pushEnded(channel: Int) { tell.yield(.ended(channel)) }
    }

    /// Hands over a transport stream in pieces that fit no packet.
    struct Encoder: CameraSource {
        let tell: AsyncStream<News>.Continuation
        var failure: CameraError?

        func open(channel: Int, into output: CameraOutput) throws {
            tell.yield(.opened(channel))
            if let failure { throw failure }
            Thread.detachNewThread {
                var stream = TestPatternStream()
                // An encoder has a clock of its own, here twice as fast as life.
                while output.isOpen {
                    let bytes = stream.next().packets
                    for start in stride(from: 0, to: bytes.count, by: 1000) {
                        output.send(Array(bytes[start..<min(start + 1000, bytes.count)]))
                    }
                    usleep(20_000)
                }
            }
        }

        func close(channel: Int) { tell.yield(.closed(channel)) }
    }

    static func configuration(_ platform: String) -> Camera.Configuration {
        Camera.Configuration(
            platform: platform,
            deviceID: "cam-1",
            macIdentity: "00:11:22:33:44:55",
            loginPassword: "p w&d",
            hardwareModel: "Model 1",
            firmwareModel: "2.0",
            bitrates: [2_000_000, 500_000]
        )
    }

    /// The platform's side of one test: what the camera sent, with every request answered.
    struct Bench {
        let platform: FakePlatform
        let camera: Camera
        let news: AsyncStream<News>
        let messages: AsyncStream<(RPCMessage, FakePlatform.Connection)>

        /// The next message that `pick` takes.
        func message<Value>(
            _ pick: (RPCMessage, FakePlatform.Connection) throws -> Value?
        ) async throws -> Value {
            for await (message, connection) in messages {
                if let value = try pick(message, connection) { return value }
            }
            throw CameraError("no more messages")
        }

        func heartbeat(_ isWanted: (Keepalive) -> Bool) async throws -> (Keepalive, FakePlatform.Connection) {
            try await message { message, connection in
                guard case .request(let request, _) = message, request.method == Keepalive.name else {
                    return nil
                }
                let heartbeat = try Keepalive(request.parameters)
                return isWanted(heartbeat) ? (heartbeat, connection) : nil
            }
        }

        func next(_ wanted: News) async throws {
            for await news in news {
                if news == wanted { return }
                if news == .event("push_failed") { throw CameraError("push_failed before \(wanted)") }
            }
            throw CameraError("no \(wanted)")
        }
    }

    static func withCamera(
        clockAhead: Int = 0,
        source: (AsyncStream<News>.Continuation) -> any CameraSource = { Encoder(tell: $0) },
        prepare: (Camera) throws -> Void = { _ in },
        body: (Bench) async throws -> Void
    ) async throws {
        let platform = try await FakePlatform(clockAhead: clockAhead)
        let (news, tell) = AsyncStream<News>.makeStream()
        let (messages, pass) = AsyncStream<(RPCMessage, FakePlatform.Connection)>.makeStream()
        let camera = try Camera(
            configuration(platform.address),
            source: source(tell),
            delegate: Maker(tell: tell)
        )
        try prepare(camera)
        let bench = Bench(platform: platform, camera: camera, news: news, messages: messages)
        let serving = Task {
            for await event in platform.events {
                guard case .message(let message, let connection) = event else { continue }
                if case .request(_, let seq) = message {
                    connection.send(.answer(.success(.empty), seq: seq))
                }
                pass.yield((message, connection))
            }
        }
        defer { serving.cancel() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await camera.run() }
            try await body(bench)
            group.cancelAll()
        }
        tell.finish()
        await platform.shutdown()
    }

    /// The numbers of the pictures in a stream of the test pattern, but for the last, which may be cut off.
    static func pictures(_ bytes: [UInt8]) throws -> [Int] {
        let file = try MediaFile(packets: Array(bytes.prefix(bytes.count / 188 * 188)))
        let raw = try file.run("ffmpeg", "-v", "error", "-i", file.path, "-map", "0:v", "-f", "rawvideo", "-")
        let size = 640 * 360 * 3 / 2
        return (0..<max(0, raw.output.count / size - 1)).map { index in
            TestPatternPicture.frameNumber(
                luma: raw.output[index * size..<index * size + 640 * 360],
                width: 640
            )
        }
    }

    @Test("an encoder's transport stream arrives whole; StopLive closes it")
    func liveStream() async throws {
        let receiver = try SRTReceiver()
        try await Self.withCamera { bench in
            let (_, connection) = try await bench.heartbeat { _ in true }
            connection.send(.request(MachineBench.push(stream: "s1", url: receiver.url()), seq: 1))
            try await bench.next(.started(0))
            let pictures = try Self.pictures(await receiver.read(150_000))
            #expect(pictures.count >= 30 && pictures == Array(0..<pictures.count))
            connection.send(.request(MachineBench.stop(stream: "s1"), seq: 2))
            try await bench.next(.ended(0))
            try await bench.next(.closed(0))
        }
    }

    @Test("frames of an encoder that runs anyhow arrive from the next key frame, with sound")
    func frames() async throws {
        let receiver = try SRTReceiver()
        let opened = Mutex<AsyncStream<News>.Continuation?>(nil)
        let frames = FrameSource(hasAudio: true) { channel in
            _ = opened.withLock { $0?.yield(.opened(channel)) }
        }
        try await Self.withCamera(
            source: { tell in
                opened.withLock { $0 = tell }
                return frames
            },
            body: { bench in
                let (_, connection) = try await bench.heartbeat { _ in true }
                connection.send(
                    .request(MachineBench.push(channel: 1, stream: "s1", url: receiver.url()), seq: 1)
                )
                try await bench.next(.opened(1))
                let encoder = Task {
                    var pattern = TestPattern()
                    for index in 0..<1000 where !Task.isCancelled {
                        let unit = pattern.next()
                        // The pictures before the second key frame have none to refer to.
                        guard index >= 20 else { continue }
                        let time = Duration.milliseconds(40) * index
                        frames.sendVideo(
                            unit.bytes,
                            channel: 1,
                            presentation: time,
                            isKeyFrame: unit.isKeyFrame
                        )
                        frames.sendAudio(
                            Array(repeatElement(TestPatternStream.silentFrame, count: 2).joined()),
                            channel: 1,
                            presentation: time
                        )
                        frames.sendVideo(unit.bytes, channel: 0, presentation: time, isKeyFrame: true)
                        try await Task.sleep(for: .milliseconds(20))
                    }
                }
                defer { encoder.cancel() }
                let bytes = await receiver.read(100_000)
                let pictures = try Self.pictures(bytes)
                #expect(pictures.count >= 20 && pictures == Array(50..<50 + pictures.count), "\(pictures)")
                let file = try MediaFile(packets: Array(bytes.prefix(bytes.count / 188 * 188)))
                #expect(try file.decodingTimes(of: "a:0").count >= 20)
            }
        )
    }

    @Test("a source that cannot open ends the push and is not closed; one that sends nothing sensible, too")
    func failingSource() async throws {
        let receiver = try SRTReceiver()
        try await Self.withCamera(
            source: { Encoder(tell: $0, failure: CameraError("no sensor")) },
            body: { bench in
                let (_, connection) = try await bench.heartbeat { _ in true }
                connection.send(.request(MachineBench.push(stream: "s1", url: receiver.url()), seq: 1))
                var seen: [News] = []
                for await news in bench.news {
                    seen.append(news)
                    if news == .event("push_failed") { break }
                }
                try await bench.next(.ended(0))
                #expect(seen.contains(.opened(0)) && !seen.contains(.closed(0)))
                _ = try await bench.heartbeat { $0.channels.first?.stream == nil }
            }
        )
    }

    @Test("a camera that ends closes its source before run() returns")
    func endClosesTheSource() async throws {
        let receiver = try SRTReceiver()
        let (news, tell) = AsyncStream<News>.makeStream()
        try await Self.withCamera(
            source: { _ in Encoder(tell: tell) },
            body: { bench in
                let (_, connection) = try await bench.heartbeat { _ in true }
                connection.send(.request(MachineBench.push(stream: "s1", url: receiver.url()), seq: 1))
                _ = await receiver.read(20_000)
            }
        )
        tell.finish()
        let seen = await news.reduce(into: []) { $0.append($1) }
        #expect(seen == [.opened(0), .closed(0)])
    }

    @Test("§9.3.1.1 step 3: the maker is told by how much the clock is wrong")
    func clockHook() async throws {
        try await Self.withCamera(clockAhead: 3600) { bench in
            for await news in bench.news {
                guard case .clock(let offset) = news else { continue }
                #expect(abs(offset.components.seconds - 3600) <= 2)
                break
            }
        }
    }

    @Test("a bind code is sent at the login, and another at once")
    func bind() async throws {
        try await Self.withCamera(
            prepare: { try $0.report(bindCode: "first") },
            body: { bench in
                for code in ["first", "second"] {
                    let event = try await bench.message { message, _ in
                        if case .event(let event) = message { event } else { nil }
                    }
                    #expect(event == Bind(macID: "00:11:22:33:44:55", bindID: code).event)
                    if code == "first" { try bench.camera.report(bindCode: "second") }
                }
            }
        )
        let camera = try Camera(Self.configuration("https://localhost"), source: FrameSource(hasAudio: false))
        #expect(throws: CameraError.self) { try camera.report(bindCode: "") }
    }

    @Test(
        "a channel that is switched off is told at once and not pushed; its bitrate is held against max_bitrate"
    )
    func channelState() async throws {
        try await Self.withCamera(
            prepare: { try $0.set(.error, ofChannel: 1) },
            body: { bench in
                let (first, connection) = try await bench.heartbeat { _ in true }
                #expect(first.channels.map(\.state) == [.online, .error])
                try bench.camera.set(.disabled, ofChannel: 0)
                _ = try await bench.heartbeat { $0.channels.first?.state == .disabled }
                try bench.camera.set(.online, ofChannel: 1)
                _ = try await bench.heartbeat { $0.channels.last?.state == .online }
                connection.send(.request(MachineBench.push(stream: "s1"), seq: 1))
                connection.send(.request(MachineBench.push(channel: 1, stream: "s2", most: 499_999), seq: 2))
                for code in [103, 11] {
                    let failure = try await bench.message { message, _ in
                        if case .answer(.failure(let failure), _) = message { failure } else { nil }
                    }
                    #expect(failure.code == code)
                }
                #expect(throws: CameraError.self) { try bench.camera.set(.online, ofChannel: 2) }
                await #expect(throws: CameraError("this camera runs already")) {
                    try await bench.camera.run()
                }
            }
        )
    }

    @Test("what is wrong with a configuration is said by name, and its text holds no password")
    func configurations() throws {
        let good = Self.configuration("https://localhost:1")
        #expect(!"\(good)".contains("p w&d"))
        var dumped = ""
        dump(good, to: &dumped)
        #expect(!dumped.contains("p w&d"))
        let cases: [(String, (inout Camera.Configuration) -> Void)] = [
            ("platform", { $0.platform = "localhost" }),
            ("deviceID", { $0.deviceID = "a b" }),
            ("macIdentity", { $0.macIdentity = "" }),
            ("loginPassword", { $0.loginPassword = String(repeating: "x", count: 129) }),
            ("hardwareModel", { $0.hardwareModel = "" }),
            ("firmwareModel", { $0.firmwareModel = "" }),
            ("bitrates", { $0.bitrates = [] }),
            ("bitrates", { $0.bitrates = [0] }),
            ("/no/such/file", { $0.authorityFile = "/no/such/file" }),
        ]
        for (name, spoil) in cases {
            var configuration = good
            spoil(&configuration)
            let error = #expect(throws: CameraError.self) {
                try Camera(configuration, source: FrameSource(hasAudio: false))
            }
            #expect(error?.description.hasPrefix(name + ": ") == true, "\(String(describing: error))")
        }
    }
}
