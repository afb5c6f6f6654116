import AsyncHTTPClient
import CustomerUnit
import Foundation
import HSSModel
import HostClock
import MediaFormats
import NIOCore
import PremisesUnit
import Synchronization

/// What a first picture costs with a camera whose encoder runs all the time: H.627.2 has no request for a key frame, so that
/// the push begins with the next one that comes by itself.
struct ColdBenchmark {
    private static let ports = 23_500
    private static let device = "bench-cold-0"
    private static let path = "/devices/\(device)/channels/0/live"

    let vedette: String
    let folder: String
    let pictures: Int

    func run(_ report: inout Report) async throws {
        say("cold start, \(pictures) pictures for each distance of key frames")
        let platform = try await PlatformUnderTest(
            vedette: vedette,
            folder: folder,
            ports: Self.ports,
            ["LIVE_LINGER": "0s"]
        )
        let file = folder + "/camera.txt"
        try await platform.enrol(1, "bench-cold-", into: [file])
        let fields = try String(contentsOfFile: file, encoding: .utf8).split(separator: " ").map(String.init)
        guard fields.count == 3 else { throw BenchmarkError.platform("no credentials of a camera") }
        for seconds in [1, 2, 4] {
            let source = FrameSource(hasAudio: false)
            let camera = try Camera(
                Camera.Configuration(
                    platform: platform.address,
                    deviceID: fields[0],
                    macIdentity: fields[1],
                    loginPassword: fields[2],
                    hardwareModel: "bench",
                    firmwareModel: "1",
                    authorityFile: platform.authorityFile
                ),
                source: source
            )
            let encoder = Encoder(into: source, keyFrameInterval: seconds * 25)
            let running = Task { try await camera.run() }
            try await platform.waitUntil("vedette_vd_connections", reaches: 1, within: .seconds(20))
            var times: [Double] = []
            for number in 0..<pictures {
                // At another moment of the group each time.
                try await Task.sleep(for: .milliseconds(number * 370 % (seconds * 1000)))
                times.append(try await firstPicture(platform))
            }
            report.add(
                "Call to key frame, cold, one in \(seconds) s: p50",
                times.percentile(0.5) * 1000,
                "ms"
            )
            report.add(
                "Call to key frame, cold, one in \(seconds) s: slowest",
                (times.max() ?? .nan) * 1000,
                "ms"
            )
            encoder.stop()
            running.cancel()
            _ = await running.result
            try await platform.waitUntil("vedette_vd_connections", reaches: 0, within: .seconds(20))
        }
        await platform.stop()
    }

    private func firstPicture(_ platform: PlatformUnderTest) async throws -> Double {
        try await platform.waitUntil("vedette_media_streams", reaches: 0, within: .seconds(20))
        try await platform.waitUntil("vedette_media_viewers", reaches: 0, within: .seconds(20))
        let start = Instant.now
        let live: LiveAnswer = try await platform.client.call(.post, Self.path)
        var picture = KeyFrameSearch()
        for try await buffer in try await platform.client.open(url: live.play.ts) {
            if buffer.withUnsafeReadableBytes({ picture.isFound(in: $0) }) { break }
        }
        let end = Instant.now
        let _: PlatformClient.Nothing = try await platform.client.call(
            .delete,
            Self.path + "?lease=\(live.lease)"
        )
        guard picture.found else { throw BenchmarkError.measurement("the stream ended without a key frame") }
        return (end - start).inSeconds
    }

    /// 25 pictures in a second, whether anybody looks or not.
    private final class Encoder: Sendable {
        private static let distance = Duration.milliseconds(40)
        private let isStopped = Atomic(false)

        init(into source: FrameSource, keyFrameInterval: Int) {
            Thread { [self] in
                var pattern = TestPattern(keyFrameInterval: keyFrameInterval)
                let start = Instant.now
                while !isStopped.load(ordering: .relaxed) {
                    let time = Self.distance * pattern.frame
                    let wait = start + time - .now
                    if wait > .zero { Thread.sleep(forTimeInterval: wait.inSeconds) }
                    let unit = pattern.next()
                    source.sendVideo(unit.bytes, presentation: time, isKeyFrame: unit.isKeyFrame)
                }
            }.start()
        }

        func stop() { isStopped.store(true, ordering: .relaxed) }
    }
}
