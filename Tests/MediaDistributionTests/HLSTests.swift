import Bus
import Foundation
import HSSModel
import SRTTransport
import Testing

@testable import MediaDistribution

/// Media Streaming over HTTP (§9.3.3) as HLS, RFC 8216bis: programs that customers have, and what they may rely on.
@Suite("HLS out of the hub", .timeLimit(.minutes(2))) struct HLSTests {
    private let stream = StreamID(unchecked: "cam1-0")

    /// Every picture and every sound of the file, in order: FFmpeg reads segments, FFmpeg's decoder counts.
    @Test func everyPictureArrives() async throws {
        let bytes = [UInt8](try Data(contentsOf: try await Clip.shared.value))
        try await RunningMedia.run { platform in
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(bytes.prefix(26_320), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let file = try temporaryFolder().appending(path: "hls.mp4").path
            let player = try Tool(
                "ffmpeg",
                [
                    "-v", "error", "-live_start_index", "0", "-i", try await platform.hls(stream), "-c",
                    "copy", file,
                ]
            )
            #expect(await platform.events.viewers(1))
            try await platform.send(bytes.dropFirst(26_320), on: unit)
            unit.close()
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            await platform.media.close(stream)
            #expect(await player.waitForExit() == 0, "\(player.output)")
            #expect(player.output == "")
            let contents = try await Clip.probe(file)
            #expect(contents.codecs == "aac,h264")
            #expect(contents.pictures.count == Clip.frames)
            #expect(platform.metric("vedette_hls_pictures_dropped_total") == 0)
        }
    }

    /// VLC reads what is live with a player of HLS of its own, up to the end of the playlist.
    @Test func vlcPlaysItToItsEnd() async throws {
        try await Self.live { platform in
            let folder = try temporaryFolder()
            defer { try? FileManager.default.removeItem(at: folder) }
            // VLC refuses to run as root; its access modules do not mind whose process they are in.
            try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder.path)
            let file = folder.appending(path: "vlc.ts").path
            let player = try Tool(
                "env",
                [
                    "HOME=\(folder.path)", "VLC_PLUGIN_PATH=/usr/lib/x86_64-linux-gnu/vlc/plugins", "setpriv",
                    "--reuid=65534", "--regid=65534", "--clear-groups", "cvlc", "-q", "--no-sout-all",
                    try await platform.hls(stream), "--sout", "#std{access=file,mux=ts,dst=\(file)}",
                    "vlc://quit",
                ]
            )
            #expect(await platform.events.viewers(1))
            // Beside it somebody who looks how far the stream has come.
            let other = try await HLSPlayerOfTests(address: try await platform.hls(stream, lease: "other"))
            var last = try await other.playlist()
            while last.hint.segment < 4 { last = try await other.playlist("?_HLS_msn=\(last.hint.segment)") }
            await platform.media.close(stream)
            await player.waitForExit()
            let pictures = try await Clip.probe(file).pictures.count
            #expect(pictures >= 50, "\(pictures) pictures; \(player.output)")
        }
    }

    /// A session: opened by the ticket once, then by its name alone; 6.2.5.2 for the reloads that wait.
    @Test func reloadsWaitForWhatTheyName() async throws {
        try await Self.live { platform in
            let player = try await HLSPlayerOfTests(platform, stream)
            #expect(player.multivariant.contains("CODECS=\"avc1.42C014,mp4a.40.2\",RESOLUTION=320x240"))
            // The first picture is there at once, with a whole segment.
            let first = try await player.playlist()
            #expect(first.text.contains("#EXTINF") && first.text.contains("#EXT-X-PROGRAM-DATE-TIME:2"))
            #expect(
                first.text.contains("CAN-BLOCK-RELOAD=YES")
                    && first.parts.first?.hasSuffix("INDEPENDENT=YES") ?? false
            )
            var last = first
            for _ in 0..<6 {
                let next = try await player.playlist(
                    "?_HLS_msn=\(last.hint.segment)&_HLS_part=\(last.hint.part)"
                )
                #expect(next.parts.contains { $0.contains("\"\(last.hint.segment).\(last.hint.part).m4s\"") })
                #expect(next.parts.count { $0.contains("INDEPENDENT") } >= 1)
                last = next
            }
            // The part of the hint, asked for before it is there.
            let part = try await player.get("\(last.hint.segment).\(last.hint.part).m4s")
            #expect(part.status == "200" && part.body.dropFirst(4).starts(with: Array("moof".utf8)))
            let header = try await player.get("init0.mp4")
            #expect(header.body.dropFirst(4).starts(with: Array("ftyp".utf8)))
            #expect(header.fields.contains("access-control-allow-origin: *"))
            #expect(header.fields.contains("cache-control: private, max-age=60, immutable"))
            let segments = last.text.split(separator: "\n").filter { $0.hasSuffix(".m4s") }
            let segment = try await player.get(String(try #require(segments.last)))
            #expect(segment.status == "200" && segment.body.count > 10_000)
            // Too far, no number, no such thing, another stream, no session.
            for (path, status) in [
                ("live.m3u8?_HLS_msn=\(last.hint.segment + 9)", "400"), ("live.m3u8?_HLS_part=1", "400"),
                ("live.m3u8?_HLS_msn=x", "400"), ("99999.m4s", "404"), ("0.99.m4s", "404"),
                ("init7.mp4", "404"),
                ("../other/live.m3u8", "404"), ("x.ts", "404"),
            ] {
                #expect(try await player.get(path).status == status, "\(path)")
            }
            #expect(await platform.media.streams().first?.viewers == 1)
        }
    }

    /// One ticket is one viewer, however often it is shown; a viewer who asks for nothing is none, and nothing is made
    /// for nobody.
    @Test func whoAsksForNothingHasLeft() async throws {
        try await Self.live(silence: .seconds(1)) { platform in
            let address = try await platform.hls(stream)
            let first = try await HLSPlayerOfTests(address: address)
            let second = try await HLSPlayerOfTests(address: address)
            #expect(first.base == second.base)
            #expect(await platform.events.viewers(1))
            #expect(platform.metric("vedette_media_viewers{protocol=\"hls\"}") == 1)
            #expect(platform.metric("vedette_hls_streams") == 1)
            #expect(await platform.events.left("lease"))
            #expect(try await first.get("live.m3u8").status == "404")
            #expect(platform.metric("vedette_media_viewers{protocol=\"hls\"}") == 0)
            // The ticket opens another session.
            _ = try await HLSPlayerOfTests(address: address)
        }
    }

    /// The right to watch is taken back: at once, also from a request that waits.
    @Test func takingTheLeaseBackEndsTheSession() async throws {
        try await Self.live { platform in
            let player = try await HLSPlayerOfTests(platform, stream)
            let other = try await HLSPlayerOfTests(address: try await platform.hls(stream, lease: "other"))
            let last = try await player.playlist()
            async let waiting = player.get("live.m3u8?_HLS_msn=\(last.hint.segment + 2)")
            #expect(await platform.events.viewers(2))
            await platform.media.dismiss([LeaseID(unchecked: "lease")], of: stream)
            #expect(try await player.get("live.m3u8").status == "404")
            #expect(try await player.get("init0.mp4").status == "404")
            #expect(try await waiting.status == "404")
            #expect(try await other.get("live.m3u8").status == "200")
            #expect(await platform.media.streams().first?.viewers == 1)
        }
    }

    /// 4.4.3.4: what is there may be seen to its end.
    @Test func aClosedStreamEndsItsPlaylist() async throws {
        try await Self.live { platform in
            let player = try await HLSPlayerOfTests(platform, stream)
            let last = try await player.playlist()
            async let waiting = player.playlist("?_HLS_msn=\(last.hint.segment + 2)")
            await platform.media.close(stream)
            #expect(try await waiting.text.hasSuffix("#EXT-X-ENDLIST\n"))
            let segments = last.text.split(separator: "\n").filter { $0.hasSuffix(".m4s") }
            #expect(try await player.get(String(try #require(segments.last))).status == "200")
            #expect(await platform.events.first { if case .viewerLeft = $0 { true } else { false } } != nil)
        }
    }

    /// Its pictures are seen to their end, but not kept for as long as somebody asks.
    @Test func aSessionOfAClosedStreamEndsWhateverItAsks() throws {
        let now = Instant(nanoseconds: 0)
        let session = HLSSession(waits: 1, at: now)
        session.heard(at: now + .seconds(14))
        #expect(!session.isOver(at: now + .seconds(20), after: .seconds(15)))
        session.end(.publisherGone, at: now + .seconds(20))
        session.heard(at: now + .seconds(34))
        #expect(!session.isOver(at: now + .seconds(35), after: .seconds(15)))
        session.heard(at: now + .seconds(36))
        #expect(session.beginWaiting())
        #expect(session.isOver(at: now + .seconds(36), after: .seconds(15)))
    }

    /// Continuity: another push of the same stream goes on in the same session, behind a discontinuity.
    @Test func anotherPublisherIsADiscontinuity() async throws {
        let clip = try await Clip.shared.value
        try await Self.live { platform in
            let player = try await HLSPlayerOfTests(platform, stream)
            var last = try await player.playlist()
            let new = try platform.publish(clip, to: try await platform.order(stream, epoch: 2), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(2))))
            var reloads = 0
            while !last.text.contains("#EXT-X-DISCONTINUITY\n"), reloads < 60 {
                last = try await player.playlist("?_HLS_msn=\(last.hint.segment)&_HLS_part=\(last.hint.part)")
                reloads += 1
            }
            #expect(last.text.contains("#EXT-X-DISCONTINUITY\n"))
            new.signal(SIGKILL)
        }
    }

    /// Requests that wait are bounded for each session.
    @Test func tooManyWaitsAreRefused() async throws {
        try await Self.live(waits: 2) { platform in
            let player = try await HLSPlayerOfTests(platform, stream)
            let hint = try await player.playlist().hint
            let statuses = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<6 {
                    group.addTask { try await player.get("live.m3u8?_HLS_msn=\(hint.segment + 1)").status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.contains("429") && statuses.contains("200"), "\(statuses)")
            #expect(platform.metric("vedette_hls_waits_refused_total") > 0)
        }
    }

    /// Wrong tickets open no session.
    @Test func onlyTheTicketOpensASession() async throws {
        try await Self.live { platform in
            let address = try await platform.hls(stream)
            let bare = String(address.prefix { $0 != "?" })
            for wrong in [bare, bare + "?ticket=abc", address.replacing("cam1-0", with: "cam2-0")] {
                let answer = try await HLSPlayerOfTests.fetch(wrong)
                #expect(answer.status == "401" || answer.status == "404", "\(answer.status)")
            }
            #expect(await platform.media.streams().first?.viewers == 0)
        }
    }

    /// GOPs whose length is known give the target duration of RFC 8216bis, 4.4.3.1.
    @Test(arguments: [(nil, 4), (0.5, 1), (1.02, 1), (2.04, 2), (2.5, 3), (30, 10)] as [(Double?, Int)])
    func theTargetDurationIsThatOfTheGroups(seconds: Double?, target: Int) {
        #expect(HLSMuxer.targetDuration(seconds.map { .milliseconds(Int($0 * 1000)) }) == target)
    }

    @Test(
        arguments: [
            ("live.m3u8", .playlist), ("init0.mp4", .header(0)), ("12.m4s", .segment(12)), ("+1.m4s", nil),
            (".m4s", nil),
            ("1.2.3.m4s", nil), ("12.mp4", nil), ("99999999999999999999.m4s", nil), ("", nil),
            ("init.mp4", nil),
        ] as [(String, HLSFile?)]
    ) func namesAreRead(name: String, file: HLSFile?) {
        #expect(HLSFile(name) == file)
    }

    /// A stream that ffmpeg pushes in its own time.
    private static func live(
        silence: Duration = .seconds(15),
        waits: Int = 8,
        _ body: @escaping @Sendable (RunningMedia) async throws -> Void
    ) async throws {
        let stream = StreamID(unchecked: "cam1-0")
        let clip = try await Clip.shared.value
        let settings = RunningMedia.settings {
            $0.limits.hlsSilence = silence
            $0.limits.hlsWaitsPerSession = waits
        }
        try await RunningMedia.run(settings) { platform in
            let publisher = try platform.publish(clip, to: try await platform.order(stream), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            try await body(platform)
            publisher.signal(SIGKILL)
        }
    }
}

extension RunningMedia {
    func hls(_ stream: StreamID, lease: String = "lease") async throws -> String {
        let addresses = try await media.play(stream, lease: LeaseID(unchecked: lease), validFor: .seconds(60))
        return addresses.hls.reveal().replacing(
            "https://127.0.0.1:8443",
            with: "http://127.0.0.1:\(httpPort)"
        )
    }
}

/// curl, and somebody who reads what it fetched.
struct HLSPlayerOfTests: Sendable {
    struct Answer: Sendable {
        var status: String
        /// Lower case, one a line.
        var fields: String
        var body: [UInt8]
    }

    struct Playlist: Sendable {
        var text: String
        /// What EXT-X-PRELOAD-HINT names.
        var hint: (segment: Int, part: Int)
        var parts: [String]
    }

    let multivariant: String
    /// Of everything but the first playlist.
    let base: String

    init(_ platform: RunningMedia, _ stream: StreamID) async throws {
        try await self.init(address: try await platform.hls(stream))
    }

    init(address: String) async throws {
        let answer = try await Self.fetch(address)
        multivariant = String(decoding: answer.body, as: UTF8.self)
        guard answer.status == "200", let path = multivariant.split(separator: "\n").last,
            path.hasSuffix("/live.m3u8")
        else { throw Tool.Failure(description: "\(answer.status): \(multivariant)") }
        base = address.replacing(#/index\.m3u8.*$/#, with: "") + path.dropLast("live.m3u8".count)
    }

    func get(_ path: String) async throws -> Answer { try await Self.fetch(base + path) }

    func playlist(_ query: String = "") async throws -> Playlist {
        let answer = try await get("live.m3u8\(query)")
        let text = String(decoding: answer.body, as: UTF8.self)
        guard answer.status == "200" else { throw Tool.Failure(description: "\(answer.status): \(text)") }
        let hint = text.firstMatch(of: #/PRELOAD-HINT:TYPE=PART,URI="(\d+)\.(\d+)\.m4s"/#)
        return Playlist(
            text: text,
            hint: (hint.flatMap { Int($0.1) } ?? -1, hint.flatMap { Int($0.2) } ?? -1),
            parts: text.split(separator: "\n").filter { $0.hasPrefix("#EXT-X-PART:") }.map(String.init)
        )
    }

    static func fetch(_ url: String) async throws -> Answer {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (body, fields) = (folder.appending(path: "body"), folder.appending(path: "fields"))
        try Data().write(to: body)
        let status = try await Tool.run(
            "curl",
            [
                "-sS", "--path-as-is", "-m", "30", "-D", fields.path, "-o", body.path, "-w", "%{http_code}",
                url,
            ]
        )
        return Answer(
            status: status,
            fields: try String(contentsOf: fields, encoding: .utf8).lowercased(),
            body: [UInt8](try Data(contentsOf: body))
        )
    }
}
