import Foundation
import HSSModel
import Testing

extension EndToEnd {
    /// `Schemas/openapi.yaml` against a platform that runs, with simulated cameras; `Tests/API` has what asks.
    @Suite("The API by its description") struct APITests {
        /// Made by `Tests/Scripts/setup --tests`.
        private static let python =
            URL(filePath: #filePath).appending(path: "../../../.build/api-tools/bin/python").standardized.path

        /// Runs a programme of `Tests/API` beside a platform of its own.
        private func run(_ script: String, within seconds: Int) async throws {
            try #require(
                FileManager.default.isExecutableFile(atPath: Self.python),
                "\(Self.python) is missing: run Tests/Scripts/setup --tests"
            )
            let platform = try await PlatformProcess([
                // All requests come from one address here.
                "VEDETTE_LIMITS_API_RATE": "100000", "VEDETTE_LIMITS_API_BURST": "100000",
                // Webhooks lead to a port of this machine where nobody is.
                "VEDETTE_WEBHOOKS_ALLOW_PRIVATE": "true",
            ])
            let password = platform.folder + "/password"
            try Data(PlatformProcess.adminPassword.reveal().utf8).write(to: URL(filePath: password))
            let path = URL(filePath: #filePath).appending(path: "../../API/\(script)").standardized.path
            let process = try ToolProcess(
                Self.python,
                [
                    path, "--platform", platform.url, "--ca", platform.authorityPath, "--vedette",
                    PlatformProcess.program, "--password-file", password,
                ]
            )
            let status = await process.end(within: seconds)
            #expect(status == 0, "\(script): \(process.output.suffix(20_000))")
        }

        /// "a test drives every operation of the description against the running server"
        @Test func everyOperationAnswersAsDescribed() async throws { try await run("drive.py", within: 600) }

        /// "two customers … every operation of the description on the other's objects, with 404 each time"
        @Test func whatIsOfOthersIsNotThere() async throws { try await run("strangers.py", within: 600) }

        /// "schemathesis finds nothing"
        @Test func schemathesisFindsNothing() async throws { try await run("fuzz.py", within: 900) }
    }
}
