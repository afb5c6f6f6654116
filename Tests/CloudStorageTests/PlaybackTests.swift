import Bus
import Foundation
import HSSModel
import HTTPTypes
import HostClock
import Store
import TestSupport
import Testing
import Vr

@testable import CloudStorage

@Suite("Listing what is recorded") struct RecordingTimelineTests {
    @Test func gapsAreGapsAndLossesAreTold() async throws {
        let bench = try PlaybackBench()
        let session = bench.session(dropped: (2, .seconds(20)))
        for place: Int64 in [0, 10_000, 40_000] {
            try bench.segment(session, at: place, for: 10_000, [1, 2])
        }
        let timeline = try await bench.desk().timeline(
            of: PlaybackBench.recorded,
            in: PlaybackBench.range(-10_000, 100_000)
        )
        let parts = [PlaybackBench.range(0, 20_000), PlaybackBench.range(40_000, 50_000)]
        #expect(timeline.ranges.map { $0.start..<$0.end } == parts)
        #expect(timeline.ranges.map(\.bytes) == [4, 2])
        #expect(timeline.losses.map(\.segments) == [2] && timeline.losses.first?.time == .seconds(20))
        #expect(timeline.next == nil)
    }

    /// What a device recorded for a former owner is nobody's here.
    @Test func aFormerOwnersRecordingsAreNotThere() async throws {
        let bench = try PlaybackBench()
        let other = RecordedChannel(PlaybackBench.channel, owner: UserName(unchecked: "bert"))
        try bench.segment(bench.session("s2", of: other), at: 0, for: 10_000, [1])
        let desk = bench.desk()
        let range = PlaybackBench.range(0, 10_000)
        #expect(try await desk.timeline(of: PlaybackBench.recorded, in: range).ranges.isEmpty)
        #expect(try await desk.timeline(of: other, in: range).ranges.count == 1)
    }

    @Test func aLongListingHasPages() async throws {
        let bench = try PlaybackBench()
        let session = bench.session()
        for index in Int64(0)..<25 { try bench.segment(session, at: index * 1000, for: 1000, [1]) }
        let desk = bench.desk { $0.mostSegments = 10 }
        var from = PlaybackBench.start
        var covered = Duration.zero
        var pages = 0
        while true {
            let page = try await desk.timeline(
                of: PlaybackBench.recorded,
                in: from..<(PlaybackBench.start + .seconds(60))
            )
            covered += page.ranges.reduce(.zero) { $0 + ($1.end - $1.start) }
            pages += 1
            guard let next = page.next else { break }
            from = next
        }
        #expect(pages == 3 && covered == .seconds(25))
    }

    @Test func aStoreThatFailsIsNotAnEmptyDay() async throws {
        let bench = try PlaybackBench()
        bench.store.fail(.unavailable("disk"))
        await #expect(throws: RecordingError.unavailable("the index cannot be read")) {
            try await bench.desk().timeline(of: PlaybackBench.recorded, in: PlaybackBench.range(0, 1))
        }
    }
}

@Suite("Playlists of recordings, RFC 8216") struct PlaybackPlaylistTests {
    private func media(
        _ bench: PlaybackBench,
        _ range: Range<WallTime>
    ) async throws -> [String] {
        let desk = bench.desk()
        let ticket = try await bench.ticket(desk, range)
        let lines = Lines()
        try await bench.serve(desk) { client in
            let first = try await client.get(PlaybackBench.address("playback.m3u8", ticket))
            try #require(first.status == 200, "\(first.text)")
            let address = String(try #require(first.text.split(separator: "\n").last))
            let answer = try await client.get(String(address))
            #expect(answer.headers[.contentType] == "application/vnd.apple.mpegurl")
            #expect(answer.headers[.accessControlAllowOrigin] == "*")
            await lines.set(answer.text.split(separator: "\n").map(String.init))
        }
        return await lines.value
    }

    private actor Lines {
        var value: [String] = []
        func set(_ lines: [String]) { value = lines }
    }

    @Test func whatIsPastIsAWhole() async throws {
        let bench = try PlaybackBench()
        let (first, second) = (bench.session("s1"), bench.session("s2"))
        try bench.segment(first, at: 0, for: 10_000, [1], discontinue: true)
        try bench.segment(first, at: 10_000, for: 9500, [1])
        try bench.segment(second, at: 60_000, for: 10_250, [1], discontinue: true)
        let lines = try await media(bench, PlaybackBench.range(4000, 65_000))
        #expect(
            lines == [
                "#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-TARGETDURATION:10", "#EXT-X-MEDIA-SEQUENCE:0",
                "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS",
                "#EXT-X-START:TIME-OFFSET=4.000,PRECISE=YES",
                "#EXT-X-PROGRAM-DATE-TIME:2025-11-21T08:00:00.000Z", "#EXTINF:10.000,",
                "./s1/1763712000000.ts", "#EXTINF:9.500,", "./s1/1763712010000.ts", "#EXT-X-DISCONTINUITY",
                "#EXT-X-PROGRAM-DATE-TIME:2025-11-21T08:01:00.000Z", "#EXTINF:5.000,",
                "./s2/1763712060000.ts?to=1763712065000", "#EXT-X-ENDLIST",
            ]
        )
    }

    /// While recording goes on at the edge of the range: it grows from its beginning on, and has no end.
    @Test func whatIsRecordedNowGrows() async throws {
        let bench = try PlaybackBench()
        let begin = WallTime(milliseconds: WallTime.now.milliseconds - 60_000)
        let session = bench.session(begunAt: begin, endedAt: nil)
        try bench.segment(session, at: 0, for: 10_000, [1], from: begin)
        let range = begin..<(begin + .seconds(3600))
        let lines = try await media(bench, range)
        #expect(lines.contains("#EXT-X-PLAYLIST-TYPE:EVENT") && !lines.contains("#EXT-X-ENDLIST"))
        #expect(lines.contains("#EXT-X-START:TIME-OFFSET=0.000,PRECISE=YES"))
        try bench.segment(session, at: 10_000, for: 10_000, [1], from: begin)
        let next = try await media(bench, range)
        #expect(Array(next.prefix(lines.count)) == lines && next.count == lines.count + 2)
        // What is there to its end is waited for by nobody, though recording goes on.
        let past = try await media(bench, begin..<(begin + .seconds(20)))
        #expect(past.contains("#EXT-X-PLAYLIST-TYPE:VOD") && past.last == "#EXT-X-ENDLIST")
        // Recording has stopped: what there is is all.
        bench.session(begunAt: begin, endedAt: begin + .seconds(1))
        let settled = bench.desk { $0.settling = .seconds(5) }
        let ticket = try await bench.ticket(settled, range)
        try await bench.serve(settled) { client in
            let first = try await client.get(PlaybackBench.address("playback.m3u8", ticket))
            let address = String(try #require(first.text.split(separator: "\n").last))
            #expect(try await client.get(String(address)).text.hasSuffix("#EXT-X-ENDLIST\n"))
        }
    }

    @Test func nothingRecordedIsNoEmptyPlaylist() async throws {
        let bench = try PlaybackBench()
        let desk = bench.desk()
        let ticket = try await bench.ticket(desk, PlaybackBench.range(0, 1000))
        try await bench.serve(desk) { client in
            for file in ["playback.m3u8", "export.mp4", "export.ts"] {
                let answer = try await client.get(PlaybackBench.address(file, ticket))
                #expect(answer.status == 404 && answer.text.contains("nothing-recorded"))
            }
        }
    }

    /// A day of segments of ten seconds.
    @Test func aDayIsOnePlaylist() async throws {
        let bench = try PlaybackBench()
        let session = bench.session()
        for index in Int64(0)..<8640 { try bench.segment(session, at: index * 10_000, for: 10_000, [1]) }
        let lines = try await media(bench, PlaybackBench.range(0, 86_400_000))
        #expect(lines.count { $0.hasPrefix("#EXTINF:10.000,") } == 8640)
        #expect(!lines.contains("#EXT-X-DISCONTINUITY") && lines.last == "#EXT-X-ENDLIST")
    }
}

@Suite("Who may play") struct PlaybackAccessTests {
    /// Forged, of another channel or purpose, and beyond its range.
    @Test func aTicketOpensWhatItWasMadeForAndNothingElse() async throws {
        let bench = try PlaybackBench()
        try bench.segment(bench.session(), at: 0, for: 10_000, [1, 2, 3])
        let desk = bench.desk()
        let ticket = try await bench.ticket(desk, PlaybackBench.range(0, 5000))
        let view = PlaybackTicket(
            purpose: .view,
            user: PlaybackBench.anna,
            recorded: PlaybackBench.recorded,
            range: PlaybackBench.range(0, 5000),
            expiresAt: .now + .seconds(60)
        ).text(key: bench.key).reveal()
        try await bench.serve(desk) { client in
            let address = PlaybackBench.address("playback.m3u8", ticket)
            for (path, status) in [
                (address, 200), (address + "&from=2025-11-21T08:00:01Z&to=2025-11-21T08:00:02Z", 200),
                (address + "&to=2025-11-21T08:00:06Z", 400), (address + "&from=yesterday", 400),
                (address + "&from=2025-11-21T08:00:02Z&to=2025-11-21T08:00:02Z", 400),
                (address.replacing("cam-1", with: "cam-2"), 403),
                (address.replacing("channels/0", with: "channels/1"), 403), (address + "x", 403),
                (PlaybackBench.address("playback.m3u8", view), 403),
                ("/playback/\(view)/s1/1763712000000.ts", 200),
                ("/playback/\(view)/s1/1763712000001.ts", 404),
                ("/playback/\(view)/s2/1763712000000.ts", 404), ("/playback/\(view)/s1/x.ts", 404),
                ("/playback/\(ticket)/s1/1763712000000.ts", 403), ("/playback/\(ticket)/media.m3u8", 403),
                ("/playback/x/media.m3u8", 403),
            ] {
                let answer = try await client.get(path)
                #expect(answer.status == status, "\(path): \(answer.text)")
            }
        }
    }

    @Test func aSegmentOutsideOfTheRangeIsNotThere() async throws {
        let bench = try PlaybackBench()
        let session = bench.session()
        try bench.segment(session, at: 0, for: 10_000, [1])
        try bench.segment(session, at: 10_000, for: 10_000, [1])
        let other = RecordedChannel(PlaybackBench.channel, owner: UserName(unchecked: "bert"))
        try bench.segment(bench.session("s2", of: other), at: 0, for: 10_000, [1])
        let desk = bench.desk()
        try await bench.serve(desk) { client in
            let ticket = try await bench.ticket(desk, PlaybackBench.range(0, 5000))
            let first = try await client.get(PlaybackBench.address("playback.m3u8", ticket))
            let media = String(try #require(first.text.split(separator: "\n").last))
            for (name, status) in [
                ("s1/1763712000000.ts", 200), ("s1/1763712010000.ts", 404), ("s2/1763712000000.ts", 404),
            ] {
                let answer = try await client.get(media.replacing("media.m3u8", with: name))
                #expect(answer.status == status, "\(name)")
            }
        }
    }

    /// "Bound to user, channel and range, checked on every object": the right is asked again five seconds later.
    @Test func aRightThatIsWithdrawnEndsWhatRuns() async throws {
        let bench = try PlaybackBench()
        let access = PlaybackAccess(bench)
        let now = Instant(nanoseconds: 0)
        let (recorded, anna) = (PlaybackBench.recorded, PlaybackBench.anna)
        #expect(try await access.isAllowed(recorded, anna, at: now))
        bench.allow(false)
        #expect(try await access.isAllowed(recorded, anna, at: now + .milliseconds(4999)))
        #expect(bench.questions == 1)
        #expect(try await !access.isAllowed(recorded, anna, at: now + .seconds(5)))
        #expect(try await !access.isAllowed(recorded, UserName(unchecked: "bert"), at: now))
    }

    @Test func withoutTheRightNothingIsGiven() async throws {
        let bench = try PlaybackBench()
        try bench.segment(bench.session(), at: 0, for: 10_000, [1])
        let desk = bench.desk()
        let ticket = try await bench.ticket(desk, PlaybackBench.range(0, 5000))
        bench.allow(false)
        try await bench.serve(desk) { client in
            for file in ["playback.m3u8", "export.mp4", "export.ts"] {
                let answer = try await client.get(PlaybackBench.address(file, ticket))
                #expect(answer.status == 403 && answer.text.contains("playback-ticket"))
            }
        }
    }
}

@Suite("Segments as they were uploaded") struct StoredSegmentTests {
    @Test func aSegmentIsGivenByteForByteAndInParts() async throws {
        let bench = try PlaybackBench()
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
        try bench.segment(bench.session(), at: 0, for: 10_000, bytes)
        let desk = bench.desk()
        try await bench.serve(desk) { client in
            let ticket = try await bench.ticket(desk, PlaybackBench.range(0, 10_000))
            let first = try await client.get(PlaybackBench.address("playback.m3u8", ticket))
            let address = String(try #require(first.text.split(separator: "\n").last))
                .replacing("media.m3u8", with: "s1/1763712000000.ts")
            let whole = try await client.get(address)
            #expect(whole.bytes == bytes && whole.headers[.contentType] == "video/mp2t")
            let tag = try #require(whole.headers[.eTag])
            let part = try await client.get(address, [.range: "bytes=10-19", .ifRange: tag])
            #expect(part.status == 206 && part.bytes == Array(bytes[10...19]))
            #expect(part.headers[.contentRange] == "bytes 10-19/1000")
            #expect(try await client.get(address, [.range: "bytes=1000-"]).status == 416)
            let head = try await client.get(address, method: .head)
            #expect(head.status == 200 && head.bytes.isEmpty && head.headers[.contentLength] == "1000")
            bench.lose(SegmentBlob(unchecked: "b-s1-0"))
            #expect(try await client.get(address).status == 503)
        }
    }

    /// Whoever asks may name any time, also one before there were any.
    @Test(arguments: [-315_619_200_000, -1, Int64.max / 4]) func aPictureOfNoTimeIsNone(
        at time: Int64
    ) async throws {
        let desk = try PlaybackBench().desk()
        await #expect(throws: PictureError.none) {
            try await desk.picture(
                of: PlaybackBench.recorded,
                at: WallTime(milliseconds: time),
                width: nil
            )
        }
    }

    /// FFmpeg plays it over HTTP: every picture, in order.
    @Test func ffmpegPlaysIt() async throws {
        let bench = try PlaybackBench()
        let clip = try SegmentedClip()
        try bench.record(clip)
        let desk = bench.desk()
        let all = try await clip.pictures
        #expect(all.count == 300)
        try await bench.serve(desk, live: true) { client in
            let ticket = try await bench.ticket(desk, PlaybackBench.range(0, 12_000))
            let url = client.origin + PlaybackBench.address("playback.m3u8", ticket)
            #expect(try await PlaybackHash.pictures(of: url) == all)
            // FFmpeg began the counters of each file anew when it cut them, and says so now that it plays them.
            let complaints = try await PlaybackHash.complaints(about: url).split(separator: "\n")
            #expect(complaints.allSatisfy { $0.lowercased().contains("corrupt") }, "\(complaints)")
        }
    }

    /// A later segment is played while it lasts; of the one before it a tail is cut off on its way.
    @Test func partsOfSegmentsAreCutOnTheirWay() async throws {
        let bench = try PlaybackBench()
        let clip = try SegmentedClip()
        let session = bench.session()
        try bench.segment(session, at: 0, for: 3000, clip.segments[0])
        let desk = bench.desk()
        try await bench.serve(desk, live: true) { client in
            let ticket = try await bench.ticket(desk, PlaybackBench.range(0, 2000))
            let url = client.origin + PlaybackBench.address("playback.m3u8", ticket)
            let cut = PlaybackBench.address("playback.m3u8", ticket)
            let media = String(try #require(try await client.get(cut).text.split(separator: "\n").last))
            let name = try #require(try await client.get(media).text.firstMatch(of: /\.\/(.*\?to=.*)/)).1
            let address = media.replacing("media.m3u8", with: name)
            let head = try await client.get(address, method: .head)
            let length = try await client.get(address).bytes.count
            #expect(head.bytes.isEmpty && head.headers[.contentLength] == "\(length)")
            let shown = try await PlaybackHash.pictures(of: url)
            let all = try await clip.pictures
            #expect(Array(shown.prefix(50)) == Array(all.prefix(50)) && shown.count <= 53, "\(shown.count)")
        }
    }
}

/// What FFmpeg makes of a file or an address. It runs apart from the threads that serve what it asks for.
enum PlaybackHash {
    static func pictures(of path: String) async throws -> [String] {
        let result = try await run([
            "-v", "error", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-",
        ])
        try #require(result.status == 0, "\(result.errors)")
        return String(decoding: result.output, as: UTF8.self).split(whereSeparator: \.isNewline)
            .filter { !$0.hasPrefix("#") }
            .compactMap { $0.split(separator: ",").last.map { $0.trimmingCharacters(in: .whitespaces) } }
    }

    static func complaints(about path: String) async throws -> String {
        try await run(["-v", "warning", "-i", path, "-fps_mode", "passthrough", "-f", "null", "-"]).errors
    }

    private static func run(_ arguments: [String]) async throws -> MediaFile.Result {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try MediaFile.run(["ffmpeg", "-nostdin"] + arguments) })
            }
        }
    }
}

extension SegmentedClip {
    /// Of the whole clip.
    var pictures: [String] {
        get async throws {
            let file = try MediaFile(packets: whole)
            defer { withExtendedLifetime(file) {} }
            return try await PlaybackHash.pictures(of: file.path)
        }
    }
}

extension PlaybackBench.Client.Answer {
    /// Of the file that was downloaded.
    var pictures: [String] {
        get async throws {
            let file = try MediaFile(packets: bytes)
            defer { withExtendedLifetime(file) {} }
            return try await PlaybackHash.pictures(of: file.path)
        }
    }

    var complaints: String {
        get async throws {
            let file = try MediaFile(packets: bytes)
            defer { withExtendedLifetime(file) {} }
            return try await PlaybackHash.complaints(about: file.path)
        }
    }
}
