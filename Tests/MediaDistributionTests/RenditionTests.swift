import Bus
import Foundation
import HSSModel
import HostClock
import SRTTransport
import Testing

@testable import MediaDistribution

/// H.627.2, 8.2 b: transcoding. Real units send, FFmpeg makes the renditions and FFmpeg looks at them.
@Suite("Renditions", .timeLimit(.minutes(3))) struct RenditionTests {
    private let stream = StreamID(unchecked: "cam1-0")

    /// H.265 and G.711, which browsers do not play, as H.264 and AAC over every output; one process for all of them.
    @Test func theCompatibleOneIsPlayedOverEveryOutput() async throws {
        let clip = try await RenditionClip.cameras.make()
        try await RunningMedia.run { platform in
            let unit = try platform.push(clip, to: try await platform.order(stream))
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            #expect(await platform.status(stream)?.stream.contents == .init(video: "h265", audio: "g711"))
            let play = try await platform.play(stream, .compatible)
            try await withThrowingTaskGroup(of: String.self) { tasks in
                for address in [play.srt, play.http, play.hls] {
                    tasks.addTask { try await RenditionClip.look(at: address) }
                }
                for try await found in tasks { #expect(found == "aac h264 320x240") }
            }
            #expect(platform.metric("vedette_renditions_started_total") == 1)
            #expect(platform.metric("vedette_renditions_failed_total{reason=\"crashed\"}") == 0)
            unit.stop()
        }
    }

    /// Sound alone is made, and the pictures are those of the unit, octet for octet as they were coded.
    @Test func whatFitsIsCopied() async throws {
        let clip = try await RenditionClip.oldSound.make()
        try await RunningMedia.run { platform in
            let unit = try platform.push(clip, to: try await platform.order(stream))
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let file = try temporaryFolder().appending(path: "copied.ts").path
            let play = try await platform.play(stream, .compatible)
            try await Tool.run("ffmpeg", ["-v", "error", "-i", play.http, "-t", "2", "-c", "copy", file])
            #expect(try await Clip.probe(file).codecs == "aac,h264")
            let (copied, sent) = (
                try await RenditionClip.pictures(file), try await RenditionClip.pictures(clip.path)
            )
            let isCopied = Set(copied).isSubset(of: sent)
            #expect(copied.count > 30 && isCopied)
            unit.stop()
        }
    }

    /// What everybody plays already is the original: there is nothing to be made.
    @Test func whatFitsAltogetherIsTheOriginal() async throws {
        let clip = try await Clip.shared.value
        try await RunningMedia.run { platform in
            let unit = try platform.publish(clip, to: try await platform.order(stream), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let play = try await platform.play(stream, .compatible)
            #expect(try await RenditionClip.look(at: play.http) == "aac h264 320x240")
            #expect(platform.metric("vedette_renditions_started_total") == 0)
            unit.signal(SIGKILL)
        }
    }

    @Test func theSmallOneIsSmall() async throws {
        let clip = try await RenditionClip.large.make()
        try await RunningMedia.run { platform in
            let unit = try platform.publish(clip.url, to: try await platform.order(stream), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let file = try temporaryFolder().appending(path: "small.ts").path
            let play = try await platform.play(stream, .small)
            try await Tool.run("ffmpeg", ["-v", "error", "-i", play.srt, "-t", "5", "-c", "copy", file])
            #expect(try await RenditionClip.look(at: file) == "aac h264 640x360")
            let pictures = try await Clip.probe(file).pictures
            let seconds = Double((pictures.max() ?? 0) - (pictures.min() ?? 0)) / 90_000
            let rate = Double(pictures.count) / seconds
            #expect(rate > 6 && rate < 11, "\(rate) pictures a second")
            let size = try #require(try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int)
            #expect(Double(size) * 8 / seconds < 600_000, "with sound and the transport's own")
            let status = try #require(await platform.status(stream)?.renditions.first)
            #expect(status.rendition == .small && status.activity == .running && status.restarts == 0)
            unit.signal(SIGKILL)
        }
    }

    /// Shared by all, ended after the last; its viewers are viewers of the stream.
    @Test func itEndsSomeTimeAfterItsLastViewer() async throws {
        let clip = try await Clip.shared.value
        var settings = RunningMedia.settings()
        settings.limits.renditionLinger = .milliseconds(300)
        try await RunningMedia.run(settings) { platform in
            let unit = try platform.publish(clip, to: try await platform.order(stream), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let address = try await platform.play(stream, .small)
            let players = try [address.srt, address.http].map {
                try Tool("ffmpeg", ["-v", "error", "-i", $0, "-f", "framecrc", "-"])
            }
            #expect(await platform.events.viewers(2))
            try await platform.wait { $0.processes(of: stream).count == 1 }
            let process = try #require(platform.processes(of: stream).first)
            let detail = try #require(await platform.status(stream))
            #expect(detail.stream.viewers == 2 && detail.renditions.first?.viewers == 2)
            #expect(detail.viewers.map(\.rendition) == [.small, .small])
            for player in players { try await platform.wait { _ in player.frames >= 5 } }
            #expect(kill(process, 0) == 0)
            for player in players { player.signal(SIGKILL) }
            try await platform.wait { _ in kill(process, 0) == -1 && errno == ESRCH }
            try await platform.wait { $0.metric("vedette_renditions") == 0 }
            #expect(await platform.status(stream)?.renditions == [])
            #expect(platform.metric("vedette_renditions_cpu_seconds_total") > 0)
            unit.signal(SIGKILL)
        }
    }

    /// H.222.0, 2.4.3.5: a process that is killed is followed by another, and viewers go on at a jump that is marked.
    @Test func viewersGoOnOverAKilledProcess() async throws {
        let clip = try await RenditionClip.large.make()
        try await RunningMedia.run { platform in
            let unit = try platform.publish(clip.url, to: try await platform.order(stream), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let file = try temporaryFolder().appending(path: "killed.ts").path
            let player = try Tool("curl", ["-sS", "-o", file, try await platform.play(stream, .small).http])
            try await platform.wait { _ in RenditionClip.size(of: file) > 50_000 }
            kill(try #require(platform.processes(of: stream).first), SIGKILL)
            let before = RenditionClip.size(of: file)
            try await platform.wait { _ in RenditionClip.size(of: file) > before + 100_000 }
            #expect(platform.metric("vedette_renditions_failed_total{reason=\"crashed\"}") == 1)
            #expect(await platform.status(stream)?.renditions.first?.restarts == 1)
            await platform.media.close(stream)
            #expect(await player.waitForExit() == 0, "\(player.output)")
            let decoded = try Tool(
                "ffmpeg",
                ["-v", "warning", "-i", file, "-map", "0:v", "-f", "framecrc", "-"]
            )
            #expect(await decoded.waitForExit() == 0)
            #expect(!decoded.output.lowercased().contains("corrupt"), "\(decoded.output.suffix(500))")
            #expect(decoded.frames > 20)
            let left = await platform.events.all.count { if case .viewerLeft = $0 { true } else { false } }
            #expect(left == 1, "only when the stream was closed")
            unit.signal(SIGKILL)
        }
    }

    /// The unit comes back: same viewers, same process.
    @Test func itGoesOnOverTheUnitsReturn() async throws {
        let clip = try await Clip.shared.value
        try await RunningMedia.run { platform in
            let first = try platform.publish(clip, to: try await platform.order(stream), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let address = try await platform.play(stream, .small).srt
            let player = try Tool(
                "ffmpeg",
                ["-v", "error", "-i", address, "-map", "0:v", "-f", "framecrc", "-"]
            )
            try await platform.wait { _ in player.frames >= 5 }
            let process = platform.processes(of: stream)
            first.signal(SIGKILL)
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            let before = player.frames
            let second = try platform.publish(clip, to: try await platform.order(stream, epoch: 2), loops: -1)
            try await platform.wait { _ in player.frames >= before + 10 }
            #expect(platform.processes(of: stream) == process && process.count == 1)
            #expect(await !platform.events.all.contains { if case .viewerLeft = $0 { true } else { false } })
            second.signal(SIGKILL)
        }
    }

    /// Who watches the original because it was what every browser plays does not get something else in its place.
    @Test func aUnitThatChangesItsCodingEndsWhoCannotPlayIt() async throws {
        let (before, after) = (try await Clip.shared.value, try await RenditionClip.cameras.make())
        try await RunningMedia.run { platform in
            let first = try platform.publish(before, to: try await platform.order(stream), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let compatible = try Tool(
                "curl",
                ["-sS", "-o", "/dev/null", try await platform.play(stream, .compatible).http]
            )
            let other = try Tool(
                "curl",
                ["-sS", "-o", "/dev/null", try await platform.play(stream, lease: "other").http]
            )
            #expect(await platform.events.viewers(2))
            first.signal(SIGKILL)
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            let second = try platform.push(after, to: try await platform.order(stream, epoch: 2))
            let lease = LeaseID(unchecked: "lease-compatible")
            #expect(await platform.events.wait(for: .viewerLeft(stream, lease, viewers: 1, .formatChanged)))
            #expect(await compatible.waitForExit() != 0)
            let play = try await platform.play(stream, .compatible)
            #expect(try await RenditionClip.look(at: play.http) == "aac h264 320x240")
            other.signal(SIGKILL)
            second.stop()
        }
    }

    // MARK: Failures

    @Test func whatCannotBeMadeIsGivenUpAndSaidSo() async throws {
        let clip = try await Clip.shared.value
        var settings = RunningMedia.settings()
        settings.renditions.ffmpeg = "/bin/false"
        try await RunningMedia.run(settings) { platform in
            let unit = try platform.publish(clip, to: try await platform.order(stream), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let play = try await platform.play(stream, .small)
            let began = ContinuousClock.now
            let viewer = try Tool("curl", ["-sS", "-o", "/dev/null", play.http])
            let lease = LeaseID(unchecked: "lease-small")
            #expect(
                await platform.events.wait(for: .viewerLeft(stream, lease, viewers: 0, .transcodingFailed))
            )
            // Each pause is held, and not the first alone: 0.25, 0.5, 1 and 2 s.
            #expect(ContinuousClock.now - began >= .milliseconds(3750))
            #expect(await viewer.waitForExit() != 0, "an answer that is broken off")
            let failures = platform.metric("vedette_renditions_failed_total{reason=\"crashed\"}")
            #expect(failures == Double(RenditionRestarts.mostFailures))
            await #expect(throws: MediaError.transcodingFailed("status 1")) {
                try await platform.play(stream, .small)
            }
            // With an address from before, too; and the original is there.
            #expect(
                try await Tool.run("curl", ["-s", "-w", "%{http_code}", "-o", "/dev/null", play.http])
                    == "503"
            )
            #expect(
                try await RenditionClip.look(at: try await platform.play(stream).http) == "aac h264 320x240"
            )
            unit.signal(SIGKILL)
        }
    }

    /// A process that takes nothing: it is found by the clock, and the viewer of the original notices nothing.
    @Test func aProcessThatHangsHoldsUpNobody() async throws {
        let clip = try await RenditionClip.large.make()
        let sent = [UInt8](try Data(contentsOf: clip.url))
        let script = try temporaryFolder().appending(path: "hangs")
        try "#!/bin/sh\nexec sleep 1000\n".write(to: script, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script.path)
        var settings = RunningMedia.settings()
        settings.renditions.ffmpeg = script.path
        settings.renditions.patience = .seconds(600)
        settings.limits.viewerQueueInBytes = 3 << 19
        try await RunningMedia.run(settings) { platform in
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(sent.prefix(263_200), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let file = try temporaryFolder().appending(path: "original.ts").path
            let original = try Tool("curl", ["-sS", "-o", file, try await platform.play(stream).http])
            let small = try Tool(
                "curl",
                ["-sS", "-o", "/dev/null", try await platform.play(stream, .small).http]
            )
            #expect(await platform.events.viewers(2))
            try await platform.wait { $0.processes(of: stream).count == 1 }
            let rest = PushingUnit(sent.dropFirst(263_200), within: clip.seconds, on: unit)
            try await rest.finish()
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            let status = try #require(await platform.status(stream)?.renditions.first)
            #expect(status.activity == .starting && status.skipped > 0)
            #expect(status.queuedBytes <= 3 << 19)
            let process = try #require(platform.processes(of: stream).first)
            await platform.media.close(stream)
            // Though a write to it is never taken.
            try await platform.wait { _ in kill(process, 0) != 0 }
            #expect(await original.waitForExit() == 0)
            let received = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
            let isTheSame = received.suffix(sent.count - 263_200).elementsEqual(sent.dropFirst(263_200))
            #expect(isTheSame, "octet for octet; \(received.count) of \(sent.count)")
            await small.waitForExit()
        }
    }

    @Test(arguments: [("cat >/dev/null", "hung"), ("exec cat >/dev/null", "crashed")])
    func aProcessThatGivesNothingIsEnded(command: String, reason: String) async throws {
        let clip = try await Clip.shared.value
        let script = try temporaryFolder().appending(path: "swallows")
        try "#!/bin/sh\n\(command)\n".write(to: script, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script.path)
        let settings = RunningMedia.settings {
            $0.renditions.ffmpeg = script.path
            $0.renditions.patience = .milliseconds(200)
        }
        try await RunningMedia.run(settings) { platform in
            let unit = try platform.publish(clip, to: try await platform.order(stream), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let viewer = try Tool(
                "curl",
                ["-sS", "-o", "/dev/null", try await platform.play(stream, .small).http]
            )
            let series = "vedette_renditions_failed_total{reason=\"\(reason)\"}"
            try await platform.wait { $0.metric(series) >= 2 }
            viewer.signal(SIGKILL)
            unit.signal(SIGKILL)
        }
    }

    // MARK: What they may cost

    /// One more is refused, and says what to do; what runs, and the original, go on as they were.
    @Test func beyondTheBudgetTheNewcomerIsRefused() async throws {
        let clip = try await RenditionClip.large.make()
        let sent = [UInt8](try Data(contentsOf: clip.url))
        let second = StreamID(unchecked: "cam2-0")
        var settings = RunningMedia.settings()
        settings.renditions.cores = 0.3
        try await RunningMedia.run(settings) { platform in
            let busy = try platform.publish(clip.url, to: try await platform.order(second), loops: -1)
            #expect(await platform.events.wait(for: .published(second, Epoch(1))))
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(sent.prefix(263_200), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let early = try await platform.play(stream, .small)
            let small = try Tool(
                "curl",
                ["-sS", "-o", "/dev/null", try await platform.play(second, .small).http]
            )
            try await platform.wait { $0.processes(of: second).count == 1 }
            let refusal = await #expect(throws: MediaError.self) { try await platform.play(stream, .small) }
            #expect("\(try #require(refusal))".contains("no more renditions for now"))
            let answer = try await Tool.run("curl", ["-s", "-D", "-", early.http])
            #expect(answer.contains(" 503 ") && answer.lowercased().contains("retry-after"), "\(answer)")
            #expect(platform.metric("vedette_media_refused_total{reason=\"transcoding\"}") == 1)
            // A second viewer of the one that runs costs nothing.
            _ = try await platform.play(second, .small)
            // The original of the one that was refused: every octet, in order.
            let file = try temporaryFolder().appending(path: "original.ts").path
            let original = try Tool("curl", ["-sS", "-o", file, try await platform.play(stream).http])
            #expect(
                await platform.events.wait(
                    for: .viewerJoined(stream, LeaseID(unchecked: "lease"), viewers: 1)
                )
            )
            try await platform.send(sent.dropFirst(263_200), on: unit)
            unit.close()
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            await platform.media.close(stream)
            #expect(await original.waitForExit() == 0)
            let received = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
            let isTheSame = received.suffix(sent.count - 263_200).elementsEqual(sent.dropFirst(263_200))
            #expect(isTheSame, "octet for octet; \(received.count) of \(sent.count)")
            small.signal(SIGKILL)
            busy.signal(SIGKILL)
        }
    }

    @Test func whereTheyAreOffNobodyIsPromisedOne() async throws {
        var (off, missing) = (RunningMedia.settings(), RunningMedia.settings())
        off.renditions.cores = 0
        missing.renditions.ffmpeg = nil
        for (settings, reason) in [
            (off, "transcoding is switched off"), (missing, "ffmpeg is not installed"),
        ] {
            try await RunningMedia.run(settings) { platform in
                await #expect(throws: MediaError.noTranscoding(reason)) {
                    try await platform.media.checkOffer(of: .small)
                }
                try await platform.media.checkOffer(of: .original)
            }
        }
    }
}
