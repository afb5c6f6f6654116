import CustomerUnit
import Foundation
import HSSModel
import HostClock
import TestSupport

/// What lists cost where there is much: 10,000 devices of one customer, and a year of alarms of another with twenty cameras.
///
/// The rows are written into the database while no platform runs; the figures are those of the API over HTTPS, one request
/// after the other.
struct APIBenchmark {
    private static let cameras = 20
    private static let year: Int64 = 365 * 86_400_000
    private static let password = Secret("password-of-a-benchmark")

    let vedette: String
    let folder: String
    let devices: Int
    let alarms: Int

    func run(_ report: inout Report) async throws {
        let first = try await PlatformUnderTest(vedette: vedette, folder: folder, ports: 26_400)
        for user in ["many", "year"] {
            let _: PlatformClient.Nothing = try await first.client.call(
                .post,
                "/admin/users",
                ["user": user, "password": Self.password.reveal()]
            )
        }
        await first.stop()
        try fill()
        let platform = try await PlatformUnderTest(vedette: vedette, folder: folder, ports: 26_400)
        let authority = try String(contentsOfFile: platform.authorityFile, encoding: .utf8)
        for (user, measure) in [("many", measureDevices), ("year", measureAlarms)] {
            let client = try PlatformClient(url: platform.address, authority: authority)
            try await client.logIn(user: user, password: Self.password)
            try await measure(client, &report)
            await client.shutdown()
        }
        await platform.stop()
    }

    /// One of a list, of which only the number counts.
    private struct Item: Codable, Sendable {
        var deviceId: String
        var alarmId: String?
    }

    // MARK: Figures

    private func measureDevices(_ client: PlatformClient, _ report: inout Report) async throws {
        var random = SeededGenerator(seed: 1)
        let label = "GET /devices of \(devices)"
        let pages = try await times(300) {
            let after = Self.device(Int.random(in: 0..<devices, using: &random))
            let _: Page<Item> = try await client.call(.get, "/devices?limit=50&cursor=\(after)")
        }
        add("\(label), a page of 50", pages, &report, target: 20)
        var found = 0
        let whole = try await times(5) {
            let all: [Item] = try await client.all("/devices")
            found = all.count
        }
        guard found == devices else { throw BenchmarkError.tool("api", "lists \(found) devices") }
        add("\(label), all of them", whole, &report)
    }

    private func measureAlarms(_ client: PlatformClient, _ report: inout Report) async throws {
        let label = "GET /alarms of \(alarms)"
        let newest = try await times(300) {
            let _: Page<Item> = try await client.call(.get, "/alarms?limit=50")
        }
        add("\(label), the newest 50", newest, &report, target: 20)
        var random = SeededGenerator(seed: 2)
        let behind = try await times(300) {
            let after = Self.alarm(Int.random(in: 0..<alarms, using: &random))
            let _: Page<Item> = try await client.call(.get, "/alarms?limit=50&cursor=\(after)")
        }
        add("\(label), 50 behind any of them", behind, &report, target: 20)
        let days = try await times(300) {
            let start = Self.begin + Int64.random(in: 0..<364, using: &random) * 86_400_000
            let range = "from=\(Self.time(start))&to=\(Self.time(start + 86_400_000))"
            let _: Page<Item> = try await client.call(.get, "/alarms?limit=200&" + range)
        }
        add("\(label), 200 of a day", days, &report, target: 40)
        let camera = try await times(300) {
            let device = "year-\(Int.random(in: 0..<Self.cameras, using: &random))"
            let _: Page<Item> = try await client.call(.get, "/alarms?limit=50&type=motion&device=\(device)")
        }
        add("\(label), 50 of one type and camera", camera, &report, target: 20)
    }

    private func add(_ figure: String, _ times: [Double], _ report: inout Report, target: Double? = nil) {
        report.add(figure + ", p50", times.percentile(0.5), "ms")
        report.add(figure + ", p99", times.percentile(0.99), "ms", target: target)
    }

    /// In milliseconds.
    private func times(_ count: Int, _ body: () async throws -> Void) async throws -> [Double] {
        var times: [Double] = []
        for _ in 0..<count {
            let begin = Instant.now
            try await body()
            times.append((Instant.now - begin).inSeconds * 1000)
        }
        return times
    }

    // MARK: Filling

    private static let begin: Int64 = 1_732_147_200_000

    private static func time(_ milliseconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(milliseconds) / 1000).formatted(.iso8601)
    }

    private static func device(_ number: Int) -> String { "many-" + padded(number, to: 6) }
    private static func alarm(_ number: Int) -> String { "alarm-" + padded(number, to: 8) }

    private static func padded(_ number: Int, to length: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, length - digits.count)) + digits
    }

    /// Alarms are spread evenly over a year and over the cameras.
    private func fill() throws {
        say("  filling: \(devices) devices, \(alarms) alarms")
        func numbers(_ count: Int) -> String {
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < \(count))"
        }
        let columns = "device_id, mac_id, mac_canonical, name, password_hash, created_at, owner"
        let time = "\(Self.begin) + i * \(Self.year) / \(alarms)"
        let sql = """
            BEGIN;
            \(numbers(devices)) INSERT INTO devices (\(columns))
                SELECT printf('many-%06d', i), printf('many-%d', i), printf('MANY%d', i), printf('Camera %d', i),
                    'none', 0, 'many' FROM n;
            \(numbers(Self.cameras)) INSERT INTO devices (\(columns))
                SELECT printf('year-%d', i), printf('year-%d', i), printf('YEAR%d', i), printf('Camera %d', i),
                    'none', 0, 'year' FROM n;
            INSERT INTO channels (device_id, number, channel_id)
                SELECT device_id, 0, device_id || '-0' FROM devices WHERE owner IN ('many', 'year');
            \(numbers(alarms)) INSERT INTO alarms
                SELECT printf('alarm-%08d', i), printf('year-%d', i % \(Self.cameras)), 0, 2 + i % 11,
                    'of a benchmark', \(time), \(time), \(time), 0, 0 FROM n;
            COMMIT;
            """
        // SQLite's own library would be one more thing to link; the tests' Python has it.
        let program = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])"
        let filled = try MediaFile.run(["python3", "-c", program, folder + "/data/vedette.sqlite", sql])
        guard filled.status == 0 else { throw BenchmarkError.tool("python3", filled.errors) }
    }
}
