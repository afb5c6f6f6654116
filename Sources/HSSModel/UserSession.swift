/// A login of a person, or a token, as its user knows it. The name opens nothing.
package struct UserSessionID: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

package enum UserSessionKind: String, Sendable {
    case login
    /// Made by its user for a program: one secret, without a refresh token.
    case token
}

/// A session as its user sees it.
package struct UserSession: Sendable, Equatable {
    package var id: UserSessionID
    package var kind: UserSessionKind
    /// Of a token.
    package var name: String?
    package var scopes: Scopes
    package var createdAt: WallTime
    /// To the minute.
    package var lastUsedAt: WallTime?
    /// When it ends by itself, if it is not renewed before.
    package var expiresAt: WallTime
    /// Whence it was begun.
    package var address: String?
    /// What the program said of itself.
    package var client: String?

    package init(
        id: UserSessionID,
        kind: UserSessionKind,
        name: String? = nil,
        scopes: Scopes = .all,
        createdAt: WallTime,
        lastUsedAt: WallTime? = nil,
        expiresAt: WallTime,
        address: String? = nil,
        client: String? = nil
    ) {
        self.id = id
        self.kind = kind
        self.name = name
        self.scopes = scopes
        self.createdAt = createdAt
        self.lastUsedAt = lastUsedAt
        self.expiresAt = expiresAt
        self.address = address
        self.client = client
    }
}
