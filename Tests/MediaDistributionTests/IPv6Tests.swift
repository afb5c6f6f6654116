import Bus
import Foundation
import HSSModel
import SRTTransport
import Testing

@testable import MediaDistribution

/// One UDP port for both families: `::` listens for IPv6 and IPv4 (issue 4, "Ingest").
@Suite("Over IPv6", .timeLimit(.minutes(4))) struct IPv6Tests {
    @Test func ffmpegPublishesAndBothFamiliesWatch() async throws {
        let clip = try await Clip.shared.value
        let settings = RunningMedia.settings {
            $0.host = "::"
            $0.domain = "::1"
        }
        try await RunningMedia.run(settings) { platform in
            let stream = StreamID(unchecked: "cam1-0")
            let address = try await platform.order(stream)
            #expect(address.hasPrefix("srt://[::1]:\(platform.media.port)?"))
            let publisher = try platform.publish(clip, to: address, loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let six = try await platform.play(stream, lease: "six").srt
            let four = try await platform.play(stream, lease: "four").srt
                .replacing("[::1]", with: "127.0.0.1")
            #expect(
                try await platform.media.play(
                    stream,
                    lease: LeaseID(unchecked: "http"),
                    validFor: .seconds(9)
                ).ts.reveal().hasPrefix("https://[::1]:8443/live/")
            )
            for (lease, play) in [("six", six), ("four", four)] {
                let file = try temporaryFolder().appending(path: "\(lease).ts").path
                let ffmpeg = try Tool(
                    "ffmpeg",
                    ["-v", "error", "-t", "1", "-i", play, "-c", "copy", "-f", "mpegts", file]
                )
                #expect(await ffmpeg.waitForExit() == 0, "\(ffmpeg.output)")
                #expect(try await Clip.probe(file).pictures.count >= 20)
                #expect(await platform.events.left(lease))
            }
            let detail = try #require(await platform.media.stream(stream, viewersAfter: nil, limit: 1))
            #expect(detail.publisher?.peer?.hasPrefix("[0:0:0:0:0:0:0:1]:") ?? false)
            publisher.signal(SIGKILL)
        }
    }

    /// A unit that may use either family is one publisher: the newer epoch takes over across them.
    @Test func aPeerHasOneKeyInEitherFamily() async throws {
        let bytes = [UInt8](try Data(contentsOf: try await Clip.shared.value))
        let settings = RunningMedia.settings {
            $0.host = "::"
            $0.domain = "::1"
        }
        try await RunningMedia.run(settings) { platform in
            let stream = StreamID(unchecked: "cam1-0")
            let old = try platform.connect(try await platform.order(stream, epoch: 1))
            try await platform.send(bytes.prefix(26_320), on: old)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let next = try await platform.order(stream, epoch: 2).replacing("[::1]", with: "127.0.0.1")
            let new = try platform.connect(next)
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .displaced)))
            try await platform.send(bytes.prefix(26_320), on: new)
            #expect(await platform.events.wait(for: .published(stream, Epoch(2))))
            let detail = try #require(await platform.media.stream(stream, viewersAfter: nil, limit: 1))
            #expect(detail.publisher?.peer?.hasPrefix("127.0.0.1:") ?? false, "IPv4 as IPv4")
            for socket in [old, new] { socket.close() }
        }
    }
}
