import Bus
import Foundation
import HSSModel
import Testing

@testable import MediaDistribution

/// Programs that customers and makers have: nothing of ours stands at the other end.
@Suite("Real peers publish and watch", .timeLimit(.minutes(1))) struct RealPeerTests {
    private let stream = StreamID(unchecked: "cam1-0")

    /// Every frame that ffmpeg publishes arrives, at a viewer of each protocol.
    @Test func everyFrameArrivesOverSRTAndHTTP() async throws {
        let clip = try await Clip.shared.value
        let stream = stream
        try await RunningMedia.run { platform in
            let publisher = try platform.publish(clip, to: try await platform.order(stream))
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let play = try await platform.play(stream)
            let folder = try temporaryFolder()
            let srtFile = folder.appending(path: "srt.ts").path
            let httpFile = folder.appending(path: "http.ts").path
            let srt = try Tool(
                "ffmpeg",
                ["-v", "error", "-i", play.srt, "-c", "copy", "-copyts", "-f", "mpegts", srtFile]
            )
            let http = try Tool("curl", ["-sS", "-o", httpFile, play.http])
            let relayed = folder.appending(path: "slt.ts").path
            let transmit = try Tool(
                "srt-live-transmit",
                ["-q", "-a:no", "-loglevel:fatal", play.srt, "file://con"],
                outputTo: relayed
            )
            #expect(
                await platform.events.first { if case .viewerJoined(_, _, 3) = $0 { true } else { false } }
                    != nil
            )
            #expect(await publisher.waitForExit() == 0, "\(publisher.output)")
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            await platform.media.close(stream)
            await http.waitForExit()
            await srt.waitForExit()
            await transmit.waitForExit()
            #expect(platform.metric("vedette_srt_packets_lost_total") == 0)
            for file in [srtFile, httpFile, relayed] {
                let found = try await Clip.probe(file)
                #expect(found.frames == Clip.frames, "\(file) \(srt.output)")
                #expect(found.codecs == "aac,h264")
            }
        }
    }
}

func temporaryFolder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appending(path: "vedette-media-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
}
