import Blobs
import Bus
import HSSModel
import HostClock
import ServerKit
import Store
import Testing
import Vr

@testable import CloudStorage

/// What a repair must not do, whatever happens between the look and the deed.
@Suite("Repair of recordings") struct RecordRepairTests {
    private func saved(_ number: Int, _ bench: StorageBench) async throws -> SegmentRow {
        let name = StorageBench.name(number)
        let target = try await bench.announce(name, size: 3)
        #expect(await bench.put([1, 2, 3], to: target) == .none)
        #expect(try await bench.ask(.save(name: "\(name)")) == .none)
        return try #require(try await bench.row(name))
    }

    private func repair(_ bench: StorageBench) async throws -> RecordInspector {
        let inspector = RecordInspector(bench.storage)
        _ = try await inspector.startCheck(depth: .size, repair: true)
        await inspector.wait()
        return inspector
    }

    /// R10: "retention never takes a kept clip"; nor does a repair. It says so instead.
    @Test func whatAKeptClipProtectsIsToldAndStays() async throws {
        let bench = try await StorageBench()
        let (kept, other) = (try await saved(1, bench), try await saved(2, bench))
        let clip = KeptClip(
            id: ClipID(unchecked: "clip"),
            recorded: RecordedChannel(StorageBench.channel, owner: nil),
            range: kept.start..<kept.end,
            note: "",
            keptBy: UserName(unchecked: "root"),
            keptAt: .now
        )
        #expect(try await bench.store.keep(clip, limit: 9))
        for row in [kept, other] { try await bench.files.delete(try #require(BlobName(row.blob))) }
        let report = try #require(await repair(bench).lastCheck())
        #expect((report.total, report.repaired, report.kept) == (2, 1, 1))
        #expect(try await bench.row(kept.name) == kept)
        #expect(try await bench.row(other.name) == nil)
    }

    /// A unit announced it a moment after the check had seen that nobody was at it.
    @Test func aSegmentThatComesBackToLifeIsLeftAlone() async throws {
        let bench = try await StorageBench()
        let name = StorageBench.name(1)
        let target = try await bench.announce(name, size: 3)
        let row = try #require(try await bench.row(name))
        #expect(try await bench.storage.mend(.unfinished(row)) == .changed)
        #expect(await bench.put([1, 2, 3], to: target) == .none)
        #expect(try await bench.storage.mend(.unfinished(row)) == .changed)
        #expect(try await bench.ask(.save(name: "\(name)")) == .none)
        for finding in [RecordCheck.Finding.unfinished(row), .halfDropped(row)] {
            #expect(try await bench.storage.mend(finding) == .changed)
        }
        #expect(try await bench.row(name)?.state == .saved)
        #expect(bench.segmentFiles.count == 1)
    }

    /// It was dropped, and its unit began it anew: what was found is another life.
    @Test func aSegmentThatBeganAnewIsLeftAlone() async throws {
        let bench = try await StorageBench()
        let old = try await saved(1, bench)
        var other = old
        other.blob = SegmentBlob.fresh()
        for finding in [RecordCheck.Finding.missing(other), .wrongChecksum(other)] {
            #expect(try await bench.storage.mend(finding) == .changed)
        }
        #expect(try await bench.row(old.name) == old && bench.segmentFiles.count == 1)
    }

    /// A row is written before its segment is open: the check must not take it for one that nobody is at.
    @Test func aCheckBesideUploadsHarmsNone() async throws {
        let bench = try await StorageBench()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for number in 0..<40 { _ = try await self.saved(number, bench) }
            }
            group.addTask {
                for _ in 0..<20 {
                    let report = await (try self.repair(bench)).lastCheck()
                    #expect(report?.counts["unfinished"] == nil && report?.counts["missing"] == nil)
                }
            }
            try await group.waitForAll()
        }
        for number in 0..<40 {
            #expect(try await bench.row(StorageBench.name(number))?.state == .saved, "\(number)")
        }
        #expect(bench.segmentFiles.count == 40)
    }
}

@Suite("Sessions that outlived their owner") struct ForeignSessionTests {
    private func bind(_ bench: StorageBench, to name: String) async throws {
        let user = UserName(unchecked: name)
        let hash = Secret("x")
        try await bench.store.add(
            StoredUser(name: user, role: .customer, disabled: false, passwordHash: hash, createdAt: .now)
        )
        let expiry = WallTime.now + .seconds(60)
        _ = try await bench.store.addBindCode(hash: name, for: user, expiresAt: expiry, at: .now, limit: 9)
        _ = try await bench.store.redeem(codeHash: name, for: StorageBench.channel.unit, at: .now)
    }

    /// Refused, and over: it never comes back.
    @Test func aUnitThatRecordsForAFormerOwnerEndsItsSession() async throws {
        let bench = try await StorageBench()
        let running = StorageBench.session
        #expect(try await bench.store.recordSession(running)?.endedAt == nil)
        try await bind(bench, to: "anna")
        let refused = try await bench.ask(StorageBench.create(StorageBench.name(1), size: 3))
        #expect(refused == .failure(.wrongKey))
        let end = try #require(try await bench.store.recordSession(running)?.endedAt)
        #expect(end <= .now)
    }

    /// After a kill between the two: who orders recordings must not take it up.
    @Test func itIsNotTakenUpAfterAStart() async throws {
        let bench = try await StorageBench()
        #expect(try await bench.storage.runningSessions().map(\.id) == [StorageBench.session])
        try await bind(bench, to: "anna")
        #expect(try await bench.storage.runningSessions().isEmpty)
        #expect(try await bench.store.recordSession(StorageBench.session)?.endedAt != nil)
    }
}
