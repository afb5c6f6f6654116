import Blobs
import HSSModel
import Logging
import ServerKit
import Store
import Vr

/// What a start does, in the order of docs/design/recording.md.
extension RecordStorage {
    private static let page = 500
    private static let mostOrphans = 100

    /// To be called once, before the first request: what a killed process left is made durable or dropped.
    package func start() async throws(RecordStartError) {
        do {
            try await stores.segments.commitSegments()
            let parts = try await stores.files.dropParts()
            let (sessions, segments) = try await restoreSessions()
            guard parts + segments > 0 else { return }
            logger.notice(
                "recordings go on after a restart",
                metadata: ["sessions": "\(sessions)", "segments": "\(segments)", "uploads": "\(parts)"]
            )
        } catch {
            throw RecordStartError(reason: "\(error)")
        }
    }

    /// Rows come by session: one runner gets all of its own.
    private func restoreSessions() async throws -> (sessions: Int, segments: Int) {
        var counts = (sessions: 0, segments: 0)
        var gathered: [StoredSegment] = []
        var place: UnfinishedPlace?
        repeat {
            let page = try await stores.segments.unfinishedSegments(after: place, limit: Self.page)
            for row in page.rows {
                if let session = gathered.first?.row.session, session != row.session {
                    try await restore(gathered)
                    counts.sessions += 1
                    gathered = []
                }
                gathered.append(try await stores.stored(row))
                counts.segments += 1
            }
            place = page.next
        } while place != nil
        if !gathered.isEmpty {
            try await restore(gathered)
            counts.sessions += 1
        }
        return counts
    }

    private func restore(_ segments: [StoredSegment]) async throws {
        guard let id = segments.first?.row.session, let session = try await stores.sessions.recordSession(id)
        else { return }
        await table.restore(id) { runner(of: session, unfinished: segments, news: $0) }
    }

    /// Deletes blobs that no row knows of. Listed before their rows are read, so that none is taken for one that is only
    /// new (``RecordCheck``). There is none unless a disk was repaired or a backup put back; where there are many, the
    /// database is rather another one than that of this folder, and nothing is deleted before an operator says so.
    func dropOrphans() async {
        do {
            var found: [RecordCheck.Finding] = []
            var last: BlobName?
            repeat {
                let blobs = try await stores.files.list(after: last, limit: 1000)
                last = blobs.last
                found += try await orphans(of: blobs)
                guard found.count <= Self.mostOrphans else {
                    logger.error(
                        "many blobs have no row: is this the database of this folder? 'vedette admin fsck --repair' deletes them",
                        metadata: ["atLeast": "\(found.count)"]
                    )
                    return
                }
            } while last != nil && !Task.isCancelled
            for finding in found {
                _ = try await mend(finding)
                metrics.orphans.add()
                logger.notice("a blob without a row is deleted", metadata: ["finding": "\(finding)"])
            }
        } catch {
            logger.error("recordings cannot be searched for orphans", metadata: ["reason": "\(error)"])
        }
    }

    func orphans(of blobs: [BlobName]) async throws -> [RecordCheck.Finding] {
        guard !blobs.isEmpty else { return [] }
        let listed = blobs.map { SegmentBlob($0) }
        let known = try await stores.segments.segments(withBlobs: listed)
        return RecordCheck.orphans(listed: listed, known: known)
    }

    /// What became of something that is to be mended.
    enum Mending { case mended, kept, changed }

    /// Nothing is taken for what it was a moment ago. A segment that counts goes only if its row is the same still and no
    /// kept clip protects it; what is on its way, or being dropped, is its session's to let go (``RecordCheck``).
    func mend(_ finding: RecordCheck.Finding) async throws -> Mending {
        switch finding {
        case .orphan(let blob):
            try await stores.files.delete(blob)
            try await stores.files.syncFolder(of: blob)
            return .mended
        case .missing(let row), .wrongSize(let row, _), .wrongChecksum(let row):
            let dropper = SegmentDropper(store: stores.segments, files: stores.files)
            guard try await dropper.drop([row]).isEmpty else { return .mended }
            let now = try await stores.segments.segments([row.name], of: row.session)
            return now.first == row ? .kept : .changed
        case .halfDropped(let row), .unfinished(let row): return try await abandon(row) ? .mended : .changed
        }
    }

    private func abandon(_ row: SegmentRow) async throws -> Bool {
        guard let session = try await stores.sessions.recordSession(row.session) else { return false }
        do throws(RecordFailure) {
            return try await table.with(
                session.id,
                make: { runner(of: session, news: $0) },
                ask: { await $0.abandon(row) }
            )
        } catch {
            return false
        }
    }
}

/// Recordings cannot be served.
package struct RecordStartError: Error, CustomStringConvertible {
    let reason: String

    package var description: String { "recordings cannot be looked through at the start: \(reason)" }
}
