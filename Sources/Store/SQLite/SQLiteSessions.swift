import GRDB
package import HSSModel

extension SQLiteStore: SessionStore {
    package static let accessGrant = """
        SELECT users.name, users.role FROM sessions JOIN users ON users.name = sessions.user_name
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
                    SELECT family_hash FROM sessions WHERE user_name = ?
                    ORDER BY created_at DESC, family_hash LIMIT -1 OFFSET ?
                )
                """,
                [user, max(0, limit - 1)]
            )
            try database.run(
                """
                INSERT INTO sessions (family_hash, user_name, refresh_hash, refresh_expires_at, access_hash,
                    access_expires_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    session.familyHash, user, session.tokens.refreshHash,
                    session.tokens.refreshExpiresAt.milliseconds, session.tokens.accessHash,
                    session.tokens.accessExpiresAt.milliseconds, session.createdAt.milliseconds,
                ]
            )
        }
    }

    package func grant(accessHash: String, at now: WallTime) async throws(StoreError) -> AccessGrant? {
        try await read { database in
            try StoredRow.fetchOne(database, Self.accessGrant, [accessHash, now.milliseconds]).map {
                AccessGrant(user: try $0.identifier("name"), role: try $0.role("role"))
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
                SELECT sessions.user_name, sessions.refresh_hash FROM sessions
                JOIN users ON users.name = sessions.user_name
                WHERE sessions.family_hash = ? AND sessions.refresh_expires_at > ? AND users.disabled = 0
                """,
                [family, now.milliseconds]
            )
            guard let row else { return .unknown }
            let user: UserName = try row.identifier("user_name")
            guard try row.text("refresh_hash") == presented else {
                try database.run("DELETE FROM sessions WHERE family_hash = ?", [family])
                return .reused(user)
            }
            try database.run(
                """
                UPDATE sessions SET refresh_hash = ?, refresh_expires_at = ?, access_hash = ?,
                    access_expires_at = ? WHERE family_hash = ?
                """,
                [
                    tokens.refreshHash, tokens.refreshExpiresAt.milliseconds, tokens.accessHash,
                    tokens.accessExpiresAt.milliseconds, family,
                ]
            )
            return .rotated(user)
        }
    }

    package func closeSession(accessHash: String) async throws(StoreError) -> Bool {
        try await write { database in
            try database.run("DELETE FROM sessions WHERE access_hash = ?", [accessHash])
            return database.changesCount > 0
        }
    }

    package func sessionCount() async throws(StoreError) -> Int {
        try await read { database in try database.count("SELECT count(*) FROM sessions") }
    }
}
