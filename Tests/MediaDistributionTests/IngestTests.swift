import Bus
import Foundation
import HSSModel
import SRTTransport
import Testing

@testable import MediaDistribution

/// §9.3.3.1.1 step 4: the unit's stream is taken where customers can play it, and refused with a reason where not, before
/// anybody is told that it runs.
@Suite("What a unit may publish", .timeLimit(.minutes(4))) struct IngestTests {
    private let stream = StreamID(unchecked: "cam1-0")

    private func expect(
        _ reason: MediaEnd,
        _ platform: RunningMedia
    ) async {
        #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), reason)))
        #expect(await !platform.events.all.contains(.published(stream, Epoch(1))))
        let series = "vedette_media_ended_total{role=\"publisher\",reason=\"\(reason.rawValue)\"}"
        #expect(platform.metric(series) == 1)
    }

    /// FFmpeg as a camera of another time.
    @Test func picturesThatPlayersNeedNotKnowAreRefused() async throws {
        let path = try temporaryFolder().appending(path: "old.ts").path
        try await Tool.run(
            "ffmpeg",
            [
                "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-t", "4", "-c:v",
                "mpeg2video", "-f", "mpegts", path,
            ]
        )
        try await RunningMedia.run { platform in
            let unit = try platform.publish(
                URL(fileURLWithPath: path),
                to: try await platform.order(stream),
                loops: -1
            )
            await expect(.unsupportedCodec, platform)
            await unit.waitForExit()
        }
    }

    @Test func aProgrammeOfSoundAloneIsTaken() async throws {
        let path = try temporaryFolder().appending(path: "sound.ts").path
        try await Tool.run(
            "ffmpeg",
            [
                "-v", "error", "-f", "lavfi", "-i", "sine=frequency=440", "-t", "4", "-c:a", "aac", "-f",
                "mpegts", path,
            ]
        )
        try await RunningMedia.run { platform in
            let unit = try platform.publish(
                URL(fileURLWithPath: path),
                to: try await platform.order(stream),
                loops: -1
            )
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            #expect(await platform.media.streams().first?.contents == StreamContents(audio: "aac"))
            unit.signal(SIGKILL)
        }
    }

    /// A map with nothing to see or hear in it, and no map at all: given up after half of `live.silence`.
    @Test(arguments: [MediaEnd.noMedia, .noProgramme]) func anEmptyStreamIsRefused(
        reason: MediaEnd
    ) async throws {
        let settings = RunningMedia.settings { $0.limits.silence = .seconds(2) }
        try await RunningMedia.run(settings) { platform in
            let unit = try platform.connect(try await platform.order(stream))
            let association = Self.packet(pid: 0, Self.section([0x00, 0, 1, 0xC1, 0, 0, 0, 1, 0xE0, 0x20]))
            // One stream of private sections (type 5).
            let map = Self.packet(
                pid: 0x20,
                Self.section([0x02, 0, 1, 0xC1, 0, 0, 0xE1, 0, 0xF0, 0, 5, 0xE1, 0, 0xF0, 0])
            )
            let tables = reason == .noMedia ? association + map : association
            let sending = Task {
                while !Task.isCancelled { try await platform.send(tables, on: unit) }
            }
            await expect(reason, platform)
            sending.cancel()
            unit.close()
        }
    }

    /// Table id and what follows the length; the length and the checksum of annex A are put to it.
    private static func section(_ body: [UInt8]) -> [UInt8] {
        let length = body.count - 1 + 4
        let section = [body[0], 0xB0 | UInt8(length >> 8), UInt8(length & 0xFF)] + body.dropFirst()
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in section {
            crc ^= UInt32(byte) << 24
            for _ in 0..<8 { crc = crc & 0x8000_0000 != 0 ? crc << 1 ^ 0x04C1_1DB7 : crc << 1 }
        }
        return section + (0..<4).map { UInt8(truncatingIfNeeded: crc >> (24 - 8 * $0)) }
    }

    private static func packet(pid: UInt16, _ section: [UInt8]) -> [UInt8] {
        let head: [UInt8] = [0x47, 0x40 | UInt8(pid >> 8), UInt8(pid & 0xFF), 0x10, 0]
        return head + section + [UInt8](repeating: 0xFF, count: 188 - head.count - section.count)
    }
}
