import Bus
import HSSModel
import Store

// What accounts and devices have in common.

extension Registry {
    func demandOperator(_ caller: Principal) throws(ManagementError) {
        guard caller.role == .operator else { throw .forbidden }
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
