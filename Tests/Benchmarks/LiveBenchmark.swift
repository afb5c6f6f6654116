import AsyncHTTPClient
import CustomerUnit
import Foundation
import Glibc
import HSSModel
import HostClock
import MediaFormats
import NIOCore
import SRTTransport
import Synchronization
import Vm

/// From the customer's call to the first octets of a key frame at the viewer.
struct LiveBenchmark {
    private enum Transport: String, CaseIterable { case http = "HTTP", srt = "SRT" }

    private static let device = "bench-live-0"
    private static let path = "/devices/\(device)/channels/0/live"

    let vedette: String
    let folder: String
    let runs: Int

    func run(_ report: inout Report) async throws {
        say("live pictures, \(runs) times each")
        let platform = try await PlatformUnderTest(
            vedette: vedette,
            folder: folder,
            ports: 23_430,
            ["LIVE_LINGER": "0s"]
        )
        try await platform.enrol(1, "bench-live-", into: [folder + "/camera.txt"])
        let customer = try await customer(of: platform)
        let code: BindCodeAnswer = try await customer.call(.post, "/bindings")
        let camera = try Child(
            vedette,
            [
                "pu", "run", "--platform", platform.address, "--ca", platform.authorityFile, "--credentials",
                folder + "/camera.txt", "--bind", code.bindId, "--bitrate", "2000000",
            ],
            isHeard: false,
            log: folder + "/camera.log"
        )
        defer { camera.stop() }
        try await platform.waitUntil("vedette_vd_connections", reaches: 1, within: .seconds(20))
        try await platform.waitUntil("vedette_vd_binds_total", reaches: 1, within: .seconds(20))

        for transport in Transport.allCases {
            var times: [Double] = []
            for _ in 0..<runs {
                try await platform.waitUntil("vedette_media_streams", reaches: 0, within: .seconds(20))
                try await platform.waitUntil("vedette_media_viewers", reaches: 0, within: .seconds(20))
                let (time, lease) = try await watch(transport, customer, platform)
                times.append(time)
                let _: PlatformClient.Nothing = try await customer.call(
                    .delete,
                    Self.path + "?lease=\(lease)"
                )
            }
            add(times, "cold", transport, &report)
        }
        // Somebody watches all the time.
        let live: LiveAnswer = try await customer.call(.post, Self.path)
        let keeper = Task {
            for try await _ in try await customer.open(url: live.play.ts) {}
        }
        try await platform.waitUntil("vedette_media_viewers", reaches: 1, within: .seconds(20))
        for transport in Transport.allCases {
            var times: [Double] = []
            for _ in 0..<runs { times.append(try await watch(transport, customer, platform).seconds) }
            add(times, "warm", transport, &report)
        }
        keeper.cancel()
        camera.stop()
        await customer.shutdown()
        await platform.stop()
    }

    private func add(_ times: [Double], _ state: String, _ transport: Transport, _ report: inout Report) {
        let name = "Call to key frame, \(state), \(transport.rawValue)"
        report.add("\(name), p50", times.percentile(0.5) * 1000, "ms")
        let target: Double? = state == "warm" && transport == .srt ? 15 : nil
        report.add("\(name), p99", times.percentile(0.99) * 1000, "ms", target: target)
    }

    private func customer(of platform: PlatformUnderTest) async throws -> PlatformClient {
        let password = UUID().uuidString
        let _: UserAnswer = try await platform.client.call(
            .post,
            "/admin/users",
            ["user": "anna", "password": password, "role": "customer"]
        )
        let client = try client(of: platform)
        try await client.logIn(user: "anna", password: Secret(password))
        return client
    }

    private func client(of platform: PlatformUnderTest) throws -> PlatformClient {
        try PlatformClient(
            url: platform.address,
            authority: try String(contentsOfFile: platform.authorityFile, encoding: .utf8)
        )
    }

    /// Seconds from the call to the key frame, over a new connection as a player makes it.
    private func watch(
        _ transport: Transport,
        _ customer: PlatformClient,
        _ platform: PlatformUnderTest
    ) async throws -> (seconds: Double, lease: String) {
        let viewer = try client(of: platform)
        let start = Instant.now
        let live: LiveAnswer = try await customer.call(.post, Self.path)
        var picture = KeyFrameSearch()
        switch transport {
        case .http:
            for try await buffer in try await viewer.open(url: live.play.ts) {
                if buffer.withUnsafeReadableBytes({ picture.isFound(in: $0) }) { break }
            }
        case .srt:
            try receive(live.play.srt, &picture)
        }
        let end = Instant.now
        await viewer.shutdown()
        guard picture.found else { throw BenchmarkError.measurement("the stream ended without a key frame") }
        return ((end - start).inSeconds, live.lease)
    }

    /// Without the delay that a player adds to even out what was repeated (`srt.latency`), and without waiting for libsrt,
    /// which tells a reader of what has come with its next acknowledgement, up to 10 ms later.
    private func receive(_ url: String, _ picture: inout KeyFrameSearch) throws {
        let address = try SRTAddress(parsing: Secret(url))
        var options = SRTOptions(address)
        options.reordersByTimestamp = false
        let socket = try SRTSocket(options)
        defer { socket.close() }
        // "localhost" may be ::1 too, where nobody listens.
        try socket.connect(to: NetworkAddress.resolve(host: "127.0.0.1", port: address.port)[0])
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: SRTSocket.longestMessage, alignment: 1)
        defer { buffer.deallocate() }
        let patience = Instant.now + .seconds(10)
        while socket.state == .connecting, Instant.now < patience { usleep(500) }
        while socket.state == .connected, Instant.now < patience {
            usleep(500)
            for _ in 0..<socket.receivable {
                guard let (length, _) = try socket.receive(into: buffer) else { break }
                if picture.isFound(in: UnsafeRawBufferPointer(rebasing: buffer[..<length])) { return }
            }
        }
    }
}

/// Looks for the beginning of a key frame in MPEG-TS.
struct KeyFrameSearch {
    private var scanner = TransportStreamScanner()
    private(set) var found = false

    mutating func isFound(in octets: UnsafeRawBufferPointer) -> Bool {
        var found = found
        scanner.scan(octets) { if $0.keyFrame != nil { found = true } }
        self.found = found
        return found
    }
}
