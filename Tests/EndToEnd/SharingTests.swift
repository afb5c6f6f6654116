import CustomerUnit
import Foundation
import HSSModel
import HostClock
import Testing

extension EndToEnd {
    /// Two people and one camera, at the command line of the real programme.
    @Suite("Sharing") struct SharingTests {
        /// `anna` has `cam-1`, which runs; `bert` has nothing.
        private struct House {
            let platform: PlatformProcess
            let unit: ToolProcess

            init() async throws {
                platform = try await PlatformProcess()
                let password = try await platform.enrol("cam-1", mac: "cam-1")
                let anna = try await platform.customer("anna")
                let bert = try await platform.customer("bert")
                let code: BindCodeAnswer = try await anna.call(.post, "/bindings")
                unit = try ToolProcess(
                    PlatformProcess.program,
                    [
                        "pu", "run", "--platform", platform.url, "--ca", platform.authorityPath, "--device",
                        "cam-1", "--mac", "cam-1", "--bind", code.bindId,
                    ],
                    environment: ["VEDETTE_PASSWORD": password.reveal()]
                )
                try await eventually("the camera is anna's", within: 60) {
                    let devices: [DeviceAnswer] = try await anna.all("/devices")
                    return devices.first?.online ?? false
                }
                await anna.shutdown()
                await bert.shutdown()
                for user in ["anna", "bert"] { try await logIn(user, as: user) }
            }

            private func environment(_ session: String) -> [String: String] {
                ["VEDETTE_SESSION": platform.folder + "/\(session).json"]
            }

            /// `session` names the place where the login is kept.
            func logIn(_ user: String, as session: String) async throws {
                var login = environment(session)
                login["VEDETTE_PASSWORD"] = "password-of-\(user)"
                let (status, text) = try await Tool.vedette(
                    ["cu", "login", platform.url, "--user", user, "--ca", platform.authorityPath],
                    environment: login
                )
                #expect(status == 0, "\(text)")
            }

            func run(
                _ session: String,
                _ arguments: String...
            ) async throws -> (status: Int32?, text: String) {
                let ended = try await Tool.vedette(["cu"] + arguments, environment: environment(session))
                return (ended.status, ended.output)
            }

            /// Somebody who watches until it is ended.
            func watch(_ session: String) async throws -> ToolProcess {
                let viewer = try ToolProcess(
                    PlatformProcess.program,
                    ["cu", "live", "cam-1", "--protocol", "ts", "-o", platform.folder + "/\(session).ts"],
                    environment: environment(session)
                )
                try await watching(1)
                return viewer
            }

            func watching(_ count: Double) async throws {
                try await eventually("\(count) watch", within: 60) {
                    try await platform.figure("vedette_media_viewers{protocol=\"ts\"}") == count
                }
            }
        }

        /// CONTRACT: "A user sees a device only when bound to it or given a share". What is watched ends with the share.
        @Test func aGuestWatchesUntilTheShareEnds() async throws {
            let house = try await House()
            #expect(try await house.run("bert", "devices").text.contains("No devices yet"))
            let refused = try await house.run("bert", "live", "cam-1", "-o", house.platform.folder + "/x.ts")
            #expect(refused.status == 1 && refused.text.contains("does not exist"), "\(refused.text)")
            let made = try await house.run("anna", "share", "add", "cam-1", "bert", "--rights", "live,talk")
            #expect(made.text.contains("cam-1 is shared with bert: live, talk."), "\(made.text)")
            let list = try await house.run("anna", "share", "list", "cam-1")
            #expect(list.text.contains("bert") && list.text.contains("always"), "\(list.text)")
            let seen = try await house.run("bert", "devices").text
            #expect(seen.contains("cam-1") && seen.contains("anna"), "\(seen)")
            let viewer = try await house.watch("bert")
            let over = try await house.run("bert", "ptz", "cam-1", "stop")
            #expect(over.status == 1 && over.text.contains("not control it"), "\(over.text)")
            #expect(try await house.run("anna", "share", "remove", "cam-1", "bert").status == 0)
            try await house.watching(0)
            #expect(try await house.run("bert", "devices").text.contains("No devices yet"))
            _ = try await house.run("anna", "share", "add", "cam-1", "bert")
            let second = try await house.watch("bert")
            // It ends by itself at its time, whoever looks.
            let end = Date(timeIntervalSince1970: Double(WallTime.now.milliseconds) / 1000 + 15)
            let until = end.formatted(.iso8601)
            let short = try await house.run("anna", "share", "add", "cam-1", "bert", "--until", until)
            #expect(short.status == 0, "\(short.text)")
            try await house.watching(0)
            #expect(try await house.run("bert", "devices").text.contains("No devices yet"))
            let bert = try await house.platform.logIn("bert", Secret("password-of-bert"))
            try await eventually("bert hears of all", within: 60) {
                let told = try await house.platform.events("share", seenBy: bert)
                return told.components(separatedBy: #""change":"ended""#).count == 3
                    && told.components(separatedBy: #""change":"shared""#).count == 3
            }
            await bert.shutdown()
            for process in [viewer, second, house.unit] { process.kill() }
        }

        @Test func whatASessionOpenedEndsWithIt() async throws {
            let house = try await House()
            try await house.logIn("anna", as: "tablet")
            let viewer = try await house.watch("tablet")
            let list = try await house.run("anna", "sessions", "list", "--json").text
            #expect(list.contains(#""current":true"#) && list.contains(#""address":"127.0.0.1""#), "\(list)")
            #expect(try await house.run("anna", "sessions", "end", "--others").status == 0)
            try await house.watching(0)
            let gone = try await house.run("tablet", "devices")
            #expect(gone.status == 1, "\(gone.text)")
            #expect(try await house.run("anna", "devices").status == 0)
            for process in [viewer, house.unit] { process.kill() }
        }

        /// RFC 6238 with oathtool as the authenticator.
        @Test func loginsAskForACodeOfTheAuthenticator() async throws {
            let platform = try await PlatformProcess()
            let anna = try await platform.customer("anna")
            await anna.shutdown()
            let environment = [
                "VEDETTE_SESSION": platform.folder + "/anna.json", "VEDETTE_PASSWORD": "password-of-anna",
            ]
            func run(_ arguments: String...) async throws -> (status: Int32?, text: String) {
                let ended = try await Tool.vedette(["cu"] + arguments, environment: environment)
                return (ended.status, ended.output)
            }
            let login = ["login", platform.url, "--user", "anna", "--ca", platform.authorityPath]
            #expect(try await Tool.vedette(["cu"] + login, environment: environment).0 == 0)
            let made = try await run("totp", "enable", "--json")
            let secret = try JSONDecoder().decode([String: String].self, from: Data(made.text.utf8))["secret"]
            let code = try await Tool.output("oathtool", ["--totp", "--base32", try #require(secret)])
            let codes = try await run("totp", "confirm", String(code.prefix(6)), "--json")
            let recovery = try #require(
                try JSONDecoder().decode([String: [String]].self, from: Data(codes.text.utf8)).first?.value
            )
            #expect(recovery.count == 10)
            let (refused, error) = try await Tool.vedette(["cu"] + login, environment: environment)
            #expect(refused == 1 && error.contains("code of your authenticator"), "\(error)")
            let again = try await Tool.vedette(
                ["cu"] + login + ["--code", recovery[0]],
                environment: environment
            )
            #expect(again.0 == 0, "\(again)")
            let twice = try await Tool.vedette(
                ["cu"] + login + ["--code", recovery[0]],
                environment: environment
            )
            #expect(twice.0 == 1)
            #expect(try await run("totp", "disable", recovery[1]).status == 0)
            #expect(try await Tool.vedette(["cu"] + login, environment: environment).0 == 0)
        }
    }
}
