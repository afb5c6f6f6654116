import HSSModel
import ServerKit
import Store
import TestSupport
import Testing
import Vr

@testable import CloudStorage

/// Issue 5, "Retention: days and bytes per channel and per user, platform quota, low-disk watermark; kept clips survive".
@Suite("Retention of recordings") struct RetentionKeeperTests {
    private typealias Stage = RetentionStage
    private static let (anna, bert) = (Stage.anna, Stage.bert)

    private func with(_ body: (RetentionStage) async throws -> Void) async throws {
        let stage = try await RetentionStage()
        try await body(stage)
        #expect(try await stage.isWhole())
        #expect(stage.disk.unsynced.isEmpty, "what was deleted is gone from the disk before its row")
        try stage.end()
    }

    @Test func whatIsTooOldGoesAndNothingElse() async throws {
        try await with { stage async throws in
            try await stage.camera("cam")
            try await stage.save("cam", at: Stage.row(10))
            let keeper = stage.keeper(.init(age: .milliseconds(Stage.day)))
            // To the millisecond: the third ends at 30,000.
            let report = try await keeper.sweep(at: Stage.time(Stage.day + 29_999))
            #expect(report.dropped == [.age: 2])
            #expect(try await stage.left(Stage.recorded("cam")) == Stage.row(8, from: 20_000))
            #expect(stage.disk.blobs.count == 8)
            #expect(try await keeper.sweep(at: Stage.time(Stage.day + 30_000)).dropped == [.age: 1])
            #expect(stage.metrics.exposition().contains(#"vedette_retention_segments_total{reason="age"} 3"#))
            #expect(stage.metrics.exposition().contains(#"vedette_retention_bytes_total{reason="age"} 300"#))
        }
    }

    @Test func aChannelsQuotaIsItsOwn() async throws {
        try await with { stage async throws in
            for unit in ["cam", "den"] { try await stage.camera(unit) }
            try await stage.save("cam", at: Stage.row(10))
            try await stage.save("den", at: Stage.row(5))
            let report = try await stage.keeper(.init(age: nil, channelBytes: 600)).sweep(at: Stage.time(0))
            #expect(report.dropped == [.channelQuota: 4])
            #expect(try await stage.left(Stage.recorded("cam")) == Stage.row(6, from: 40_000))
            #expect(try await stage.left(Stage.recorded("den")).count == 5)
        }
    }

    /// Of several channels the oldest of all goes first.
    @Test func anOwnersQuotaTakesTheOldestOfTheOwnersChannels() async throws {
        try await with { stage async throws in
            for unit in ["a", "b"] { try await stage.camera(unit, of: Self.anna) }
            try await stage.camera("c", of: Self.bert)
            let hour: Int64 = 3_600_000
            try await stage.save("a", at: Stage.row(4, from: 2 * hour))
            try await stage.save("b", at: Stage.row(4, from: hour) + Stage.row(4, from: 3 * hour))
            try await stage.save("c", at: Stage.row(6))
            let report = try await stage.keeper(.init(age: nil, ownerBytes: 600)).sweep(at: Stage.time(0))
            #expect(report.dropped == [.ownerQuota: 6])
            let a = Stage.recorded("a", of: Self.anna)
            #expect(try await stage.left(a) == Stage.row(2, from: 2 * hour + 20_000))
            #expect(try await stage.left(Stage.recorded("b", of: Self.anna)) == Stage.row(4, from: 3 * hour))
            #expect(try await stage.left(Stage.recorded("c", of: Self.bert)).count == 6)
        }
    }

    @Test func thePlatformsQuotaAndTheDiskTakeTheOldestOfAll() async throws {
        try await with { stage async throws in
            for unit in ["a", "b"] { try await stage.camera(unit) }
            let hour: Int64 = 3_600_000
            try await stage.save("a", at: Stage.row(10, from: hour))
            try await stage.save("b", at: Stage.row(10))
            var report = try await stage.keeper(.init(age: nil, totalBytes: 1200)).sweep(at: Stage.time(0))
            #expect(report.dropped == [.totalQuota: 8])
            #expect(try await stage.left(Stage.recorded("b")) == Stage.row(2, from: 80_000))
            stage.disk.setFree(4700)
            report = try await stage.keeper(.init(age: nil, reserve: 5000)).sweep(at: Stage.time(0))
            #expect(report.dropped == [.lowDisk: 3])
            #expect(try await stage.left(Stage.recorded("b")).isEmpty)
            #expect(try await stage.left(Stage.recorded("a")) == Stage.row(9, from: hour + 10_000))
        }
    }

    /// "Kept clips (legal hold) survive" every rule.
    @Test func keptClipsSurviveEveryRule() async throws {
        try await with { stage async throws in
            try await stage.camera("cam", of: Self.anna)
            let cam = Stage.recorded("cam", of: Self.anna)
            try await stage.save("cam", at: Stage.row(400))
            // More than a page of segments, and one in the midst.
            try await stage.keep(cam, 5_000, 2_000_001)
            try await stage.keep(cam, 3_000_000, 3_000_001)
            _ = try await stage.store.unbind(UnitID(unchecked: "cam"), owner: nil)
            stage.disk.setFree(0)
            let keeper = stage.keeper(
                .init(
                    age: .milliseconds(1000),
                    channelBytes: 1,
                    ownerBytes: 1,
                    totalBytes: 1,
                    reserve: 1 << 40
                )
            )
            let report = try await keeper.sweep(at: Stage.time(10 * Stage.day))
            #expect(report.dropped == [.formerOwner: 198])
            #expect(try await stage.left(cam) == Stage.row(201) + [3_000_000])
            #expect(try await keeper.sweep(at: Stage.time(11 * Stage.day)).dropped.isEmpty)
        }
    }

    /// "Recordings of a device that was removed, or that changed hands": nobody can see them any more.
    @Test func whatNobodyCanSeeGoes() async throws {
        try await with { stage async throws in
            for unit in ["gone", "sold", "own"] { try await stage.camera(unit, of: Self.anna) }
            for unit in ["gone", "sold", "own"] { try await stage.save(unit, at: Stage.row(3)) }
            try await stage.store.removeDevice(UnitID(unchecked: "gone"))
            _ = try await stage.store.unbind(UnitID(unchecked: "sold"), owner: nil)
            try await stage.bind("sold", to: Self.bert)
            try await stage.begin("sold", "next")
            try await stage.save("sold", at: Stage.row(2), session: "next")
            let report = try await stage.keeper().sweep(at: Stage.time(0))
            #expect(report.dropped == [.formerOwner: 6])
            #expect(try await stage.left(Stage.recorded("own", of: Self.anna)).count == 3)
            #expect(try await stage.left(Stage.recorded("sold", of: Self.bert)).count == 2)
        }
    }

    /// What is set for a channel goes before what is set for its owner, and that before the configuration.
    @Test func theNearestLimitHolds() async throws {
        try await with { stage async throws in
            for unit in ["a", "b", "c"] {
                try await stage.camera(unit, of: unit == "c" ? Self.bert : Self.anna)
            }
            for unit in ["a", "b", "c"] { try await stage.save(unit, at: Stage.row(10)) }
            try await stage.store.setRecordingLimits(
                RecordingLimits(retention: .milliseconds(50_000)),
                of: Self.anna
            )
            try await stage.store.setRecordingLimits(
                RecordingLimits(retention: .zero, bytes: 900),
                of: Stage.recorded("a").channel
            )
            let keeper = stage.keeper(.init(age: .milliseconds(80_000), channelBytes: 500))
            let report = try await keeper.sweep(at: Stage.time(100_000))
            #expect(try await stage.left(Stage.recorded("a", of: Self.anna)).count == 9)
            #expect(try await stage.left(Stage.recorded("b", of: Self.anna)) == Stage.row(5, from: 50_000))
            #expect(try await stage.left(Stage.recorded("c", of: Self.bert)) == Stage.row(5, from: 50_000))
            #expect(report.dropped == [.age: 5 + 2, .channelQuota: 1 + 3])
        }
    }

    /// The disk fails, or the process ends, after each of the deletions: the next walk goes on, and nothing is an orphan.
    @Test func aBrokenOffCleanUpGoesOn() async throws {
        try await with { stage async throws in
            try await stage.camera("cam")
            try await stage.save("cam", at: Stage.row(12))
            for deletions in 0..<8 {
                stage.disk.fail(after: deletions)
                // A keeper of its own: one that was killed remembers nothing.
                let keeper = stage.keeper(.init(age: nil, channelBytes: 400))
                await #expect(throws: Disk.Broken.self) { try await keeper.sweep(at: Stage.time(0)) }
                #expect(try await stage.isWhole())
                #expect(
                    try await stage.left(Stage.recorded("cam")) == Stage.row(4, from: 80_000),
                    "off the account at once"
                )
            }
            stage.disk.fail(after: nil)
            let report = try await stage.keeper(.init(age: nil, channelBytes: 400)).sweep(at: Stage.time(0))
            #expect(report.dropped.isEmpty)
            #expect(report.finished == 8)
            #expect(stage.disk.blobs.count == 4)
            #expect(try await stage.store.unfinishedSegments(after: nil, limit: 9).rows.isEmpty)
        }
    }

    /// Blobs lie in 256 folders. Each is synced once for all that a batch of a thousand takes from it.
    @Test func foldersAreSyncedForManySegmentsAtOnce() async throws {
        try await with { stage async throws in
            try await stage.camera("cam")
            try await stage.save("cam", at: Stage.row(1000))
            let report = try await stage.keeper(.init(age: nil, channelBytes: 100)).sweep(at: Stage.time(0))
            #expect(report.droppedCount == 999)
            #expect(stage.disk.syncs <= 256 && stage.disk.unsynced.isEmpty, "\(stage.disk.syncs)")
        }
    }

    /// A shutdown does not wait for all that has to go: what is marked is finished, and nothing more is.
    @Test func aShutdownEndsAWalk() async throws {
        try await with { stage async throws in
            try await stage.camera("cam")
            try await stage.save("cam", at: Stage.row(300))
            let keeper = stage.keeper(.init(age: nil, channelBytes: 100))
            keeper.stop()
            let report = try await keeper.sweep(at: Stage.time(0))
            #expect(report.droppedCount == 0)
            #expect(try await stage.left(Stage.recorded("cam")).count == 300)
        }
    }

    @Test func manyAreDroppedInSeveralWalks() async throws {
        try await with { stage async throws in
            try await stage.camera("cam")
            try await stage.save("cam", at: Stage.row(5200))
            let keeper = stage.keeper(.init(age: nil, channelBytes: 1000))
            let first = try await keeper.sweep(at: Stage.time(0))
            #expect(first.dropped == [.channelQuota: 5000] && !first.isComplete)
            let second = try await keeper.sweep(at: Stage.time(0))
            #expect(second.dropped == [.channelQuota: 190] && second.isComplete)
        }
    }

    @Test func sessionsWithoutSegmentsAreForgottenAfterADay() async throws {
        try await with { stage async throws in
            try await stage.camera("cam")
            try await stage.begin("cam", "next")
            let keeper = stage.keeper()
            #expect(try await keeper.sweep(at: Stage.time(Stage.day)).sessions == 0)
            #expect(try await keeper.sweep(at: Stage.time(Stage.day + 1)).sessions == 1)
        }
    }
}
