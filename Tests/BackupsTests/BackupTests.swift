import Backups
import Foundation
import HSSModel
import Testing

/// Issue 6, "`vedette admin backup/restore` while running".
@Suite("Backups") struct BackupTests {
    @Test func whatIsPutBackIsWhatWasThere() throws {
        let sample = try BackupSample()
        for number in 0..<5 { try sample.addFirmware("firmware \(number)") }
        for number in 0..<3 { try sample.addSegment("segment \(number)") }
        let outcome = try sample.back()
        #expect(outcome.damaged == 0 && outcome.files == 12)
        #expect(outcome.folder.hasSuffix("/2025-11-21T04-40-00.000Z"))
        let restorer = try BackupRestorer(sample.backups)
        try restorer.verify()
        #expect(restorer.manifest.head.version == "1.2.3" && restorer.manifest.head.recordings)
        let target = sample.target("new")
        try restorer.restore(into: target, knownSchema: 100)
        let found = try BackupSample.references(target)
        #expect(found.count == 8 && found.values.allSatisfy { $0 })
        #expect(BackupSample.text(target.dataFolder + "/keys/logins.key") == "key")
        #expect(BackupSample.text(target.dataFolder + "/tls/ca.pem") == "pem")
        #expect(BackupSample.text(target.dataFolder + "/vedette.yaml") == "roles: all\n")
        #expect(!FileManager.default.fileExists(atPath: target.dataFolder + "/" + BackupRestorer.marker))
        let mode =
            try FileManager.default.attributesOfItem(atPath: target.database)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func theNextBackupLinksWhatIsThereAlready() throws {
        let sample = try BackupSample()
        let big = String(repeating: "x", count: 300_000)
        let path = try sample.addFirmware(big)
        let first = try sample.back(0, links: false)
        #expect(first.bytesWritten > 300_000)
        let second = try sample.back(1)
        #expect(second.bytesWritten == second.bytes - 300_000)
        func node(_ folder: String) throws -> Int? {
            let file = "\(folder)/blobs/\(path)"
            return try FileManager.default.attributesOfItem(atPath: file)[.systemFileNumber] as? Int
        }
        #expect(try node(first.folder) == node(second.folder))
        // The first may go: the second is whole by itself.
        let third = try sample.back(2, keeping: 1)
        #expect(third.removed == 2)
        #expect(try BackupFolder.all(in: sample.backups) == [third.folder])
        try BackupRestorer(sample.backups).verify()
    }

    /// The order of copying such that the blob of every row is there, whatever comes and goes meanwhile.
    @Test func whatComesAndGoesMeanwhileDoesNotBreakIt() throws {
        let sample = try BackupSample()
        let doomed = try (0..<10).map { try sample.addFirmware("old \($0)") }
        var views = 0
        let outcome = try sample.back(report: { step in
            guard step == "database" else { return }
            views += 1
            // Between the blobs and the view: some go, others come.
            try? sample.removeFirmware(doomed[views])
            _ = try? sample.addFirmware("new \(views)")
        })
        #expect(outcome.damaged == 0 && views >= 1)
        let target = sample.target("new")
        let restorer = try BackupRestorer(outcome.folder)
        try restorer.restore(into: target, knownSchema: 100)
        let found = try BackupSample.references(target)
        #expect(found.count == 10 && found.values.allSatisfy { $0 })
        // And nothing that no row names.
        #expect(restorer.manifest.files.filter { $0.path.hasPrefix("blobs/") }.count == 10)
    }

    @Test func aRowWithoutItsBlobIsToldAndTheRestIsKept() throws {
        let sample = try BackupSample()
        try sample.addFirmware("here")
        try sample.addFirmware(nil)
        let short = try sample.addFirmware("whole")
        try BackupSample.write("half", to: "\(sample.source.blobs)/\(short)")
        for links in [true, false] {
            let outcome = try sample.back(links ? 0 : 1, links: links)
            #expect(outcome.damaged == 2)
            try BackupRestorer(outcome.folder).verify()
        }
    }

    /// What is missing in the newest may be in one before it.
    @Test func aBackupThatIsNotWholeTakesNoOtherAway() throws {
        let sample = try BackupSample()
        try sample.addFirmware("here")
        let first = try sample.back(0)
        try sample.addFirmware(nil)
        let second = try sample.back(1, keeping: 1)
        #expect(second.damaged == 1 && second.removed == 0)
        #expect(try BackupFolder.all(in: sample.backups) == [first.folder, second.folder])
    }

    @Test func theOneJustMadeStaysThoughTheClockWentBack() throws {
        let sample = try BackupSample()
        for second in [10, 20] { _ = try sample.back(Int64(second)) }
        let made = try sample.back(0, keeping: 2)
        #expect(made.removed == 1)
        let left = try BackupFolder.all(in: sample.backups)
        #expect(left.count == 2 && left.first == made.folder)
    }

    @Test func recordingsMayStayBehind() throws {
        let sample = try BackupSample()
        try sample.addFirmware("firmware")
        try sample.addSegment("segment")
        let outcome = try sample.back(recordings: false)
        let restorer = try BackupRestorer(outcome.folder)
        #expect(!restorer.manifest.head.recordings)
        #expect(!restorer.manifest.files.contains { $0.path.contains("segments") })
        let target = sample.target("new")
        try restorer.restore(into: target, knownSchema: 100)
        #expect(try BackupSample.references(target).count == 1)
    }

    @Test func whatWasBrokenOffIsNoBackup() throws {
        let sample = try BackupSample()
        try sample.addFirmware("firmware")
        let part = sample.backups + "/.2025-11-21T04-00-00.000Z.part"
        try BackupSample.write("half", to: part + "/blobs/firmware/aa/a")
        #expect(throws: BackupError.self) { try BackupRestorer(sample.backups) }
        // One that has lost its manifest neither.
        try BackupSample.write("half", to: sample.backups + "/2025-11-21T04-00-01.000Z/vedette.sqlite")
        #expect(throws: BackupError.self) { try BackupRestorer(sample.backups) }
        #expect(throws: BackupError.self) {
            try BackupRestorer(sample.backups + "/2025-11-21T04-00-01.000Z")
        }
        let outcome = try sample.back()
        #expect(!FileManager.default.fileExists(atPath: part))
        #expect(try BackupRestorer(sample.backups).path == outcome.folder)
    }

    @Test func anyChangedFileIsNamed() throws {
        let sample = try BackupSample()
        try sample.addFirmware("firmware")
        let outcome = try sample.back(links: false)
        for file in try BackupRestorer(outcome.folder).manifest.files {
            let path = "\(outcome.folder)/\(file.path)"
            let url = URL(fileURLWithPath: path)
            let octets = try Data(contentsOf: url)
            var changed = octets
            changed[octets.count / 2] ^= 1
            try changed.write(to: url)
            #expect(throws: BackupError.unusable(outcome.folder, "\(file.path) is not as it was")) {
                try BackupRestorer(outcome.folder).verify()
            }
            #expect(throws: BackupError.unusable(outcome.folder, "\(file.path) is not as it was")) {
                try BackupRestorer(outcome.folder).restore(
                    into: sample.target(UUID().uuidString),
                    knownSchema: 100
                )
            }
            try FileManager.default.removeItem(atPath: path)
            #expect(throws: BackupError.unusable(outcome.folder, "\(file.path) is missing")) {
                try BackupRestorer(outcome.folder).verify()
            }
            try octets.write(to: url)
        }
        try BackupRestorer(outcome.folder).verify()
    }

    @Test func aManifestThatWasChangedOrCutIsRefused() throws {
        let sample = try BackupSample()
        let outcome = try sample.back()
        let url = URL(fileURLWithPath: outcome.folder + "/manifest.ndjson")
        let octets = try Data(contentsOf: url)
        for index in stride(from: 0, to: octets.count, by: 7) {
            try octets.prefix(index).write(to: url)
            #expect(throws: BackupError.self) { try BackupRestorer(outcome.folder) }
            var changed = octets
            changed[index] ^= 4
            try changed.write(to: url)
            #expect(throws: BackupError.self, "octet \(index)") { try BackupRestorer(outcome.folder) }
        }
    }

    /// Whoever wrote the manifest, nothing is written elsewhere.
    @Test(arguments: ["../outside", "/etc/passwd", "keys/../../x", "a//b", "keys/./x", "a/b/c/d/e", ""])
    func pathsThatLeadElsewhereAreRefused(_ path: String) throws {
        let sample = try BackupSample()
        let outcome = try sample.back()
        let manifest = try BackupRestorer(outcome.folder).manifest
        var forged = manifest
        forged.files.append(.init(path: path, size: 0, sha256: ""))
        try BackupSample.write(try forged.text, to: outcome.folder + "/manifest.ndjson")
        #expect(throws: BackupError.self) { try BackupRestorer(outcome.folder) }
    }

    @Test func onlyAnEmptyPlaceIsFilled() throws {
        let sample = try BackupSample()
        try sample.addFirmware("firmware")
        let outcome = try sample.back()
        let restorer = try BackupRestorer(outcome.folder)
        #expect(throws: BackupError.notEmpty(sample.source.database)) {
            try restorer.restore(into: sample.source, knownSchema: 100)
        }
        let target = sample.target("new")
        try BackupSample.write("x", to: target.blobs + "/uploads/x")
        #expect(throws: BackupError.notEmpty(target.blobs)) {
            try restorer.restore(into: target, knownSchema: 100)
        }
        #expect(throws: BackupError.self) { try restorer.restore(into: sample.target("b"), knownSchema: 1) }
        // One that was broken off goes on.
        let half = sample.target("half")
        try BackupSample.write("", to: half.dataFolder + "/" + BackupRestorer.marker)
        try BackupSample.write("half", to: half.database)
        try restorer.restore(into: half, knownSchema: 100)
        #expect(try BackupSample.references(half).values.allSatisfy { $0 })
    }

    @Test func twoAtOnceAreRefused() throws {
        let sample = try BackupSample()
        var refusal: (any Error)?
        _ = try sample.back(report: { _ in
            do { _ = try sample.back(5) } catch { refusal = error }
        })
        #expect(refusal as? BackupError == .inUse(sample.backups))
    }
}
