import Bus
import Foundation
import HSSModel
import HostClock
import SRTTransport
import ServerKit
import Synchronization
import Testing

@testable import MediaDistribution

/// Links that lose datagrams, in both directions: SRT repeats them, the MDU puts them in order.
@Suite("Over links that lose", .timeLimit(.minutes(4))) struct LossTests {
    private let stream = StreamID(unchecked: "cam1-0")

    private func bytes() async throws -> [UInt8] {
        [UInt8](try Data(contentsOf: try await Clip.shared.value))
    }

    private func detour(_ address: String, _ platform: RunningMedia, _ link: LossyLink) -> String {
        address.replacing("127.0.0.1:\(platform.media.port)", with: "127.0.0.1:\(link.port)")
    }

    /// Every fiftieth to tenth datagram of unit and of viewer is lost, each with its own luck: every picture arrives.
    @Test(arguments: [(0.02, 1), (0.1, 2)]) func everyPictureArrives(share: Double, seed: UInt64) async throws
    {
        let bytes = try await bytes()
        let settings = RunningMedia.settings { $0.latency = .seconds(2) }
        try await RunningMedia.run(settings) { platform in
            let port = platform.media.port
            let links = try [seed, seed + 100].map {
                try LossyLink(to: port, losing: .share(share, seed: $0))
            }
            defer { for link in links { link.stop() } }
            let unit = try platform.connect(detour(try await platform.order(stream), platform, links[0]))
            try await platform.send(bytes.prefix(26_320), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let files = try ["far.ts", "near.ts"].map { try temporaryFolder().appending(path: $0).path }
            let far = detour(try await platform.play(stream, lease: "far").srt, platform, links[1])
            let players = [
                try Tool("srt-live-transmit", ["-q", "-a:no", far, "file://con"], outputTo: files[0]),
                try Tool(
                    "curl",
                    ["-sS", "-o", files[1], try await platform.play(stream, lease: "near").http]
                ),
            ]
            #expect(await platform.events.viewers(2))
            try await platform.send(bytes.dropFirst(26_320), on: unit)
            unit.close()
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            await platform.media.close(stream)
            for (player, file) in zip(players, files) {
                await player.waitForExit()
                let contents = try await Clip.probe(file)
                #expect(contents.pictures.count == Clip.frames && contents.gaps == 0, "\(file), seed \(seed)")
            }
            #expect(platform.metric("vedette_srt_packets_lost_total") == 0)
            #expect(links.allSatisfy { $0.losses > 0 })
        }
    }

    /// What is lost for 300 ms, however often it is repeated, holds up what follows it for the latency of 60 ms, and no
    /// longer; what follows is all there, in order, and what comes in the end is not shown late.
    @Test func whatComesTooLateIsGivenUpAfterTheLatency() async throws {
        let bytes = try await bytes()
        let settings = RunningMedia.settings {
            $0.latency = .milliseconds(60)
            $0.encryption = .off
        }
        try await RunningMedia.run(settings) { platform in
            let seen = Mutex<[UInt8: Instant]>([:])
            let link = try LossyLink(
                to: platform.media.port,
                losing: .rule { direction, datagram in
                    // A data packet (draft-sharabayko-srt-01, 3.1) by the first octets of its payload.
                    guard direction == .toServer, datagram.count > 100, datagram[0] & 0x80 == 0,
                        datagram.dropFirst(16 + 4).starts(with: Self.mark)
                    else { return false }
                    let now = Instant.now
                    let first = seen.withLock { seen in
                        seen[datagram[24]] = seen[datagram[24]] ?? now
                        return seen[datagram[24]] ?? now
                    }
                    return now - first < .milliseconds(300)
                }
            )
            defer { link.stop() }
            let unit = try platform.connect(detour(try await platform.order(stream), platform, link))
            try await platform.send(bytes.prefix(26_320), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let file = try temporaryFolder().appending(path: "good.ts").path
            let player = try Tool("curl", ["-sS", "-o", file, try await platform.play(stream).http])
            #expect(await platform.events.viewers(1))
            // Null packets, some of which come too late.
            let null: [UInt8] = [0x47, 0x1F, 0xFF, 0x10] + [UInt8](repeating: 0xFF, count: 184)
            let filler = Array(repeatElement(null, count: 7).joined())
            try await platform.send(bytes.dropFirst(26_320).prefix(131_600), on: unit)
            for number in UInt8(0)..<3 {
                var late = filler
                late.replaceSubrange(4..<9, with: Self.mark + [number])
                // The next message shows the hole.
                try await platform.send(late + filler, on: unit)
            }
            try await platform.send(bytes.dropFirst(26_320 + 131_600), on: unit)
            unit.close()
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            await platform.media.close(stream)
            await player.waitForExit()
            #expect(try await Clip.probe(file).pictures.count == Clip.frames)
            #expect(platform.metric("vedette_srt_packets_lost_total") == 3)
            #expect(platform.metric("vedette_srt_packets_late_total") >= 3)
            #expect(link.losses >= 3)
        }
    }

    /// One camera behind a bad link, one as all others: whatever is lost on the way, and its repetitions for 300 ms, is lost
    /// for the one with the latency of all, and not for the one that was given more.
    @Test func theLatencyOfOneStreamIsItsOwn() async throws {
        let bytes = try await bytes()
        let settings = RunningMedia.settings { $0.latency = .milliseconds(120) }
        try await RunningMedia.run(settings) { platform in
            let other = StreamID(unchecked: "cam2-0")
            let links = try (0..<2).map { _ in
                let seen = Mutex<[UInt32: Instant]>([:])
                return try LossyLink(
                    to: platform.media.port,
                    losing: .rule { direction, datagram in
                        // Every fortieth data packet by its number (draft-sharabayko-srt-01, 3.1).
                        guard direction == .toServer, datagram.count > 100, datagram[0] & 0x80 == 0 else {
                            return false
                        }
                        let number = UInt32(bigEndian: datagram.loadUnaligned(as: UInt32.self))
                        guard number % 40 == 39 else { return false }
                        let now = Instant.now
                        let first = seen.withLock { seen in
                            seen[number] = seen[number] ?? now
                            return seen[number] ?? now
                        }
                        return now - first < .milliseconds(300)
                    }
                )
            }
            defer { for link in links { link.stop() } }
            let usual = try await platform.order(other)
            let patient = try await platform.order(stream, latency: .milliseconds(800))
            #expect(usual.contains("latency=120") && patient.contains("latency=800"))
            let unit = try platform.connect(detour(patient, platform, links[0]))
            let neighbour = try platform.connect(detour(usual, platform, links[1]))
            let file = try temporaryFolder().appending(path: "patient.ts").path
            for socket in [unit, neighbour] { try await platform.send(bytes.prefix(26_320), on: socket) }
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            #expect(await platform.events.wait(for: .published(other, Epoch(1))))
            let player = try Tool("curl", ["-sS", "-o", file, try await platform.play(stream).http])
            #expect(await platform.events.viewers(1))
            let shown = try #require(await platform.media.stream(stream, viewersAfter: nil, limit: 0))
            #expect(shown.publisher?.latency == .milliseconds(800))
            async let first: Void = platform.send(bytes.dropFirst(26_320), on: unit)
            async let second: Void = platform.send(bytes.dropFirst(26_320), on: neighbour)
            _ = try await (first, second)
            #expect(links.allSatisfy { $0.losses > 0 })
            for socket in [unit, neighbour] { socket.close() }
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            #expect(await platform.events.wait(for: .unpublished(other, Epoch(1), .closedByPeer)))
            #expect(platform.metric("vedette_srt_packets_lost_total") > 0)
            #expect(await platform.media.streams().map(\.packetsLost) == [0], "the patient one is watched")
            await platform.media.close(stream)
            await player.waitForExit()
            let contents = try await Clip.probe(file)
            #expect(contents.pictures.count == Clip.frames && contents.gaps == 0)
        }
    }

    private static let mark: [UInt8] = [0xDE, 0xAD, 0xBE, 0xEF]

    /// A viewer whose link goes dead, and a unit that nobody hears any more: others notice nothing, and both are ended.
    @Test func aDeadLinkHurtsNobodyElse() async throws {
        let bytes = try await bytes()
        try await RunningMedia.run { platform in
            let other = StreamID(unchecked: "cam2-0")
            let isDead = Flag()
            let links = try (0..<2).map { _ in
                try LossyLink(to: platform.media.port, losing: .rule { _, _ in isDead.isSet })
            }
            defer { for link in links { link.stop() } }
            let mute = try platform.connect(detour(try await platform.order(other), platform, links[0]))
            let unit = try platform.connect(try await platform.order(stream))
            for socket in [mute, unit] { try await platform.send(bytes.prefix(26_320), on: socket) }
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            #expect(await platform.events.wait(for: .published(other, Epoch(1))))
            let file = try temporaryFolder().appending(path: "good.ts").path
            let far = detour(try await platform.play(stream, lease: "far").srt, platform, links[1])
            let dying = try Tool(
                "srt-live-transmit",
                ["-q", "-a:no", far, "file://con"],
                outputTo: "/dev/null"
            )
            let good = try Tool(
                "srt-live-transmit",
                ["-q", "-a:no", try await platform.play(stream, lease: "good").srt, "file://con"],
                outputTo: file
            )
            #expect(await platform.events.viewers(2))
            isDead.set()
            try await platform.send(bytes.dropFirst(26_320), on: unit)
            for _ in 0..<4 { try await platform.send(bytes, on: unit) }
            #expect(await platform.events.left("far"))
            #expect(await platform.events.wait(for: .unpublished(other, Epoch(1), .closedByPeer)))
            unit.close()
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            await platform.media.close(stream)
            await good.waitForExit()
            #expect(try await Clip.probe(file).pictures.count == 5 * Clip.frames)
            dying.signal(SIGKILL)
            mute.close()
        }
    }
}
