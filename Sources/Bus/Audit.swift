package import HSSModel

package enum AuditError: Error, Equatable, CustomStringConvertible {
    /// The trail cannot be written or read now.
    case unavailable(String)
    /// Somebody has it looked through already.
    case busy

    package var description: String {
        switch self {
        case .unavailable(let reason): "the audit trail is not available: \(reason)"
        case .busy: "the audit trail is being verified already; try again"
        }
    }
}

/// A part of the trail as lines of text (NDJSON).
package struct AuditLines: Sendable, Equatable {
    package var text: String
    package var count: Int
    package var last: AuditHead

    package init(text: String, count: Int, last: AuditHead) {
        self.text = text
        self.count = count
        self.last = last
    }
}

/// Reference point Cc, the audit trail. Whoever reads it has checked the right to do so.
package protocol AuditPoint: Sendable {
    /// Returns when the entry is durable.
    func record(_ note: AuditNote) async throws(AuditError)

    /// Written soon; of many that are alike within a minute the first, and then how many there were. For what strangers
    /// cause: it never waits, and event loops may call it.
    func tally(_ note: AuditNote)

    /// Newest first by time, those before `before`.
    func entries(
        _ filter: AuditFilter,
        before: AuditPlace?,
        limit: Int
    ) async throws(AuditError) -> [AuditEntry]

    /// The next part behind `last`, in the order of the trail, of at most `limit` entries and of as many as are read at
    /// once; with nil from the oldest entry. Nil at the end.
    func lines(after last: AuditHead?, limit: Int) async throws(AuditError) -> AuditLines?

    /// The end of the trail before entry `id`, so that its lines can be read from there; nil: it is not kept.
    func head(before id: Int64) async throws(AuditError) -> AuditHead?

    /// Looks through the whole trail. `seen`: an end of it that somebody noted earlier.
    func verify(seen: AuditHead?) async throws(AuditError) -> AuditVerdict
}
