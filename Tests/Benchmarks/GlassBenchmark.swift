import AsyncHTTPClient
import CustomerUnit
import Foundation
import Glibc
import HSSModel
import Measurement
import NIOCore
import PremisesUnit

/// From the glass of a camera to that of a screen: a moment burnt into each picture before it is encoded, and read after
/// it was decoded, over every output and, as a base, from FFmpeg to FFmpeg without anything between them.
struct GlassBenchmark {
    private struct Output {
        var name: String
        var options: [String]
        var address: KeyPath<LiveAnswer.Play, String>
    }

    private static let ports = 23_490
    private static let basePort = 23_495
    private static let device = "bench-glass-0"
    private static let stills = 40

    let vedette: String
    let folder: String
    let seconds: Int

    private var player: GlassPlayer { GlassPlayer(folder: folder, seconds: seconds) }

    func run(_ report: inout Report) async throws {
        say("glass to glass, \(seconds) s each")
        try await base(&report)
        try await withCamera([:]) { try await outputs($0, &report) }
        for part in [100, 500] {
            try await withCamera(["LIVE_HLS_PART": "\(part)ms"]) {
                try await parts($0, "\(part) ms", &report)
            }
        }
    }

    private func withCamera(
        _ settings: [String: String],
        _ body: (PlatformUnderTest) async throws -> Void
    ) async throws {
        let place = "\(folder)/\(settings.values.first ?? "usual")"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        let platform = try await PlatformUnderTest(
            vedette: vedette,
            folder: place,
            ports: Self.ports,
            settings
        )
        let camera = try await camera(of: platform)
        let running = Task { try await camera.run() }
        try await platform.waitUntil("vedette_vd_connections", reaches: 1, within: .seconds(20))
        try await body(platform)
        running.cancel()
        _ = await running.result
        await platform.stop()
    }

    /// FFmpeg to FFmpeg.
    private func base(_ report: inout Report) async throws {
        let address = "127.0.0.1:\(Self.basePort)"
        for (name, sender, receiver) in [
            (
                "FFmpeg to FFmpeg over SRT, 120 ms", "srt://\(address)?latency=120000&pkt_size=1316",
                "srt://\(address)?mode=listener&latency=120000"
            ),
            ("FFmpeg to FFmpeg over TCP", "tcp://\(address)", "tcp://\(address)?listen=1"),
        ] {
            let (player, folder) = (player, folder)
            let outcome = try await offThread {
                let later = Thread {
                    // When the receiver listens.
                    sleep(1)
                    guard let encoder = try? GlassEncoder(keyFrameInterval: 50, folder: folder, to: sender)
                    else {
                        return
                    }
                    // Until the receiver has enough and closes.
                    while encoder.nextBytes() != nil {}
                    encoder.stop()
                }
                later.start()
                return try player.play(["-i", receiver])
            }
            add(name, outcome, &report)
        }
    }

    private func outputs(_ platform: PlatformUnderTest, _ report: inout Report) async throws {
        for output in [
            Output(name: "SRT, FFmpeg", options: [], address: \.srt),
            Output(name: "MPEG-TS over HTTPS, FFmpeg", options: [], address: \.ts),
            Output(
                name: "HLS with FFmpeg, which waits for whole segments",
                options: ["-live_start_index", "-1"],
                address: \.hls
            ),
        ] {
            let live = try await ask(platform)
            let (player, input) = (player, output.options + ["-i", live.play[keyPath: output.address]])
            add(output.name, try await offThread { try player.play(input) }, &report)
        }
        try await parts(platform, "250 ms", &report)
        let (socket, page) = (WebSocketViewer(authorityFile: platform.authorityFile), try await ask(platform))
        let pictures = try await piped { try await socket.watch(page.play.ws, $0) }
        add("Fragmented MP4 over a WebSocket, into FFmpeg", pictures, &report)
        do { try await stills(platform, &report) } catch { report.note("Latest picture as JPEG", "\(error)") }
    }

    /// How old the latest picture is when it has been fetched. Moments of the group of pictures are met alike.
    private func stills(_ platform: PlatformUnderTest, _ report: inout Report) async throws {
        let live = try await ask(platform)
        let (player, file) = (player, folder + "/latest.jpg")
        var outcome = GlassPlayer.Outcome()
        for _ in 0..<Self.stills {
            var octets: [UInt8] = []
            guard let address = live.play.jpeg else {
                throw BenchmarkError.platform("the answer has no address of pictures")
            }
            for try await buffer in try await platform.client.open(url: address) {
                octets += buffer.readableBytesView
            }
            let now = Stamp(milliseconds: GlassEncoder.now)
            try Data(octets).write(to: URL(fileURLWithPath: file))
            if let moment = try await offThread({ try player.moment(in: file) }) {
                outcome.delays.append(Double(now.since(moment)))
            } else {
                outcome.unreadable += 1
            }
            try await Task.sleep(for: .milliseconds(270))
        }
        guard !outcome.delays.isEmpty else {
            throw BenchmarkError.measurement("no moment in the latest picture")
        }
        add("Latest picture as JPEG, a key frame in 2 s", outcome, &report)
    }

    /// HLS as a player of low latency takes it: each part when it is there. Two requests for each, playlist and part.
    private func parts(_ platform: PlatformUnderTest, _ length: String, _ report: inout Report) async throws {
        let (live, client) = (try await ask(platform), platform.client)
        let requests = RequestCount()
        let outcome = try await piped { sink in
            _ = try await LivePlayer(deadline: nil) { (octets) throws(CustomerError) in
                requests.look(at: octets)
                return try sink(octets)
            }
            .play(hls: Secret(live.play.hls), with: client)
        }
        add("HLS in parts of \(length), vedette cu live into FFmpeg", outcome, &report)
        report.add("HLS in parts of \(length): parts in a second", requests.rate, "")
    }

    private func ask(_ platform: PlatformUnderTest) async throws -> LiveAnswer {
        try await platform.client.call(.post, "/devices/\(Self.device)/channels/0/live")
    }

    /// What a client of ours hands on is decoded as it comes.
    private func piped(
        _ watch: @Sendable (@escaping PictureSink) async throws -> Void
    ) async throws -> GlassPlayer.Outcome {
        let pipe = try NamedPipe(in: folder)
        let player = player
        async let outcome = offThread { try player.play(["-i", pipe.path]) }
        guard let descriptor = try await offThread({ pipe.openForWriting() }) else {
            throw BenchmarkError.tool("ffmpeg", "did not read its pipe")
        }
        defer { close(descriptor) }
        try await watch { (octets) throws(CustomerError) in pipe.write(octets, to: descriptor) }
        return try await outcome
    }

    private func add(_ name: String, _ outcome: GlassPlayer.Outcome, _ report: inout Report) {
        report.add("\(name): p50", outcome.delays.percentile(0.5), "ms")
        report.add("\(name): p99", outcome.delays.percentile(0.99), "ms")
        if outcome.unreadable > 0 {
            report.add("\(name): pictures without a time", Double(outcome.unreadable), "")
        }
    }

    private func camera(of platform: PlatformUnderTest) async throws -> Camera {
        let file = folder + "/camera.txt"
        try await platform.enrol(1, "bench-glass-", into: [file])
        let fields = try String(contentsOfFile: file, encoding: .utf8).split(separator: " ").map(String.init)
        guard fields.count == 3 else { throw BenchmarkError.platform("no credentials of a camera") }
        return try Camera(
            Camera.Configuration(
                platform: platform.address,
                deviceID: fields[0],
                macIdentity: fields[1],
                loginPassword: fields[2],
                hardwareModel: "bench",
                firmwareModel: "1",
                authorityFile: platform.authorityFile
            ),
            source: GlassSource(folder: folder)
        )
    }
}
