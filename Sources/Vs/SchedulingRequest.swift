package import HSSModel

/// What a unit asks of the scheduling service (§9.3.1.1 step 1, Table I.1).
///
/// The query `macid` names the unit. The header `Mac-Identity` (§9.2) repeats it; a unit may leave it out,
/// but what it sends must agree with the query, in whichever of the usual spellings.
package struct SchedulingRequest: Equatable, Sendable {
    package static let path = "/Vs/getServerAddr"
    /// What units already in the field ask for.
    package static let deployedPath = "/ovp/getServerAddr"
    package static let queryName = "macid"
    package static let headerName = "Mac-Identity"

    package let macIdentity: MACIdentity

    package init(macIdentity: MACIdentity) {
        self.macIdentity = macIdentity
    }

    /// Checks what arrived, each parameter as often as it was there: a second `macid` could mean another
    /// unit to a proxy in between than to this platform, so it is refused even where it repeats the first.
    package init(macids: [String], headers: [String]) throws(SchedulingFailure) {
        guard let first = macids.first else { throw .missingIdentity }
        guard macids.count == 1, headers.count <= 1 else { throw .repeatedIdentity }
        guard let identity = MACIdentity(rawValue: first), identity.isUsable else { throw .malformedIdentity }
        if let header = headers.first {
            guard let repeated = MACIdentity(rawValue: header), repeated.isUsable else {
                throw .malformedIdentity
            }
            guard repeated.canonical == identity.canonical else { throw .differentIdentities }
        }
        macIdentity = identity
    }

    /// Path and query for the unit's side. The alphabet of an identity needs no escaping in a query.
    package var target: String { "\(Self.path)?\(Self.queryName)=\(macIdentity)" }
}

extension MACIdentity {
    /// Something is left when the separators are taken away; `--:--` names no unit.
    package var isUsable: Bool { !canonical.isEmpty }
}
