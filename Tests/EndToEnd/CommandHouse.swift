import HSSModel
import Testing

/// A platform, an operator who is logged in at the command line, and the simulated unit `cam-1`, which is online.
struct CommandHouse {
    let platform: PlatformProcess
    /// The environment of the operator's commands.
    let session: [String: String]
    let unit: ToolProcess

    /// `settings`: of the platform, as environment variables.
    init(_ settings: [String: String] = [:]) async throws {
        let platform = try await PlatformProcess(settings)
        let password = try await platform.enrol("cam-1", mac: "cam-1")
        session = ["VEDETTE_SESSION": platform.folder + "/session.json"]
        var login = session
        login["VEDETTE_PASSWORD"] = PlatformProcess.adminPassword.reveal()
        let (loggedIn, text) = try await Tool.vedette(
            ["cu", "login", platform.url, "--user", "admin", "--ca", platform.authorityPath],
            environment: login
        )
        #expect(loggedIn == 0, "\(text)")
        unit = try ToolProcess(
            PlatformProcess.program,
            [
                "pu", "run", "--platform", platform.url, "--ca", platform.authorityPath, "--device",
                "cam-1", "--mac", "cam-1",
            ],
            environment: ["VEDETTE_PASSWORD": password.reveal()]
        )
        self.platform = platform
        try await eventually("the unit is online") {
            try await platform.figure("vedette_vd_units_online") == 1
        }
    }
}
