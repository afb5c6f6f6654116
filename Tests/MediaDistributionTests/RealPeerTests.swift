import Bus
import Foundation
import HSSModel
import SRTTransport
import ServerKit
import Testing

@testable import MediaDistribution

/// Programs that customers and makers have: nothing of ours stands at the other end.
@Suite("Real peers publish and watch", .timeLimit(.minutes(4))) struct RealPeerTests {
    private let stream = StreamID(unchecked: "cam1-0")

    /// ffmpeg drops its last moments when it closes, so the count is that of what it sent: no picture is missing between
    /// the first and the last, and three players of two protocols agree.
    @Test func ffmpegPublishesAndThreePlayersWatchEveryPicture() async throws {
        let clip = try await Clip.shared.value
        try await RunningMedia.run { platform in
            let publisher = try platform.publish(clip, to: try await platform.order(stream))
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let watching = try await Watching(platform, stream)
            #expect(await publisher.waitForExit() == 0, "\(publisher.output)")
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            await platform.media.close(stream)
            let seen = try await watching.finish()
            for contents in seen {
                #expect(contents.codecs == "aac,h264")
                #expect(contents.gaps == 0)
                // A player that starts late on a busy machine begins at a later key frame, one each 25 pictures.
                #expect(contents.pictures.count >= Clip.frames / 4)
                #expect((contents.pictures.count - seen[0].pictures.count) % 25 == 0)
            }
            #expect(platform.metric("vedette_srt_packets_lost_total") == 0)
        }
    }

    /// The same with a unit that waits until its last message has arrived: every picture of the file.
    @Test(arguments: [MediaSettings.Encryption.required, .optional, .off])
    func everyPictureArrives(_ encryption: MediaSettings.Encryption) async throws {
        let bytes = [UInt8](try Data(contentsOf: try await Clip.shared.value))
        let settings = RunningMedia.settings { $0.encryption = encryption }
        try await RunningMedia.run(settings) { platform in
            let address = try await platform.order(stream)
            #expect(address.contains("passphrase=") == (encryption != .off))
            let unit = try platform.connect(address)
            try await platform.send(bytes.prefix(26_320), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let watching = try await Watching(platform, stream)
            try await platform.send(bytes.dropFirst(26_320), on: unit)
            unit.close()
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            await platform.media.close(stream)
            for contents in try await watching.finish() {
                #expect(contents.codecs == "aac,h264")
                #expect(contents.pictures.count == Clip.frames)
            }
        }
    }

    /// Customers who leave, over either protocol, and one whose machine dies.
    @Test func aViewerWhoLeavesIsTold() async throws {
        let clip = try await Clip.shared.value
        try await RunningMedia.run { platform in
            let publisher = try platform.publish(clip, to: try await platform.order(stream), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let srt = try await platform.play(stream, lease: "srt").srt
            let dying = try await platform.play(stream, lease: "dying").srt
            let http = try await platform.play(stream, lease: "http").http
            let curl = try Tool("curl", ["-sS", "-o", "/dev/null", http])
            let transmit = try Tool("srt-live-transmit", ["-q", "-a:no", dying, "file://con"])
            #expect(await platform.events.viewers(2))
            let ffmpeg = try Tool("ffmpeg", ["-v", "error", "-t", "1", "-i", srt, "-f", "null", "-"])
            #expect(await platform.events.left("srt"))
            #expect(await ffmpeg.waitForExit() == 0)
            curl.signal(SIGKILL)
            #expect(await platform.events.left("http"))
            transmit.signal(SIGKILL)
            #expect(await platform.events.left("dying"))
            #expect(await platform.media.streams().first?.viewers == 0)
            publisher.signal(SIGKILL)
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
        }
    }

    /// The stream goes on for its viewers when a newer publisher takes over.
    @Test func aNewerEpochTakesOver() async throws {
        let clip = try await Clip.shared.value
        try await RunningMedia.run { platform in
            let old = try platform.publish(clip, to: try await platform.order(stream, epoch: 5), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(5))))
            let older = try await platform.order(stream, epoch: 4)
            #expect(throws: (any Error).self) { try platform.connect(older) }
            let curl = try Tool("curl", ["-sS", "-o", "/dev/null", try await platform.play(stream).http])
            #expect(await platform.events.viewers(1))
            let new = try platform.publish(clip, to: try await platform.order(stream, epoch: 6), loops: -1)
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(5), .displaced)))
            #expect(await platform.events.wait(for: .published(stream, Epoch(6))))
            #expect(await old.waitForExit() != 0)
            let status = await platform.media.streams()
            #expect(status.count == 1 && status[0].viewers == 1 && status[0].epoch == Epoch(6))
            await platform.media.close(stream)
            let left = await platform.events.first { if case .viewerLeft = $0 { true } else { false } }
            #expect(left == .viewerLeft(stream, LeaseID(unchecked: "lease"), viewers: 0, .closedByPlatform))
            #expect(await curl.waitForExit() == 0)
            new.signal(SIGKILL)
        }
    }
}

/// Three players of one stream, all of them watching.
private struct Watching {
    private let players: [Tool]
    private let files: [String]

    init(_ platform: RunningMedia, _ stream: StreamID) async throws {
        let folder = try temporaryFolder()
        files = ["ffmpeg.ts", "transmit.ts", "curl.ts"].map { folder.appending(path: $0).path }
        let play = try await platform.play(stream)
        players = [
            try Tool(
                "ffmpeg",
                ["-v", "error", "-i", play.srt, "-c", "copy", "-copyts", "-f", "mpegts", files[0]]
            ),
            try Tool("srt-live-transmit", ["-q", "-a:no", play.srt, "file://con"], outputTo: files[1]),
            try Tool("curl", ["-sS", "-o", files[2], play.http]),
        ]
        #expect(await platform.events.viewers(3))
    }

    func finish() async throws -> [Clip.Contents] {
        for player in players { await player.waitForExit() }
        var contents: [Clip.Contents] = []
        for file in files { contents.append(try await Clip.probe(file)) }
        return contents
    }
}

func temporaryFolder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appending(path: "vedette-media-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
}
