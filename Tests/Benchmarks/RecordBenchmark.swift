import AsyncHTTPClient
import CustomerUnit
import Foundation
import HSSModel
import HostClock
import NIOCore
import ServerKit
import Store
import Vr

/// Segments that come and go: memory while many units upload at once, and CPU beside nginx's `PUT` (dav) and `GET` with the
/// same certificate, the same client and the same disk. Ours syncs each segment before its answer, takes its checksum and
/// asks at each `GET` who may see it; nginx does none of that.
struct RecordBenchmark {
    private static let ports = 23_800
    private static let peerPort = 23_810
    private static let size = 8 << 20

    let vedette: String
    let folder: String
    let units: Int

    func run(_ report: inout Report) async throws {
        let platform = try await PlatformUnderTest(
            vedette: vedette,
            folder: folder,
            ports: Self.ports,
            ["RECORDING_RATE": "100000", "RECORDING_BURST": "100000"]
        )
        let segment = folder + "/segment.ts"
        try Data((0..<Self.size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }).write(
            to: URL(fileURLWithPath: segment)
        )
        let recorder = try await Recorder(platform, folder: folder, units: units)
        // A first round warms what stays warm.
        try curl(try await recorder.announce(0, size: Self.size), segment, parallel: 8, ["--fail"])

        let before = try platform.server.usage()
        let slowly = try await recorder.announce(1, size: Self.size)
        let client = try startCurl(slowly, segment, parallel: units, ["--limit-rate", "1M"])
        var most = before.memory
        var uploads = 0
        while client.isRunning {
            most = max(most, try platform.server.usage().memory)
            uploads = max(uploads, Int(try await platform.metric("vedette_record_uploads")))
            try await Task.sleep(for: .milliseconds(100))
        }
        try check(client)
        report.add("uploads of 8 MiB at once", Double(uploads), "")
        report.add(
            "\(units) uploads of 8 MiB at once: memory more than before",
            Double(most - before.memory) / 1e6,
            "MB",
            target: Double(units) * 0.5
        )

        let fast = try await recorder.announce(2, size: Self.size)
        let ours = try measure(platform.server) { try curl(fast, segment, parallel: 8, ["--fail"]) }
        try recorder.save(2)
        let addresses = try await recorder.playback(2, with: platform.client)
        try fetch(addresses)
        let played = try measure(platform.server) { try fetch(addresses) }
        await platform.stop()
        let (peer, peerPlayed) = try nginx(segment)
        let bytes = Double(units * Self.size) / 1e6
        report.add(
            "uploads of 8 MiB: CPU for each, beside nginx's PUT",
            ours.cpu / Double(units) * 1000,
            "ms",
            peer: peer.cpu / Double(units) * 1000,
            atMostTimesPeer: 1
        )
        report.add("uploads of 8 MiB: time, 8 at once", ours.seconds, "s", peer: peer.seconds)
        report.note(
            "uploads of 8 MiB: rate",
            String(format: "%.0f MB/s, nginx %.0f MB/s", bytes / ours.seconds, bytes / peer.seconds)
        )
        report.add(
            "playback of 8 MiB: CPU for each, beside nginx's GET",
            played.cpu / Double(units) * 1000,
            "ms",
            peer: peerPlayed.cpu / Double(units) * 1000,
            atMostTimesPeer: 1.1
        )
        report.add("playback of 8 MiB: time, 8 at once", played.seconds, "s", peer: peerPlayed.seconds)
    }

    // MARK: The peer

    private typealias Cost = (cpu: Double, seconds: Double)

    private func nginx(_ segment: String) throws -> (upload: Cost, playback: Cost) {
        let tls = folder + "/data/tls"
        let configuration = """
            user root; daemon off; master_process off; pid \(folder)/nginx.pid; error_log \(folder)/nginx.log;
            events { worker_connections 4096; }
            http {
                access_log off;
                server {
                    listen 127.0.0.1:\(Self.peerPort) ssl; server_name localhost;
                    ssl_certificate \(tls)/server.pem; ssl_certificate_key \(tls)/server.key;
                    client_max_body_size 1g; client_body_temp_path \(folder)/nginx-parts;
                    location / { root \(folder)/nginx-files; dav_methods PUT; create_full_put_path on; }
                }
            }
            """
        try FileManager.default.createDirectory(
            atPath: folder + "/nginx-files",
            withIntermediateDirectories: true
        )
        try configuration.write(toFile: folder + "/nginx.conf", atomically: true, encoding: .utf8)
        let server = try Child("nginx", ["-c", folder + "/nginx.conf"], log: folder + "/nginx.log")
        defer { server.stop() }
        sleep(1)
        func urls(_ round: Int) -> [String] {
            (0..<units).map { "https://localhost:\(Self.peerPort)/\(round)-\($0).ts" }
        }
        try curl(urls(0), segment, parallel: 8, ["--fail"])
        let upload = try measure(server) { try curl(urls(1), segment, parallel: 8, ["--fail"]) }
        try fetch(urls(1))
        return (upload, try measure(server) { try fetch(urls(1)) })
    }

    // MARK: The client

    private func measure(_ server: Child, _ body: () throws -> Void) throws -> Cost {
        let before = try server.usage()
        try body()
        let after = try server.usage()
        return (after.cpu - before.cpu, (after.at - before.at).inSeconds)
    }

    private func curl(_ urls: [String], _ segment: String, parallel: Int, _ more: [String]) throws {
        let process = try startCurl(urls, segment, parallel: parallel, more)
        process.waitUntilExit()
        try check(process)
    }

    private func check(_ process: Process) throws {
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchmarkError.tool("curl", "ended with \(process.terminationStatus)")
        }
    }

    private func fetch(_ urls: [String]) throws {
        let process = try startCurl(
            urls.map { "url = \"\($0)\"\noutput = \"/dev/null\"\n" },
            parallel: 8,
            ["--fail"]
        )
        try check(process)
    }

    private func startCurl(
        _ urls: [String],
        _ segment: String,
        parallel: Int,
        _ more: [String]
    ) throws -> Process {
        let lines = urls.map { "url = \"\($0)\"\nupload-file = \"\(segment)\"\noutput = \"/dev/null\"\n" }
        return try startCurl(lines, parallel: parallel, more)
    }

    /// One curl for all, HTTP/1.1: what units and nginx speak.
    private func startCurl(_ lines: [String], parallel: Int, _ more: [String]) throws -> Process {
        let list = folder + "/transfers-\(UUID().uuidString)"
        try lines.joined().write(toFile: list, atomically: true, encoding: .utf8)
        return try Self.start(
            [
                "-sS", "--http1.1", "--cacert", folder + "/data/tls/ca.pem", "--parallel",
                "--parallel-immediate", "--parallel-max", "\(parallel)", "--config", list,
            ] + more
        )
    }

    fileprivate static func start(_ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["curl"] + arguments
        process.standardInput = FileHandle(forReadingAtPath: "/dev/null")
        try process.run()
        return process
    }
}

/// Record sessions of many units, begun beside the platform, which speaks of them like of its own.
private struct Recorder {
    private let folder: String
    private let origin: String
    private let key: RecordKey
    private let sessions: [StoredRecordSession]
    private let base = WallTime.now.milliseconds / 1000 * 1000 - 7_200_000

    init(_ platform: PlatformUnderTest, folder: String, units: Int) async throws {
        self.folder = folder
        origin = platform.address
        let prefix = "rec"
        try await platform.enrol(units, prefix, into: [folder + "/credentials"])
        let secret = try String(contentsOfFile: folder + "/data/keys/recordings.key", encoding: .utf8)
        guard let key = RecordKey(Secret(secret)) else {
            throw BenchmarkError.platform("its recording key is short")
        }
        self.key = key
        let store = try SQLiteStore(path: folder + "/data/vedette.sqlite", at: .now)
        var sessions: [StoredRecordSession] = []
        for number in 0..<units {
            let channel = ChannelAddress(unit: UnitID(unchecked: "\(prefix)\(number)"), number: 0)
            let id = RecordSessionID(unchecked: "bench-\(number)")
            sessions.append(try await store.beginRecordSession(id, of: channel, at: .now))
        }
        self.sessions = sessions
    }

    /// One segment of each unit; returns where they go.
    func announce(_ round: Int, size: Int) async throws -> [String] {
        let start = start(round)
        guard let name = SegmentName(start: start) else { return [] }
        let announcement = SegmentAnnouncement(size: Int64(size), start: start, duration: .seconds(10))
        try send(SegmentRequest.create(announcement, secure: true, confirming: nil))
        return sessions.map { session in
            UploadAddress(
                channel: session.channelID,
                session: session.id,
                segment: name,
                size: Int64(size),
                expiresAt: .now + .seconds(3600)
            ).url(at: origin, key: key).reveal()
        }
    }

    /// Confirms that round's segments.
    func save(_ round: Int) throws {
        guard let name = SegmentName(start: start(round)) else { return }
        try send(SegmentRequest.save(name: "\(name)"))
    }

    /// Where that round's segments are played from: what the playlists say.
    func playback(_ round: Int, with client: PlatformClient) async throws -> [String] {
        let range = ["from": start(round).rfc3339Exact, "to": (start(round) + .seconds(10)).rfc3339Exact]
        var addresses: [String] = []
        for session in sessions {
            let path = "/devices/\(session.recorded.channel.unit)/channels/0/playback"
            let answer: PlaybackAnswer = try await client.call(.post, path, range)
            for media in try await lines(origin + answer.hls, client) {
                let folder = origin + media.prefix { $0 != "?" }.dropLast("media.m3u8".count)
                addresses += try await lines(origin + media, client).map { folder + $0.dropFirst("./".count) }
            }
        }
        guard addresses.count == sessions.count else {
            throw BenchmarkError.platform("\(addresses.count) segments are in \(sessions.count) playlists")
        }
        return addresses
    }

    /// The addresses in a playlist.
    private func lines(_ playlist: String, _ client: PlatformClient) async throws -> [String] {
        let body = try await client.open(url: playlist)
        let text = String(buffer: try await body.collect(upTo: 65_536))
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map(String.init)
    }

    private func start(_ round: Int) -> WallTime { WallTime(milliseconds: base + Int64(round) * 10_000) }

    /// The same request of all units, one after the other.
    private func send(_ request: SegmentRequest) throws {
        let list = folder + "/requests"
        let lines = sessions.compactMap { session -> String? in
            let address = RecordAddress(channel: session.channelID, session: session.id)
            guard let url = address.url(at: origin, key: key)?.reveal() else { return nil }
            return """
                cacert = "\(folder)/data/tls/ca.pem"
                fail
                silent
                url = "\(url)"
                data = "\(request.body)"
                output = "/dev/null"

                """
        }
        try lines.joined(separator: "next\n").write(toFile: list, atomically: true, encoding: .utf8)
        let process = try RecordBenchmark.start(["--config", list])
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchmarkError.tool("curl", "ended with \(process.terminationStatus) for \(request.body)")
        }
    }
}
