import Foundation
import HSSModel
import Testing

extension EndToEnd {
    /// `vedette admin stream …` against a simulated camera that somebody watches: who, how, and the end of it.
    @Suite("What operators see of streams") struct StreamCommandsTests {
        @Test func aViewerIsShownWithItsUserAndEnded() async throws {
            let house = try await CommandHouse()
            let (platform, session, unit) = (house.platform, house.session, house.unit)
            let viewer = try ToolProcess(
                PlatformProcess.program,
                ["cu", "live", "cam-1", "--protocol", "srt", "-o", platform.folder + "/seen.ts"],
                environment: session
            )
            try await eventually("somebody watches") {
                try await platform.figure("vedette_media_viewers{protocol=\"srt\"}") == 1
            }
            func run(_ arguments: String...) async throws -> String {
                let (status, output) = try await Tool.vedette(
                    ["admin", "stream"] + arguments,
                    environment: session
                )
                #expect(status == 0, "\(arguments): \(output)")
                return output
            }
            let list = try await run("list")
            #expect(list.contains("cam-1/0") && list.contains("live") && list.contains("h264"), "\(list)")
            let name = try #require(list.split(separator: "\n").last?.split(separator: " ").first)
            let shown = try await run("show", String(name))
            #expect(shown.contains("pushed by 127.0.0.1:") && shown.contains(" ms"), "\(shown)")
            let row = try #require(shown.split(separator: "\n").last)
            #expect(row.contains("admin") && row.contains("srt"), "\(shown)")
            let json = try await run("show", String(name), "--json")
            #expect(json.contains(#""ms_rtt""#) && json.contains(#""user":"admin""#), "\(json)")
            let number = try #require(row.split(separator: " ").first)
            _ = try await run("kick", String(name), "--viewer", String(number))
            try await eventually("nobody watches") {
                let series = "vedette_media_ended_total{role=\"viewer\",reason=\"closed-by-operator\"}"
                return try await platform.figure(series) == 1
            }
            let (again, error) = try await Tool.vedette(
                ["admin", "stream", "kick", String(name), "--viewer", String(number)],
                environment: session
            )
            #expect(again == 1 && error.contains("viewer \(number)"), "\(error)")
            for process in [viewer, unit] { process.kill() }
        }
    }
}
