package import HSSModel

/// A person who logs in, as kept.
package struct StoredUser: Sendable, Equatable {
    package var name: UserName
    package var role: Role
    package var disabled: Bool
    /// Scheme, parameters, salt and hash in one text; the store does not look into it.
    package var passwordHash: Secret
    package var createdAt: WallTime
    /// Nil: the user has no second factor.
    package var totp: StoredTOTP?

    package init(
        name: UserName,
        role: Role,
        disabled: Bool,
        passwordHash: Secret,
        createdAt: WallTime,
        totp: StoredTOTP? = nil
    ) {
        self.name = name
        self.role = role
        self.disabled = disabled
        self.passwordHash = passwordHash
        self.createdAt = createdAt
        self.totp = totp
    }
}

/// A second factor (RFC 6238), as kept.
package struct StoredTOTP: Sendable, Equatable {
    /// The store does not look into it.
    package var sealedSecret: Secret
    /// False until its user has shown a code of it.
    package var isConfirmed: Bool
    /// Of the last code that was taken.
    package var lastStep: Int64?

    package init(sealedSecret: Secret, isConfirmed: Bool = false, lastStep: Int64? = nil) {
        self.sealedSecret = sealedSecret
        self.isConfirmed = isConfirmed
        self.lastStep = lastStep
    }
}

/// Accounts. Every call is one transaction; what it returned from is durable.
package protocol UserStore: Sendable {
    /// `conflict` where the name is taken, by a disabled user too.
    func add(_ user: StoredUser) async throws(StoreError)

    func user(_ name: UserName) async throws(StoreError) -> StoredUser?

    /// Ordered by name, those after `after`; at most ``pageLimit``.
    func users(after: UserName?, limit: Int) async throws(StoreError) -> [StoredUser]

    /// Disabling ends the user's sessions, open bind codes, memberships and what others share with it in the same
    /// transaction. `conflict` where it
    /// would leave no operator who can log in.
    func setUser(_ name: UserName, disabled: Bool) async throws(StoreError) -> StoredUser

    /// Replaces `old` by `new`; false, and nothing happens, where the stored hash is no longer `old`.
    func replacePasswordHash(
        of name: UserName,
        _ old: Secret,
        by new: Secret
    ) async throws(StoreError) -> Bool

    /// The same for a password that was changed: all sessions but `kept` end with it.
    func changePassword(
        of name: UserName,
        from old: Secret,
        to new: Secret,
        keeping kept: UserSessionID?
    ) async throws(StoreError) -> Bool

    /// A secret that does not count yet. `conflict` where one counts.
    func setTOTP(of name: UserName, _ sealedSecret: Secret) async throws(StoreError)

    /// From now on it counts. False where the secret is no longer this one, or counts already.
    func confirmTOTP(
        of name: UserName,
        _ sealedSecret: Secret,
        step: Int64,
        recoveryCodes: [String]
    ) async throws(StoreError) -> Bool

    /// False where a code of this step, or a later one, was taken already.
    func takeTOTPStep(_ step: Int64, of name: UserName) async throws(StoreError) -> Bool

    /// False where there is no such code (any more).
    func takeRecoveryCode(hash: String, of name: UserName) async throws(StoreError) -> Bool

    func recoveryCodeCount(of name: UserName) async throws(StoreError) -> Int

    /// The secret and the recovery codes. `notFound` where the user is not there.
    func removeTOTP(of name: UserName) async throws(StoreError)
}

/// Rows that one call of a listing returns at most, whatever the caller asks for.
package let pageLimit = 1000
