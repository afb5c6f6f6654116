import CustomerUnit
import Foundation
import HSSModel
import Testing

extension EndToEnd {
    /// Issue 4, "accounting of bytes per owner": real pictures, on the account of whoever owns the camera at the time.
    @Suite("Accounts of real pictures") struct UsageTests {
        private struct Total: Codable, Sendable, Equatable {
            var user: String?
            var ingestBytes: Int64
            var liveSeconds: Int64
            var deliveredBytes: Int64
            var viewerSeconds: Int64
            var watchedBytes: Int64?
        }

        private static func totals(_ admin: PlatformClient) async throws -> [String: Total] {
            let all: [Total] = try await admin.all("/admin/usage?by=user")
            return Dictionary(all.map { ($0.user ?? "", $0) }) { first, _ in first }
        }

        /// When nothing runs and the accounts, which are right to the second, have not changed for longer than that.
        private static func settled(
            _ admin: PlatformClient,
            _ platform: PlatformProcess
        ) async throws -> [String: Total] {
            try await eventually("no picture runs") {
                try await platform.figure("vedette_media_streams") == 0
            }
            let clock = ContinuousClock()
            var (seen, since) = (try await totals(admin), clock.now)
            try await eventually("the accounts are settled") {
                let now = try await totals(admin)
                if now != seen { (seen, since) = (now, clock.now) }
                return clock.now - since > .seconds(2)
            }
            return seen
        }

        /// Watches for some seconds; the octets that came.
        private static func watch(_ client: PlatformClient, _ platform: PlatformProcess) async throws -> Int64
        {
            let live: LiveAnswer = try await client.call(.post, "/devices/cam-1/channels/0/live")
            let file = platform.folder + "/seen.ts"
            let curl = try ToolProcess(
                "curl",
                ["-sN", "-m", "3", "--cacert", platform.authorityPath, "-o", file, live.play.ts]
            )
            _ = await curl.end(within: 20)
            return try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int64 ?? 0
        }

        @Test func theCameraThatChangesHandsAndThePlatformThatDies() async throws {
            let platform = try await PlatformProcess([
                "VEDETTE_LIVE_LINGER": "0s", "VEDETTE_USAGE_INTERVAL": "1s",
            ])
            let password = try await platform.enrol("cam-1", mac: "cam-1")
            let (admin, anna) = (try await platform.admin(), try await platform.customer("anna"))
            let bert = try await platform.customer("bert")
            func startUnit(boundTo owner: PlatformClient) async throws -> ToolProcess {
                let code: BindCodeAnswer = try await owner.call(.post, "/bindings")
                let unit = try ToolProcess(
                    PlatformProcess.program,
                    [
                        "pu", "run", "--platform", platform.url, "--ca", platform.authorityPath, "--device",
                        "cam-1", "--mac", "cam-1", "--video", try await Clip.path(), "--bind", code.bindId,
                    ],
                    environment: ["VEDETTE_PASSWORD": password.reveal()]
                )
                try await eventually("the camera is bound") {
                    let devices: [DeviceAnswer] = try await owner.all("/devices")
                    return devices.first?.online ?? false
                }
                return unit
            }
            var unit = try await startUnit(boundTo: anna)
            let seen = try await Self.watch(anna, platform)
            #expect(seen > 20_000)
            let first = try #require(try await Self.settled(admin, platform)["anna"])
            #expect(first.deliveredBytes >= seen && first.watchedBytes == first.deliveredBytes)
            #expect(first.ingestBytes > 20_000 && first.liveSeconds >= 2 && first.viewerSeconds >= 2)
            // What curl did not take any more is at most what waited for it.
            #expect(first.deliveredBytes - seen < 1 << 20)

            // Booked is booked: neither lost nor counted again.
            try await platform.killAndRestart()
            let client = try await platform.admin()
            #expect(try await Self.totals(client)["anna"] == first)

            // Bert gets the camera while an operator watches it.
            try await eventually("the camera is back") {
                try await platform.figure("vedette_vd_units_online") == 1
            }
            async let operators = Self.watch(client, platform)
            try await eventually("a picture runs") {
                try await platform.figure("vedette_media_streams") == 1
            }
            let annas = try await platform.logIn("anna", Secret("password-of-anna"))
            let _: PlatformClient.Nothing = try await annas.call(.delete, "/devices/cam-1/binding")
            _ = try await operators
            let after = try #require(try await Self.settled(client, platform)["anna"])
            #expect(after.ingestBytes > first.ingestBytes, "until that moment it was hers")
            unit.kill()
            _ = await unit.end()
            let berts = try await platform.logIn("bert", Secret("password-of-bert"))
            unit = try await startUnit(boundTo: berts)
            let seenByBert = try await Self.watch(berts, platform)
            let all = try await Self.settled(client, platform)
            #expect(all["anna"]?.ingestBytes == after.ingestBytes)
            #expect(all["bert"]?.ingestBytes ?? 0 > 20_000 && all["bert"]?.deliveredBytes ?? 0 >= seenByBert)
            #expect(all["admin"]?.watchedBytes ?? 0 > 0 && all["admin"]?.ingestBytes == 0)

            try await Self.showsAtTheCommandLine(platform)
            unit.kill()
            for client in [admin, anna, bert, client, annas, berts] { await client.shutdown() }
        }

        private static func showsAtTheCommandLine(_ platform: PlatformProcess) async throws {
            let session = ["VEDETTE_SESSION": platform.folder + "/session.json"]
            var login = session
            login["VEDETTE_PASSWORD"] = PlatformProcess.adminPassword.reveal()
            let (loggedIn, text) = try await Tool.vedette(
                ["cu", "login", platform.url, "--user", "admin", "--ca", platform.authorityPath],
                environment: login
            )
            #expect(loggedIn == 0, "\(text)")
            func run(_ arguments: String...) async throws -> (Int32?, String) {
                let (status, output) = try await Tool.vedette(arguments, environment: session)
                return (status, output)
            }
            let (status, table) = try await run("admin", "usage")
            #expect(status == 0 && table.contains("anna") && table.contains("WATCHED"), "\(table)")
            let (_, days) = try await run("admin", "usage", "--by", "day", "--user", "anna", "--json")
            #expect(days.contains(#""day":"20"#) && days.contains("ingest_bytes"), "\(days)")
            let (_, watched) = try await run("cu", "usage", "--watched")
            #expect(watched.contains("cam-1/0") && !watched.contains("SENT"), "\(watched)")
            #expect(try await run("cu", "usage").1.contains("Nothing was carried"))
            #expect(try await run("admin", "usage", "--from", "2026-02-30").0 == 64)
            #expect(try await run("admin", "usage", "--user", "a b").0 == 64)

            let (_, set) = try await run("admin", "device", "set", "cam-1/0", "--srt-latency", "400ms")
            #expect(set.contains("400 ms"), "\(set)")
            let (_, shown) = try await run("admin", "device", "show", "cam-1")
            #expect(shown.contains("SRT latency 400 ms"), "\(shown)")
            let (wrong, reason) = try await run("admin", "device", "set", "cam-1/7", "--srt-latency", "1s")
            #expect(wrong == 1 && reason.contains("channel 7"), "\(reason)")
            #expect(try await run("admin", "device", "set", "cam-1", "--srt-latency", "9s").0 == 64)
        }
    }
}
