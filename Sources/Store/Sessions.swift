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
    package var kind: UserSessionKind
    /// Of a token.
    package var name: String?
    package var scopes: Scopes
    package var address: String?
    package var client: String?

    package init(
        familyHash: String,
        user: UserName,
        tokens: Tokens,
        createdAt: WallTime,
        kind: UserSessionKind = .login,
        name: String? = nil,
        scopes: Scopes = .all,
        address: String? = nil,
        client: String? = nil
    ) {
        self.familyHash = familyHash
        self.user = user
        self.tokens = tokens
        self.createdAt = createdAt
        self.kind = kind
        self.name = name
        self.scopes = scopes
        self.address = address
        self.client = client
    }

    /// Digits of the hash that name a session to its user: among fifty no two are alike.
    package static let idLength = 20

    package static func id(familyHash: String) -> UserSessionID {
        UserSessionID(unchecked: String(familyHash.prefix(idLength)))
    }
}

/// Whom a valid access token stands for.
package struct AccessGrant: Sendable, Equatable {
    package var user: UserName
    package var role: Role
    package var session: UserSessionID
    package var scopes: Scopes
    package var lastUsedAt: WallTime?

    package init(
        user: UserName,
        role: Role,
        session: UserSessionID,
        scopes: Scopes = .all,
        lastUsedAt: WallTime? = nil
    ) {
        self.user = user
        self.role = role
        self.session = session
        self.scopes = scopes
        self.lastUsedAt = lastUsedAt
    }
}

/// When a session was last used.
package struct SessionUse: Sendable, Equatable {
    package var user: UserName
    package var session: UserSessionID
    package var time: WallTime

    package init(user: UserName, session: UserSessionID, time: WallTime) {
        self.user = user
        self.session = session
        self.time = time
    }
}

/// What came of a refresh token.
package enum Rotation: Sendable, Equatable {
    /// How long a token is taken again after its rotation: a page that was loaded anew meanwhile lost the answer.
    package static let grace = Duration.seconds(30)

    case rotated(UserName)
    /// The session is known but this is not its current refresh token, nor, within ``grace``, the one before
    /// it: somebody has a copy. The session has been closed.
    case reused(UserName)
    /// No such session, expired, or its user is disabled.
    case unknown
}

/// Sessions of people. Every call is one transaction.
package protocol SessionStore: Sendable {
    /// Keeps the newest `limit` logins of the user, this one among them. `notFound` where the user is
    /// gone or disabled, which may have happened while the password was checked.
    func open(_ session: StoredSession, keeping limit: Int) async throws(StoreError)

    func grant(accessHash: String, at now: WallTime) async throws(StoreError) -> AccessGrant?

    /// Gives the session new tokens if `presented` is its current refresh hash, or the one before it within
    /// ``Rotation/grace`` of its rotation; what that rotation gave is old then.
    func rotate(
        family: String,
        presented: String,
        to tokens: StoredSession.Tokens,
        at now: WallTime
    ) async throws(StoreError) -> Rotation

    /// Nil where there is no such session.
    func closeSession(accessHash: String) async throws(StoreError) -> UserSessionID?

    /// Newest first.
    func sessions(of user: UserName) async throws(StoreError) -> [UserSession]

    /// A token. False where the user has `limit` of them; `notFound` as for ``open(_:keeping:)``.
    func addToken(_ session: StoredSession, limit: Int) async throws(StoreError) -> Bool

    /// False where the user has no such session.
    func closeSession(_ id: UserSessionID, of user: UserName) async throws(StoreError) -> Bool

    func closeSessions(of user: UserName, but kept: UserSessionID?) async throws(StoreError)

    /// One transaction for all. Sessions that are gone, and news older than what is stored, change nothing.
    func noteUse(_ uses: [SessionUse]) async throws(StoreError)

    func sessionCount() async throws(StoreError) -> Int
}
