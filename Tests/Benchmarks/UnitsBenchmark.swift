import Foundation
import HSSModel

/// What idle premises units cost the platform: all of them over TLS, from one process, on one `vedette serve`.
struct UnitsBenchmark {
    let vedette: String
    let folder: String
    let count: Int
    /// How long heartbeats are watched.
    let seconds: Int

    func run(_ report: inout Report) async throws {
        say("\(count) idle units over TLS")
        let credentials = folder + "/units.txt"
        var platform = try await start(keepalive: 10)
        try await platform.enrol(count, "bench-", into: credentials)
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
        try await allConnected(platform)
        let arrived = try platform.server.usage()
        let arrival = (arrived.cpu - idle.cpu - idleCores * (arrived.at - idle.at).inSeconds) / Double(count)

        let calm = try await heartbeats(platform, during: seconds, without: idleCores)
        let settled = try platform.server.usage()
        report.add(
            "Memory per idle unit",
            Double(settled.memory - idle.memory) / Double(count) / 1000,
            "KB",
            target: 26
        )
        report.add("CPU per heartbeat, one in 10 s", calm.each * 1e6, "µs", target: 70)
        report.add("CPU of all heartbeats", calm.cores * 1000, "ms/s")
        report.add("CPU of the idle platform", idleCores * 1000, "ms/s")

        // They all come back to a platform that was restarted: no Vs in between.
        await platform.stop()
        platform = try await start(keepalive: 1)
        let restarted = try platform.server.usage()
        try await allConnected(platform)
        let returned = try platform.server.usage()
        let logins = try await platform.metric("vedette_vd_logins_total", "accepted")
        let beats = try await platform.metric("vedette_vd_heartbeats_total")
        let dense = try await heartbeats(platform, during: seconds, without: idleCores)
        let login = (returned.cpu - restarted.cpu - beats * dense.each) / logins
        report.add("CPU per login over Vd, TLS handshake included", login * 1e6, "µs", target: 400)
        report.add("CPU per scheduling over Vs, TLS handshake included", (arrival - login) * 1e6, "µs")
        report.add(
            "CPU per RPC (heartbeats, \(Int(dense.rate)) in a second)",
            dense.each * 1e6,
            "µs",
            target: 20
        )
        units.stop()
        await platform.stop()
    }

    private func start(keepalive: Int) async throws -> PlatformUnderTest {
        try await PlatformUnderTest(
            vedette: vedette,
            folder: folder,
            ports: 23_410,
            ["VD_KEEPALIVE": "\(keepalive)s", "VD_OFFLINE_AFTER": "60s"]
        )
    }

    private func allConnected(_ platform: PlatformUnderTest) async throws {
        try await platform.waitUntil(
            "vedette_vd_connections",
            reaches: count,
            within: .seconds(240),
            every: .seconds(1)
        )
    }

    /// What is above an idle platform: CPU seconds of each, how many in a second, and cores for all.
    private func heartbeats(
        _ platform: PlatformUnderTest,
        during seconds: Int,
        without idleCores: Double
    ) async throws -> (each: Double, rate: Double, cores: Double) {
        // Past the first heartbeats, which come with the logins.
        try await Task.sleep(for: .seconds(5))
        let before = try await platform.metric("vedette_vd_heartbeats_total")
        let start = try platform.server.usage()
        try await Task.sleep(for: .seconds(seconds))
        let end = try platform.server.usage()
        let beats = try await platform.metric("vedette_vd_heartbeats_total") - before
        guard beats > 0 else { throw BenchmarkError.measurement("no heartbeat came") }
        let cores = end.cores(since: start) - idleCores
        return (cores * (end.at - start.at).inSeconds / beats, beats / (end.at - start.at).inSeconds, cores)
    }
}
