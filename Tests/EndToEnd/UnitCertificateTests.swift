import CustomerUnit
import Foundation
import Glibc
import HSSModel
import Testing
import Vd

/// An authority for certificates of units, by openssl.
private struct UnitAuthority {
    let folder: String
    let name: String

    init(_ folder: String, _ name: String) async throws {
        self.folder = folder
        self.name = name
        _ = try await Tool.output(
            "openssl",
            Self.newKey + [
                "-x509", "-keyout", folder + "/\(name).key", "-out", folder + "/\(name).pem", "-days", "2",
                "-subj", "/CN=\(name)",
            ]
        )
    }

    private static let newKey = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

    var path: String { folder + "/\(name).pem" }

    /// `<file>.pem` and `<file>.key`; days may be negative. `alternative`: a subject alternative name.
    func issue(
        _ file: String,
        _ subject: String,
        alternative: String? = nil,
        days: Int = 2
    ) async throws -> Pair {
        let base = folder + "/" + file
        _ = try await Tool.output(
            "openssl",
            Self.newKey + ["-keyout", base + ".key", "-out", base + ".csr", "-subj", subject]
        )
        var options = [
            "x509", "-req", "-in", base + ".csr", "-CA", path, "-CAkey", folder + "/\(name).key",
            "-CAcreateserial", "-days", "\(days)", "-out", base + ".pem",
        ]
        if let alternative {
            try "subjectAltName=\(alternative)\n".write(
                toFile: base + ".ext",
                atomically: true,
                encoding: .utf8
            )
            options += ["-extfile", base + ".ext"]
        }
        _ = try await Tool.output("openssl", options)
        return Pair(certificate: base + ".pem", key: base + ".key")
    }

    struct Pair {
        var certificate: String
        var key: String
    }
}

extension EndToEnd {
    /// `vd.client_ca`: a certificate in place of `login_passwd` (Table 9-3).
    @Suite("Unit certificates") struct UnitCertificateTests {
        private static let mac = "00:11:22:33:44:77"

        private final class House {
            let platform: PlatformProcess
            let authority: UnitAuthority
            let password: Secret
            let folder: String

            init(_ settings: [String: String] = [:]) async throws {
                folder = try TestFolder.make()
                authority = try await UnitAuthority(folder, "units")
                let caFile = folder + "/client-ca.pem"
                try FileManager.default.copyItem(atPath: authority.path, toPath: caFile)
                platform = try await PlatformProcess(
                    settings.merging(["VEDETTE_VD_CLIENT_CA": caFile]) { $1 }
                )
                password = try await platform.enrol("cam-c", mac: UnitCertificateTests.mac)
                _ = try await platform.enrol("cam-d", mac: "00:11:22:33:44:78")
            }

            deinit { try? FileManager.default.removeItem(atPath: folder) }

            /// The status of a login, or what openssl says of the connection.
            func logIn(
                _ device: String = "cam-c",
                _ pair: UnitAuthority.Pair? = nil,
                password: Secret? = nil,
                more: [String] = []
            ) async throws -> String {
                let passwordField = password.map { "&login_passwd=\($0.reveal())" } ?? ""
                // The frame behind it takes leave, so that the connection ends by itself.
                let request = """
                    GET /Vd?login_code=\(device)\(passwordField)&hardware_model=h&firmware_model=1 HTTP/1.1\r
                    Host: localhost\r
                    Upgrade: websocket\r
                    Connection: Upgrade\r
                    Sec-WebSocket-Version: 13\r
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
                    \r

                    """
                let file = folder + "/request-\(device)"
                try (Data(request.utf8) + [0x88, 0x80, 0, 0, 0, 0]).write(to: URL(filePath: file))
                var words = [
                    "timeout", "20", "openssl", "s_client", "-connect", "localhost:\(platform.vd)", "-CAfile",
                    platform.authorityPath, "-ign_eof",
                ]
                if let pair { words += ["-cert", pair.certificate, "-key", pair.key] }
                let command = (words + more).joined(separator: " ") + " < " + file
                let process = try ToolProcess("bash", ["-c", command])
                _ = await process.end()
                return process.output
            }
        }

        @Test func aCertificateStandsForThePassword() async throws {
            let house = try await House(["VEDETTE_VD_SIGNED_LOGIN": "required"])
            let own = try await house.authority.issue("own", "/CN=cam-c")
            #expect(try await house.logIn("cam-c", own).contains("101 Switching Protocols"))
            // The name among the alternatives counts before the common name.
            let named = try await house.authority.issue(
                "named",
                "/CN=cam-d",
                alternative: "DNS:cam-d,URI:urn:vedette:unit:cam-c"
            )
            #expect(try await house.logIn("cam-c", named).contains("101 Switching Protocols"))
            let refused = try await house.logIn("cam-d", named)
            #expect(refused.contains("401 Unauthorized"))
            #expect(refused.contains(#"{"info":"unknown device ID or wrong login password"}"#))
            // The simulated unit.
            let unit = try ToolProcess(
                PlatformProcess.program,
                [
                    "pu", "run", "--platform", house.platform.url, "--ca", house.platform.authorityPath,
                    "--device", "cam-c", "--mac", Self.mac, "--certificate", own.certificate, "--key",
                    own.key,
                ]
            )
            try await eventually("the unit is logged in") { unit.output.contains("is logged in") }
            unit.kill()
            _ = await unit.end()
        }

        @Test func whatDoesNotCount() async throws {
            let house = try await House()
            let foreign = try await UnitAuthority(house.folder, "foreign")
            let expired = try await house.authority.issue("expired", "/CN=cam-c", days: -1)
            #expect(try await house.logIn("cam-c", expired).contains("alert certificate expired"))
            let wrong = try await foreign.issue("wrong", "/CN=cam-c")
            #expect(try await house.logIn("cam-c", wrong).contains("alert unknown ca"))
            let own = UnitAuthority.Pair(certificate: foreign.path, key: house.folder + "/foreign.key")
            #expect(try await house.logIn("cam-c", own).contains("alert"), "signed by itself")
            // The platform's own authority makes certificates of servers only.
            let data = house.platform.folder + "/data/tls"
            let server = UnitAuthority.Pair(certificate: data + "/server.pem", key: data + "/server.key")
            #expect(try await house.logIn("cam-c", server).contains("alert"))
            // Another device's is refused, also beside the right password.
            let other = try await house.authority.issue("other", "/CN=cam-d")
            for password in [nil, house.password] {
                let answer = try await house.logIn("cam-c", other, password: password)
                #expect(answer.contains("401 Unauthorized"))
                #expect(answer.contains(#"{"info":"unknown device ID or wrong login password"}"#))
            }
            for (index, subject) in ["/O=nobody", "/CN=cam-c/CN=cam-d", "/CN=no device"].enumerated() {
                let pair = try await house.authority.issue("nameless\(index)", subject)
                #expect(try await house.logIn("cam-c", pair).contains("401 Unauthorized"), "\(subject)")
            }
            // None: the password works, and something is needed.
            #expect(try await house.logIn(password: house.password).contains("101 Switching Protocols"))
            let nothing = try await house.logIn()
            #expect(nothing.contains("400 Bad Request") && nothing.contains("login_passwd: required"))
            // A device that was disabled.
            let right = try await house.authority.issue("right", "/CN=cam-c")
            #expect(try await house.logIn("cam-c", right).contains("101 Switching Protocols"))
            let admin = try await house.platform.admin()
            let _: PlatformClient.Nothing = try await admin.call(
                .patch,
                "/admin/devices/cam-c",
                json: Data(#"{"disabled":true}"#.utf8)
            )
            await admin.shutdown()
            #expect(try await house.logIn("cam-c", right).contains("401 Unauthorized"))
        }

        /// TLS does not verify the certificate of a session again that is resumed.
        @Test(arguments: ["-tls1_2", "-tls1_3"]) func aResumedSessionIsJudgedToo(version: String) async throws
        {
            let house = try await House()
            let own = try await house.authority.issue("own", "/CN=cam-c")
            let session = house.folder + "/session"
            let first = try await house.logIn("cam-c", own, more: [version, "-sess_out", session])
            #expect(first.contains("101 Switching Protocols") && first.contains("New, TLSv1"))
            let again = try await house.logIn("cam-c", more: [version, "-sess_in", session])
            #expect(again.contains("101 Switching Protocols") && again.contains("Reused, TLSv1"))
            let other = try await house.logIn("cam-d", more: [version, "-sess_in", session])
            #expect(other.contains("401 Unauthorized") && other.contains("Reused, TLSv1"))
            let password = try await house.logIn(
                "cam-d",
                password: house.password,
                more: [version, "-sess_in", session]
            )
            #expect(password.contains("401 Unauthorized") && password.contains("Reused, TLSv1"))
        }

        /// The authority is replaced: neither its certificates nor sessions of them open anything after SIGHUP.
        @Test(arguments: ["-tls1_2", "-tls1_3"]) func aReloadTakesTheNewAuthority(
            version: String
        ) async throws {
            let house = try await House()
            let next = try await UnitAuthority(house.folder, "next")
            let old = try await house.authority.issue("old", "/CN=cam-c")
            let new = try await next.issue("new", "/CN=cam-c")
            let session = house.folder + "/session"
            let first = try await house.logIn("cam-c", old, more: [version, "-sess_out", session])
            #expect(first.contains("101 Switching Protocols"))
            #expect(try await house.logIn("cam-c", new).contains("alert unknown ca"))
            let text = try String(contentsOfFile: next.path, encoding: .utf8)
            try text.write(toFile: house.folder + "/client-ca.pem", atomically: true, encoding: .utf8)
            house.platform.running.send(SIGHUP)
            try await eventually("the new authority is in use") {
                try await house.logIn("cam-c", new).contains("101 Switching Protocols")
            }
            #expect(try await house.logIn("cam-c", old).contains("alert unknown ca"))
            let resumed = try await house.logIn("cam-c", more: [version, "-sess_in", session])
            #expect(!resumed.contains("101 Switching Protocols") && !resumed.contains("Reused"))
        }
    }
}
