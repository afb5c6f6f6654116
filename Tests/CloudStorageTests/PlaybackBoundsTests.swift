import Bus
import HSSModel
import HTTPTypes
import HostClock
import Synchronization
import TestSupport
import Testing
import Vr

@testable import CloudStorage

/// What one who plays may cost.
@Suite("Bounds of playback") struct PlaybackBoundsTests {
    private func view(_ bench: PlaybackBench, _ range: Range<WallTime>) -> String {
        PlaybackTicket(
            purpose: .view,
            user: PlaybackBench.anna,
            recorded: PlaybackBench.recorded,
            range: range,
            expiresAt: .now + .seconds(60)
        ).text(key: bench.key).reveal()
    }

    /// `limits.playback_rate`: playlists, cut segments and files of one user.
    @Test func tooManyRequestsAreToldToWait() async throws {
        let bench = try PlaybackBench()
        try bench.segment(bench.session(), at: 0, for: 10_000, [0x47])
        let desk = bench.desk {
            $0.requestsPerSecond = 0
            $0.burst = 3
        }
        let ticket = try await bench.ticket(desk, PlaybackBench.range(0, 10_000))
        let view = view(bench, PlaybackBench.range(0, 10_000))
        try await bench.serve(desk) { client in
            let address = PlaybackBench.address("playback.m3u8", ticket)
            for _ in 0..<3 {
                let answer = try await client.get(address)
                #expect(answer.status == 200)
            }
            for path in [
                address, "/playback/\(view)/media.m3u8", PlaybackBench.address("export.ts", ticket),
                "/playback/\(view)/s1/1763712000000.ts?to=1763712005000",
            ] {
                let answer = try await client.get(path)
                #expect(answer.status == 429 && answer.headers[.retryAfter] == "1", "\(path)")
            }
            // Whole segments are files: a player fetches many of them.
            #expect(try await client.get("/playback/\(view)/s1/1763712000000.ts").status == 200)
        }
        #expect(!desk.mayAsk(PlaybackBench.anna) && desk.mayAsk(UserName(unchecked: "bert")))
    }

    /// A part of a segment costs reading it: it holds a place while it is made, and gives it back.
    @Test func partsOfSegmentsHoldPlaces() async throws {
        let bench = try PlaybackBench()
        let clip = try SegmentedClip(seconds: 3, length: 3)
        try bench.segment(bench.session(), at: 0, for: 3000, clip.segments[0])
        let path = "/s1/1763712000000.ts?to=1763712002000"
        let none = bench.desk { $0.partsPerUser = 0 }
        let view = view(bench, PlaybackBench.range(0, 3000))
        try await bench.serve(none) { client in
            let answer = try await client.get("/playback/\(view)\(path)")
            #expect(answer.status == 429 && answer.headers[.retryAfter] == "10")
        }
        let one = bench.desk { $0.partsPerUser = 1 }
        try await bench.serve(one) { client in
            for method in [HTTPRequest.Method.get, .head, .get] {
                let answer = try await client.get("/playback/\(view)\(path)", method: method)
                #expect(answer.status == 200)
            }
        }
        #expect(one.parts.count == 0)
    }

    /// A part is cut while it is sent: of a segment that is larger than memory should be no more than a piece is held.
    @Test func aPartOfALargeSegmentIsNotRefused() async throws {
        let bench = try PlaybackBench()
        let clip = try SegmentedClip(seconds: 3, length: 3)
        let padding = [UInt8](repeating: 0, count: 65 << 20)
        try bench.segment(bench.session(), at: 0, for: 3000, clip.segments[0] + padding)
        let desk = bench.desk()
        let view = view(bench, PlaybackBench.range(0, 3000))
        try await bench.serve(desk) { client in
            let answer = try await client.get("/playback/\(view)/s1/1763712000000.ts?to=1763712002000")
            #expect(answer.status == 200 && answer.bytes.count > 10_000)
        }
    }

    /// "A right that was withdrawn ends what runs": also a segment that is sent as it is.
    @Test func aWithdrawnRightEndsAWholeSegment() async throws {
        let bench = try PlaybackBench()
        let bytes = [UInt8](repeating: 0x47, count: 2 << 20)
        try bench.segment(bench.session(), at: 0, for: 10_000, bytes)
        let desk = bench.desk { $0.rightTime = .zero }
        let view = view(bench, PlaybackBench.range(0, 10_000))
        bench.withdraw(after: 2)
        try await bench.serve(desk, live: true) { client in
            let answer = try? await client.get("/playback/\(view)/s1/1763712000000.ts")
            #expect(answer?.bytes.count != bytes.count, "it broke off")
        }
        #expect(bench.reads < 8, "\(bench.reads)")
    }

    /// A length is found out by making the file: not for somebody who has gone.
    @Test(arguments: [HTTPRequest.Method.head, .get]) func nothingIsMeasuredForNobody(
        method: HTTPRequest.Method
    ) async throws {
        let bench = try PlaybackBench()
        let clip = try SegmentedClip(seconds: 3, length: 3)
        let session = bench.session()
        for index in Int64(0)..<40 {
            try bench.segment(session, at: index * 3000, for: 3000, clip.segments[0])
        }
        let desk = bench.desk()
        let ticket = try await bench.ticket(desk, PlaybackBench.range(0, 120_000))
        let isGone: @Sendable () -> Bool = { false }
        try await bench.serve(desk, isThere: isGone) { client in
            _ = try? await client.get(
                PlaybackBench.address("export.mp4", ticket),
                [.range: "bytes=5-"],
                method: method
            )
        }
        #expect(bench.opened < 20, "\(bench.opened)")
        #expect(desk.exports.count == 0)
    }
}
