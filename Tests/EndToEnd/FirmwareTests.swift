import CustomerUnit
import Foundation
import HSSModel
import Testing

extension EndToEnd {
    /// Issue 3: "roll-out … progress from `QueryUpgrade` … a unit that returns with the new version is counted as done".
    @Suite("Firmware from an image to cameras that run it") struct FirmwareTests {
        private static let hardware = "Vedette simulated camera"

        private struct Fleet {
            let platform: PlatformProcess
            let session: [String: String]
            let units: ToolProcess

            func admin(_ arguments: [String]) async throws -> (status: Int32?, output: String) {
                try await Tool.vedette(["admin"] + arguments, environment: session)
            }

            func devices() async throws -> [AdminDeviceAnswer] {
                let output = try await admin(["device", "list", "--json"]).output
                return try FirmwareTests.decoder.decode([AdminDeviceAnswer].self, from: Data(output.utf8))
            }
        }

        private static let decoder: JSONDecoder = {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return decoder
        }()

        /// Two simulated cameras and an operator who is logged in.
        private func start(_ arguments: [String] = []) async throws -> Fleet {
            let platform = try await PlatformProcess()
            var credentials = ""
            for name in ["cam-1", "cam-2"] {
                let password = try await platform.enrol(name, mac: name)
                credentials += "\(name) \(name) \(password.reveal())\n"
            }
            let file = platform.folder + "/units"
            try credentials.write(toFile: file, atomically: true, encoding: .utf8)
            let units = try ToolProcess(
                PlatformProcess.program,
                [
                    "pu", "run", "--platform", platform.url, "--ca", platform.authorityPath, "--credentials",
                    file, "--count", "2",
                ] + arguments
            )
            let session = ["VEDETTE_SESSION": platform.folder + "/session.json"]
            let (status, text) = try await Tool.vedette(
                ["cu", "login", platform.url, "--user", "admin", "--ca", platform.authorityPath],
                environment: session.merging(["VEDETTE_PASSWORD": PlatformProcess.adminPassword.reveal()]) {
                    $1
                }
            )
            #expect(status == 0, "\(text)")
            return Fleet(platform: platform, session: session, units: units)
        }

        private func addImage(_ fleet: Fleet, _ version: String) async throws -> String {
            let file = fleet.platform.folder + "/image"
            try Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 / 7) }).write(
                to: URL(fileURLWithPath: file)
            )
            let (status, output) = try await fleet.admin([
                "firmware", "add", file, "--hardware", Self.hardware, "--firmware-version", version, "--json",
            ])
            #expect(status == 0, "\(output)")
            let image = try Self.decoder.decode(FirmwareAnswer.self, from: Data(output.utf8))
            #expect(image.size == 3_000_000 && image.version == version)
            return image.firmwareId
        }

        /// The registry writes down within 10 s which hardware logged in.
        private func rollOut(_ fleet: Fleet, _ arguments: [String]) async throws -> (Int32?, String) {
            var answer: (status: Int32?, output: String) = (nil, "")
            try await eventually("both cameras are known") {
                answer = try await fleet.admin(["firmware", "roll-out"] + arguments)
                return !answer.output.contains("no unit is left")
                    && !answer.output.contains("has never logged in")
            }
            return answer
        }

        @Test func bothCamerasReturnWithTheNewVersion() async throws {
            let fleet = try await start()
            let firmware = try await addImage(fleet, "2.0.0")
            let (status, output) = try await rollOut(
                fleet,
                [firmware, "--device", "cam-1", "--device", "cam-2", "--at-once", "1", "--follow", "--json"]
            )
            #expect(status == 0, "\(output)")
            let ended = try Self.decoder.decode(RollOutAnswer.self, from: Data(output.utf8))
            #expect(ended.phase == "finished" && ended.counts.done == 2 && ended.endedAt != nil)
            let devices = try await fleet.devices()
            #expect(devices.map(\.firmwareModel) == ["2.0.0", "2.0.0"])
            #expect(devices.map(\.hardwareModel) == [Self.hardware, Self.hardware])
            // While it installs a unit says "upgrading" (Table I.2-1), which is told as such.
            let operators = try await fleet.platform.admin()
            let told = try await fleet.platform.events("upgrading", seenBy: operators)
            #expect(told.contains("event: upgrading\ndata: ") && told.contains("cam-"), "\(told)")
            await operators.shutdown()
            let complete = #"vedette_firmware_downloads_total{outcome="complete"}"#
            #expect(try await fleet.platform.figure(complete) >= 2)
            // Once it has ended the image may go.
            #expect(try await fleet.admin(["firmware", "remove", firmware]).status == 0)
        }

        @Test func aRollOutThatFailsStopsAndSaysWhy() async throws {
            let fleet = try await start(["--fault", "upgrade-fails"])
            let firmware = try await addImage(fleet, "2.0.0")
            let (status, output) = try await rollOut(
                fleet,
                [
                    firmware, "--device", "cam-1", "--device", "cam-2", "--at-once", "1", "--attempts", "1",
                    "--error-sample", "1", "--follow",
                ]
            )
            #expect(status == 1 && output.contains("stopped: "), "\(output)")
            let list = try await fleet.admin(["firmware", "status", "--json"]).output
            let rollOut = try #require(
                try Self.decoder.decode([RollOutAnswer].self, from: Data(list.utf8)).first
            )
            let table = try await fleet.admin(["firmware", "status", rollOut.rollOutId]).output
            #expect(table.contains("the unit reports an error"), "\(table)")
            #expect(table.contains("stopped because too many units failed"), "\(table)")
            #expect(try await fleet.devices().map(\.firmwareModel) == ["1.0.0", "1.0.0"])
            #expect(try await fleet.admin(["firmware", "remove", firmware]).status == 1)
            #expect(try await fleet.admin(["firmware", "cancel", rollOut.rollOutId]).status == 0)
            #expect(try await fleet.admin(["firmware", "remove", firmware]).status == 0)
        }

        /// What was begun goes on after `kill -9`.
        @Test func aKilledPlatformTakesItsRollOutUp() async throws {
            let fleet = try await start()
            let firmware = try await addImage(fleet, "2.0.0")
            let (status, output) = try await rollOut(
                fleet,
                [firmware, "--percent", "100", "--at-once", "2", "--json"]
            )
            #expect(status == 0, "\(output)")
            let begun = try Self.decoder.decode(RollOutAnswer.self, from: Data(output.utf8))
            try await eventually("somebody was told") {
                try await fleet.platform.figure("vedette_upgrades_told_total") >= 1
            }
            try await fleet.platform.killAndRestart()
            let end = try await fleet.admin(["firmware", "status", begun.rollOutId, "--follow", "--json"])
            #expect(end.status == 0, "\(end.output)")
            let ended = try Self.decoder.decode(RollOutAnswer.self, from: Data(end.output.utf8))
            #expect(ended.counts.done == begun.counts.all && ended.counts.done >= 1)
        }
    }
}
