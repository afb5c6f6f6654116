import Blobs
package import Bus
import HSSModel
import Logging
import ServerKit
import Store
package import Vr

/// Compares the index of recordings with their bytes, one segment after the other, while everything goes on.
///
/// What it reads may change under it. A finding counts only if the same row is there when it is looked up once more,
/// and no session holds the segment.
package actor RecordInspector: RecordCheckPoint {
    private static let rows = 500
    private static let blobs = 1000

    private let storage: RecordStorage
    private var report: RecordCheckReport?
    private var work: Task<Void, Never>?

    package init(_ storage: RecordStorage) {
        self.storage = storage
    }

    package func startCheck(
        depth: RecordCheck.Depth,
        repair: Bool
    ) async throws(RecordingError) -> RecordCheckReport {
        guard work == nil else { throw .conflict("a check of recordings runs already") }
        let begun = RecordCheckReport(
            depth: depth,
            repairs: repair,
            beganAt: storage.clock.now().clock,
            segments: 0
        )
        report = begun
        work = Task { await run() }
        return begun
    }

    package func lastCheck() -> RecordCheckReport? { report }

    package func stopCheck() async {
        work?.cancel()
        await work?.value
    }

    /// Returns when the check that runs has ended.
    func wait() async { await work?.value }

    private func run() async {
        do {
            report?.segments = try await storage.stores.segments.recordedTotal(of: nil).segments
            try await checkRows()
            try await checkBlobs()
            report?.state = .finished
        } catch is CancellationError {
            report?.state = .stopped
        } catch {
            // A cancelled task hears from the store that it was cancelled in the store's words.
            report?.state = Task.isCancelled ? .stopped : .failed("\(error)")
            storage.logger.error("a check of recordings failed", metadata: ["reason": "\(error)"])
        }
        report?.endedAt = storage.clock.now().clock
        work = nil
        guard let report else { return }
        storage.logger.notice(
            "recordings are checked",
            metadata: [
                "segments": "\(report.checkedSegments)", "blobs": "\(report.checkedBlobs)",
                "findings": "\(report.total)", "repaired": "\(report.repaired)",
            ]
        )
    }

    private func checkRows() async throws {
        var last: SegmentBlob?
        while true {
            let rows = try await storage.stores.segments.segmentsByBlob(after: last, limit: Self.rows)
            guard let end = rows.last else { return }
            for row in rows {
                try Task.checkCancellation()
                if let finding = try await finding(of: row) { try await settle(finding) }
                report?.checkedSegments += 1
            }
            last = end.blob
        }
    }

    private func checkBlobs() async throws {
        var last: BlobName?
        while true {
            try Task.checkCancellation()
            let blobs = try await storage.stores.files.list(after: last, limit: Self.blobs)
            guard let end = blobs.last else { return }
            for finding in try await storage.orphans(of: blobs) { try await settle(finding) }
            report?.checkedBlobs += blobs.count
            last = end
        }
    }

    private func finding(of row: SegmentRow) async throws -> RecordCheck.Finding? {
        guard let depth = report?.depth else { return nil }
        let stored = try await storage.stores.stored(row)
        var holds: Bool?
        if depth >= .checksum, row.state == .saved, let sum = row.sha256, let blob = BlobName(row.blob) {
            do { holds = try await storage.stores.files.sha256(of: blob).map { $0 == sum } } catch {
                // A bad sector ends no check, and what may be readable tomorrow is not taken for damaged.
                storage.metrics.failures.add()
                storage.logger.error(
                    "a segment cannot be read",
                    metadata: ["session": "\(row.session)", "segment": "\(row.name)", "reason": "\(error)"]
                )
            }
        }
        let isOpen = await storage.table.withHeld(row.session) { await $0.holds(row.name) } ?? false
        let finding = RecordCheck.finding(of: stored, checksumHolds: holds, isOpen: isOpen, depth: depth)
        guard let finding else { return nil }
        // Saved, dropped or removed while it was looked at: there is nothing wrong with it.
        let again = try await storage.stores.segments.segments([row.name], of: row.session)
        return again.first == row ? finding : nil
    }

    private func settle(_ finding: RecordCheck.Finding) async throws {
        var mending: RecordStorage.Mending?
        if report?.repairs ?? false { mending = try await storage.mend(finding) }
        // It came back to life, or went by itself, while it was looked at.
        guard mending != .changed else { return }
        storage.metrics.findings.add()
        report?.add(finding, repaired: mending == .mended, kept: mending == .kept)
    }
}
