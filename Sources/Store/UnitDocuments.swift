package import HSSModel

/// Documents about one unit. The store does not look into them.
package enum UnitDocumentKind: String, Sendable, CaseIterable {
    /// What the unit said that it can do.
    case capabilities
    /// The configuration that the unit last said it has.
    case reported
    /// The fields of the configuration that are wanted.
    case desired
    /// The wanted fields that the unit did not take, and why.
    case refusals
}

package struct StoredUnitDocument: Sendable, Equatable {
    /// JSON.
    package var body: String
    /// That the unit ran when it said so.
    package var firmwareModel: String?
    package var changedAt: WallTime

    package init(body: String, firmwareModel: String?, changedAt: WallTime) {
        self.body = body
        self.firmwareModel = firmwareModel
        self.changedAt = changedAt
    }
}

/// What is kept of documents of units. Every call is one transaction; what it returned from is durable.
package protocol UnitDocumentStore: Sendable {
    func documents(
        of unit: UnitID
    ) async throws(StoreError) -> [UnitDocumentKind: StoredUnitDocument]

    /// Replaces the documents that are named, all or none; nil drops one. `notFound` where the device is gone.
    func keep(
        _ documents: [UnitDocumentKind: StoredUnitDocument?],
        of unit: UnitID
    ) async throws(StoreError)

    /// Units that have a document of this kind, ordered by device ID, those after `after`; at most ``pageLimit``.
    func documents(
        _ kind: UnitDocumentKind,
        after: UnitID?,
        limit: Int
    ) async throws(StoreError) -> [(unit: UnitID, document: StoredUnitDocument)]
}
