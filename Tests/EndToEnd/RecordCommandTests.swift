import Foundation
import HSSModel
import Testing

extension EndToEnd {
    /// `vedette cu record …`: command, API and store; what a unit does with it stands in ServiceControlTests.
    @Suite("Commands to record a camera") struct RecordCommandTests {
        @Test func plansAndRulesAreSaidAndShown() async throws {
            let house = try await CommandHouse()
            // It has never logged in: what is wanted of it waits.
            _ = try await house.platform.enrol("cam-2", mac: "cam-2")
            func run(_ arguments: String..., status: Int32 = 0) async throws -> String {
                let (ended, output) = try await Tool.vedette(
                    ["cu", "record"] + arguments,
                    environment: house.session
                )
                #expect(ended == status, "\(arguments): \(output)")
                return output
            }
            #expect(try await run("status", "cam-2").contains("not recorded"))
            let set = try await run(
                "plan",
                "set",
                "cam-2",
                "--zone",
                "Europe/Berlin",
                "mon-wed,fri 08:00-18:00",
                "sun 22:00-06:00"
            )
            let plan =
                "mon,tue,wed,fri  08:00 to 18:00\nsun              22:00 to 06:00\nzone             Europe/Berlin\n"
            #expect(set == plan)
            #expect(try await run("plan", "show", "cam-2") == plan)
            #expect(
                try await run("plan", "set", "cam-2", "always", "--segment", "20s", "--json").contains(
                    #""to":"24:00""#
                )
            )
            #expect(
                try await run("plan", "set", "cam-2", "--zone", "Mars/Olympus", "always", status: 1).contains(
                    "zone"
                )
            )
            #expect(
                try await run("plan", "set", "cam-2", "monday 08:00-09:00", status: 64).contains("windows")
            )
            #expect(try await run("plan", "set", "cam-2", "mon 8-9", status: 1).contains("08:00"))
            #expect(try await run("plan", "clear", "cam-2").contains("no plan"))
            #expect(try await run("plan", "show", "cam-2", status: 1).contains("does not exist"))
            #expect(try await run("rule", "set", "cam-2", "--types", "rain", status: 1).contains("motion"))
            let rule = try await run("rule", "set", "cam-2", "--types", "motion,human", "--prerecord", "3s")
            #expect(rule.contains("motion, human") && rule.contains("3 s"))
            #expect(try await run("rule", "clear", "cam-2").contains("nothing any more"))
            #expect(try await run("start", "cam-2", "--for", "soon", status: 64).contains("--for"))
            #expect(try await run("start", "cam-2", "--segment", "1s", status: 1).contains("seg_duration"))
            let start = try await run("start", "cam-2", "--for", "10m", "--prerecord", "5s")
            #expect(start.contains("the camera is away") && start.contains("of admin since"))
            #expect(try await run("stop", "cam-2").contains("not recorded"))
            #expect(try await run("start", "cam-9", status: 1).contains("does not exist"))
        }

        /// Tables I.2-14, I.2-15 with the simulated unit and the real storage: what is ordered is there, and nothing after
        /// its end.
        @Test func whatIsOrderedIsRecorded() async throws {
            let house = try await CommandHouse()
            func output(_ arguments: String...) async throws -> String {
                try await Tool.vedette(["cu"] + arguments, environment: house.session).output
            }
            let start = try await output("record", "start", "cam-1", "--segment", "2s")
            #expect(start.contains("state") && start.contains("recording"), "\(start)")
            try await eventually("two segments are recorded") {
                let answer = try await output("recordings", "cam-1", "--json")
                let tree = try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any]
                let items = tree?["items"] as? [[String: Any]] ?? []
                return items.compactMap { $0["duration"] as? Double }.reduce(0, +) >= 3.5
            }
            #expect(try await output("devices", "--json").contains(#""recording":true"#))
            #expect(try await output("record", "stop", "cam-1").contains("not recorded"))
            #expect(try await !output("devices", "--json").contains(#""recording":true"#))
            #expect(try await output("record", "status", "cam-1").contains("not recorded"))
        }
    }
}
