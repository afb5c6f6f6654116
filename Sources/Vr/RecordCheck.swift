package import HSSModel

/// What a check of recordings can find between rows and blobs, and what repairs it (`fsck`).
///
/// Blobs are listed before their rows are read. A row is always there before its blob, so a blob that was listed and has
/// no row then is nobody's, whatever runs meanwhile.
package enum RecordCheck {
    /// How closely is looked; each has those before it.
    package enum Depth: Int, Sendable, Comparable, CaseIterable {
        case presence, size, checksum

        package static func < (left: Depth, right: Depth) -> Bool { left.rawValue < right.rawValue }
    }

    package enum Finding: Sendable, Hashable {
        /// A segment counts, and its bytes are not there.
        case missing(SegmentRow)
        case wrongSize(SegmentRow, found: Int64)
        case wrongChecksum(SegmentRow)
        /// A clean-up was broken off.
        case halfDropped(SegmentRow)
        /// Neither saved nor failed, and its session is over.
        case unfinished(SegmentRow)
        /// Bytes that no row knows of.
        case orphan(SegmentBlob)
    }

    /// - Parameters:
    ///   - stored: the row, and what lies under its blob.
    ///   - checksumHolds: whether the bytes are those that came; nil: not looked at.
    ///   - isOpen: a session holds it, or its time is not up.
    ///   - depth: how closely is looked.
    /// - Returns: what is wrong with it; nil: nothing.
    package static func finding(
        of stored: StoredSegment,
        checksumHolds: Bool? = nil,
        isOpen: Bool,
        depth: Depth
    ) -> Finding? {
        switch stored.row.state {
        case .dropping: return isOpen ? nil : .halfDropped(stored.row)
        case .created: return isOpen ? nil : .unfinished(stored.row)
        case .saved:
            guard let size = stored.blobSize else { return .missing(stored.row) }
            if depth >= .size, size != stored.row.size { return .wrongSize(stored.row, found: size) }
            if depth >= .checksum, checksumHolds == false { return .wrongChecksum(stored.row) }
            return nil
        }
    }

    /// Blobs of a listing that no row knows of. `known`: rows that were read after the listing.
    package static func orphans(listed: [SegmentBlob], known: some Sequence<SegmentRow>) -> [Finding] {
        let owned = Set(known.map(\.blob))
        return listed.filter { !owned.contains($0) }.map(Finding.orphan)
    }

    /// Cleans segments up in two steps: first the rows say so, then the bytes go, then the rows. So a repair drops one that
    /// counts and is lost or damaged from the timeline, which is told as a gap then: a player that asks for it would fail
    /// otherwise.
    package static func drop(_ rows: [SegmentRow]) -> [RecordStep] {
        let marked = rows.filter { $0.state != .dropping }.map { row in
            var row = row
            row.state = .dropping
            return row
        }
        let mark: [RecordStep] = marked.isEmpty ? [] : [.writeRows(marked)]
        let bytes = rows.flatMap { [RecordStep.deleteBlob($0.blob), .syncFolder($0.blob)] }
        return mark + bytes + [.deleteRows(rows.map(\.name))]
    }
}
