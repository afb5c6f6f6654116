import CustomerUnit
import Foundation
import HSSModel
import Testing

extension EndToEnd {
    /// The latest picture of a camera (§8.2 b): from its key frame to a file, through every programme on the way.
    @Suite("Pictures of cameras") struct PictureTests {
        private static func size(_ file: String) async throws -> String {
            let arguments = [
                "-v", "error", "-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0",
            ]
            return try await Tool.output("ffprobe", arguments + [file])
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }

        /// curl against the platform's TLS: the status.
        private static func curl(_ arguments: [String], _ platform: PlatformProcess) async throws -> String {
            try await Tool.output(
                "curl",
                ["-s", "--cacert", platform.authorityPath, "-w", "%{http_code}"] + arguments
            )
        }

        @Test func thePictureOutlivesStreamAndPlatformButNotTheDevice() async throws {
            let house = try await CommandHouse(["VEDETTE_LIVE_LINGER": "1s"])
            let platform = house.platform
            let file = platform.folder + "/picture.jpg"
            func picture(_ more: String...) async throws -> (status: Int32?, output: String) {
                try await Tool.vedette(
                    ["cu", "picture", "cam-1", "-o", file] + more,
                    environment: house.session
                )
            }
            let (none, text) = try await picture()
            #expect(none == 1 && text.contains("no picture of this channel yet"), "\(text)")
            // Asking for it wakes nobody.
            #expect(try await platform.figure("vedette_media_streams") == 0)

            let admin = try await platform.admin()
            let live: LiveAnswer = try await admin.call(.post, "/devices/cam-1/channels/0/live")
            let address = try #require(live.play.jpeg)
            let viewer = try ToolProcess(
                "curl",
                ["-s", "--cacert", platform.authorityPath, live.play.ts],
                output: platform.folder + "/live.ts"
            )
            #expect(try await picture().status == 0)
            #expect(try await Self.size(file) == "mjpeg,640,360")
            #expect(try await picture("--width", "160").status == 0)
            #expect(try await Self.size(file) == "mjpeg,160,90")
            #expect(try await picture("--width", "3").status == 64)

            // The same out of the play address, and many at once for the price of one.
            #expect(try await Self.curl(["-o", file, address + "&width=200"], platform) == "200")
            #expect(try await Self.size(file) == "mjpeg,200,113")
            let before = try await platform.figure("vedette_pictures_made_total")
            let many = (0..<100).flatMap { _ in ["-o", "/dev/null", address + "&width=320"] }
            let statuses = try await Self.curl(["--parallel", "--parallel-max", "50"] + many, platform)
            // Behind the table of its progress, which curl prints for many at once.
            #expect(statuses.hasSuffix(String(repeating: "200", count: 100)), "\(statuses)")
            let made = try await platform.figure("vedette_pictures_made_total") - before
            // One for each key frame that came meanwhile.
            #expect((1...10).contains(made), "\(made) decodes for 100 requests")

            // Somebody kills the decoder: nobody notices.
            let child = try await Tool.output(
                "pgrep",
                ["-f", "vedette-codec pictures", "-P", "\(platform.running.identifier)"]
            )
            let pid = try #require(pid_t(child.trimmingCharacters(in: .whitespacesAndNewlines)))
            #expect(kill(pid, SIGKILL) == 0)
            #expect(try await Self.curl(["-o", file, address + "&width=222"], platform) == "200")
            #expect(try await platform.figure("vedette_picture_workers_started_total") == 2)

            // The stream ends; its picture stays.
            viewer.kill()
            try await eventually("the picture is kept") {
                try await platform.figure("vedette_pictures_kept_total") == 1
            }
            #expect(try await platform.figure("vedette_media_streams") == 0)
            #expect(try await picture().status == 0)
            #expect(try await Self.size(file) == "mjpeg,640,360")

            try await platform.killAndRestart()
            #expect(try await picture("--width", "64").status == 0)
            #expect(try await Self.size(file) == "mjpeg,64,36")

            let again = try await platform.admin()
            let _: PlatformClient.Nothing = try await again.call(.delete, "/admin/devices/cam-1")
            #expect(try await picture().status == 1)
            await admin.shutdown()
            await again.shutdown()
            house.unit.kill()
        }

        /// Whoever sees the device but may not watch it sees no picture; for everybody else there is no such device.
        @Test func onlyWhoMayWatchSeesIt() async throws {
            let house = try await CommandHouse()
            let anna = try await house.platform.customer("anna")
            await #expect(throws: CustomerError.self) { try await anna.bytes(.get, "/devices/cam-1/picture") }
            do {
                _ = try await anna.bytes(.get, "/devices/cam-1/picture")
            } catch CustomerError.refused(let status, let detail) {
                #expect(status == 404 && detail == "device cam-1 does not exist", "\(detail)")
            }
            await anna.shutdown()
            house.unit.kill()
        }
    }
}
