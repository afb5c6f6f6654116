import Foundation
import HSSModel
import Testing

extension EndToEnd {
    /// `vedette cu …` against the simulated unit: command, API, Vd, unit, and back.
    @Suite("Commands to a camera") struct UnitCommandsTests {
        @Test func everyCommandReachesTheUnit() async throws {
            let house = try await CommandHouse()
            let (platform, session, unit) = (house.platform, house.session, house.unit)
            let picture = platform.folder + "/picture.jpg"
            let log = platform.folder + "/cam-1.log"
            func expect(_ command: String, _ expected: String, status: Int32 = 0) async throws {
                let arguments = ["cu"] + command.split(separator: " ").map(String.init)
                let (ended, output) = try await Tool.vedette(arguments, environment: session)
                #expect(ended == status && output.contains(expected), "\(command): \(output)")
            }
            try await expect("status cam-1", "Vedette simulated camera")
            try await expect("capabilities cam-1", "ptz ")
            try await expect("time cam-1 --set --tz 2", "(UTC+2), 0 s ahead")
            try await expect("disk cam-1", "SD card normal")
            try await expect("upgrade cam-1", "notstart")
            try await expect("ptz cam-1 set_preset 4", "sent")
            try await expect("presets cam-1", "4\n")
            try await expect("ptz cam-1 sideways", "op: expected up, down", status: 1)
            try await expect("ptz cam-1/7 up", "channel 7", status: 1)
            try await expect("snapshot cam-1 -o \(picture) --json", #"{"bytes":"#)
            let bytes = try Data(contentsOf: URL(fileURLWithPath: picture))
            #expect(bytes.prefix(2) == Data([0xff, 0xd8]) && bytes.count > 1000)
            try await expect("config set cam-1 led=false tz=3", "led  false\ntz   3\n")
            try await expect("config set cam-1 channels.0.video_encoding.encoder=h265", "refused")
            try await expect("config show cam-1", "shall be h265: refused")
            try await expect("play cam-1", "stopped")
            try await expect("keep-awake cam-1 60", "awake for 60 s")
            try await expect("logs request cam-1", "as task ")
            try await eventually("the log is there") {
                try await Tool.vedette(["cu", "logs", "list", "cam-1"], environment: session).output
                    .contains("done")
            }
            let list = try await Tool.vedette(["cu", "logs", "list", "cam-1"], environment: session).output
            let task = try #require(list.split(separator: "\n").last?.split(separator: " ").first)
            try await expect("logs fetch cam-1 \(task) -o \(log) --json", #"{"bytes":"#)
            #expect(try String(contentsOfFile: log, encoding: .utf8).contains("connecting"))
            try await expect("format-disk cam-1", "--yes", status: 64)
            try await expect("format-disk cam-1 --yes", "formats its card")
            try await expect("reschedule cam-1", "scheduling again")
            try await expect("reboot cam-1/0", "told to reboot")
            unit.kill()
            _ = await unit.end()
            try await eventually("the unit is away") {
                try await Tool.vedette(["cu", "status", "cam-1"], environment: session).status == 1
            }
            try await expect("config set cam-1 led=true", "led shall be true: not there yet")
            try await expect("status cam-2", "does not exist", status: 1)
        }
    }
}
