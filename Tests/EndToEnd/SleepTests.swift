import CustomerUnit
import Foundation
import HSSModel
import Testing

extension EndToEnd {
    /// A battery camera as it comes: it sleeps, is woken by a viewer, and sleeps again.
    @Suite("Sleeping cameras") struct SleepTests {
        private static let identity = "1000000000000042"

        /// A platform with a hibernation server and a bound camera that sleeps after a second.
        private struct House {
            let platform: PlatformProcess
            let anna: PlatformClient
            let unit: ToolProcess

            init() async throws {
                let port = try FreePorts.take(1)[0]
                platform = try await PlatformProcess([
                    "VEDETTE_HIBERNATION_PORT": "\(port)", "VEDETTE_LIVE_LINGER": "1s",
                ])
                let password = try await platform.enrol("cam-b", mac: SleepTests.identity)
                let credentials = platform.folder + "/camera"
                try "cam-b \(SleepTests.identity) \(password.reveal())\n"
                    .write(toFile: credentials, atomically: true, encoding: .utf8)
                anna = try await platform.customer("anna")
                let code: BindCodeAnswer = try await anna.call(.post, "/bindings")
                unit = try ToolProcess(
                    PlatformProcess.program,
                    [
                        "pu", "run", "--platform", platform.url, "--ca", platform.authorityPath,
                        "--credentials", credentials, "--sleep-after", "1s", "--bind", code.bindId,
                    ]
                )
            }

            func fallsAsleep() async throws {
                try await eventually("the camera sleeps", within: 60) { try await state() == "asleep" }
            }

            func state() async throws -> String? {
                let devices: [DeviceState] = try await anna.all("/devices")
                return devices.first?.state
            }

            func end() async {
                unit.kill()
                _ = await unit.end()
                await anna.shutdown()
            }
        }

        private struct DeviceState: Codable, Sendable {
            var state: String
            var online: Bool
        }

        @Test func aViewerWakesACameraThatSleeps() async throws {
            let house = try await House()
            try await house.fallsAsleep()
            try await eventually("its sleep is told (Table I.2-1, hibernation)") {
                try await house.platform.events("asleep", seenBy: house.anna).contains(
                    "event: asleep\ndata: "
                )
            }
            let devices: [DeviceState] = try await house.anna.all("/devices")
            #expect(devices.first?.online == true, "it comes when it is called")
            let asked = ContinuousClock.now
            let live: LiveAnswer = try await house.anna.call(.post, "/devices/cam-b/channels/0/live")
            #expect(ContinuousClock.now - asked < .seconds(10))
            #expect(live.play.ts.contains("ticket"))
            #expect(try await house.platform.figure("vedette_wake_seconds_count") >= 1)
            #expect(try await house.state() == "online")
            // It was asked to stay awake for a minute, and goes back to sleep after it.
            #expect(!house.unit.output.isEmpty)
            await house.end()
        }

        /// The platform was killed while the camera slept: the heartbeat is all that it needs.
        @Test func aCameraThatSleepsIsKnownAfterAKill() async throws {
            let house = try await House()
            try await house.fallsAsleep()
            try await house.platform.killAndRestart()
            try await house.fallsAsleep()
            let _: LiveAnswer = try await house.anna.call(.post, "/devices/cam-b/channels/0/live")
            await house.end()
        }
    }
}
