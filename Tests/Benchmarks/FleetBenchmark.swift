import CustomerUnit
import Foundation
import Glibc
import HSSModel

/// A whole fleet on one platform: units of several processes over TLS with a heartbeat in 10 s, a customer's calls to
/// single units all the while, and a platform that is killed and started again.
struct FleetBenchmark {
    private static let prefix = "bench-"
    private static let unitsPerProcess = 5000
    private static let startsPerSecond = 400
    /// Calls in a second.
    private static let callRate = 10

    let vedette: String
    let folder: String
    let count: Int
    /// How long the fleet is watched at rest.
    let seconds: Int

    func run(_ report: inout Report) async throws {
        try raiseDescriptorLimit()
        say("a fleet of \(count) units over TLS")
        let processes = (count + Self.unitsPerProcess - 1) / Self.unitsPerProcess
        let files = (0..<processes).map { "\(folder)/units-\($0).txt" }
        var platform = try await start()
        try await platform.enrol(count, Self.prefix, into: files)
        try await Task.sleep(for: .seconds(3))
        let empty = try platform.server.usage()
        try await Task.sleep(for: .seconds(5))
        let idle = try platform.server.usage()
        let idleCores = idle.cores(since: empty)

        let units = try files.map { try startUnits($0, processes, platform) }
        defer { for process in units { process.stop() } }
        try await allConnected(platform)
        let arrived = try platform.server.usage()
        report.add(
            "First arrival of all, \(Self.startsPerSecond) in a second",
            (arrived.at - idle.at).inSeconds,
            "s"
        )

        let customer = StatusCalls(platform.client, prefix: Self.prefix, units: count, rate: Self.callRate)
        try await calm(platform, customer, idleCores, &report)
        report.add(
            "Memory per unit",
            Double(try platform.server.usage().memory - idle.memory) / Double(count) / 1000,
            "KB",
            target: 26
        )

        platform = try await storm(platform, customer, idleCores, &report)
        for process in units { process.stop() }
        await platform.stop()
        let wrongOwners = await customer.wrongOwners
        if wrongOwners > 0 {
            throw BenchmarkError.measurement("\(wrongOwners) calls were answered by another unit")
        }
    }

    // MARK: Phases

    private func calm(
        _ platform: PlatformUnderTest,
        _ customer: StatusCalls,
        _ idleCores: Double,
        _ report: inout Report
    ) async throws {
        // Past the first heartbeats, and what is asked of newcomers.
        try await Task.sleep(for: .seconds(15))
        let beats = try await platform.metric("vedette_vd_heartbeats_total")
        let begin = try platform.server.usage()
        let calls = try await customer.call(for: .seconds(seconds))
        let end = try platform.server.usage()
        let rate =
            (try await platform.metric("vedette_vd_heartbeats_total") - beats) / (end.at - begin.at).inSeconds
        report.add("Heartbeats in a second", rate, "")
        report.add("CPU of the platform, calls and all", end.cores(since: begin) * 1000, "ms/s")
        report.add("CPU of the idle platform", idleCores * 1000, "ms/s")
        report.add("Status call, p50", calls.seconds.percentile(0.5) * 1000, "ms")
        report.add("Status call, p99", calls.seconds.percentile(0.99) * 1000, "ms")
        report.add(
            "Status call, slowest of \(calls.seconds.count)",
            (calls.seconds.max() ?? .nan) * 1000,
            "ms"
        )
        report.add("Status calls that failed", Double(calls.failures.values.reduce(0, +)), "", target: 0)
    }

    /// Power cut and return. The platform that stands afterwards.
    private func storm(
        _ platform: PlatformUnderTest,
        _ customer: StatusCalls,
        _ idleCores: Double,
        _ report: inout Report
    ) async throws -> PlatformUnderTest {
        let clock = ContinuousClock()
        let cut = clock.now
        platform.kill()
        let platform = try await start(platform.client)
        let ready = clock.now
        let begin = try platform.server.usage()
        async let calls = customer.call(for: .seconds(30))
        let returns = try await returns(to: platform, since: cut)
        let back = clock.now
        let end = try platform.server.usage()
        report.add("Restart: platform ready", (ready - cut).inSeconds, "s")
        for (share, time) in returns {
            report.add("Restart: \(share) % of the units back, from the kill", time.inSeconds, "s")
        }
        report.add("Restart: all units back, from the kill", (back - cut).inSeconds, "s")
        report.add("CPU until all are back", end.cpu - begin.cpu, "s")
        report.add("CPU per unit that returns", (end.cpu - begin.cpu) / Double(count) * 1e6, "µs")
        let accepted = try await platform.metric("vedette_vd_logins_total", "accepted")
        report.add("Logins accepted beyond one of each unit", accepted - Double(count), "")
        let all = try await platform.metric("vedette_vd_logins_total")
        report.add("Logins not accepted", all - accepted, "")
        report.add("Requests to Vs meanwhile", try await platform.metric("vedette_vs_answers_total"), "")
        let found = try await calls
        report.add("Status calls answered in the 30 s after", Double(found.seconds.count), "")
        for (reason, number) in found.failures.sorted(by: { $0.key < $1.key }) {
            report.add("Status calls answered: \(reason)", Double(number), "")
        }
        report.add("Written to disk until then", Double(try written(platform.server.pid)) / 1e6, "MB")
        report.add(
            "Peak memory per unit",
            Double(try peakMemory(platform.server.pid)) / Double(count) / 1000,
            "KB"
        )
        let after = try await customer.call(for: .seconds(10))
        report.add("Status call afterwards, p99", after.seconds.percentile(0.99) * 1000, "ms")
        report.add(
            "Status calls that failed afterwards",
            Double(after.failures.values.reduce(0, +)),
            "",
            target: 0
        )
        report.add("Status calls answered by another unit", Double(await customer.wrongOwners), "", target: 0)
        return platform
    }

    // MARK: Parts

    private func start(_ client: PlatformClient? = nil) async throws -> PlatformUnderTest {
        let connections = "\(count + 2000)"
        return try await PlatformUnderTest(
            vedette: vedette,
            folder: folder,
            ports: 23_460,
            [
                "VD_KEEPALIVE": "10s", "VD_OFFLINE_AFTER": "60s", "LIMITS_UNITS": "\(count)",
                "LIMITS_CONNECTIONS": connections, "LIMITS_CONNECTIONS_PER_ADDRESS": connections,
            ],
            client: client
        )
    }

    private func startUnits(_ file: String, _ processes: Int, _ platform: PlatformUnderTest) throws -> Child {
        try Child(
            vedette,
            [
                "pu", "run", "--platform", platform.address, "--ca", platform.authorityFile, "--credentials",
                file,
                "--count", "\(Self.unitsPerProcess)", "--starts-per-second",
                "\(max(1, Self.startsPerSecond / processes))",
            ],
            isHeard: false,
            log: folder + "/units.log"
        )
    }

    /// When which share of the units, in percent, was back; ends when all are.
    private func returns(
        to platform: PlatformUnderTest,
        since cut: ContinuousClock.Instant
    ) async throws -> [(share: Int, time: Duration)] {
        let clock = ContinuousClock()
        var times: [(Int, Duration)] = []
        for share in [50, 90, 99] {
            while try await platform.metric("vedette_vd_connections") < Double(count * share / 100) {
                guard clock.now < cut + .seconds(300) else {
                    throw BenchmarkError.platform("units stay away")
                }
                try await Task.sleep(for: .milliseconds(250))
            }
            times.append((share, clock.now - cut))
        }
        try await allConnected(platform, every: .milliseconds(250))
        return times
    }

    private func allConnected(
        _ platform: PlatformUnderTest,
        every interval: Duration = .seconds(1)
    ) async throws {
        try await platform.waitUntil(
            "vedette_vd_connections",
            reaches: count,
            within: .seconds(300),
            every: interval
        )
    }

    /// One for each unit on the platform, and what it needs besides.
    private func raiseDescriptorLimit() throws {
        let spare = 400
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { throw BenchmarkError.platform("no limit of files") }
        guard limit.rlim_cur < rlim_t(count + spare) else { return }
        let most = limit.rlim_max
        limit = rlimit(rlim_cur: rlim_t(count + spare), rlim_max: max(most, rlim_t(count + spare)))
        guard setrlimit(resource, &limit) == 0 else {
            throw BenchmarkError.platform(
                "a process may open \(most) files here: raise 'ulimit -Hn', or give --units \(Int(most) - spare)"
            )
        }
    }

    private func written(_ pid: Int32) throws -> Int {
        try number("write_bytes:", in: "/proc/\(pid)/io")
    }

    private func peakMemory(_ pid: Int32) throws -> Int {
        try number("VmHWM:", in: "/proc/\(pid)/status") * 1024
    }

    private func number(_ name: String, in path: String) throws -> Int {
        let line = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").first {
            $0.hasPrefix(name)
        }
        guard let value = line?.split(whereSeparator: { !$0.isNumber }).first.flatMap({ Int($0) }) else {
            throw BenchmarkError.measurement("\(path) has no \(name)")
        }
        return value
    }
}
