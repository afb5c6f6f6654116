import HSSModel
import HostClock
import Store
import Vd

/// What is kept of configurations over a restart, in the words of the store. Without a store: nothing.
struct ConfigurationMemory: Sendable {
    struct Stored: Sendable {
        var reported: ConfigurationDocument?
        var desired = ConfigurationDocument()
        var refusals: [ConfigurationPath: ConfigurationShadow.Refusal] = [:]
        var firmwareModel: String?
    }

    let store: (any UnitDocumentStore)?

    /// Units of which something is wanted.
    func wanted() async throws(StoreError) -> Set<UnitID> {
        guard let store else { return [] }
        var units: Set<UnitID> = []
        var last: UnitID?
        while true {
            let page = try await store.documents(.desired, after: last, limit: pageLimit)
            units.formUnion(page.map(\.unit))
            guard page.count == pageLimit else { return units }
            last = page.last?.unit
        }
    }

    func load(_ unit: UnitID) async throws(StoreError) -> Stored {
        guard let documents = try await store?.documents(of: unit) else { return Stored() }
        do throws(FieldError) {
            return Stored(
                reported: try documents[.reported].map { (text) throws(FieldError) in
                    try ConfigurationDocument(Self.object(text))
                },
                desired: try documents[.desired].map { (text) throws(FieldError) in
                    try ConfigurationDocument(Self.object(text))
                } ?? ConfigurationDocument(),
                refusals: try documents[.refusals].map { (text) throws(FieldError) in
                    try Self.refusals(Self.object(text))
                } ?? [:],
                firmwareModel: documents[.reported]?.firmwareModel
            )
        } catch {
            throw .corrupt("device_documents of \(unit), \(error)")
        }
    }

    /// A device that is gone has nothing to keep.
    func keep(_ stored: Stored, of unit: UnitID) async throws(StoreError) {
        do throws(StoreError) {
            try await store?.keep(Self.documents(stored), of: unit)
        } catch .notFound {
            return
        }
    }

    // MARK: In the words of the store

    private static func documents(_ stored: Stored) -> [UnitDocumentKind: StoredUnitDocument?] {
        func document(_ object: JSONObject?) -> StoredUnitDocument? {
            object.map {
                StoredUnitDocument(
                    body: String(decoding: $0.bytes, as: UTF8.self),
                    firmwareModel: stored.firmwareModel,
                    changedAt: .now
                )
            }
        }
        return [
            .reported: document(stored.reported?.object),
            .desired: document(stored.desired.isEmpty ? nil : stored.desired.object),
            .refusals: document(stored.refusals.isEmpty ? nil : object(stored.refusals)),
        ]
    }

    private static func object(_ document: StoredUnitDocument) throws(FieldError) -> JSONObject {
        do { return try JSONObject(parsing: Array(document.body.utf8)) } catch {
            throw FieldError("body", error.description)
        }
    }

    private static func object(
        _ refusals: [ConfigurationPath: ConfigurationShadow.Refusal]
    ) -> JSONObject {
        JSONObject {
            $0.field(
                "refusals",
                refusals.sorted { $0.key < $1.key }.map { path, refusal in
                    JSONObject {
                        $0.field("field", path.description)
                        $0.field("code", refusal.code)
                        $0.field("message", refusal.message)
                    }
                }
            )
        }
    }

    private static func refusals(
        _ object: JSONObject
    ) throws(FieldError) -> [ConfigurationPath: ConfigurationShadow.Refusal] {
        var refusals: [ConfigurationPath: ConfigurationShadow.Refusal] = [:]
        for entry in try object.objects("refusals", most: .max) {
            // A field that this version no longer knows is wanted by nobody.
            guard let path = ConfigurationPath(parsing: try entry.string("field", 0...1024)) else { continue }
            refusals[path] = ConfigurationShadow.Refusal(
                code: try entry.optionalInteger("code", .min ... .max),
                message: try entry.string("message", 0...4096)
            )
        }
        return refusals
    }
}
