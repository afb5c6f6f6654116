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
        var last: (session: RecordSessionID, name: SegmentName)?
        while true {
            let rows = try await stores.segments.unfinishedSegments(after: last, limit: Self.page)
            for row in rows {
                if let session = gathered.first?.row.session, session != row.session {
                    try await restore(gathered)
                    counts.sessions += 1
                    gathered = []
                }
                gathered.append(try await stores.stored(row))
                counts.segments += 1
                last = (row.session, row.name)
            }
            if rows.isEmpty { break }
        }
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
                try await mend(finding)
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

    /// Carries a repair out. Its rows belong to one session, which does not hold them.
    func mend(_ finding: RecordCheck.Finding) async throws {
        for step in RecordCheck.repair(finding) {
            switch step {
            case .writeRows(let rows): try await stores.segments.writeSegments(rows)
            case .deleteRows(let names):
                guard let session = finding.row?.session else { break }
                try await stores.segments.deleteSegments(names, of: session)
            case .deleteBlob(let blob):
                if let name = BlobName(blob) { try await stores.files.delete(name) }
            case .syncFolder(let blob):
                if let name = BlobName(blob) { try await stores.files.syncFolder(of: name) }
            case .addDropped, .syncBytes, .putInPlace: break
            }
        }
    }
}

/// Recordings cannot be served.
package struct RecordStartError: Error, CustomStringConvertible {
    let reason: String

    package var description: String { "recordings cannot be looked through at the start: \(reason)" }
}

extension RecordCheck.Finding {
    /// Nil for bytes without one.
    var row: SegmentRow? {
        switch self {
        case .missing(let row), .wrongSize(let row, _), .wrongChecksum(let row), .halfDropped(let row),
            .unfinished(let row):
            row
        case .orphan: nil
        }
    }
}
