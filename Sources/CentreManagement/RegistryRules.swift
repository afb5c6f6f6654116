import Bus
import HSSModel
import HostClock
import ServerKit
import Store
import Synchronization

// What accounts and devices have in common.

extension Registry {
    func demandOperator(_ caller: Principal) throws(ManagementError) {
        guard caller.role == .operator else { throw .forbidden }
    }

    /// The device, for its owner or an operator. A guest hears that it may not do `what`, others that there is none.
    func owned(
        _ id: String,
        by caller: Principal,
        to what: String
    ) async throws(ManagementError) -> DeviceRecord {
        let visible = try await device(id, visibleTo: caller)
        guard visible.role != .guest else { throw .noRight("Only the owner may \(what).") }
        return visible.device
    }

    /// Somebody who is there, by a name from outside. Each answer tells whether a name is taken: a caller gets a few, then
    /// one every half a minute, so that names cannot be tried from a list.
    /// Whom the caller has to do with already costs nothing.
    func person(
        _ name: String,
        or known: UserName?,
        for caller: Principal
    ) throws(ManagementError) -> UserName {
        if let known { return known }
        guard let user = UserName(rawValue: name) else { throw .notFound("user \(name.prefix(64))") }
        guard caller.role == .operator || nameRates.withLock({ $0.admit(caller.user, at: .now) }) else {
            throw .limit("too many names; add the next person in half a minute")
        }
        return user
    }

    /// What people call something: one line.
    static func title(_ text: String) throws(ManagementError) -> String {
        guard (1...longestTitle).contains(text.count), text.utf8.count <= 4 * longestTitle,
            !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else {
            throw .invalid(
                field: "name",
                "expected 1 to \(longestTitle) characters without control characters"
            )
        }
        return text
    }

    private static let longestTitle = 128

    /// Rights that somebody is given: at least one.
    static func demandRights(_ rights: Rights) throws(ManagementError) {
        guard !rights.isEmpty, Rights.owner.isSuperset(of: rights) else {
            throw .invalid(
                field: "rights",
                "expected some of \(Rights.words.joined(separator: ", "))"
            )
        }
    }

    /// One call of the store, its errors in the words of reference point Cc.
    func stored<Value>(
        _ body: (any CentreStore) async throws -> Value
    ) async throws(ManagementError) -> Value {
        do {
            return try await body(store)
        } catch let error as StoreError {
            throw ManagementError(error)
        } catch {
            throw .unavailable("the store failed")
        }
    }
}

extension ManagementError {
    init(_ error: StoreError) {
        switch error {
        case .notFound(let what): self = .notFound(what)
        case .conflict(let what): self = .conflict(what)
        default: self = .unavailable(error.description)
        }
    }
}

extension Character {
    /// ASCII only; a name of nothing but dots and hyphens names nothing.
    var isLetterOrDigit: Bool { isASCII && (isLetter || isNumber) }
}
