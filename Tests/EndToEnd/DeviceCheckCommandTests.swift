import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// `vedette pu check` from outside, with devices that have nothing of our SDK.
    @Suite("The check of somebody else's device") struct DeviceCheckCommandTests {
        private struct Line: Decodable {
            var event: String
            var platform: String?
            var password: String?
            var clause: String?
            var rule: String?
            var verdict: String?
            var seen: String?
            var conforms: Bool?
            var interrupted: Bool?
        }

        private let folder: String
        private let port: Int
        private let check: ToolProcess
        private let password: String

        private static let mac = "00:11:22:33:44:55"

        /// A check that has said where it listens.
        init() async throws {
            let folder = try TestFolder.make()
            let port = try #require(try FreePorts.take(1).first)
            let check = try ToolProcess(
                PlatformProcess.program,
                [
                    "pu", "check", "--json", "--host", "127.0.0.1", "--port", "\(port)", "--mac", Self.mac,
                    "--data", folder, "--heartbeat", "1", "--duration", "5s",
                ]
            )
            try await eventually("the check listens") { check.output.contains("\n") }
            self.folder = folder
            self.port = port
            self.check = check
            password = try #require(try Self.lines(check).first?.password)
        }

        private static func lines(_ check: ToolProcess) throws -> [Line] {
            try check.output.split(separator: "\n").map {
                try JSONDecoder().decode(Line.self, from: Data($0.utf8))
            }
        }

        /// The example of the guide: Python's own TLS, a WebSocket by hand, FFmpeg for the picture.
        @Test func aCameraInPythonWithFFmpegConforms() async throws {
            let root = URL(filePath: #filePath).appending(path: "../../..").standardized
            // What a task starts inherits that its thread blocks signals: FFmpeg would not hear SIGTERM.
            let camera = try ToolProcess(
                "env",
                [
                    "--default-signal=TERM", "python3",
                    root.appending(path: "docs/examples/camera.py").path(), "localhost:\(port)",
                    "\(folder)/tls/ca.pem", "check-1", Self.mac, password, try await Clip.path(),
                ]
            )
            defer { camera.kill() }
            let status = await check.end(within: 120)
            let lines = try Self.lines(check)
            let failures = lines.filter { $0.verdict == "fail" }
                .map { "\($0.clause ?? "") \($0.rule ?? ""): \($0.seen ?? "")" }
            #expect(status == 0 && failures.isEmpty, "\(failures)")
            #expect(lines.last?.conforms == true)
            // FFmpeg's stream was seen, and nothing passed that the camera cannot do.
            #expect(lines.contains { $0.clause == "§9.3.3" && $0.seen?.hasPrefix("H.264") == true })
            #expect(lines.contains { $0.clause == "I.2-22" && $0.verdict == "skip" })
            try? FileManager.default.removeItem(atPath: folder)
        }

        /// The device hears why it was not let in, and so does its maker.
        @Test func aLoginThatIsRefusedIsAnswered() async throws {
            let base = "https://localhost:\(port)"
            let curl = ["-sS", "--http1.1", "--cacert", "\(folder)/tls/ca.pem", "-w", "%{http_code}"]
            _ = try await Tool.output(
                "curl",
                curl + ["-H", "Mac-Identity: \(Self.mac)", "\(base)/Vs/getServerAddr?macid=\(Self.mac)"]
            )
            let upgrade = [
                "-H", "Upgrade: websocket", "-H", "Connection: Upgrade", "-H", "Sec-WebSocket-Version: 13",
                "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            ]
            let query = "login_code=check-1&login_passwd=wrong&hardware_model=curl&firmware_model=1"
            let answer = try await Tool.output("curl", curl + upgrade + ["\(base)/Vd?\(query)"])
            let reason = "login_passwd: not the password that was given"
            #expect(answer == #"{"info":"\#(reason)"}401"#)
            #expect(await check.end(within: 20) == 1)
            let login = try Self.lines(check).first { $0.verdict == "fail" }
            #expect(login?.clause == "Table 9-3" && login?.seen == reason)
            try? FileManager.default.removeItem(atPath: folder)
        }

        /// Ctrl-C: what was found is told, and nobody takes it for a success.
        @Test func anInterruptedCheckSaysSo() async throws {
            let scheduling = "https://localhost:\(port)/Vs/getServerAddr?macid=\(Self.mac)"
            _ = try await Tool.output(
                "curl",
                ["-sS", "--cacert", "\(folder)/tls/ca.pem", "-H", "Mac-Identity: \(Self.mac)", scheduling]
            )
            try await eventually("the first rules are told") {
                check.output.contains("Mac-Identity was there")
            }
            check.send(SIGINT)
            #expect(await check.end(within: 20) == 1)
            let lines = try Self.lines(check)
            #expect(lines.last?.interrupted == true && lines.last?.conforms == false)
            #expect(lines.count { $0.seen == "the check was interrupted" } > 40)
            try? FileManager.default.removeItem(atPath: folder)
        }
    }
}
