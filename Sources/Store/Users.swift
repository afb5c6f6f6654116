package import HSSModel

/// A person who logs in, as kept.
package struct StoredUser: Sendable, Equatable {
    package var name: UserName
    package var role: Role
    package var disabled: Bool
    /// Scheme, parameters, salt and hash in one text; the store does not look into it.
    package var passwordHash: Secret
    package var createdAt: WallTime

    package init(name: UserName, role: Role, disabled: Bool, passwordHash: Secret, createdAt: WallTime) {
        self.name = name
        self.role = role
        self.disabled = disabled
        self.passwordHash = passwordHash
        self.createdAt = createdAt
    }
}

/// Accounts. Every call is one transaction; what it returned from is durable.
package protocol UserStore: Sendable {
    /// `conflict` where the name is taken, by a disabled user too.
    func add(_ user: StoredUser) async throws(StoreError)

    func user(_ name: UserName) async throws(StoreError) -> StoredUser?

    /// Ordered by name, those after `after`; at most ``pageLimit``.
    func users(after: UserName?, limit: Int) async throws(StoreError) -> [StoredUser]

    /// Disabling ends the user's sessions and open bind codes in the same transaction. `conflict` where it
    /// would leave no operator who can log in.
    func setUser(_ name: UserName, disabled: Bool) async throws(StoreError) -> StoredUser

    /// Replaces `old` by `new`; false, and nothing happens, where the stored hash is no longer `old`.
    func replacePasswordHash(
        of name: UserName,
        _ old: Secret,
        by new: Secret
    ) async throws(StoreError) -> Bool
}

/// Rows that one call of a listing returns at most, whatever the caller asks for.
package let pageLimit = 1000
