package import HSSModel

/// The audit trail: entries are added at its end and go at its beginning, and are never changed. Every call is one
/// transaction.
package protocol AuditStore: Sendable {
    /// Adds entries in this order, durably; returns the end of the trail.
    func append(_ notes: [AuditNote]) async throws(StoreError) -> AuditHead

    /// Newest first by time, those before `before`; at most ``pageLimit``.
    func auditEntries(
        _ filter: AuditFilter,
        before: AuditPlace?,
        limit: Int
    ) async throws(StoreError) -> [AuditEntry]

    /// In the order of the trail, those after `after`; at most ``pageLimit``.
    func auditTrail(after: Int64, limit: Int) async throws(StoreError) -> [AuditEntry]

    /// The hash before the oldest entry that is kept, as the last `audit.prune` says; that of ``AuditHead/none`` where
    /// nothing was pruned.
    func auditAnchor() async throws(StoreError) -> AuditHead

    func auditHead() async throws(StoreError) -> AuditHead

    /// Drops entries from the beginning: those older than `time`, and all but the newest `most`, at most `limit` in one
    /// call. Adds an entry that says so, and names the last of them with its hash. Returns how many it dropped.
    func pruneAudit(
        before time: WallTime,
        keeping most: Int,
        limit: Int,
        at now: WallTime
    ) async throws(StoreError) -> Int
}
