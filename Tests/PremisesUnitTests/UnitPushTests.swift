import Foundation
import HSSModel
import MediaFormats
import PremisesUnit
import TestSupport
import Testing
import Vd

/// A media server of somebody else: `srt-live-transmit`, listening, with what it receives as a pipe.
final class SRTReceiver {
    static let passphrase = "0123456789abcdef"

    let port: Int
    private let process = Process()
    private let output = Pipe()

    init(port: Int? = nil, passphrase: String = SRTReceiver.passphrase) throws {
        self.port = try port ?? Self.freePort()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "srt-live-transmit", "-q", "-a:no",
            "srt://127.0.0.1:\(self.port)?mode=listener&passphrase=\(passphrase)&latency=200", "file://con",
        ]
        // Not the shared null device: its descriptor was seen to be that of another process.
        process.standardInput = FileHandle(forReadingAtPath: "/dev/null")
        process.standardOutput = output
        process.standardError = FileHandle(forWritingAtPath: "/dev/null")
        try process.run()
    }

    deinit {
        stop()
    }

    /// The next `count` bytes of the stream, which takes as long as the stream does.
    func read(_ count: Int) async -> [UInt8] {
        let handle = output.fileHandleForReading
        let identifier = process.processIdentifier
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                Thread.detachNewThread {
                    var bytes: [UInt8] = []
                    while bytes.count < count {
                        let more = handle.availableData
                        if more.isEmpty { break }
                        bytes += more
                    }
                    continuation.resume(returning: bytes)
                }
            }
        } onCancel: {
            // The pipe ends with it.
            kill(identifier, SIGKILL)
        }
    }

    func stop() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    func url(passphrase: String = SRTReceiver.passphrase) -> String {
        "srt://127.0.0.1:\(port)?streamid=%23%21%3A%3Ar%3Ds1%2Cm%3Dpublish&passphrase=\(passphrase)&pbkeylen=16"
    }

    /// One that the system gave away a moment ago.
    static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) + getsockname(descriptor, $0, &length)
            }
        }
        try #require(result == 0)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

@Suite("Pushing live over SRT", .timeLimit(.minutes(4)), .serialized) struct UnitPushTests {
    /// Logs one unit in, asks it to push to `url` and lets `body` watch; requests are answered throughout.
    static func withPush(
        video: String? = nil,
        url: String,
        _ body: (AsyncStream<UnitReport>, AsyncStream<Keepalive>) async throws -> Void
    ) async throws {
        let platform = try await FakePlatform()
        let options = PremisesUnitOptions(
            platform: platform.address,
            units: try UnitFleetTests.credentials(),
            videoFile: video
        )
        let (heartbeats, beat) = AsyncStream<Keepalive>.makeStream()
        try await UnitFleetTests.withFleet(options) { reports in
            let serving = Task {
                for await event in platform.events {
                    switch event {
                    case .login(_, let connection):
                        connection.send(.request(MachineBench.push(stream: "s1", url: url), seq: 1))
                    case .message(.request(let request, let seq), let connection):
                        connection.send(.answer(.success(.empty), seq: seq))
                        if request.method == Keepalive.name {
                            beat.yield(try Keepalive(request.parameters))
                        }
                    default: break
                    }
                }
            }
            defer { serving.cancel() }
            try await body(reports, heartbeats)
        }
        await platform.shutdown()
    }

    struct PushFailure: Error { var reason: String }

    /// Returns when the media server has taken the stream.
    static func published(_ reports: AsyncStream<UnitReport>) async throws {
        for await report in reports {
            switch report.event {
            case .published(0, StreamID(unchecked: "s1")): return
            case .pushFailed(_, _, let reason): throw PushFailure(reason: reason)
            default: break
            }
        }
    }

    @Test("the pattern arrives encrypted, each picture once and in order")
    func thePatternArrives() async throws {
        let receiver = try SRTReceiver()
        try await Self.withPush(url: receiver.url()) { reports, _ in
            try await Self.published(reports)
            let bytes = await receiver.read(150_000)
            let file = try MediaFile(packets: Array(bytes.prefix(bytes.count / 188 * 188)))
            let raw = try file.run(
                "ffmpeg",
                "-v",
                "error",
                "-i",
                file.path,
                "-map",
                "0:v",
                "-f",
                "rawvideo",
                "-"
            )
            let size = 640 * 360 * 3 / 2
            let numbers = (0..<raw.output.count / size).map { index in
                TestPatternPicture.frameNumber(
                    luma: raw.output[index * size..<index * size + 640 * 360],
                    width: 640
                )
            }
            #expect(numbers.count >= 40)
            #expect(numbers == Array(0..<numbers.count))
        }
    }

    @Test("a looped file decodes over its seam, decoding times growing, at its own pace")
    func aLoopedFileArrives() async throws {
        let video = MediaFile(path: MediaFile.temporaryPath())
        let made = try video.run(
            "ffmpeg",
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=320x180:rate=25:duration=1.2",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:sample_rate=44100:duration=1.2",
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-bf",
            "2",
            "-g",
            "10",
            "-c:a",
            "aac",
            "-y",
            "-f",
            "mpegts",
            video.path
        )
        try #require(made.status == 0, "\(made.errors)")
        let length = try Data(contentsOf: URL(filePath: video.path)).count
        let receiver = try SRTReceiver()
        try await Self.withPush(video: video.path, url: receiver.url()) { reports, _ in
            try await Self.published(reports)
            let start = ContinuousClock.now
            let bytes = await receiver.read(length * 7 / 2)
            // Three and a half passes of 1.2 s, less the last bit that one message may bring.
            #expect(ContinuousClock.now - start > .seconds(3.5))
            // The last frames are cut off in the middle; only whole passes are judged.
            let file = try MediaFile(packets: Array(bytes.prefix(length * 3 / 188 * 188)))
            for stream in ["v:0", "a:0"] {
                let times = try file.decodingTimes(of: stream)
                #expect(times.count > 80)
                for (earlier, later) in zip(times, times.dropFirst()) {
                    #expect(later > earlier && later - earlier <= 3 * 3600, "\(stream): \(earlier), \(later)")
                }
            }
            let whole = try MediaFile(packets: Array(bytes.prefix(length * 5 / 2 / 188 * 188)))
            let decoded = try whole.run(
                "ffmpeg",
                "-v",
                "error",
                "-i",
                whole.path,
                "-map",
                "0:v",
                "-f",
                "null",
                "-"
            )
            // What is cut off at the end may be said of the last frame, and of that only.
            #expect(decoded.errors.split(separator: "\n").count <= 2, "\(decoded.errors)")
        }
    }

    @Test("a wrong passphrase is refused once, not tried again, and reported as not streaming")
    func aWrongPassphraseIsRefused() async throws {
        let receiver = try SRTReceiver()
        try await Self.withPush(url: receiver.url(passphrase: "another-passphrase")) { reports, heartbeats in
            for await report in reports {
                if case .pushFailed = report.event { break }
                if case .pushInterrupted(_, _, let reason) = report.event { Issue.record("\(reason)") }
            }
            for await heartbeat in heartbeats where heartbeat.channels.first?.stream == nil { break }
        }
    }

    @Test("a receiver that goes away and returns gets the stream again at the same address")
    func aBrokenPushReturns() async throws {
        let first = try SRTReceiver()
        let url = first.url()
        try await Self.withPush(url: url) { reports, _ in
            var published = 0
            var second: SRTReceiver?
            for await report in reports {
                switch report.event {
                case .published:
                    published += 1
                    if published == 1 {
                        _ = await first.read(20_000)
                        first.stop()
                        second = try SRTReceiver(port: first.port)
                    }
                case .pushFailed(_, _, let reason):
                    Issue.record("\(reason)")
                    return
                default: break
                }
                if published == 2 { break }
            }
            let bytes = await second?.read(20_000)
            #expect(bytes?.first == 0x47)
        }
    }
}
