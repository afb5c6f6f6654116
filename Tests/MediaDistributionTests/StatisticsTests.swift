import Bus
import Foundation
import HSSModel
import Logging
import SRTTransport
import ServerKit
import Synchronization
import Testing

@testable import MediaDistribution

/// §8.2 b: whoever operates media distribution sees what it does, connection by connection, and can end it.
@Suite("What operators see and end", .timeLimit(.minutes(4))) struct StatisticsTests {
    private let stream = StreamID(unchecked: "cam1-0")

    private func ended(_ role: String, _ reason: String) -> String {
        "vedette_media_ended_total{role=\"\(role)\",reason=\"\(reason)\"}"
    }

    /// Looks again and again until `condition` holds, for at most 20 s.
    private func detail(
        _ platform: RunningMedia,
        once condition: (StreamDetail) -> Bool
    ) async throws -> StreamDetail {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            if let detail = await platform.media.stream(stream, viewersAfter: nil, limit: 10),
                condition(detail)
            {
                return detail
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        return try #require(await platform.media.stream(stream, viewersAfter: nil, limit: 10))
    }

    @Test func connectionsAreShownAsTheyAre() async throws {
        let clip = try await Clip.shared.value
        try await RunningMedia.run { platform in
            let publisher = try platform.publish(clip, to: try await platform.order(stream), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let srt = try await platform.play(stream, lease: "srt").srt
            let http = try await platform.play(stream, lease: "http").http
            let transmit = try Tool("srt-live-transmit", ["-q", "-a:no", srt, "file://con"])
            #expect(await platform.events.viewers(1))
            let curl = try Tool("curl", ["-sS", "-o", "/dev/null", http])
            #expect(await platform.events.viewers(2))
            let detail = try await detail(platform) { detail in
                detail.stream.bitrate > 0 && detail.format?.frameRate != nil
                    && detail.format?.samplingRate != nil
                    && detail.viewers.allSatisfy {
                        $0.bitrate > 0 && $0.srt.map { $0.packetsSent > 20 } ?? true
                    }
            }
            #expect(detail.stream.contents == StreamContents(video: "h264", audio: "aac"))
            let format = try #require(detail.format)
            #expect(format.width == 320 && format.height == 240 && format.frameRate == 25, "\(format)")
            #expect(format.profile == "Constrained Baseline" && format.level == "2", "\(format)")
            #expect(format.samplingRate == 44_100 && format.channels == 1, "\(format)")
            #expect(detail.stream.source?.unit.rawValue == "unit" && detail.stream.viewers == 2)
            // The clip is coded at 500 kbit/s, with sound.
            #expect((200_000...2_000_000).contains(detail.stream.bitrate))

            let from = try #require(detail.publisher)
            #expect(from.kind == .srt && from.isEncrypted && from.bytesReceived > 10_000)
            #expect(from.peer?.hasPrefix("127.0.0.1:") ?? false)
            let figures = try #require(from.srt)
            #expect(figures.packetsReceived > 20 && figures.msRtt > 0 && figures.packetsSent == 0)
            #expect(figures.bytesReceived >= UInt64(figures.packetsReceived))
            #expect(figures.mbpsReceiveRate == Double(from.bitrate) / 1e6)

            #expect(detail.viewers.map(\.lease.rawValue) == ["srt", "http"], "in the order of their coming")
            let (first, second) = (detail.viewers[0], detail.viewers[1])
            #expect(first.kind == .srt && first.isEncrypted && first.bytesSent > 10_000)
            #expect(first.srt.map { $0.msSendTsbPdDelay >= 120 && $0.mbpsSendRate > 0.2 } ?? false)
            #expect(second.kind == .ts && second.srt == nil && second.bytesSent > 10_000)
            // A page, and the next one.
            let page = await platform.media.stream(stream, viewersAfter: nil, limit: 1)
            #expect(page?.viewers.map(\.id) == [first.id] && page?.stream.viewers == 2)
            let next = await platform.media.stream(stream, viewersAfter: first.id, limit: 1)
            #expect(next?.viewers.map(\.id) == [second.id])
            #expect(
                await platform.media.stream(StreamID(unchecked: "no"), viewersAfter: nil, limit: 1) == nil
            )
            let asking = await ContinuousClock().measure {
                for _ in 0..<1000 { _ = await platform.media.stream(stream, viewersAfter: nil, limit: 10) }
            }
            print("asking two connections over SRT and one over HTTP: \(asking / 1000)")
            for tool in [publisher, transmit, curl] { tool.signal(SIGKILL) }
        }
    }

    @Test func aKickedViewerCannotComeBackAndOthersSeeNothingOfIt() async throws {
        let bytes = [UInt8](try Data(contentsOf: try await Clip.shared.value))
        try await RunningMedia.run { platform in
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(bytes.prefix(26_320), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let (annas, berts) = (LeaseID(unchecked: "anna"), LeaseID(unchecked: "bert"))
            let anna = try await platform.play(stream, lease: annas.rawValue)
            let bert = try await platform.play(stream, lease: berts.rawValue)
            let first = try platform.connect(anna.srt)
            #expect(await platform.events.wait(for: .viewerJoined(stream, annas, viewers: 1)))
            let second = try Tool("curl", ["-sN", "-o", "/dev/null", anna.http])
            #expect(await platform.events.wait(for: .viewerJoined(stream, annas, viewers: 2)))
            let other = try platform.connect(bert.srt)
            #expect(await platform.events.wait(for: .viewerJoined(stream, berts, viewers: 3)))
            let seen = try #require(await platform.media.stream(stream, viewersAfter: nil, limit: 10)).viewers

            #expect(await platform.media.kick(seen[0].id, of: StreamID(unchecked: "another")) == false)
            #expect(await platform.media.kick(seen[0].id, of: stream))
            #expect(await platform.media.kick(seen[0].id, of: stream) == false)
            #expect(
                await platform.events.wait(for: .viewerLeft(stream, annas, viewers: 1, .closedByOperator))
            )
            await second.waitForExit()
            #expect(throws: SRTError.self) { try platform.connect(anna.srt) }
            #expect(platform.metric(ended("viewer", "closed-by-operator")) == 2)
            let left = await platform.media.stream(stream, viewersAfter: nil, limit: 10)
            #expect(left?.viewers.map(\.lease) == [berts])
            for socket in [first, other, unit] { socket.close() }
        }
    }

    /// The viewer waits for the next push, which comes under the same name.
    @Test func aKickedPushEndsAndItsViewersGoOnWithTheNext() async throws {
        let bytes = [UInt8](try Data(contentsOf: try await Clip.shared.value))
        try await RunningMedia.run { platform in
            #expect(await platform.media.kickPublisher(of: stream) == false)
            let unit = try platform.connect(try await platform.order(stream, epoch: 1))
            try await platform.send(bytes.prefix(26_320), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let curl = try Tool("curl", ["-sN", "-o", "/dev/null", try await platform.play(stream).http])
            #expect(await platform.events.viewers(1))
            #expect(await platform.media.kickPublisher(of: stream))
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByOperator)))
            let waiting = try #require(await platform.media.stream(stream, viewersAfter: nil, limit: 1))
            #expect(waiting.publisher == nil && waiting.stream.lastEnd?.reason == .closedByOperator)
            #expect(waiting.viewers.count == 1)
            #expect(platform.metric(ended("publisher", "closed-by-operator")) == 1)
            let next = try platform.connect(try await platform.order(stream, epoch: 2))
            try await platform.send(bytes.prefix(26_320), on: next)
            #expect(await platform.events.wait(for: .published(stream, Epoch(2))))
            #expect(await platform.media.streams().map(\.viewers) == [1])
            curl.signal(SIGKILL)
            for socket in [unit, next] { socket.close() }
        }
    }

    /// What goes beyond a user's limit is the newest.
    @Test func trimmingEndsTheNewestOfOneLease() async throws {
        let bytes = [UInt8](try Data(contentsOf: try await Clip.shared.value))
        try await RunningMedia.run { platform in
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(bytes.prefix(26_320), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let lease = LeaseID(unchecked: "lease")
            let play = try await platform.play(stream, lease: "lease")
            var sockets = [unit]
            for count in 1...3 {
                sockets.append(try platform.connect(play.srt))
                #expect(await platform.events.wait(for: .viewerJoined(stream, lease, viewers: count)))
            }
            let before = try #require(await platform.media.stream(stream, viewersAfter: nil, limit: 9))
                .viewers
            await platform.media.trim(lease, of: stream, to: 5)
            await platform.media.trim(lease, of: stream, to: 1)
            #expect(await platform.events.wait(for: .viewerLeft(stream, lease, viewers: 1, .userLimit)))
            let after = try #require(await platform.media.stream(stream, viewersAfter: nil, limit: 9)).viewers
            #expect(after.map(\.id) == [before[0].id])
            for socket in sockets { socket.close() }
        }
    }

    @Test func anEndIsOneLineWithItsReason() {
        let lines = Mutex<[(Logger.Level, String, Logger.Metadata)]>([])
        var logger = Logger(label: "test") { _ in
            RecordingHandler { level, message, metadata in
                lines.withLock { $0.append((level, message, metadata)) }
            }
        }
        logger.logLevel = .debug
        var ending = MediaEnding(
            role: .publisher,
            stream: stream,
            kind: .srt,
            reason: .unsupportedCodec,
            duration: .milliseconds(12_700),
            octets: 4096
        )
        ending.log(to: logger)
        ending.reason = .closedByPeer
        ending.log(to: logger)
        ending.role = .viewer
        ending.log(to: logger)
        let seen = lines.withLock { $0 }
        #expect(seen.map(\.0) == [.notice, .info, .debug])
        #expect(seen.map(\.1) == ["publisher ended", "publisher ended", "viewer ended"])
        #expect(
            seen[0].2 == [
                "stream": "cam1-0", "protocol": "srt", "reason": "unsupported-codec", "seconds": "12",
                "octets": "4096",
            ]
        )
    }
}

private struct RecordingHandler: LogHandler {
    let record: @Sendable (Logger.Level, String, Logger.Metadata) -> Void
    var logLevel = Logger.Level.debug
    var metadata: Logger.Metadata = [:]

    init(_ record: @escaping @Sendable (Logger.Level, String, Logger.Metadata) -> Void) {
        self.record = record
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        record(event.level, "\(event.message)", event.metadata ?? [:])
    }
}
