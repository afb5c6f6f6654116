import CustomerUnit
import Foundation
import Glibc
import HSSModel
import Testing
import Vd

extension EndToEnd {
    /// `kill -9` for each of the parties: all find back to the wanted state by themselves.
    @Suite("Recovery of real processes") struct KillTests {
        /// A platform with a bound, simulated camera.
        private struct House {
            let platform: PlatformProcess
            let anna: PlatformClient
            let credentials: String
            let clip: String
            var unit: ToolProcess

            init() async throws {
                platform = try await PlatformProcess(["VEDETTE_LIVE_LINGER": "1s"])
                clip = try await Clip.path()
                let password = try await platform.enrol("cam-1", mac: "001122334455")
                credentials = platform.folder + "/camera"
                try "cam-1 001122334455 \(password.reveal())\n".write(
                    toFile: credentials,
                    atomically: true,
                    encoding: .utf8
                )
                anna = try await platform.customer("anna")
                let code: BindCodeAnswer = try await anna.call(.post, "/bindings")
                unit = try Self.startUnit(platform, credentials, clip, ["--bind", code.bindId])
                let client = anna
                try await eventually("the camera is bound") {
                    let devices: [DeviceAnswer] = try await client.all("/devices")
                    return devices.first?.online ?? false
                }
            }

            static func startUnit(
                _ platform: PlatformProcess,
                _ credentials: String,
                _ clip: String,
                _ more: [String] = []
            ) throws -> ToolProcess {
                try ToolProcess(
                    PlatformProcess.program,
                    [
                        "pu", "run", "--platform", platform.url, "--ca", platform.authorityPath,
                        "--credentials",
                        credentials,
                        "--video", clip,
                    ] + more
                )
            }

            /// Asks until a picture comes, as an app does.
            func seesAPicture(within seconds: Int = 60) async throws {
                try await eventually("a picture after recovery", within: seconds) {
                    guard let live: LiveAnswer = try? await anna.call(.post, "/devices/cam-1/channels/0/live")
                    else {
                        return false
                    }
                    let file = platform.folder + "/seen.ts"
                    let viewer = try ToolProcess(
                        "curl",
                        ["-sN", "-m", "3", "--cacert", platform.authorityPath, "-o", file, live.play.ts]
                    )
                    _ = await viewer.end(within: 10)
                    return try await Clip.count(file).video > 20
                }
            }
        }

        @Test func aUnitThatDiesComesBack() async throws {
            var house = try await House()
            try await house.seesAPicture()
            house.unit.kill()
            _ = await house.unit.end()
            house.unit = try House.startUnit(house.platform, house.credentials, house.clip)
            try await house.seesAPicture()
            await house.anna.shutdown()
        }

        /// The unit waits a random time (§9.3.1.3), logs in again, and the customer's login is still good.
        @Test func aPlatformThatDiesComesBack() async throws {
            let house = try await House()
            try await house.seesAPicture()
            try await house.platform.killAndRestart()
            try await house.seesAPicture()
            await house.anna.shutdown()
        }

        /// Table I.2-17: a platform that dies while a camera turns tells it to stop when it is back.
        @Test func aCameraThatTurnsWhenThePlatformDiesIsStopped() async throws {
            let platform = try await PlatformProcess()
            let password = try await platform.enrol("cam-1", mac: "001122334455")
            let admin = try await platform.admin()
            let unit = try await ManualUnit.logIn(platform, device: "cam-1", password: password)
            try await eventually("the camera turns") {
                let _: PlatformClient.Nothing = try await admin.call(
                    .post,
                    "/devices/cam-1/ptz",
                    ["op": "left"]
                )
                return unit.turns == [.left]
            }
            try await platform.killAndRestart()
            #expect(unit.turns == [.left])
            let again = try await ManualUnit.logIn(
                platform,
                device: "cam-1",
                password: password,
                reconnect: true
            )
            try await eventually("it is told to stop") { again.turns == [.stop] }
            await admin.shutdown()
        }

        /// The last viewer dies without a word: the unit is told to stop after the linger time.
        @Test func aViewerThatDiesIsNoticed() async throws {
            let house = try await House()
            let live: LiveAnswer = try await house.anna.call(.post, "/devices/cam-1/channels/0/live")
            let viewer = try ToolProcess(
                "srt-live-transmit",
                ["-q", live.play.srt, "file://con"],
                output: "/dev/null"
            )
            try await eventually("the viewer is counted") {
                try await house.platform.figure("vedette_media_viewers{protocol=\"srt\"}") >= 1
            }
            viewer.kill()
            try await eventually("the push is stopped", within: 40) {
                house.unit.output.contains("stopped stream")
            }
            try await house.seesAPicture()
            await house.anna.shutdown()
        }

        /// "the CU can only obtain the access right of its binding PU" (§8.3.1): giving the device up ends the picture.
        @Test func aViewerEndsWithTheBinding() async throws {
            let house = try await House()
            let live: LiveAnswer = try await house.anna.call(.post, "/devices/cam-1/channels/0/live")
            let viewers = [
                try ToolProcess(
                    "curl",
                    ["-sN", "--cacert", house.platform.authorityPath, "-o", "/dev/null", live.play.ts]
                ),
                try ToolProcess(
                    "srt-live-transmit",
                    ["-q", "-a:no", live.play.srt, "file://con"],
                    output: "/dev/null"
                ),
            ]
            try await eventually("the viewers are counted") {
                let overHTTP = try await house.platform.figure("vedette_media_viewers{protocol=\"ts\"}")
                let overSRT = try await house.platform.figure("vedette_media_viewers{protocol=\"srt\"}")
                return overHTTP == 1 && overSRT == 1
            }
            let _: PlatformClient.Nothing = try await house.anna.call(.delete, "/devices/cam-1/binding")
            for viewer in viewers {
                try await eventually("the viewer is ended", within: 15) { viewer.hasEnded }
            }
            await house.anna.shutdown()
        }

        /// Graceful: SIGTERM drains and ends with 0, with a viewer and a unit connected.
        @Test func sigtermEndsWithZero() async throws {
            let house = try await House()
            let live: LiveAnswer = try await house.anna.call(.post, "/devices/cam-1/channels/0/live")
            let viewer = try ToolProcess(
                "curl",
                ["-sN", "--cacert", house.platform.authorityPath, "-o", "/dev/null", live.play.ts]
            )
            try await eventually("the viewer is counted") {
                try await house.platform.figure("vedette_media_viewers{protocol=\"ts\"}") >= 1
            }
            house.platform.running.send(SIGTERM)
            #expect(await house.platform.running.end(within: 30) == 0, "\(house.platform.running.output)")
            _ = await viewer.end(within: 10)
            #expect(viewer.hasEnded)
            await house.anna.shutdown()
        }
    }
}
