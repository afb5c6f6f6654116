import AsyncHTTPClient
import Bus
import Foundation
import HSSModel
import HostClock
import Logging
import NIOCore
import NIOHTTP1
import SRTTransport
import ServerKit
import Testing

@testable import MediaDistribution

/// The programme that the build made.
enum CodecProgramme {
    static let path = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appending(path: "vedette-codec").path
}

/// Pictures of running streams (§8.2 b, media broadcasting), by the real programme.
@Suite("Pictures out of the hub", .timeLimit(.minutes(2))) struct PictureTests {
    private let stream = StreamID(unchecked: "cam1-0")

    private static let settings = RunningMedia.settings { $0.pictureProgramme = CodecProgramme.path }

    /// A unit that has sent `seconds` of the clip and is still there.
    private func live(
        _ settings: MediaSettings = settings,
        _ body: @escaping @Sendable (RunningMedia, SRTSocket, ArraySlice<UInt8>) async throws -> Void
    ) async throws {
        let bytes = [UInt8](try Data(contentsOf: try await Clip.shared.value))
        let half = bytes.count / 2 / 188 * 188
        let stream = stream
        try await RunningMedia.run(settings) { platform in
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(bytes.prefix(half), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            try await body(platform, unit, bytes[half...])
            unit.close()
        }
    }

    private static func size(_ picture: Picture) async throws -> String {
        let file = try temporaryFolder().appending(path: "picture.jpg")
        try Data(picture.jpeg).write(to: file)
        let arguments = ["-v", "error", "-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0"]
        return try await Tool.run("ffprobe", arguments + [file.path])
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test func showsTheLastKeyFrame() async throws {
        try await live { platform, unit, rest in
            let first = try await platform.media.picture(of: stream, width: nil)
            #expect(try await Self.size(first) == "mjpeg,320,240")
            #expect(abs((WallTime.now - first.takenAt).inSeconds) < 20)
            let small = try await platform.media.picture(of: stream, width: 64)
            #expect(try await Self.size(small) == "mjpeg,64,48")
            #expect(small.takenAt == first.takenAt)
            try await platform.send(rest, on: unit)
            // A newer key frame, once a second has passed since the last look.
            let later = try await self.newer(than: first, platform)
            #expect(later.jpeg != first.jpeg)
        }
    }

    private func newer(than picture: Picture, _ platform: RunningMedia) async throws -> Picture {
        while true {
            let found = try await platform.media.picture(of: stream, width: nil)
            if found.takenAt > picture.takenAt { return found }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// A grid of phones: one picture is made, and all of them get it.
    @Test func aHundredAtOnceCostOne() async throws {
        try await live { platform, _, _ in
            try await withThrowingTaskGroup(of: Picture.self) { group in
                for _ in 0..<100 {
                    group.addTask { try await platform.media.picture(of: stream, width: 160) }
                }
                var found: Set<[UInt8]> = []
                for try await picture in group { found.insert(picture.jpeg) }
                #expect(found.count == 1)
            }
            #expect(platform.metric("vedette_pictures_made_total") == 1)
            _ = try await platform.media.picture(of: stream, width: 160)
            #expect(platform.metric("vedette_pictures_made_total") == 1)
            #expect(platform.metric("vedette_pictures_cached_total") >= 1)
            #expect(platform.metric("vedette_picture_workers_started_total") == 1)
        }
    }

    /// Whoever asks for all widths there are gets those that were made.
    @Test func oneKeyFrameIsMadeInEightSizesAtMost() async throws {
        try await live { platform, _, _ in
            var widths: [Int?] = []
            for width in stride(from: 16, through: 300, by: 8) {
                widths.append(try await platform.media.picture(of: stream, width: width).width)
            }
            #expect(Array(widths.prefix(8)) == stride(from: 16, through: 72, by: 8).map { $0 })
            #expect(widths.dropFirst(8).allSatisfy { $0 == 72 })
            #expect(platform.metric("vedette_pictures_made_total") == 8)
        }
    }

    /// One stream, asked for in all widths at once: a few are made, the rest is refused, and nobody else waits for it.
    @Test func oneStreamHasEightFlightsAtMost() async throws {
        try await live { platform, _, _ in
            let answers = await withTaskGroup(of: Result<Int?, PictureError>.self) { group in
                for width in 16..<144 {
                    group.addTask {
                        do throws(PictureError) {
                            return .success(try await platform.media.picture(of: stream, width: width).width)
                        } catch {
                            return .failure(error)
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.allSatisfy { if case .failure(let error) = $0 { error == .busy } else { true } })
            #expect(answers.contains { if case .success = $0 { true } else { false } })
            #expect(platform.metric("vedette_pictures_made_total") <= 8)
        }
    }

    /// Who asks for one that the decoder hangs over costs one programme, not one for each width.
    @Test func whatHangsTheDecoderIsTriedOnce() async throws {
        let programme = try temporaryFolder().appending(path: "programme")
        try Data("#!/bin/sh\nexec sleep 1000\n".utf8).write(to: programme)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: programme.path)
        try await live(RunningMedia.settings { $0.pictureProgramme = programme.path }) { platform, _, _ in
            await withTaskGroup(of: Bool.self) { group in
                for width in [16, 32, 64] {
                    group.addTask { (try? await platform.media.picture(of: stream, width: width)) == nil }
                }
                for await hasFailed in group { #expect(hasFailed) }
            }
            #expect(platform.metric("vedette_pictures_failed_total{reason=\"late\"}") == 1)
        }
    }

    /// The desk's feed is cut off before the stream begins.
    @Test func aDeskThatWasCutOffAsksAgain() async throws {
        let bytes = [UInt8](try Data(contentsOf: try await Clip.shared.value))
        try await RunningMedia.run(Self.settings) { platform in
            var feeds: [AsyncStream<MediaEvent>] = []
            for _ in 0..<64 { feeds.append(platform.media.table.subscribe()) }
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(bytes.prefix(bytes.count / 2 / 188 * 188), on: unit)
            while !platform.media.pictures.isFollowing(stream) {
                try await Task.sleep(for: .milliseconds(20))
            }
            unit.close()
            #expect(try await platform.media.picture(of: stream, width: 64).width == 64)
            _ = feeds
        }
    }

    /// A stream leaves its last key frame for those who remember it.
    @Test func theLastPictureOutlivesItsStream() async throws {
        try await live { platform, unit, _ in
            unit.close()
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            let last = try await platform.media.picture(of: stream, width: nil)
            await platform.media.close(stream)
            #expect(try await platform.media.picture(of: stream, width: nil) == last)
            #expect(try await platform.media.resized(last, width: 32).width == 32)
        }
    }

    /// A grid of cameras that are asleep asks for the same small pictures at each look.
    @Test func aKeptPictureIsMadeSmallerOnceForAll() async throws {
        try await live { platform, _, _ in
            let last = try await platform.media.picture(of: stream, width: nil)
            let before = platform.metric("vedette_pictures_made_total")
            let answers = await withTaskGroup(of: Picture?.self) { group in
                for _ in 0..<20 { group.addTask { try? await platform.media.resized(last, width: 48) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0 == answers[0] && $0?.width == 48 })
            #expect(platform.metric("vedette_pictures_made_total") == before + 1)
            #expect(try await platform.media.resized(last, width: 64).width == 64)
            #expect(platform.metric("vedette_pictures_made_total") == before + 2)
        }
    }

    @Test func whatNeverRanHasNone() async throws {
        try await RunningMedia.run(Self.settings) { platform in
            await #expect(throws: PictureError.none) {
                try await platform.media.picture(of: stream, width: nil)
            }
            _ = try await platform.order(stream)
            await #expect(throws: PictureError.none) {
                try await platform.media.picture(of: stream, width: nil)
            }
            #expect(platform.metric("vedette_picture_workers_started_total") == 0)
        }
    }

    @Test func withoutTheProgrammeEverythingElseWorks() async throws {
        try await live(RunningMedia.settings()) { platform, _, _ in
            do {
                _ = try await platform.media.picture(of: stream, width: nil)
                Issue.record("a picture without a programme")
            } catch PictureError.notSupported(let reason) {
                #expect(reason.contains("vedette-codec"))
            }
            let (status, _, _) = try await Self.get(try await Self.address(stream, platform))
            #expect(status == 501)
            #expect(try await Self.status(try await platform.play(stream).http, reads: false) == 200)
        }
    }

    // MARK: Over HTTP

    /// A picture takes no viewer's place.
    @Test func aFullHouseStillHasPictures() async throws {
        let settings = RunningMedia.settings {
            $0.pictureProgramme = CodecProgramme.path
            $0.limits.viewers = 1
        }
        try await live(settings) { platform, _, _ in
            let (addresses, jpeg) = (
                try await platform.play(stream), try await Self.address(stream, platform)
            )
            let viewer = try platform.connect(addresses.srt)
            #expect(await platform.events.viewers(1))
            let (viewing, picture) = (try await Self.status(addresses.http), try await Self.status(jpeg))
            #expect(viewing == 503 && picture == 200)
            viewer.close()
        }
    }

    private static func address(_ stream: StreamID, _ platform: RunningMedia) async throws -> String {
        try await platform.media.play(stream, lease: LeaseID(unchecked: "lease"), validFor: .seconds(60)).jpeg
            .reveal()
            .replacing("https://127.0.0.1:8443", with: "http://127.0.0.1:\(platform.httpPort)")
    }

    private static func status(
        _ url: String,
        _ headers: [(String, String)] = [],
        reads: Bool = true
    ) async throws -> UInt {
        let answer = try await get(url, headers, reads: reads)
        return answer.status
    }

    private static func get(
        _ url: String,
        _ headers: [(String, String)] = [],
        method: String = "GET",
        reads: Bool = true
    ) async throws -> (status: UInt, headers: [String: String], body: Int) {
        var request = HTTPClientRequest(url: url)
        request.method = .init(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        let fields = Dictionary(
            response.headers.map { ($0.name.lowercased(), $0.value) },
            uniquingKeysWith: { first, _ in first }
        )
        let size = reads && method == "GET" ? try await response.body.collect(upTo: 1 << 20).readableBytes : 0
        return (response.status.code, fields, size)
    }

    /// `GET /live/{stream}.jpg`: the play ticket opens it; browsers of any page may show it.
    @Test func theTicketOpensThePicture() async throws {
        try await live { platform, _, _ in
            let url = try await Self.address(stream, platform)
            let (status, headers, size) = try await Self.get(url + "&width=64")
            #expect(status == 200 && size > 300)
            #expect(headers["content-type"] == "image/jpeg" && headers["access-control-allow-origin"] == "*")
            #expect(headers["cache-control"] == "private, no-cache" && headers["last-modified"] != nil)
            let tag = try #require(headers["etag"])
            #expect(try await Self.status(url + "&width=64", [("If-None-Match", tag)]) == 304)
            let head = try await Self.get(url + "&width=64", method: "HEAD")
            #expect(head.status == 200 && head.headers["content-length"] == "\(size)")
            #expect(try await Self.status(url + "&width=9") == 400)
            let forged = url.replacing(#/ticket=.*$/#, with: "ticket=x")
            let refused = try await Self.get(forged)
            #expect(refused.status == 401 && refused.headers["access-control-allow-origin"] == "*")
            #expect(try await Self.status(url.replacing("cam1-0.jpg", with: "cam2-0.jpg")) == 401)
            // It is no viewer.
            #expect(
                await platform.events.all.allSatisfy { if case .viewerJoined = $0 { false } else { true } }
            )
        }
    }
}
