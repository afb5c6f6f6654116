import Foundation
import Glibc
import HSSModel
import Testing

extension EndToEnd {
    /// The processes of a real platform that make renditions (H.627.2, 8.2 b).
    @Suite("Renditions of a real platform") struct RenditionProcessTests {
        /// Asked for at the command line, seen by the operator, in the size that it has.
        @Test func theSmallPictureIsWatchedAndShown() async throws {
            let house = try await CommandHouse()
            let (platform, session) = (house.platform, house.session)
            let file = platform.folder + "/small.ts"
            let viewer = try ToolProcess(
                PlatformProcess.program,
                ["cu", "live", "cam-1", "--rendition", "small", "--duration", "6", "-o", file],
                environment: session
            )
            try await eventually("the small picture is made") {
                try await platform.figure("vedette_renditions") == 1
            }
            let (_, list) = try await Tool.vedette(["admin", "stream", "list"], environment: session)
            let name = try #require(list.split(separator: "\n").last?.split(separator: " ").first)
            try await eventually("it is running") {
                let (_, shown) = try await Tool.vedette(
                    ["admin", "stream", "show", String(name)],
                    environment: session
                )
                return shown.contains("RENDITION") && shown.contains("running") && shown.contains("small")
            }
            #expect(await viewer.end() == 0, "\(viewer.output)")
            let seen = try await Tool.output(
                "ffprobe",
                [
                    "-v", "error", "-select_streams", "v", "-show_entries", "stream=codec_name,height", "-of",
                    "csv=p=0", file,
                ]
            )
            let height = try #require(Int(seen.split { !$0.isNumber }.last ?? ""))
            #expect(seen.contains("h264") && height <= 360, "\(seen)")
            let (status, error) = try await Tool.vedette(
                ["cu", "live", "cam-1", "--rendition", "huge", "--url"],
                environment: session
            )
            #expect(status == 64 && error.contains("original"), "\(error)")
            house.unit.kill()
        }

        /// `kill -9` of the platform: nobody is left behind.
        @Test func nothingOutlivesThePlatform() async throws {
            let house = try await CommandHouse()
            let platform = house.platform
            let viewer = try ToolProcess(
                PlatformProcess.program,
                ["cu", "live", "cam-1", "--rendition", "small", "-o", platform.folder + "/small.ts"],
                environment: house.session
            )
            try await eventually("ffmpeg runs") { !Self.children(of: platform.running.id).isEmpty }
            let children = Self.children(of: platform.running.id)
            platform.running.kill()
            _ = await platform.running.end()
            try await eventually("its children are gone") {
                children.allSatisfy { kill($0, 0) == -1 && errno == ESRCH }
            }
            for process in [viewer, house.unit] { process.kill() }
        }

        @Test func whereTheyAreSwitchedOffTheReasonIsTold() async throws {
            let platform = try await PlatformProcess(["VEDETTE_TRANSCODING_CPU_PERCENT": "0"])
            _ = try await platform.enrol("cam-1", mac: "cam-1")
            let session = ["VEDETTE_SESSION": platform.folder + "/session.json"]
            var login = session
            login["VEDETTE_PASSWORD"] = PlatformProcess.adminPassword.reveal()
            _ = try await Tool.vedette(
                ["cu", "login", platform.url, "--user", "admin", "--ca", platform.authorityPath],
                environment: login
            )
            // The camera is offline, and is not asked.
            let (status, error) = try await Tool.vedette(
                ["cu", "live", "cam-1", "--rendition", "small", "--url"],
                environment: session
            )
            #expect(status == 1 && error.contains("transcoding is switched off"), "\(error)")
        }

        /// Processes whose parent it is (proc(5), `stat`).
        private static func children(of parent: pid_t) -> [pid_t] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            return names.compactMap { pid_t($0) }.filter { id in
                guard let text = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8),
                    let end = text.lastIndex(of: ")")
                else { return false }
                let fields = text[text.index(after: end)...].split(separator: " ")
                return fields.count > 1 && pid_t(fields[1]) == parent
            }
        }
    }
}
