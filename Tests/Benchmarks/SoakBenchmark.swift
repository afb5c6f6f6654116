import CustomerUnit
import Foundation
import HSSModel
import HostClock
import Measurement

/// A long run of the whole platform: real cameras that push real pictures, viewers over every output, cameras that die at
/// random, visitors, slow readers. What is healthy may lose nothing, what died has to come back to who waits for it, and
/// memory has to stay where it is.
struct SoakBenchmark {
    private static let ports = 23_470
    private static let audiencePorts = 23_480
    private static let visitors = 5
    private static let dawdlers = 3
    /// Seconds from a return to the next death.
    private static let lives = 30.0...150.0
    private static let sampleInterval = 10

    let vedette: String
    let folder: String
    let minutes: Int
    let streams: Int
    let viewersOfEach: Int
    let seed: UInt64

    /// So many of the cameras die.
    private var mortals: Int { max(1, streams * 3 / 10) }

    func run(_ report: inout Report) async throws {
        say(
            "soak of \(minutes) min: \(streams) streams, \(mortals) of them mortal, \(viewersOfEach) viewers each, seed \(seed)"
        )
        let clip = try makeClip()
        // The hour is that of many customers, who are one user here; encryption would leave no core for the others.
        let platform = try await PlatformUnderTest(
            vedette: vedette,
            folder: folder,
            ports: Self.ports,
            ["SRT_ENCRYPTION": "off", "LIMITS_VIEWERS_PER_USER": "10000", "LOG_LEVEL": "debug"]
        )
        let files = (0..<streams).map { "\(folder)/unit-\($0).txt" }
        try await platform.enrol(streams, "soak-", into: files)
        let healthyFile = folder + "/healthy.txt"
        let healthy = try files[mortals...].map { try String(contentsOfFile: $0, encoding: .utf8) }
        try healthy.joined(separator: "\n").write(toFile: healthyFile, atomically: true, encoding: .utf8)
        let cameras = try start(healthyFile, clip, platform.address, platform.authorityFile)
        defer { cameras.stop() }

        let all = (0..<streams).map { SoakStream(device: "soak-\($0)", isHealthy: $0 >= mortals) }
        let viewers = all.enumerated().flatMap { number, stream in
            (0..<viewersOfEach).map { SoakViewer(stream, Self.output(of: $0, at: number)) }
        }
        for viewer in viewers { viewer.stream.add(viewer) }
        let crowd = SoakCrowd()
        var samples = SoakSamples(of: platform)
        try await withThrowingTaskGroup(of: Void.self) { group in
            try startMortals(all, files, clip, platform, &group)
            try await platform.waitUntil("vedette_vd_connections", reaches: streams, within: .seconds(60))
            try await startViewers(viewers, all, crowd, platform, &group)
            let start = Instant.now
            for sample in 0...(minutes * 60 / Self.sampleInterval) {
                let due = start + .seconds(sample * Self.sampleInterval)
                try await Task.sleep(for: max(.zero, due - .now))
                try await samples.take(at: (Instant.now - start).inSeconds)
            }
            add(all, viewers, crowd.tally, &report)
            samples.add(to: &report)
            try await addEnds(of: platform, &report)
            group.cancelAll()
        }
        cameras.stop()
        await platform.stop()
    }

    /// Half over SRT, the rest over HTTPS; of every fifth stream one over HLS.
    private static func output(of viewer: Int, at stream: Int) -> SoakOutput {
        viewer % 2 == 0 ? .srt : stream % 5 == 0 && viewer == 1 ? .hls : .ts
    }

    /// A minute at a constant bit rate and distance of pictures.
    private func makeClip() throws -> String {
        let clip = folder + "/clip.ts"
        let child = try Child(
            "ffmpeg",
            [
                "-nostdin", "-v", "error", "-f", "lavfi", "-i",
                "testsrc2=size=1280x720:rate=25,noise=alls=12:allf=t", "-t", "60", "-c:v", "libx264",
                "-preset",
                "ultrafast", "-pix_fmt", "yuv420p", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0",
                "-b:v",
                "1900k", "-maxrate", "1900k", "-bufsize", "1900k", "-f", "mpegts", clip,
            ]
        )
        guard child.waitForExit() == 0 else { throw BenchmarkError.tool("ffmpeg", "made no clip") }
        return clip
    }

    private func start(
        _ credentials: String,
        _ clip: String,
        _ address: String,
        _ authorityFile: String
    ) throws -> Child {
        try Child(
            vedette,
            [
                "pu", "run", "--platform", address, "--ca", authorityFile, "--credentials", credentials,
                "--video",
                clip, "--abilities", "none",
            ],
            isHeard: false,
            log: folder + "/cameras.log"
        )
    }

    private func startMortals(
        _ all: [SoakStream],
        _ files: [String],
        _ clip: String,
        _ platform: PlatformUnderTest,
        _ group: inout ThrowingTaskGroup<Void, any Error>
    ) throws {
        let (address, authorityFile) = (platform.address, platform.authorityFile)
        for (number, stream) in all.enumerated() where !stream.isHealthy {
            let file = files[number]
            group.addTask {
                try await stream.runMortal(seed: seed &+ UInt64(number), lives: Self.lives) {
                    try start(file, clip, address, authorityFile)
                }
            }
        }
    }

    private func startViewers(
        _ viewers: [SoakViewer],
        _ all: [SoakStream],
        _ crowd: SoakCrowd,
        _ platform: PlatformUnderTest,
        _ group: inout ThrowingTaskGroup<Void, any Error>
    ) async throws {
        let customer = platform.client
        let authority = try String(contentsOfFile: platform.authorityFile, encoding: .utf8)
        let address = platform.address
        let client: @Sendable () throws -> PlatformClient = {
            try PlatformClient(url: address, authority: authority)
        }
        let audience = SRTAudience(firstPort: Self.audiencePorts)
        // On ports of their own: of callers that share a port with others libsrt 1.5.1 breaks one in some hundred
        // connections as it opens, without a reason.
        let visitors = SRTAudience(firstPort: Self.audiencePorts + SRTAudience.ports)
        for viewer in viewers {
            group.addTask { await viewer.watch(customer, try client(), audience) }
            // As people come, not all at once.
            try await Task.sleep(for: .milliseconds(50))
        }
        for number in 0..<Self.visitors {
            let seed = seed &+ 1000 &+ UInt64(number)
            group.addTask { await crowd.comeAndGo(seed: seed, among: all, customer, try client(), visitors) }
        }
        for stream in all.filter(\.isHealthy).prefix(Self.dawdlers) {
            group.addTask { await crowd.dawdle(at: stream, customer, try client()) }
        }
        group.addTask {
            defer {
                audience.close()
                visitors.close()
            }
            try? await Task.sleep(for: .seconds(1_000_000))
        }
    }

    // MARK: What came of it

    private func add(
        _ all: [SoakStream],
        _ viewers: [SoakViewer],
        _ crowd: SoakCrowd.Tally,
        _ report: inout Report
    ) {
        let healthy = viewers.filter { $0.stream.isHealthy }
        for output in SoakOutput.allCases {
            let tallies = healthy.filter { $0.output == output }.map(\.tally)
            let pictures = tallies.reduce(0) { $0 + $1.pictures }
            report.add("Healthy, \(output): viewers", Double(tallies.count), "")
            report.add("Healthy, \(output): pictures seen", Double(pictures), "")
            report.add(
                "Healthy, \(output): pictures missing",
                Double(tallies.reduce(0) { $0 + $1.missing }),
                "",
                target: 0
            )
            report.add(
                "Healthy, \(output): viewers dropped",
                Double(tallies.reduce(0) { $0 + $1.drops }),
                "",
                target: 0
            )
            report.add("Healthy, \(output): longest pause", tallies.map(\.longestPause).max() ?? 0, "s")
        }
        let deaths = all.map(\.deaths)
        report.add("Cameras killed", Double(deaths.reduce(0) { $0 + $1.killed }), "")
        report.add("Cameras that closed", Double(deaths.reduce(0) { $0 + $1.closed }), "")
        report.add("Returns within live.grace", Double(deaths.reduce(0) { $0 + $1.short }), "")
        report.add("Returns after it", Double(deaths.reduce(0) { $0 + $1.long }), "")
        let orphans = viewers.filter { !$0.stream.isHealthy }.map(\.tally)
        report.add(
            "Viewers dropped within live.grace",
            Double(orphans.reduce(0) { $0 + $1.drops }),
            "",
            target: 0
        )
        report.add(
            "Viewers without a picture at the next death",
            Double(orphans.reduce(0) { $0 + $1.missedReturns }),
            "",
            target: 0
        )
        let returns = orphans.flatMap(\.returns)
        report.add("Pictures that came back to a viewer", Double(returns.count), "")
        report.add("From the camera's start to its viewer, p50", returns.percentile(0.5), "s")
        report.add("From the camera's start to its viewer, p99", returns.percentile(0.99), "s")
        report.add("From the camera's start to its viewer, slowest", returns.max() ?? .nan, "s")
        report.add("Visitors", Double(crowd.visits), "")
        report.add("Visitors of healthy cameras without a picture", Double(crowd.blind), "", target: 0)
        report.add("Call to first picture of visitors, p50", crowd.firstPictures.percentile(0.5) * 1000, "ms")
        report.add("Read by \(Self.dawdlers) slow viewers", Double(crowd.slowOctets) / 1e6, "MB")
        report.add("Connections of slow viewers", Double(crowd.slowConnections), "")
    }

    private func addEnds(of platform: PlatformUnderTest, _ report: inout Report) async throws {
        for (name, labels, value) in try await platform.metrics.series([
            "vedette_media_ended_total", "vedette_media_refused_total", "vedette_srt_packets_lost_total",
            "vedette_srt_packets_skipped_total", "vedette_media_batches_skipped_total",
            "vedette_media_displacements_total", "vedette_hls_pictures_dropped_total",
        ]) where value > 0 {
            report.add(name.replacing("vedette_", with: "") + " " + labels, value, "")
        }
    }
}
