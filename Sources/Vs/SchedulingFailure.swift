/// Why the platform did not name a server (Table I.1). Reaches the unit as a status and `{"info": …}`.
///
/// Each `info` is constant text: nothing a peer sent comes back to it.
package enum SchedulingFailure: Error, Equatable, Sendable, CaseIterable, CustomStringConvertible {
    case missingIdentity
    case repeatedIdentity
    case malformedIdentity
    case differentIdentities
    /// Not in the registry, or disabled: alike for whoever tries identities out.
    case unknownUnit
    case tooManyRequests
    /// Every signalling node is full, draining or gone.
    case noServer
    case registryAway

    /// 400 to 499 for what the unit must change, 500 to 599 for what it should wait for.
    package var status: Int {
        switch self {
        case .missingIdentity, .repeatedIdentity, .malformedIdentity, .differentIdentities: 400
        case .unknownUnit: 404
        case .tooManyRequests: 429
        case .noServer, .registryAway: 503
        }
    }

    package var info: String {
        switch self {
        case .missingIdentity: "macid is required"
        case .repeatedIdentity: "macid and Mac-Identity may be given once"
        case .malformedIdentity: "macid: expected 1 to 64 characters of A-Z a-z 0-9 . _ : -"
        case .differentIdentities: "macid and Mac-Identity differ"
        case .unknownUnit: "this unit is not registered"
        case .tooManyRequests: "too many requests, try again later"
        case .noServer: "no signalling server is free, try again later"
        case .registryAway: "the registry is not available, try again later"
        }
    }

    package var description: String { info }
}

/// The body of a failure, as both sides write and read it.
package struct SchedulingFailureBody: Codable, Equatable, Sendable {
    package var info: String

    package init(info: String) {
        self.info = info
    }
}
