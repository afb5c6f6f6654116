import Bus
import Foundation
import HSSModel
import SRTTransport
import Testing

@testable import MediaDistribution

/// §9.3.3.1.1: a push that breaks and is renewed is one stream for those who watch.
@Suite("A stream goes on over its publishers", .timeLimit(.minutes(2))) struct ContinuityTests {
    private let stream = StreamID(unchecked: "cam1-0")

    /// FFmpeg watches over both protocols while the publisher, another one, is killed and started anew.
    @Test func ffmpegPlaysOnOverAKilledPublisher() async throws {
        let clip = try await Clip.shared.value
        try await RunningMedia.run { platform in
            let first = try platform.publish(clip, to: try await platform.order(stream), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let play = try await platform.play(stream)
            let players = try [play.srt, play.http].map {
                try Tool("ffmpeg", ["-v", "error", "-i", $0, "-map", "0:v", "-f", "framecrc", "-"])
            }
            #expect(await platform.events.viewers(2))
            for player in players { try await wait(for: 10, from: player) }
            first.signal(SIGKILL)
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            let before = players.map(frames)
            let second = try platform.publish(clip, to: try await platform.order(stream, epoch: 2))
            #expect(await second.waitForExit() == 0)
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(2), .closedByPeer)))
            let dropped = await platform.events.all.contains {
                if case .viewerLeft = $0 { true } else { false }
            }
            #expect(!dropped, "the same connections, all the time")
            await platform.media.close(stream)
            for (player, before) in zip(players, before) {
                #expect(await player.waitForExit() == 0, "\(player.output.suffix(500))")
                // All of the second clip but its last moments, which ffmpeg drops when it closes.
                #expect(frames(player) - before >= Clip.frames * 3 / 4)
            }
        }
    }

    /// H.222.0, 2.4.3.5: the jump of clock and counters is marked, so that nothing looks lost.
    @Test func theJumpIsMarkedAndEveryPictureDecodes() async throws {
        let bytes = [UInt8](try Data(contentsOf: try await Clip.shared.value))
        let file = try temporaryFolder().appending(path: "joined.ts").path
        try await RunningMedia.run { platform in
            let first = try platform.connect(try await platform.order(stream))
            try await platform.send(bytes.prefix(26_320), on: first)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let curl = try Tool("curl", ["-sS", "-o", file, try await platform.play(stream).http])
            #expect(await platform.events.viewers(1))
            try await platform.send(bytes.dropFirst(26_320), on: first)
            first.close()
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            let second = try platform.connect(try await platform.order(stream, epoch: 2))
            try await platform.send(bytes, on: second)
            second.close()
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(2), .closedByPeer)))
            await platform.media.close(stream)
            #expect(await curl.waitForExit() == 0)
        }
        let joined = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        #expect(joined.count > 2 * bytes.count && joined.count % 188 == 0)
        let (jumps, marks) = Self.counters(joined)
        #expect(jumps == 0 && marks == 2, "one for the pictures, one for the sound")
        let decoded = try Tool("ffmpeg", ["-v", "warning", "-i", file, "-map", "0:v", "-f", "framecrc", "-"])
        #expect(await decoded.waitForExit() == 0)
        #expect(frames(decoded) == 2 * Clip.frames)
        #expect(!decoded.output.lowercased().contains("corrupt"), "\(decoded.output.prefix(500))")
    }

    /// Jumps of counters that nothing announces, and packets that announce one, in pictures and sound.
    private static func counters(_ octets: [UInt8]) -> (jumps: Int, marks: Int) {
        var last: [Int: UInt8] = [:]
        var (jumps, marks) = (0, 0)
        for start in stride(from: 0, to: octets.count, by: 188) {
            let pid = Int(octets[start + 1] & 0x1F) << 8 | Int(octets[start + 2])
            guard pid == 0x100 || pid == 0x101 else { continue }
            let control = octets[start + 3]
            let isMarked = control & 0x20 != 0 && octets[start + 4] > 0 && octets[start + 5] & 0x80 != 0
            if isMarked, control & 0x10 == 0 { marks += 1 }
            if control & 0x10 != 0, let before = last[pid], !isMarked, control & 0x0F != (before + 1) & 0x0F {
                jumps += 1
            }
            last[pid] = control & 0x0F
        }
        return (jumps, marks)
    }

    /// Lines of ffmpeg's framecrc, one for each picture.
    private func frames(_ player: Tool) -> Int {
        player.output.split(separator: "\n").count { $0.hasPrefix("0,") }
    }

    private func wait(for count: Int, from player: Tool) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while frames(player) < count, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(frames(player) >= count, "\(player.output.suffix(500))")
    }
}
