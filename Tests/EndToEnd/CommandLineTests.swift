import CustomerUnit
import Foundation
import Glibc
import HSSModel
import Testing

extension EndToEnd {
    /// CONTRACT.md, Commands: exit codes, one clear line, JSON.
    @Suite("The command line as scripts see it") struct CommandLineTests {
        @Test func wrongUsageIs64() async throws {
            for arguments in [
                ["nonsense"], ["cu", "live"], ["pu", "run", "--platform", "https://x"], ["serve", "--what"],
            ] {
                #expect(try await Tool.vedette(arguments).status == 64, "\(arguments)")
            }
        }

        @Test func aFailureIs1WithOneLine() async throws {
            let (status, output) = try await Tool.vedette(
                ["cu", "devices"],
                environment: ["VEDETTE_SESSION": "/nonexistent/session.json"]
            )
            #expect(status == 1)
            #expect(
                output == "Error: not logged in: run 'vedette cu login https://HOST:PORT --user NAME' first\n"
            )
        }

        @Test(arguments: [
            ("https://localhost:1", "nobody listens there; does 'vedette serve' run?"),
            ("https://no-such-host.invalid:8443", "there is no host 'no-such-host.invalid'"),
        ]) func whoCannotBeReachedIsToldInWords(url: String, reason: String) async throws {
            let (status, output) = try await Tool.vedette(
                ["cu", "login", url, "--user", "anna"],
                environment: ["VEDETTE_PASSWORD": "does not matter"]
            )
            #expect(status == 1)
            #expect(output == "Error: \(url) cannot be reached: \(reason)\n")
        }

        /// A refresh token counts once; commands that share a session must not look like a thief.
        @Test func manyCommandsRenewOneSession() async throws {
            let platform = try await PlatformProcess()
            let path = platform.folder + "/shared.json"
            let client = try PlatformClient(url: platform.url, authority: platform.authority) {
                (session) throws(CustomerError) in try session.save(to: path)
            }
            try await client.logIn(user: "admin", password: PlatformProcess.adminPassword)
            await client.shutdown()
            var session = try SessionFile.load(from: path)
            session.accessToken = "expired"
            try session.save(to: path)
            await withTaskGroup(of: Int32.self) { commands in
                for _ in 0..<4 {
                    commands.addTask {
                        let environment = ["VEDETTE_SESSION": path]
                        return (try? await Tool.vedette(["cu", "devices"], environment: environment).status)
                            ?? -1
                    }
                }
                for await status in commands { #expect(status == 0) }
            }
            #expect(try await platform.figure("vedette_refresh_tokens_reused_total") == 0)
        }

        /// Root's login would replace `/dev/null` for everybody.
        @Test func aSessionReplacesNothingButFiles() throws {
            let folder = try TestFolder.make()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let path = folder + "/pipe"
            try #require(mkfifo(path, 0o600) == 0)
            let session = SessionFile(
                url: "https://localhost",
                user: "anna",
                accessToken: "a",
                refreshToken: "r",
                authority: nil
            )
            #expect(throws: CustomerError.sessionFile(path: path, "is not a file")) {
                try session.save(to: path)
            }
            #expect(throws: Never.self) { try session.save(to: folder + "/session.json") }
        }

        /// "unknown keys, wrong types and out-of-range values are errors that name file, key, what is allowed and what was found".
        @Test func configCheckSaysEverythingAtOnce() async throws {
            let folder = try TestFolder.make()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let file = folder + "/bad.yaml"
            try "https:\n  port: 99999\nsrt:\n  latency: 9ms\nnonsense: 1\n".write(
                toFile: file,
                atomically: true,
                encoding: .utf8
            )
            let (status, output) = try await Tool.vedette(["config", "check", file])
            #expect(status == 1)
            for part in [
                "\(file):2", "https.port", "99999", "\(file):4", "srt.latency", "20ms", "9ms", "nonsense",
            ] {
                #expect(output.contains(part), "\(part) is missing in: \(output)")
            }
        }

        @Test func configPrintNamesOrigins() async throws {
            let (status, output) = try await Tool.vedette(
                ["config", "print", "--data", "/tmp/x"],
                environment: ["VEDETTE_SRT_LATENCY": "200ms"]
            )
            #expect(status == 0)
            #expect(output.contains("srt.latency: 200ms"))
            #expect(output.contains("VEDETTE_SRT_LATENCY"))
            #expect(
                output.split(separator: "\n").contains {
                    $0.hasPrefix("https.port: 8443") && $0.contains("default")
                }
            )
        }

        @Test func aPortThatIsTakenIsNamed() async throws {
            let platform = try await PlatformProcess()
            let (status, output) = try await Tool.vedette(
                ["serve", "--data", platform.folder + "/other"],
                environment: [
                    "VEDETTE_HTTPS_PORT": "\(platform.https)", "VEDETTE_VD_PORT": "0",
                    "VEDETTE_SRT_PORT": "0",
                    "VEDETTE_METRICS_PORT": "0", "VEDETTE_HTTPS_HOST": "127.0.0.1",
                ]
            )
            #expect(status == 1)
            #expect(output.contains("https.port \(platform.https)"), "\(output)")
        }

        @Test func aDataFolderHasOnePlatform() async throws {
            let platform = try await PlatformProcess()
            let (status, output) = try await Tool.vedette(
                ["serve", "--data", platform.folder + "/data"],
                environment: ["VEDETTE_HTTPS_PORT": "0", "VEDETTE_VD_PORT": "0", "VEDETTE_METRICS_PORT": "0"]
            )
            #expect(status == 1)
            #expect(output.contains("is in use by another platform (process "), "\(output)")
        }

        /// TLS material of the first start: keys 0600; SIGHUP swaps the certificate under open connections.
        @Test func sighupTakesANewCertificate() async throws {
            let platform = try await PlatformProcess()
            let key = platform.folder + "/data/tls/server.key"
            let mode = try FileManager.default.attributesOfItem(atPath: key)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            let password = try await platform.enrol("cam-1", mac: "cam-1")
            let unit = try await ManualUnit.logIn(platform, device: "cam-1", password: password)
            let before = try await fingerprint(platform)
            for file in ["server.pem", "server.key"] {
                try FileManager.default.removeItem(atPath: platform.folder + "/data/tls/" + file)
            }
            let (status, output) = try await Tool.vedette([
                "config", "reload", "--data", platform.folder + "/data",
            ])
            #expect(status == 0, "\(output)")
            try await eventually("the new certificate is served") {
                try await fingerprint(platform) != before
            }
            #expect(!unit.isClosed)
        }

        @Test func noSecretReachesTheLog() async throws {
            let platform = try await PlatformProcess(["VEDETTE_LOG_LEVEL": "trace"])
            let password = try await platform.enrol("cam-1", mac: "cam-1")
            let unit = try await ManualUnit.logIn(platform, device: "cam-1", password: password)
            await #expect(throws: (any Error).self) {
                _ = try await ManualUnit.logIn(
                    platform,
                    device: "cam-1",
                    password: Secret("wrong-secret-text")
                )
            }
            let anna = try await platform.customer("anna")
            #expect(!unit.isClosed)
            let log = platform.running.output
            for secret in [
                password.reveal(), "wrong-secret-text", "password-of-anna",
                PlatformProcess.adminPassword.reveal(),
            ] {
                #expect(!log.contains(secret))
            }
            await anna.shutdown()
        }

        /// `pu run --count N` runs N units in one process.
        @Test func manyUnitsInOneProcess() async throws {
            let platform = try await PlatformProcess(["VEDETTE_LIMITS_VS_BURST": "1000"])
            let list = platform.folder + "/devices"
            try (1...50).map { "unit-\($0) mac-\($0)" }.joined(separator: "\n").write(
                toFile: list,
                atomically: true,
                encoding: .utf8
            )
            let session = ["VEDETTE_SESSION": platform.folder + "/session.json"]
            var login = session
            login["VEDETTE_PASSWORD"] = PlatformProcess.adminPassword.reveal()
            let (loggedIn, text) = try await Tool.vedette(
                ["cu", "login", platform.url, "--user", "admin", "--ca", platform.authorityPath],
                environment: login
            )
            #expect(loggedIn == 0, "\(text)")
            let (imported, credentials) = try await Tool.vedette(
                ["admin", "device", "import", list],
                environment: session
            )
            #expect(imported == 0, "\(credentials)")
            let file = platform.folder + "/credentials"
            try credentials.write(toFile: file, atomically: true, encoding: .utf8)
            let units = try ToolProcess(
                PlatformProcess.program,
                [
                    "pu", "run", "--platform", platform.url, "--ca", platform.authorityPath, "--credentials",
                    file, "--count", "50",
                ]
            )
            try await eventually("50 units are online") {
                try await platform.figure("vedette_vd_units_online") == 50
            }
            units.send(SIGTERM)
            #expect(await units.end(within: 20) == 0)
        }

        private func fingerprint(_ platform: PlatformProcess) async throws -> String {
            let text = try await Tool.output(
                "sh",
                [
                    "-c",
                    "openssl s_client -connect 127.0.0.1:\(platform.https) </dev/null 2>/dev/null | openssl x509 -noout -fingerprint",
                ]
            )
            return text
        }
    }
}
