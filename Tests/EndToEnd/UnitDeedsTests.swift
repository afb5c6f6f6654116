import Foundation
import HSSModel
import Testing

extension EndToEnd {
    /// Not what the platform says it did, but what the unit is seen to have done: its card, its head, its picture, its
    /// configuration, its own words.
    @Suite("What a unit did on a command") struct UnitDeedsTests {
        @Test func theUnitDoesWhatItIsTold() async throws {
            let platform = try await PlatformProcess()
            let password = try await platform.enrol("cam-1", mac: "cam-1")
            let session = ["VEDETTE_SESSION": platform.folder + "/session.json"]
            let login = session.merging(["VEDETTE_PASSWORD": PlatformProcess.adminPassword.reveal()]) { $1 }
            let (status, text) = try await Tool.vedette(
                ["cu", "login", platform.url, "--user", "admin", "--ca", platform.authorityPath],
                environment: login
            )
            #expect(status == 0, "\(text)")
            let unit = try ToolProcess(
                PlatformProcess.program,
                [
                    "pu", "run", "--platform", platform.url, "--ca", platform.authorityPath, "--device",
                    "cam-1", "--mac", "cam-1",
                ],
                environment: ["VEDETTE_PASSWORD": password.reveal()]
            )
            func cu(_ command: String) async throws -> String {
                let arguments = ["cu"] + command.split(separator: " ").map(String.init)
                return try await Tool.vedette(arguments, environment: session).output
            }
            func said(_ words: String) -> Int { unit.output.components(separatedBy: words).count - 1 }
            func logins() -> Int { said("is logged in") }
            try await eventually("the unit is there") { try await cu("status cam-1").contains("simulated") }

            // Tables I.2-31 and I.2-32: the card is as empty as it is large.
            #expect(try await !cu("disk cam-1").contains("30436 of 30436"))
            _ = try await cu("format-disk cam-1 --yes")
            try await eventually("the card is empty") {
                try await cu("disk cam-1").contains("30436 of 30436")
            }

            // Tables I.2-17 and I.2-18: presets are the head's own.
            _ = try await cu("ptz cam-1 set_preset 7")
            _ = try await cu("ptz cam-1 left 100 --for 1")
            _ = try await cu("ptz cam-1 set_preset 9")
            _ = try await cu("ptz cam-1 clear_preset 7")
            let presets = try await cu("presets cam-1")
            #expect(presets.contains("9\n") && !presets.contains("7\n"), "\(presets)")

            // Table I.2-22: a picture that others can read.
            let picture = platform.folder + "/picture.jpg"
            _ = try await cu("snapshot cam-1 -o \(picture)")
            let probed = try await Tool.output(
                "ffprobe",
                ["-v", "error", "-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0", picture]
            )
            #expect(probed.hasPrefix("mjpeg,640,360"), "\(probed)")

            // Tables I.2-19 and I.2-20: what is wanted is there, until nothing differs.
            _ = try await cu("config set cam-1 tz=5 channels.0.image.horflip=true channels.0.osd.text=Door")
            try await eventually("the configuration is there") {
                let document = try await cu("config show cam-1")
                return document.contains("Door") && !document.contains("shall be")
            }

            // Table I.2-6: it asks Vs again, and the session of before is replaced.
            let asked = said("asks for its signalling server")
            let before = logins()
            _ = try await cu("reschedule cam-1")
            try await eventually("the unit was rescheduled") {
                said("asks for its signalling server") > asked && logins() > before
            }

            // Table I.2-5: it starts anew, and logs in as after a start.
            let beforeReboot = logins()
            try await eventually("the unit can be called") {
                try await cu("status cam-1").contains("simulated")
            }
            _ = try await cu("reboot cam-1")
            try await eventually("the unit has started anew") {
                said("starts anew: the platform asked for it") == 1 && logins() > beforeReboot
            }
            try await eventually("its configuration is kept") {
                try await cu("config show cam-1").contains("Door")
            }
            unit.kill()
            _ = await unit.end()
        }
    }
}
