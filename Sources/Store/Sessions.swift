package import HSSModel

/// A login of a person, as kept: hashes of tokens, never tokens.
package struct StoredSession: Sendable, Equatable {
    /// What works for a while and is replaced as a whole by ``SessionStore/rotate(family:presented:to:at:)``.
    package struct Tokens: Sendable, Equatable {
        package var refreshHash: String
        package var refreshExpiresAt: WallTime
        package var accessHash: String
        package var accessExpiresAt: WallTime

        package init(
            refreshHash: String,
            refreshExpiresAt: WallTime,
            accessHash: String,
            accessExpiresAt: WallTime
        ) {
            self.refreshHash = refreshHash
            self.refreshExpiresAt = refreshExpiresAt
            self.accessHash = accessHash
            self.accessExpiresAt = accessExpiresAt
        }
    }

    /// Hash of what all refresh tokens of this session have in common: it names the session.
    package var familyHash: String
    package var user: UserName
    package var tokens: Tokens
    package var createdAt: WallTime

    package init(familyHash: String, user: UserName, tokens: Tokens, createdAt: WallTime) {
        self.familyHash = familyHash
        self.user = user
        self.tokens = tokens
        self.createdAt = createdAt
    }
}

/// Whom a valid access token stands for.
package struct AccessGrant: Sendable, Equatable {
    package var user: UserName
    package var role: Role

    package init(user: UserName, role: Role) {
        self.user = user
        self.role = role
    }
}

/// What came of a refresh token.
package enum Rotation: Sendable, Equatable {
    case rotated(UserName)
    /// The session is known but this is not its current refresh token: somebody has a copy. The session has
    /// been closed.
    case reused(UserName)
    /// No such session, expired, or its user is disabled.
    case unknown
}

/// Sessions of people. Every call is one transaction.
package protocol SessionStore: Sendable {
    /// Keeps the newest `limit` sessions of the user, this one among them. `notFound` where the user is
    /// gone or disabled, which may have happened while the password was checked.
    func open(_ session: StoredSession, keeping limit: Int) async throws(StoreError)

    func grant(accessHash: String, at now: WallTime) async throws(StoreError) -> AccessGrant?

    /// Gives the session new tokens if `presented` is its current refresh hash.
    func rotate(
        family: String,
        presented: String,
        to tokens: StoredSession.Tokens,
        at now: WallTime
    ) async throws(StoreError) -> Rotation

    /// False where there is no such session.
    func closeSession(accessHash: String) async throws(StoreError) -> Bool

    func sessionCount() async throws(StoreError) -> Int
}
