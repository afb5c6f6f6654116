import GRDB
package import HSSModel

extension SQLiteStore: SessionStore {
    package static let accessGrant = """
        SELECT users.name, users.role, sessions.family_hash, sessions.scopes, sessions.last_used_at
        FROM sessions JOIN users ON users.name = sessions.user_name
        WHERE sessions.access_hash = ? AND sessions.access_expires_at > ? AND users.disabled = 0
        """

    package func open(_ session: StoredSession, keeping limit: Int) async throws(StoreError) {
        try await write { database in
            let user = session.user.rawValue
            guard try database.finds("SELECT 1 FROM users WHERE name = ? AND disabled = 0", [user]) else {
                throw StoreError.notFound("user \(session.user)")
            }
            // Room first, so that the new session is kept even if the clock was set back.
            try database.run(
                """
                DELETE FROM sessions WHERE family_hash IN (
                    SELECT family_hash FROM sessions WHERE user_name = ? AND kind = 'login'
                    ORDER BY created_at DESC, family_hash LIMIT -1 OFFSET ?
                )
                """,
                [user, max(0, limit - 1)]
            )
            try database.insert(session)
        }
    }

    package func grant(accessHash: String, at now: WallTime) async throws(StoreError) -> AccessGrant? {
        try await read { database in
            try StoredRow.fetchOne(database, Self.accessGrant, [accessHash, now.milliseconds]).map {
                AccessGrant(
                    user: try $0.identifier("name"),
                    role: try $0.role("role"),
                    session: StoredSession.id(familyHash: try $0.text("family_hash")),
                    scopes: try $0.scopes("scopes"),
                    lastUsedAt: try $0.optionalTime("last_used_at")
                )
            }
        }
    }

    package func rotate(
        family: String,
        presented: String,
        to tokens: StoredSession.Tokens,
        at now: WallTime
    ) async throws(StoreError) -> Rotation {
        try await write { database in
            let row = try StoredRow.fetchOne(
                database,
                """
                SELECT sessions.user_name, sessions.refresh_hash, sessions.previous_refresh_hash,
                    sessions.rotated_at
                FROM sessions
                JOIN users ON users.name = sessions.user_name
                WHERE sessions.family_hash = ? AND sessions.refresh_expires_at > ? AND users.disabled = 0
                """,
                [family, now.milliseconds]
            )
            guard let row else { return .unknown }
            let user: UserName = try row.identifier("user_name")
            let isCurrent = try row.text("refresh_hash") == presented
            let rotatedAt = try row.optionalTime("rotated_at")
            let isLate = rotatedAt.map { now >= $0 + Rotation.grace } ?? true
            guard try isCurrent || !isLate && row.optionalText("previous_refresh_hash") == presented else {
                try database.run("DELETE FROM sessions WHERE family_hash = ?", [family])
                return .reused(user)
            }
            try database.run(
                """
                UPDATE sessions SET refresh_hash = ?, refresh_expires_at = ?, access_hash = ?,
                    access_expires_at = ?, previous_refresh_hash = ?, rotated_at = ? WHERE family_hash = ?
                """,
                [
                    tokens.refreshHash, tokens.refreshExpiresAt.milliseconds, tokens.accessHash,
                    // The grace runs from the first exchange: coming again does not make it longer.
                    tokens.accessExpiresAt.milliseconds, presented,
                    (isCurrent ? now : rotatedAt ?? now).milliseconds, family,
                ]
            )
            return .rotated(user)
        }
    }

    package func closeSession(accessHash: String) async throws(StoreError) -> UserSessionID? {
        try await write { database in
            let row = try StoredRow.fetchOne(
                database,
                "DELETE FROM sessions WHERE access_hash = ? RETURNING family_hash",
                [accessHash]
            )
            return try row.map { StoredSession.id(familyHash: try $0.text("family_hash")) }
        }
    }

    package static let sessionsOfUser = """
        SELECT * FROM sessions WHERE user_name = ? ORDER BY created_at DESC
        """

    package func sessions(of user: UserName) async throws(StoreError) -> [UserSession] {
        try await read { database in
            try StoredRow.fetchAll(database, Self.sessionsOfUser, [user.rawValue]).map { row in
                guard let kind = UserSessionKind(rawValue: try row.text("kind")) else {
                    throw StoreError.corrupt("unexpected value in column kind")
                }
                return UserSession(
                    id: StoredSession.id(familyHash: try row.text("family_hash")),
                    kind: kind,
                    name: try row.optionalText("name"),
                    scopes: try row.scopes("scopes"),
                    createdAt: try row.time("created_at"),
                    lastUsedAt: try row.optionalTime("last_used_at"),
                    expiresAt: try row.time("refresh_expires_at"),
                    address: try row.optionalText("address"),
                    client: try row.optionalText("client")
                )
            }
        }
    }

    package func addToken(_ session: StoredSession, limit: Int) async throws(StoreError) -> Bool {
        try await write { database in
            let user = session.user.rawValue
            guard try database.finds("SELECT 1 FROM users WHERE name = ? AND disabled = 0", [user]) else {
                throw StoreError.notFound("user \(session.user)")
            }
            let count = try database.count(
                "SELECT count(*) FROM sessions WHERE user_name = ? AND kind = 'token'",
                [user]
            )
            guard count < limit else { return false }
            try database.insert(session)
            return true
        }
    }

    package func closeSession(_ id: UserSessionID, of user: UserName) async throws(StoreError) -> Bool {
        try await write { database in
            try database.run(
                "DELETE FROM sessions WHERE user_name = ? AND substr(family_hash, 1, ?) = ?",
                [user.rawValue, StoredSession.idLength, id.rawValue]
            )
            return database.changesCount > 0
        }
    }

    package func closeSessions(of user: UserName, but kept: UserSessionID?) async throws(StoreError) {
        try await write { database in try database.closeSessions(of: user, but: kept) }
    }

    package func noteUse(_ uses: [SessionUse]) async throws(StoreError) {
        try await write { database in
            for use in uses {
                try database.run(
                    """
                    UPDATE sessions SET last_used_at = ? WHERE user_name = ? AND substr(family_hash, 1, ?) = ?
                        AND (last_used_at IS NULL OR last_used_at < ?)
                    """,
                    [
                        use.time.milliseconds, use.user.rawValue, StoredSession.idLength,
                        use.session.rawValue, use.time.milliseconds,
                    ]
                )
            }
        }
    }

    package func sessionCount() async throws(StoreError) -> Int {
        try await read { database in try database.count("SELECT count(*) FROM sessions") }
    }
}

extension Database {
    func closeSessions(of user: UserName, but kept: UserSessionID?) throws {
        try run(
            "DELETE FROM sessions WHERE user_name = ? AND substr(family_hash, 1, ?) <> ?",
            [user.rawValue, StoredSession.idLength, kept?.rawValue ?? ""]
        )
    }

    fileprivate func insert(_ session: StoredSession) throws {
        try run(
            """
            INSERT INTO sessions (family_hash, user_name, refresh_hash, refresh_expires_at, access_hash,
                access_expires_at, created_at, kind, name, scopes, address, client)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                session.familyHash, session.user.rawValue, session.tokens.refreshHash,
                session.tokens.refreshExpiresAt.milliseconds, session.tokens.accessHash,
                session.tokens.accessExpiresAt.milliseconds, session.createdAt.milliseconds,
                session.kind.rawValue, session.name,
                session.scopes == .all ? nil : session.scopes.rawValue, session.address, session.client,
            ]
        )
    }
}

extension StoredRow {
    fileprivate func scopes(_ column: String) throws -> Scopes {
        try optionalInt64(column).map { Scopes(rawValue: Int($0)) } ?? .all
    }
}
