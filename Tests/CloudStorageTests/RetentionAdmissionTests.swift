import HSSModel
import ServerKit
import Store
import TestSupport
import Testing
import Vr

@testable import CloudStorage

/// Whether `create` is taken where a quota is used up: room is made, and only where there is none to be made it is 507.
@Suite("Room for recordings") struct RetentionAdmissionTests {
    private typealias Stage = RetentionStage
    private static let cam = Stage.recorded("cam", of: Stage.anna)

    private func with(
        _ segments: Int,
        _ body: (RetentionStage) async throws -> Void
    ) async throws {
        let stage = try await RetentionStage()
        try await stage.camera("cam", of: Stage.anna)
        try await stage.save("cam", at: Stage.row(segments))
        try await body(stage)
        #expect(try await stage.isWhole())
        try stage.end()
    }

    /// What was admitted counts while it has no row: for ever here, for a second in life.
    private static func limits(
        channel: Int64? = nil,
        owner: Int64? = nil,
        total: Int64? = nil
    ) -> RetentionSettings {
        var settings = RetentionSettings(
            age: nil,
            channelBytes: channel,
            ownerBytes: owner,
            totalBytes: total
        )
        settings.settling = .seconds(86_400)
        return settings
    }

    @Test(arguments: [limits(channel: 1000), limits(owner: 1000), limits(total: 1000)])
    func theOldestMakesRoom(_ settings: RetentionSettings) async throws {
        try await with(10) { stage async throws in
            let keeper = stage.keeper(settings)
            #expect(await keeper.refusal(of: Self.cam, 100) == nil)
            #expect(try await stage.left(Self.cam) == Stage.row(9, from: 10_000))
            // It was admitted and counts, though nothing came yet.
            #expect(await keeper.refusal(of: Self.cam, 250) == nil)
            #expect(try await stage.left(Self.cam).count == 6)
        }
    }

    /// A segment that was announced has a row, and counts by it, also after a restart.
    @Test func whatIsAnnouncedCounts() async throws {
        try await with(5) { stage async throws in
            try await stage.save("cam", at: [90_000], size: 400, state: .created)
            let keeper = stage.keeper(Self.limits(channel: 1000))
            #expect(await keeper.refusal(of: Self.cam, 100) == nil)
            #expect(try await stage.left(Self.cam).count == 5)
            #expect(await keeper.refusal(of: Self.cam, 100) == nil)
            #expect(try await stage.left(Self.cam).count < 5)
        }
    }

    @Test func whereThereIsRoomNothingGoes() async throws {
        try await with(9) { stage async throws in
            let keeper = stage.keeper(.init(age: nil, channelBytes: 1000))
            #expect(await keeper.refusal(of: Self.cam, 100) == nil)
            #expect(try await stage.left(Self.cam).count == 9)
        }
    }

    /// One segment larger than the quota must not cost all that is there.
    @Test func whatCanNeverFitTakesNothing() async throws {
        try await with(5) { stage async throws in
            let keeper = stage.keeper(.init(age: nil, channelBytes: 600))
            #expect(await keeper.refusal(of: Self.cam, 601) == .overQuota)
            #expect(try await stage.left(Self.cam).count == 5)
            #expect(stage.metrics.exposition().contains("vedette_retention_refusals_total 1"))
        }
    }

    @Test func keptClipsAreNotRoom() async throws {
        try await with(10) { stage async throws in
            try await stage.keep(Self.cam, 0, 100_000)
            let keeper = stage.keeper(.init(age: nil, channelBytes: 1000))
            #expect(await keeper.refusal(of: Self.cam, 100) == .overQuota)
            #expect(await keeper.refusal(of: Self.cam, 100) == .overQuota)
            #expect(try await stage.left(Self.cam).count == 10)
            // Released, it goes when the next walk has been.
            for clip in try await stage.store.keptClips(owner: nil, after: nil, limit: 9) {
                try await stage.store.releaseClip(clip.id)
            }
            _ = try await keeper.sweep(at: Stage.time(0))
            #expect(await keeper.refusal(of: Self.cam, 100) == nil)
        }
    }

    @Test func aFullDiskSaysSo() async throws {
        try await with(3) { stage async throws in
            stage.disk.setFree(1000)
            let keeper = stage.keeper(.init(age: nil, reserve: 5000))
            #expect(await keeper.refusal(of: Self.cam, 100) == .noSpace)
            #expect(try await stage.left(Self.cam).isEmpty, "all that could go went")
            stage.disk.setFree(6000)
            _ = try await keeper.sweep(at: Stage.time(0))
            #expect(await keeper.refusal(of: Self.cam, 100) == nil)
        }
    }

    /// What is only announced takes room of others: one owner gets a share of it, and nothing of others goes beyond that.
    @Test func anOwnersAnnouncementsStarveNobody() async throws {
        try await with(80) { stage async throws in
            try await stage.camera("bob", of: Stage.bert)
            try await stage.camera("cam-2", of: Stage.anna)
            let keeper = stage.keeper(Self.limits(total: 10_000))
            var admitted = 0
            for _ in 0..<200 {
                for unit in ["cam", "cam-2"] {
                    let channel = Stage.recorded(unit, of: Stage.anna)
                    if await keeper.refusal(of: channel, 100) == nil { admitted += 1 }
                }
            }
            #expect(admitted == 6, "a sixteenth of all")
            #expect(try await stage.left(Self.cam).count == 80, "there was room for it")
            for _ in 0..<3 {
                let bob = Stage.recorded("bob", of: Stage.bert)
                #expect(await keeper.refusal(of: bob, 100) == nil, "another owner is served")
            }
        }
    }

    /// Many channels share a full platform: each look through all of them makes room for more than one segment.
    @Test func aFullPlatformMakesRoomInBatches() async throws {
        try await with(1000) { stage async throws in
            let keeper = stage.keeper(Self.limits(total: 100_000))
            #expect(await keeper.refusal(of: Self.cam, 10) == nil)
            #expect(try await stage.left(Self.cam).count == 992, "a 128th of all is made free")
        }
    }

    /// Room is made once for many who wait, and never more than was asked for goes.
    @Test func manyAtOnceStayWithinTheQuota() async throws {
        try await with(100) { stage async throws in
            let keeper = stage.keeper(Self.limits(channel: 10_000))
            let refusals = await withTaskGroup(of: RecordFailure?.self) { group in
                for _ in 0..<40 { group.addTask { await keeper.refusal(of: Self.cam, 100) } }
                var refusals: [RecordFailure] = []
                for await refusal in group { if let refusal { refusals.append(refusal) } }
                return refusals
            }
            #expect(refusals.isEmpty)
            let left = try await stage.left(Self.cam).count
            #expect((54...60).contains(left), "a sixteenth of the quota is made free at once: \(left)")
        }
    }

    /// Whatever is asked, in whatever order: no quota is exceeded by what was admitted, and no kept clip is lost.
    @Test(arguments: 1...6 as ClosedRange<UInt64>) func quotasHoldUnderAnyLoad(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let stage = try await RetentionStage()
        let units = ["a", "b", "c"]
        for unit in units { try await stage.camera(unit, of: unit == "c" ? Stage.bert : Stage.anna) }
        let owner = { (unit: String) in unit == "c" ? Stage.bert : Stage.anna }
        var settings = RetentionSettings(
            age: nil,
            channelBytes: Int64.random(in: 1000...3000, using: &random),
            ownerBytes: Int64.random(in: 1000...4000, using: &random),
            totalBytes: Int64.random(in: 2000...6000, using: &random)
        )
        // Here it has a row at once.
        settings.settling = .zero
        let keeper = stage.keeper(settings)
        try await stage.keep(Stage.recorded("a", of: Stage.anna), 100_000, 150_000)
        var kept: [Int64] = []
        for step in 0..<60 {
            let unit = units[Int.random(in: 0..<3, using: &random)]
            let recorded = Stage.recorded(unit, of: owner(unit))
            let size = Int64.random(in: 10...400, using: &random)
            let start = Int64(step) * Stage.length
            guard await keeper.refusal(of: recorded, size) == nil else { continue }
            try await stage.save(unit, at: [start], size: size)
            if unit == "a", (100_000 - Stage.length + 1..<150_000).contains(start) { kept.append(start) }
            let used = try await stage.store.recordedAmounts(of: recorded).bytes
            #expect(used <= settings.channelBytes ?? .max, "seed \(seed), step \(step)")
            let owned = try await stage.store.recordedTotal(of: owner(unit)).bytes
            #expect(owned <= settings.ownerBytes ?? .max, "seed \(seed), step \(step)")
            let total = try await stage.store.recordedTotal(of: nil).bytes
            #expect(total <= settings.totalBytes ?? .max, "seed \(seed), step \(step)")
        }
        let left = try await stage.left(Stage.recorded("a", of: Stage.anna))
        #expect(Set(kept).isSubset(of: left), "seed \(seed)")
        #expect(try await stage.isWhole())
        try stage.end()
    }
}
