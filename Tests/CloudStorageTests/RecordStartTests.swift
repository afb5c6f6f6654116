import Blobs
import Bus
import HSSModel
import HostClock
import NIOCore
import ServerKit
import Store
import Testing
import Vr

@testable import CloudStorage

@Suite("Start of the storage, and checks of recordings") struct RecordStartTests {
    /// The next process on the same data.
    private func restarted(_ bench: StorageBench) async throws -> RecordStorage {
        let storage = RecordStorage(
            settings: bench.storage.settings,
            key: bench.key,
            stores: bench.storage.stores,
            metrics: MetricRegistry(),
            logger: StorageBench.logger
        )
        try await storage.start()
        return storage
    }

    private func save(
        _ number: Int,
        _ bench: StorageBench,
        _ bytes: [UInt8] = [1, 2, 3]
    ) async throws -> SegmentRow {
        let name = StorageBench.name(number)
        let target = try await bench.announce(name, size: Int64(bytes.count))
        #expect(await bench.put(bytes, to: target) == .none)
        #expect(try await bench.ask(.save(name: "\(name)")) == .none)
        return try #require(try await bench.row(name))
    }

    @Test func uploadsAreDroppedAndSegmentsGoOn() async throws {
        let bench = try await StorageBench()
        let (whole, broken) = (StorageBench.name(1), StorageBench.name(2))
        let target = try await bench.announce(whole, size: 3)
        #expect(await bench.put([1, 2, 3], to: target) == .none)
        let second = try await bench.announce(broken, size: 4)
        let answer = await bench.storage.upload(to: second, range: nil, length: 4, HeldBody.broken([1, 2]))
        #expect(answer == .failure(.incomplete(received: 2, size: 4)))
        #expect(bench.segmentFiles.count == 2)
        let next = try await restarted(bench)
        #expect(bench.segmentFiles.count == 1)
        #expect(next.table.held == [StorageBench.session])
        // What came before the start is there; its checksum is made when it is saved.
        let save = Array(SegmentRequest.save(name: "\(whole)").body.utf8)
        #expect(await next.answer(to: try await bench.target, save) == .none)
        let sum = "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81"
        #expect(try await bench.row(whole)?.sha256 == sum)
        let rest = await next.upload(
            to: second,
            range: "bytes 2-3/4",
            length: 2,
            HeldBody.broken([3, 4])
        )
        #expect(rest == .failure(.wrongOffset(expected: 0)))
        #expect(await next.upload(to: second, range: nil, length: 4, HeldBody.broken([1, 2, 3, 4])) == .none)
    }

    @Test func aCleanUpThatWasBrokenOffGoesOn() async throws {
        let bench = try await StorageBench()
        var row = try await save(1, bench)
        row.state = .dropping
        try await bench.store.writeSegments([row])
        let next = try await restarted(bench)
        await next.end()
        #expect(try await bench.row(row.name) == nil)
        #expect(bench.segmentFiles.isEmpty)
        #expect(next.table.held.isEmpty)
    }

    @Test func bytesWithoutARowAreDeleted() async throws {
        let bench = try await StorageBench()
        let kept = try await save(1, bench)
        try await stray(in: bench)
        #expect(bench.segmentFiles.count == 2)
        await bench.storage.dropOrphans()
        #expect(bench.segmentFiles.map { String($0.suffix(32)) } == [kept.blob.rawValue])
        #expect(bench.metrics.exposition().contains("vedette_record_orphans_total 1"))
    }

    private func stray(in bench: StorageBench) async throws {
        let part = try await bench.files.begin(.fresh(in: .segments), attempt: 1_000_000, size: 1)
        try await part.append(ByteBuffer(bytes: [1]))
        try await part.sync()
        _ = try await part.putInPlace()
    }

    // MARK: fsck

    private func check(
        _ bench: StorageBench,
        _ depth: RecordCheck.Depth,
        repair: Bool = false
    ) async throws
        -> RecordCheckReport
    {
        let inspector = RecordInspector(bench.storage)
        _ = try await inspector.startCheck(depth: depth, repair: repair)
        await inspector.wait()
        return try #require(await inspector.lastCheck())
    }

    @Test func eachDepthFindsWhatThoseBeforeItDo() async throws {
        let bench = try await StorageBench()
        let rows = [
            try await save(1, bench), try await save(2, bench), try await save(3, bench),
            try await save(4, bench),
        ]
        let places = rows.map {
            bench.folder + "/blobs/segments/\($0.blob.rawValue.prefix(2))/\($0.blob.rawValue)"
        }
        try await bench.files.delete(try #require(BlobName(.segments, key: rows[0].blob.rawValue)))
        try ByteFile.write([1, 2], to: places[1])
        try ByteFile.write([1, 2, 4], to: places[2])
        try await stray(in: bench)
        // Open, and so none of the check's business.
        _ = try await bench.announce(StorageBench.name(5), size: 7)
        let expected: [(RecordCheck.Depth, [String: Int])] = [
            (.presence, ["missing": 1, "orphan": 1]),
            (.size, ["missing": 1, "orphan": 1, "wrong_size": 1]),
            (.checksum, ["missing": 1, "orphan": 1, "wrong_size": 1, "wrong_checksum": 1]),
        ]
        for (depth, counts) in expected {
            let report = try await check(bench, depth)
            #expect(report.state == .finished)
            #expect(report.counts == counts, "\(depth)")
            #expect((report.segments, report.checkedSegments, report.checkedBlobs) == (4, 5, 4))
            #expect(report.repaired == 0)
        }
        let repaired = try await check(bench, .checksum, repair: true)
        #expect((repaired.total, repaired.repaired) == (4, 4))
        #expect(try await check(bench, .checksum).total == 0)
        #expect(bench.segmentFiles.map { String($0.suffix(32)) } == [rows[3].blob.rawValue])
        #expect(try await bench.row(rows[0].name) == nil)
    }

    @Test func whatASessionLeftBehindIsFound() async throws {
        let bench = try await StorageBench()
        var row = try await save(1, bench)
        // As a backup might have it that was put back under a running platform.
        row.state = .created
        try await bench.store.writeSegments([row])
        #expect(try await check(bench, .presence).counts == ["unfinished": 1])
        row.state = .dropping
        try await bench.store.writeSegments([row])
        #expect(try await check(bench, .presence, repair: true).counts == ["half_dropped": 1])
        #expect(bench.segmentFiles.isEmpty)
    }

    @Test func oneCheckRunsAtATime() async throws {
        let bench = try await StorageBench()
        let inspector = RecordInspector(bench.storage)
        _ = try await inspector.startCheck(depth: .size, repair: false)
        if await inspector.lastCheck()?.state == .running {
            await #expect(throws: RecordingError.self) {
                _ = try await inspector.startCheck(depth: .size, repair: false)
            }
        }
        await inspector.stopCheck()
        #expect(await inspector.lastCheck()?.endedAt != nil)
    }
}
