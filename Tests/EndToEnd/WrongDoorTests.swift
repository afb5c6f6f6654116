import Foundation
import HSSModel
import Testing

extension EndToEnd {
    /// What people hear who came to the wrong port, or without what they need.
    @Suite("At the wrong door") struct WrongDoorTests {
        @Test func isSaidInWords() async throws {
            let platform = try await PlatformProcess()
            let password = try await platform.enrol("cam-1", mac: "cam-1")
            func logIn(_ url: String, trusting: Bool = true) async throws -> (status: Int32?, output: String)
            {
                try await Tool.vedette(
                    ["cu", "login", url, "--user", "admin"]
                        + (trusting ? ["--ca", platform.authorityPath] : []),
                    environment: [
                        "VEDETTE_SESSION": platform.folder + "/session.json",
                        "VEDETTE_PASSWORD": PlatformProcess.adminPassword.reveal(),
                    ]
                )
            }
            let cameras = try await logIn("https://localhost:\(platform.vd)")
            #expect(cameras.status == 1 && cameras.output.contains("give its https port"), "\(cameras)")
            let plain = try await logIn("http://localhost:\(platform.https)")
            #expect(plain.status == 1 && plain.output.contains("https://HOST:PORT"), "\(plain)")
            let stranger = try await logIn(platform.url, trusting: false)
            #expect(stranger.status == 1 && stranger.output.contains("not trusted"), "\(stranger)")

            let unit = ["pu", "run", "--platform", platform.url, "--device", "cam-1", "--mac", "cam-1"]
            let camera = try ToolProcess(
                PlatformProcess.program,
                unit,
                environment: ["VEDETTE_PASSWORD": password.reveal()]
            )
            try await eventually("the unit says what is the matter") {
                camera.output.contains("its certificate is not trusted")
            }
            #expect(!camera.output.contains("SSL"), "\(camera.output)")
            camera.kill()
            let code = try await Tool.vedette(
                unit + ["--bind", "ABCD-EFGH"],
                environment: ["VEDETTE_PASSWORD": password.reveal()]
            )
            #expect(code.status == 64 && code.output.contains("ABCD-EFGH-JKMN-PQRS"), "\(code)")
        }
    }
}
