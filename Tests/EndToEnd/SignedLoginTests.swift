import CustomerUnit
import Foundation
import HSSModel
import Testing
import Vd

extension EndToEnd {
    /// A platform that takes signed logins only, and who comes to it.
    @Suite("Signed logins, beside Table 9-3") struct SignedLoginTests {
        private static let mac = "00:11:22:33:44:99"

        private static func target(
            _ password: Secret,
            ahead: Duration = .zero,
            nonce: UInt64
        ) -> String {
            let now = WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
            return UnitLoginURL(
                deviceID: "cam-s",
                proof: nil,
                hardwareModel: "manual",
                firmwareModel: "1",
                sdk: nil,
                reconnect: false
            )
            .signed(
                by: LoginKey(password: password),
                macIdentity: MACIdentity(unchecked: mac),
                at: now + ahead,
                nonce: .init(high: 1, low: nonce)
            )
            .requestTarget
        }

        /// The status with which Vd answers, by curl, which gives up after 2 s what was opened.
        private static func status(_ platform: PlatformProcess, _ target: String) async throws -> String {
            let curl = try ToolProcess(
                "curl",
                [
                    "-s", "-o", "/dev/null", "-w", "%{http_code}", "--http1.1", "--max-time", "2",
                    "--cacert", platform.authorityPath, "-H", "Upgrade: websocket",
                    "-H", "Connection: Upgrade", "-H", "Sec-WebSocket-Version: 13",
                    "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                    "https://localhost:\(platform.vd)\(target)",
                ]
            )
            _ = await curl.end()
            return curl.output
        }

        @Test func aCapturedAddressIsWorthless() async throws {
            let platform = try await PlatformProcess(["VEDETTE_VD_SIGNED_LOGIN": "required"])
            let password = try await platform.enrol("cam-s", mac: Self.mac)
            let plain = UnitLoginURL(
                deviceID: "cam-s",
                password: password.reveal(),
                hardwareModel: "manual",
                firmwareModel: "1",
                sdk: nil,
                reconnect: false
            )
            #expect(try await Self.status(platform, plain.requestTarget) == "401", "passwords are refused")
            let captured = Self.target(password, nonce: 1)
            #expect(try await Self.status(platform, captured) == "101")
            #expect(try await Self.status(platform, captured) == "401", "a second time")
            let changed = Self.target(password, nonce: 2).replacing("reconnect=0", with: "reconnect=1")
            #expect(try await Self.status(platform, changed) == "401")
            let late = Self.target(password, ahead: .seconds(-320), nonce: 3)
            #expect(try await Self.status(platform, late) == "401")
            let before = Self.target(password, ahead: .seconds(-30), nonce: 4)
            #expect(try await Self.status(platform, before) == "401", "before the start of the platform")
            #expect(try await Self.status(platform, Self.target(password, nonce: 5)) == "101")
        }

        /// The simulated unit, over a kill of the platform.
        @Test func aUnitOfTheSDKSignsByItself() async throws {
            let platform = try await PlatformProcess(["VEDETTE_VD_SIGNED_LOGIN": "required"])
            let password = try await platform.enrol("cam-s", mac: Self.mac)
            let credentials = platform.folder + "/camera"
            try "cam-s \(Self.mac) \(password.reveal())\n"
                .write(toFile: credentials, atomically: true, encoding: .utf8)
            let unit = try ToolProcess(
                PlatformProcess.program,
                [
                    "pu", "run", "--platform", platform.url, "--ca", platform.authorityPath,
                    "--credentials", credentials, "--seed", "7",
                ]
            )
            func logins() -> Int { unit.output.components(separatedBy: "is logged in").count - 1 }
            try await eventually("the camera is there") { logins() == 1 }
            #expect(unit.output.contains("signs its logins from now on"))
            try await platform.killAndRestart()
            try await eventually("the camera is back", within: 60) { logins() == 2 }
            #expect(!platform.running.output.contains(password.reveal()))
            unit.kill()
            _ = await unit.end()
        }
    }
}
