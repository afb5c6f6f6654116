import Blobs
import Bus
import CentreManagement
import Foundation
import HSSModel
import Testing

@Suite("Firmware images") struct FirmwareLibraryTests {
    private static let sha256 = "8a6f9d4a3d84e8cbbd8a5bd1e4f4b7be7fd9a1b5b1a29cd36ea68e9e4c7a5a11"

    private func blobs(_ stage: FirmwareStage) async throws -> Int {
        try await stage.blobs.list(.firmware, after: nil, limit: 100).count
    }

    @Test func anImageIsKeptWithItsChecksum() async throws {
        try await FirmwareStage.run { stage in
            // SHA-256 of "abc" (FIPS 180-4, the examples of its authors).
            let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
            let firmware = try await stage.addImage(bytes: Array("abc".utf8), sha256: abc.uppercased())
            #expect(firmware.sha256 == abc && firmware.size == 3 && firmware.version == "2.0")
            #expect(try await stage.library.firmware(firmware.id) == firmware)
            try await stage.library.removeFirmware(firmware.id)
            #expect(try await blobs(stage) == 0)
            await #expect(throws: ManagementError.notFound("this firmware")) {
                try await stage.library.firmware(firmware.id)
            }
        }
    }

    @Test func whatIsRefusedLeavesNothingBehind() async throws {
        try await FirmwareStage.run { stage in
            _ = try await stage.addImage()
            let taken = FirmwareError.management(.conflict("there is a firmware 2.0 for cam-a already"))
            await #expect(throws: taken) { try await stage.addImage() }
            await #expect(
                throws: FirmwareError.otherChecksum(
                    found: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
                )
            ) {
                try await stage.addImage("3", bytes: Array("abc".utf8), sha256: Self.sha256)
            }
            await #expect(throws: FirmwareError.tooLarge(limit: 1 << 20)) {
                try await stage.addImage("3", bytes: Array(repeating: 1, count: 1 << 20 + 1))
            }
            await #expect(throws: FirmwareError.management(.invalid(field: "body", "expected the image"))) {
                try await stage.addImage("3", bytes: [])
            }
            let new = NewFirmware(hardwareModel: "cam-a", version: "3", sha256: nil, size: 2_000)
            await #expect(throws: FirmwareError.incomplete) {
                try await stage.library.addFirmware(new, body: Chunks(Array(repeating: 1, count: 1_000)))
            }
            await #expect(throws: FirmwareError.incomplete) {
                try await stage.library.addFirmware(
                    new,
                    body: Chunks(Array(repeating: 1, count: 1_000), breaksOff: true)
                )
            }
            #expect(try await blobs(stage) == 1)
        }
    }

    @Test(
        arguments: [
            ("", "1", nil, "hardware_model"), ("cam", "", nil, "version"),
            ("cam", String(repeating: "1", count: 129), nil, "version"),
            ("cam", "1\u{1B}[2J", nil, "version"),
            ("c\u{E4}m", "1", nil, "hardware_model"), ("cam", "1", "abc", "sha256"),
            ("cam", "1", String(repeating: "g", count: 64), "sha256"),
        ] as [(String, String, String?, String)]
    )
    func aFieldThatBreaksItsRuleIsNamed(
        hardware: String,
        version: String,
        sha256: String?,
        field: String
    ) async throws {
        try await FirmwareStage.run { stage in
            do {
                _ = try await stage.addImage(version, hardware: hardware, sha256: sha256)
                Issue.record("it was taken")
            } catch FirmwareError.management(.invalid(let named, _)) {
                #expect(named == field)
            }
        }
    }

    /// A kill between the blob and its row.
    @Test func aStrayBlobIsSwept() async throws {
        var settings = FirmwareStage.settings
        settings.settlingTime = .zero
        try await FirmwareStage.run(settings) { stage in
            let kept = try await stage.addImage()
            let writer = try await stage.blobs.begin(.fresh(in: .firmware), expecting: nil, limit: 10)
            _ = try await writer.finish()
            #expect(try await blobs(stage) == 2)
            let late = WallTime(milliseconds: .max / 2)
            #expect(try await stage.library.sweep(at: late) == 1)
            #expect(try await blobs(stage) == 1)
            #expect(try await stage.library.sweep(at: late) == 0)
            #expect(try await stage.library.firmware(kept.id) == kept)
        }
    }
}
