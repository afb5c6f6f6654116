import CustomerUnit
import Foundation
import HSSModel
import Synchronization
import Testing

/// A real `vedette serve` on ports and a data folder of its own.
final class PlatformProcess: Sendable {
    /// The program that the build made; `make test` names it.
    static let program =
        ProcessInfo.processInfo.environment["VEDETTE_TEST_BINARY"]
        ?? URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(
            "vedette"
        ).path

    static let adminPassword = Secret("admin-password-of-a-test")

    let folder: String
    let https: Int
    let vd: Int
    let srt: Int
    let metrics: Int
    private let settings: [String: String]
    private let process: Mutex<ToolProcess>

    /// Starts with `settings` (environment variables such as `VEDETTE_LIVE_LINGER`), waits until it is ready.
    init(_ settings: [String: String] = [:]) async throws {
        folder = try TestFolder.make()
        let ports = try FreePorts.take(4)
        (https, vd, srt, metrics) = (ports[0], ports[1], ports[2], ports[3])
        self.settings = settings.merging(
            [
                "VEDETTE_HTTPS_PORT": "\(ports[0])", "VEDETTE_VD_PORT": "\(ports[1])",
                "VEDETTE_SRT_PORT": "\(ports[2])", "VEDETTE_METRICS_PORT": "\(ports[3])",
                "VEDETTE_HTTPS_HOST": "127.0.0.1", "VEDETTE_NODE_DATA": folder + "/data",
                "VEDETTE_ADMIN_PASSWORD": Self.adminPassword.reveal(),
            ]
        ) { given, _ in given }
        process = Mutex(try ToolProcess(Self.program, ["serve"], environment: self.settings))
        try await waitUntilReady()
    }

    deinit {
        process.withLock { $0.kill() }
        try? FileManager.default.removeItem(atPath: folder)
    }

    var url: String { "https://localhost:\(https)" }
    var authorityPath: String { folder + "/data/tls/ca.pem" }
    var authority: String { (try? String(contentsOfFile: authorityPath, encoding: .utf8)) ?? "" }
    var running: ToolProcess { process.withLock { $0 } }

    /// `kill -9`, then a new process on the same data.
    func killAndRestart() async throws {
        let old = running
        old.kill()
        _ = await old.end()
        let new = try ToolProcess(Self.program, ["serve"], environment: settings)
        process.withLock { $0 = new }
        try await waitUntilReady()
    }

    private func waitUntilReady() async throws {
        let process = running
        try await eventually("the platform is ready", within: 60) {
            if process.hasEnded { throw EndToEndError("the platform ended: \(process.output)") }
            return process.output.contains("\nready\n")
        }
    }

    // MARK: People

    /// Not logged in.
    static func client(_ url: String, _ authority: String) throws -> PlatformClient {
        try PlatformClient(url: url, authority: authority)
    }

    func logIn(_ user: String, _ password: Secret) async throws -> PlatformClient {
        let client = try PlatformClient(url: url, authority: authority)
        try await client.logIn(user: user, password: password)
        return client
    }

    func admin() async throws -> PlatformClient { try await logIn("admin", Self.adminPassword) }

    /// A customer, logged in.
    func customer(_ name: String) async throws -> PlatformClient {
        let password = Secret("password-of-\(name)")
        let admin = try await admin()
        let _: UserAnswer = try await admin.call(
            .post,
            "/admin/users",
            ["user": name, "password": password.reveal()]
        )
        await admin.shutdown()
        return try await logIn(name, password)
    }

    /// Enrols a device; returns its login password.
    func enrol(_ device: String, mac: String) async throws -> Secret {
        let admin = try await admin()
        let answer: EnrolledAnswer = try await admin.call(
            .post,
            "/admin/devices",
            ["device_id": device, "mac_id": mac]
        )
        await admin.shutdown()
        return Secret(answer.loginPassword)
    }

    private struct EventTicket: Codable, Sendable {
        var ticket: String
    }

    /// The event stream from its beginning, as far as it is now.
    func events(_ kind: String, seenBy client: PlatformClient) async throws -> String {
        let ticket: EventTicket = try await client.call(.post, "/events/ticket")
        let query = "ticket=\(ticket.ticket)&last_event_id=0&kind=\(kind)"
        let curl = try ToolProcess(
            "curl",
            ["-sN", "-m", "1", "--cacert", authorityPath, url + "/api/v1/events?" + query]
        )
        _ = await curl.end(within: 10)
        return curl.output
    }

    func figure(_ name: String) async throws -> Double {
        let text = try await Tool.output("curl", ["-s", "http://127.0.0.1:\(metrics)/metrics"])
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return Double(line?.split(separator: " ").last ?? "") ?? .nan
    }
}

struct EndToEndError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Asks again and again until `condition` holds; fails after `seconds`.
func eventually(
    _ what: String,
    within seconds: Int = 30,
    _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    while true {
        if try await condition() { return }
        guard clock.now < end else { throw EndToEndError("not within \(seconds) s: \(what)") }
        try await clock.sleep(for: .milliseconds(50))
    }
}
