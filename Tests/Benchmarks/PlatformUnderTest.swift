import AsyncHTTPClient
import CustomerUnit
import Foundation
import HSSModel
import NIOCore

/// `vedette serve` on ports of its own with limits for one address that loads it, and its operator's client.
final class PlatformUnderTest {
    private static let password = UUID().uuidString

    /// What `folder` of a platform holds for its clients.
    static func identity(in folder: String) -> String { folder + "/data/tls" }

    let server: Child
    let address: String
    let authorityFile: String
    let client: PlatformClient
    let metrics: MetricsPage

    /// `folder` may have been used by an earlier one: what it knows, this one knows, and who was logged in there as
    /// `client` is so here.
    init(
        vedette: String,
        folder: String,
        ports: Int,
        _ settings: [String: String] = [:],
        client known: PlatformClient? = nil
    ) async throws {
        let data = folder + "/data"
        let environment = [
            "NODE_DATA": data, "NODE_DOMAIN": "localhost", "HTTPS_HOST": "127.0.0.1",
            "HTTPS_PORT": "\(ports)",
            "VD_PORT": "\(ports + 1)", "SRT_PORT": "\(ports + 2)", "METRICS_HOST": "127.0.0.1",
            "METRICS_PORT": "\(ports + 3)", "ADMIN_PASSWORD": Self.password, "LOG_LEVEL": "warning",
            "LIMITS_CONNECTIONS": "15000", "LIMITS_CONNECTIONS_PER_ADDRESS": "15000",
            "LIMITS_VS_RATE": "100000", "LIMITS_VS_BURST": "100000", "LIMITS_API_RATE": "100000",
            "LIMITS_API_BURST": "100000", "LIMITS_SRT_HANDSHAKES": "1000",
            "LIMITS_SRT_HANDSHAKES_BURST": "1000",
        ]
        .merging(settings) { $1 }
        server = try Child(
            vedette,
            ["serve"],
            environment: Dictionary(uniqueKeysWithValues: environment.map { ("VEDETTE_" + $0, $1) }),
            log: folder + "/platform.log"
        )
        try server.waitForLine { $0 == "ready" }
        address = "https://localhost:\(ports)"
        metrics = MetricsPage(port: ports + 3)
        authorityFile = data + "/tls/ca.pem"
        let authority = try String(contentsOfFile: authorityFile, encoding: .utf8)
        client = try known ?? PlatformClient(url: address, authority: authority)
        if known == nil { try await client.logIn(user: "admin", password: Secret(Self.password)) }
    }

    func stop() async {
        await client.shutdown()
        server.stop()
    }

    /// Gone from one moment to the next, as in a power cut. The client goes on.
    func kill() { server.kill() }

    /// What unit `number` says of itself.
    static func mac(_ number: Int) -> String {
        String(format: "02:%02x:%02x:%02x:00:00", number >> 16, number >> 8 & 255, number & 255)
    }

    /// Enrols units `prefix0` … and writes the files that `vedette pu run --credentials` reads, as many units into each.
    func enrol(_ count: Int, _ prefix: String, into files: [String]) async throws {
        let client = client
        var lines = [String](repeating: "", count: count)
        try await withThrowingTaskGroup(of: (Int, String).self) { group in
            func enrol(_ number: Int) {
                group.addTask {
                    let device = "\(prefix)\(number)"
                    let mac = Self.mac(number)
                    let body = try JSONSerialization.data(
                        withJSONObject: ["device_id": device, "mac_id": mac, "channels": 1]
                    )
                    let answer: EnrolledAnswer = try await client.call(.post, "/admin/devices", json: body)
                    return (number, "\(device) \(mac) \(answer.loginPassword)")
                }
            }
            var next = 0
            while next < min(8, count) {
                enrol(next)
                next += 1
            }
            for try await (number, line) in group {
                lines[number] = line
                if next < count {
                    enrol(next)
                    next += 1
                }
            }
        }
        for (index, file) in files.enumerated() {
            let part = lines[count * index / files.count..<count * (index + 1) / files.count]
            try part.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
        }
    }

    func metric(_ name: String, _ label: String = "") async throws -> Double {
        try await metrics.value(name, label)
    }

    func waitUntil(
        _ name: String,
        reaches count: Int,
        within limit: Duration,
        every interval: Duration = .milliseconds(100)
    ) async throws {
        try await metrics.waitUntil(name, reaches: count, within: limit, every: interval)
    }
}

/// What a server tells of itself under `/metrics`.
struct MetricsPage {
    let port: Int

    private func text() async throws -> String {
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/metrics")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        return String(buffer: try await response.body.collect(upTo: 8 << 20))
    }

    /// Every series of some metrics, with its labels as they stand there.
    func series(_ names: Set<String>) async throws -> [(name: String, labels: String, value: Double)] {
        try await text().split(separator: "\n").compactMap { line in
            let name = String(line.prefix { !"{ ".contains($0) })
            guard names.contains(name), let last = line.split(separator: " ").last, let value = Double(last)
            else { return nil }
            let labels = line.dropFirst(name.count).prefix { $0 != " " }
            return (name, String(labels.drop { $0 == "{" }.prefix { $0 != "}" }), value)
        }
    }

    /// Sum of a metric's series whose labels contain `label`.
    func value(_ name: String, _ label: String = "") async throws -> Double {
        try await text().split(separator: "\n").reduce(0) { sum, line in
            guard line.hasPrefix(name), line.dropFirst(name.count).first.map({ "{ ".contains($0) }) ?? false,
                label.isEmpty || line.contains(label)
            else { return sum }
            return sum + (line.split(separator: " ").last.flatMap { Double($0) } ?? 0)
        }
    }

    /// Looks at a metric every `interval`. Not too often with many connections: figures about the process count its files.
    func waitUntil(
        _ name: String,
        reaches count: Int,
        within limit: Duration,
        every interval: Duration = .milliseconds(100)
    ) async throws {
        let clock = ContinuousClock()
        let deadline = clock.now + limit
        while try await value(name) != Double(count) {
            guard clock.now < deadline else {
                let found = try await value(name)
                throw BenchmarkError.platform("\(name) is \(found) after \(limit), expected \(count)")
            }
            try await Task.sleep(for: interval)
        }
    }
}
