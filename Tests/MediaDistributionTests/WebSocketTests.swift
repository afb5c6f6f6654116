import Bus
import Foundation
import HSSModel
import HostClock
import NIOCore
import SRTTransport
import ServerKit
import Testing
import Vm

@testable import MediaDistribution
@testable import MediaFormats

/// Media Streaming over HTTP (§9.3.3) as fragmented MP4 over a WebSocket (RFC 6455), for Media Source Extensions.
@Suite("Fragments over a WebSocket", .timeLimit(.minutes(2))) struct WebSocketTests {
    private let stream = StreamID(unchecked: "cam1-0")

    /// A text message, an initialisation segment, fragments: every picture and every sound of the file, which FFmpeg
    /// decodes without a complaint. The end has its reason.
    @Test func everyPictureArrives() async throws {
        let bytes = [UInt8](try Data(contentsOf: try await Clip.shared.value))
        try await RunningMedia.run { platform in
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(bytes.prefix(26_320), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let viewer = try await platform.wsViewer(stream)
            #expect(await platform.events.viewers(1))
            try await platform.send(bytes.dropFirst(26_320), on: unit)
            unit.close()
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            await platform.media.close(stream)
            let frames = try await viewer.everything()
            let announcement =
                #"{"mime":"video/mp4; codecs=\"avc1.42C014,mp4a.40.2\"","width":320,"height":240}"#
            #expect(frames.first?.text == announcement)
            #expect(frames.filter { $0.opcode == 1 }.count == 1)
            #expect(frames.last?.farewell == "1000 closed-by-platform")
            let file = try temporaryFolder().appending(path: "ws.mp4").path
            try Data(frames.filter { $0.opcode == 2 }.flatMap(\.payload)).write(to: URL(filePath: file))
            let contents = try await Clip.probe(file)
            #expect(contents.codecs == "aac,h264")
            #expect(contents.pictures.count == Clip.frames && contents.gaps == 0)
            let complaints = try await Tool.run("ffmpeg", ["-v", "error", "-i", file, "-f", "null", "-"])
            #expect(complaints == "")
            // One picture each: 40 ms.
            #expect(frames.filter { $0.opcode == 2 }.count >= Clip.frames)
            #expect(platform.metric("vedette_ws_streams") == 0)
        }
    }

    /// Refused before the WebSocket opens, in plain HTTP; nobody counts as a viewer.
    @Test func refusalsArePlainHTTP() async throws {
        try await Self.live { platform in
            let good = try await platform.ws(stream)
            let bare = String(good.prefix { $0 != "?" })
            let handshake = WebSocketOfTests.handshake
            for (path, fields, status) in [
                (bare, handshake, 401), (bare + "?ticket=abc", handshake, 401),
                (good.replacing("cam1-0", with: "cam2-0"), handshake, 401),
                ("/live/no%20name.ws", handshake, 404), ("/live/a/b.ws", handshake, 404),
                (good, "", 426), (good, handshake.replacing(": 13", with: ": 8"), 426),
                (good, handshake.replacing("Upgrade: websocket", with: "Upgrade: h2c"), 426),
                (good, handshake.replacing("dGhl", with: ""), 400),
                (good, handshake + "Content-Length: 4\r\n", 400),
            ] {
                let client = try await WebSocketOfTests(port: platform.wsPort)
                let head = try await client.open(path, fields)
                #expect(head.hasPrefix("HTTP/1.1 \(status) "), "\(path.prefix(20)) \(fields): \(head)")
                // What was read as an upgrade is the last request of its connection.
                if fields.contains("Upgrade:"), status != 404 { #expect(await client.hasEnded) }
            }
            #expect(await platform.media.streams().first?.viewers == 0)
            // 401 tells nothing of what is wrong; the figures do.
            #expect(platform.metric("vedette_media_refused_total{reason=\"malformed\"}") == 1)
        }
    }

    @Test func aFullHouseIsTold() async throws {
        let settings = RunningMedia.settings { $0.limits.viewersPerStream = 1 }
        try await Self.live(settings) { platform in
            let late = try await platform.ws(stream, lease: "other")
            let viewer = try await platform.wsViewer(stream)
            #expect(await platform.events.viewers(1))
            let other = try await WebSocketOfTests(port: platform.wsPort)
            let head = try await other.open(late)
            #expect(head.hasPrefix("HTTP/1.1 503 ") && head.lowercased().contains("retry-after: 5"))
            viewer.close()
            #expect(await platform.events.left("lease"))
        }
    }

    /// A proxy uses its connection again: the WebSocket opens at the second request. RFC 6455, 1.3 for the key.
    @Test func anyRequestOfAConnectionMayOpenIt() async throws {
        try await Self.live { platform in
            let client = try await WebSocketOfTests(port: platform.wsPort)
            #expect(try await client.open("/nothing", "").hasPrefix("HTTP/1.1 404 "))
            let head = try await client.open(try await platform.ws(stream))
            #expect(head.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
            #expect(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
            #expect(await client.next()?.opcode == 1)
            client.close()
        }
    }

    /// RFC 6455, 5.1, 5.5.2, 7.4.1: each costs its own connection.
    @Test func whatAViewerSendsIsBounded() async throws {
        try await Self.live { platform in
            for (opcode, payload, masked, farewell) in [
                (2, [1, 2, 3], true, "1003 nothing is expected"),
                (1, [UInt8](repeating: 65, count: 126), true, "1009 a message above the largest allowed"),
                (9, [], false, "1002 without a mask"), (3, [], true, "1002 an unknown opcode"),
                (8, [3, 232], true, "1000 "),
            ] as [(UInt8, [UInt8], Bool, String)] {
                let client = try await platform.wsViewer(stream, lease: "l\(opcode)")
                try await client.send(frame: opcode, payload, masked: masked)
                #expect(await client.nextFarewell()?.farewell == farewell)
                #expect(await client.hasEnded)
            }
            #expect(
                await platform.events.first {
                    if case .viewerLeft(_, _, _, .malformed) = $0 { true } else { false }
                }
                    != nil
            )
            let client = try await platform.wsViewer(stream)
            try await client.send(frame: 9, Array("still there?".utf8))
            var frame = await client.next()
            while let next = frame, next.opcode != 10 { frame = await client.next() }
            #expect(frame?.text == "still there?")
            client.close()
            #expect(await platform.events.left("lease"))
        }
    }

    /// Rubbish in place of frames, and handshakes that stay half: a viewer beside them misses nothing.
    @Test func aFloodOfRubbishDisturbsNobody() async throws {
        try await Self.live { platform in
            let viewer = try await platform.wsViewer(stream)
            var paths: [String] = []
            for number in 0..<100 { paths.append(try await platform.ws(stream, lease: "r\(number)")) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, path) in paths.enumerated() {
                    group.addTask {
                        let client = try await WebSocketOfTests(port: platform.wsPort)
                        switch number % 4 {
                        case 0: #expect(try await client.open(path + "x").hasPrefix("HTTP/1.1 401 "))
                        case 1: try await client.send("GET \(path) HTTP/1.1\r\nHost: h\r\nUpgr".utf8)
                        case 2:
                            _ = try await client.open(path)
                            try await client.send((0..<500).map { _ in UInt8.random(in: 0...255) })
                        default:
                            try await client.request(path)
                            return client.close()
                        }
                        #expect(await client.hasEnded)
                    }
                }
                try await group.waitForAll()
            }
            var numbers: [UInt32] = []
            while numbers.count < 100, let frame = await viewer.next() {
                guard frame.opcode == 2, let number = Self.fragmentNumber(frame.payload) else { continue }
                numbers.append(number)
            }
            #expect(numbers.count == 100)
            #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $1 == $0 + 1 })
            viewer.close()
            #expect(await platform.events.left("lease"))
        }
    }

    /// All viewers of a stream share what is made of it; the last one to go ends it.
    @Test func whatIsMadeIsMadeOnce() async throws {
        try await Self.live { platform in
            let one = try await platform.wsViewer(stream, lease: "one")
            let two = try await platform.wsViewer(stream, lease: "two")
            for viewer in [one, two] {
                #expect(await viewer.next()?.opcode == 1)
                let header = await viewer.next()?.payload
                #expect(header?.dropFirst(4).starts(with: Array("ftyp".utf8)) ?? false)
            }
            #expect(platform.metric("vedette_ws_streams") == 1)
            #expect(platform.metric("vedette_media_viewers{protocol=\"ws\"}") == 2)
            let detail = await platform.media.stream(stream, viewersAfter: nil, limit: 10)
            #expect(detail?.viewers.map(\.kind) == [.ws, .ws])
            #expect(detail?.viewers.allSatisfy { $0.bytesSent > 0 && $0.peer == "127.0.0.1" } ?? false)
            one.close()
            #expect(await platform.events.left("one"))
            #expect(platform.metric("vedette_ws_streams") == 1)
            two.close()
            #expect(await platform.events.left("two"))
            while platform.metric("vedette_ws_streams") != 0 { await Task.yield() }
        }
    }

    /// 1008 for who may not watch any more, with the word of the API; a browser need not come back.
    @Test func theReasonOfAnEndIsTold() async throws {
        try await Self.live { platform in
            let one = try await platform.wsViewer(stream, lease: "one")
            let two = try await platform.wsViewer(stream, lease: "two")
            #expect(await platform.events.viewers(2))
            await platform.media.dismiss([LeaseID(unchecked: "one")], of: stream)
            #expect(await one.nextFarewell()?.farewell == "1008 dismissed")
            let viewer = await platform.media.stream(stream, viewersAfter: nil, limit: 10)?.viewers.first
            #expect(await platform.media.kick(try #require(viewer).id, of: stream))
            #expect(await two.nextFarewell()?.farewell == "1008 closed-by-operator")
            #expect(await two.hasEnded)
        }
    }

    @Test func whoAnswersNoPingIsEnded() async throws {
        try await Self.live(ping: .milliseconds(100)) { platform in
            let mute = try await platform.wsViewer(stream, lease: "mute")
            #expect(
                await platform.events.first {
                    if case .viewerLeft(_, _, _, .silent) = $0 { true } else { false }
                }
                    != nil
            )
            #expect(await mute.hasEnded)
        }
    }

    /// Who takes nothing is ended, and slows nobody.
    @Test func aStuckViewerIsEnded() async throws {
        let clip = [UInt8](try Data(contentsOf: try await Clip.shared.value))
        let settings = RunningMedia.settings {
            $0.limits.viewerQueueInBytes = 200_000
            $0.limits.slowness = .seconds(1)
        }
        try await RunningMedia.run(settings) { platform in
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(clip.prefix(26_320), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let stuck = try await WebSocketOfTests(port: platform.wsPort, reads: false)
            try await stuck.request(try await platform.ws(stream, lease: "stuck"))
            #expect(await platform.events.viewers(1))
            try await platform.send(clip.dropFirst(26_320), on: unit)
            for _ in 0..<40 { try await platform.send(clip, on: unit) }
            let gone = await platform.events.first {
                if case .viewerLeft(_, _, _, .tooSlow) = $0 { true } else { false }
            }
            #expect(gone != nil)
            #expect(platform.metric("vedette_media_batches_skipped_total") > 0)
            unit.close()
            stuck.close()
        }
    }

    /// After a skip: the text message, the initialisation segment, then a key frame (W3C MSE byte stream format for ISO
    /// BMFF, 4: a "random access point" begins what can be decoded), at its own time.
    @Test func whoIsTooSlowGoesOnAtAKeyFrame() async throws {
        let clip = [UInt8](try Data(contentsOf: try await Clip.shared.value))
        try await RunningMedia.run { platform in
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(clip.prefix(26_320), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            // Full in the third of four groups of pictures.
            let viewer = HTTPViewer(limitInBytes: clip.count * 9 / 16, at: .now)
            let text = try await platform.ws(stream).split(separator: "=").last.map(String.init)
            let ticket = try platform.media.admission.playTicket(Secret(try #require(text)), of: stream)
            let seat = try platform.media.fragments.join(ticket, viewer, from: ViewerPeer())
            try await platform.send(clip.dropFirst(26_320), on: unit)
            unit.close()
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            await platform.media.close(stream)
            var frames: [WebSocketOfTests.Frame] = []
            var bell = viewer.makeBell()
            // Nothing was taken until now.
            await viewer.waitUntilBroken()
            while let batches = await viewer.next(&bell) {
                for batch in batches {
                    frames += WebSocketOfTests.frames(in: [UInt8](batch.readableBytesView))
                }
            }
            #expect(viewer.tally.skipped > 0)
            #expect(frames.prefix(3).map(\.opcode) == [1, 2, 2])
            #expect(frames.dropFirst().first?.payload.dropFirst(4).starts(with: Array("ftyp".utf8)) ?? false)
            let fragment = try #require(frames.dropFirst(2).first?.payload)
            // The first sample's flags: 8.8.3.1, "depends on no other".
            let run = try #require(fragment.firstRange(of: Array("trun".utf8)))
            #expect(fragment[run.upperBound + 20] == 2)
            #expect((Self.fragmentNumber(fragment) ?? 0) > 1)
            platform.media.fragments.leave(seat, viewer, .closedByPeer)
        }
    }

    /// Continuity: another push of the same pictures goes on where the last one stopped; one of other pictures is told
    /// before its initialisation segment.
    @Test func anotherPublisherGoesOnInTheSameWebSocket() async throws {
        let small = try temporaryFolder().appending(path: "small.ts")
        try await Tool.run(
            "ffmpeg",
            [
                "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25", "-t", "4", "-c:v",
                "libx264",
                "-preset", "ultrafast", "-g", "25", "-f", "mpegts", small.path,
            ]
        )
        let clip = try await Clip.shared.value
        try await Self.live { platform in
            let viewer = try await platform.wsViewer(stream)
            #expect(await viewer.next()?.text.contains("\"width\":320") ?? false)
            let same = try platform.publish(clip, to: try await platform.order(stream, epoch: 2), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(2))))
            var times: [UInt64] = []
            while times.count < 60, let frame = await viewer.next() {
                #expect(frame.opcode == 2)
                if let time = Self.decodeTime(frame.payload) { times.append(time) }
            }
            #expect(zip(times, times.dropFirst()).allSatisfy { $1 > $0 && $1 - $0 <= 90_000 }, "\(times)")
            let other = try platform.publish(small, to: try await platform.order(stream, epoch: 3), loops: -1)
            var frame = await viewer.next()
            while let next = frame, next.opcode != 1 { frame = await viewer.next() }
            #expect(
                frame?.text.contains("\"width\":160,\"height\":120") ?? false,
                "\(String(describing: frame))"
            )
            #expect(frame?.text.contains("avc1.") ?? false)
            let header = await viewer.next()?.payload
            #expect(header?.dropFirst(4).starts(with: Array("ftyp".utf8)) ?? false)
            #expect(Self.fragmentNumber(await viewer.next()?.payload ?? []) != nil)
            for publisher in [same, other] { publisher.signal(SIGKILL) }
            viewer.close()
            #expect(await platform.events.left("lease"))
        }
    }

    /// RFC 6455, 7.4.1 for the codes; 1013, "Try again later", is registered with IANA.
    @Test(
        arguments: [
            (.closedByPlatform, 1000), (.publisherGone, 1000), (.shuttingDown, 1001), (.dismissed, 1008),
            (.userLimit, 1008), (.closedByOperator, 1008), (.tooSlow, 1013), (.displaced, 1011),
        ] as [(MediaEnd, UInt16)]
    ) func endsHaveCodes(reason: MediaEnd, code: UInt16) {
        let close = WebSocketOfTests.Frame(opcode: 8, payload: WebSocketClose(reason).payload)
        #expect(close.farewell == "\(code) \(reason.rawValue)")
    }

    @Test func whatBrowsersDoNotPlayIsNamed() {
        var omitted = OmittedSound()
        omitted.take(.audio(.g711(.aLaw)))
        #expect(omitted.name == "g711")
        let text = FragmentAnnouncement(MP4Header(video: nil, audio: .g711(.uLaw)), omitted: omitted.name)
        #expect(text.json == #"{"mime":"audio/mp4; codecs=\"ulaw\"","omitted":"g711"}"#)
        omitted.take(.content(TransportStreamDemultiplexer.Content()))
        #expect(omitted.name == nil)
    }

    // MARK: Helpers

    /// `mfhd` of a fragment.
    private static func fragmentNumber(_ bytes: [UInt8]) -> UInt32? {
        bytes.firstRange(of: Array("mfhd".utf8)).map { place in
            bytes[(place.upperBound + 4)..<(place.upperBound + 8)].reduce(0) { $0 << 8 | UInt32($1) }
        }
    }

    /// `tfdt` of its first track.
    private static func decodeTime(_ bytes: [UInt8]) -> UInt64? {
        bytes.firstRange(of: Array("tfdt".utf8)).map { place in
            bytes[(place.upperBound + 4)..<(place.upperBound + 12)].reduce(0) { $0 << 8 | UInt64($1) }
        }
    }

    /// A stream that ffmpeg pushes in its own time.
    private static func live(
        _ settings: MediaSettings = RunningMedia.settings(),
        ping: Duration = .seconds(20),
        _ body: @escaping @Sendable (RunningMedia) async throws -> Void
    ) async throws {
        let stream = StreamID(unchecked: "cam1-0")
        let clip = try await Clip.shared.value
        try await RunningMedia.run(settings, ping: ping) { platform in
            let publisher = try platform.publish(clip, to: try await platform.order(stream), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            try await body(platform)
            publisher.signal(SIGKILL)
        }
    }
}
