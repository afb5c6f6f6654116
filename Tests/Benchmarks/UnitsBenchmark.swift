import Foundation
import HSSModel

/// What idle premises units cost the platform: all of them over TLS, from one process, on one `vedette serve`; and what
/// the same units cost a server with nothing behind it.
struct UnitsBenchmark {
    private static let ports = 23_410

    let vedette: String
    /// This program, for the peer.
    let bench: String
    let folder: String
    let count: Int
    /// How long heartbeats are watched.
    let seconds: Int

    func run(_ report: inout Report) async throws {
        say("\(count) idle units over TLS")
        let credentials = folder + "/units.txt"
        var platform = try await start(keepalive: 10)
        try await platform.enrol(count, "bench-", into: [credentials])
        try await Task.sleep(for: .seconds(3))
        let empty = try platform.server.usage()
        try await Task.sleep(for: .seconds(10))
        let idle = try platform.server.usage()
        let idleCores = idle.cores(since: empty)

        let units = try Child(
            vedette,
            [
                "pu", "run", "--platform", platform.address, "--ca", platform.authorityFile, "--credentials",
                credentials, "--count", "\(count)", "--starts-per-second", "250",
            ],
            isHeard: false,
            log: folder + "/units.log"
        )
        defer { units.stop() }
        try await allConnected(platform.metrics)
        let arrived = try platform.server.usage()
        let arrival = (arrived.cpu - idle.cpu - idleCores * (arrived.at - idle.at).inSeconds) / Double(count)

        let calm = try await heartbeats(platform.metrics, platform.server, without: idleCores)
        let settled = try platform.server.usage()
        await platform.stop()

        // They all come back to a platform that was restarted: no Vs in between.
        platform = try await start(keepalive: 1)
        let restarted = try platform.server.usage()
        try await allConnected(platform.metrics)
        let returned = try platform.server.usage()
        let logins = try await platform.metric("vedette_vd_logins_total", "accepted")
        let beats = try await platform.metric("vedette_vd_heartbeats_total")
        let dense = try await heartbeats(platform.metrics, platform.server, without: idleCores)
        let login = (returned.cpu - restarted.cpu - beats * dense.each) / logins
        await platform.stop()

        let bare = try await peer()
        units.stop()
        let perUnit = { (memory: Int) in Double(memory) / Double(count) / 1000 }
        report.add(
            "Memory per idle unit",
            perUnit(settled.memory - idle.memory),
            "KB",
            target: 26,
            peer: perUnit(bare.memory)
        )
        report.add(
            "CPU per heartbeat, one in 10 s",
            calm.each * 1e6,
            "µs",
            target: 70,
            peer: bare.heartbeat * 1e6
        )
        report.add("CPU of all heartbeats", calm.cores * 1000, "ms/s")
        report.add("CPU of the idle platform", idleCores * 1000, "ms/s")
        report.add(
            "CPU per login over Vd, TLS handshake included",
            login * 1e6,
            "µs",
            target: 400,
            peer: bare.login * 1e6
        )
        report.add("CPU per scheduling over Vs, TLS handshake included", (arrival - login) * 1e6, "µs")
        report.add(
            "CPU per RPC (heartbeats, \(Int(dense.rate)) in a second)",
            dense.each * 1e6,
            "µs",
            target: 20,
            peer: bare.rpc * 1e6
        )
    }

    // MARK: The peer

    private struct Peer {
        var memory: Int
        var heartbeat: Double
        var login: Double
        var rpc: Double
    }

    /// The units find it where the platform was.
    private func peer() async throws -> Peer {
        let metrics = MetricsPage(port: Self.ports + 3)
        let dense = try startPeer(keepalive: 1)
        let begin = try dense.usage()
        try await allConnected(metrics)
        let returned = try dense.usage()
        let early = try await metrics.value("vedette_vd_heartbeats_total")
        let rpc = try await heartbeats(metrics, dense, without: 0)
        dense.stop()
        let sparse = try startPeer(keepalive: 10)
        let empty = try sparse.usage()
        try await allConnected(metrics)
        let calm = try await heartbeats(metrics, sparse, without: 0)
        let settled = try sparse.usage()
        sparse.stop()
        return Peer(
            memory: settled.memory - empty.memory,
            heartbeat: calm.each,
            login: (returned.cpu - begin.cpu - early * rpc.each) / Double(count),
            rpc: rpc.each
        )
    }

    private func startPeer(keepalive: Int) throws -> Child {
        let server = try Child(
            bench,
            [
                "vd", "--port", "\(Self.ports + 1)", "--metrics-port", "\(Self.ports + 3)", "--keepalive",
                "\(keepalive)", "--identity", PlatformUnderTest.identity(in: folder),
            ],
            log: folder + "/peer.log"
        )
        try server.waitForLine { $0 == "ready" }
        return server
    }

    // MARK: Parts

    private func start(keepalive: Int) async throws -> PlatformUnderTest {
        try await PlatformUnderTest(
            vedette: vedette,
            folder: folder,
            ports: Self.ports,
            ["VD_KEEPALIVE": "\(keepalive)s", "VD_OFFLINE_AFTER": "60s"]
        )
    }

    private func allConnected(_ metrics: MetricsPage) async throws {
        try await metrics.waitUntil(
            "vedette_vd_connections",
            reaches: count,
            within: .seconds(240),
            every: .seconds(1)
        )
    }

    /// What is above an idle platform: CPU seconds of each, how many in a second, and cores for all.
    private func heartbeats(
        _ metrics: MetricsPage,
        _ server: Child,
        without idleCores: Double
    ) async throws -> (each: Double, rate: Double, cores: Double) {
        // Past the first heartbeats, which come with the logins.
        try await Task.sleep(for: .seconds(5))
        let before = try await metrics.value("vedette_vd_heartbeats_total")
        let start = try server.usage()
        try await Task.sleep(for: .seconds(seconds))
        let end = try server.usage()
        let beats = try await metrics.value("vedette_vd_heartbeats_total") - before
        guard beats > 0 else { throw BenchmarkError.measurement("no heartbeat came") }
        let cores = end.cores(since: start) - idleCores
        return (cores * (end.at - start.at).inSeconds / beats, beats / (end.at - start.at).inSeconds, cores)
    }
}
