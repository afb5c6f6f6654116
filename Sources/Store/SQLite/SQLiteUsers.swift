import GRDB
package import HSSModel

extension SQLiteStore: UserStore {
    package static let usersAfter = "SELECT * FROM users WHERE name > ? ORDER BY name LIMIT ?"
    private static let userNamed = "SELECT * FROM users WHERE name = ?"

    package func add(_ user: StoredUser) async throws(StoreError) {
        try await write { database in
            guard try !database.finds(Self.userNamed, [user.name.rawValue]) else {
                throw StoreError.conflict("a user \(user.name) exists already")
            }
            try database.run(
                "INSERT INTO users (name, role, disabled, password_hash, created_at) VALUES (?, ?, ?, ?, ?)",
                [
                    user.name.rawValue, user.role.rawValue, user.disabled, user.passwordHash.reveal(),
                    user.createdAt.milliseconds,
                ]
            )
        }
    }

    package func user(_ name: UserName) async throws(StoreError) -> StoredUser? {
        try await read { database in try Self.user(name, database) }
    }

    package func users(after: UserName?, limit: Int) async throws(StoreError) -> [StoredUser] {
        try await read { database in
            try StoredRow.fetchAll(
                database,
                Self.usersAfter,
                [after?.rawValue ?? "", min(max(0, limit), pageLimit)]
            ).map(StoredUser.init)
        }
    }

    package func setUser(_ name: UserName, disabled: Bool) async throws(StoreError) -> StoredUser {
        try await write { database in
            guard var user = try Self.user(name, database) else {
                throw StoreError.notFound("user \(name)")
            }
            if disabled {
                let otherOperator =
                    "SELECT 1 FROM users WHERE role = 'operator' AND disabled = 0 AND name <> ? LIMIT 1"
                guard try user.role != .operator || database.finds(otherOperator, [name.rawValue]) else {
                    throw StoreError.conflict("\(name) is the last operator who can log in")
                }
                try database.run("DELETE FROM sessions WHERE user_name = ?", [name.rawValue])
                try database.run("DELETE FROM bind_codes WHERE user_name = ?", [name.rawValue])
                try database.run("DELETE FROM shares WHERE user_name = ?", [name.rawValue])
                try database.leaveHouseholds(name)
            }
            try database.run("UPDATE users SET disabled = ? WHERE name = ?", [disabled, name.rawValue])
            user.disabled = disabled
            return user
        }
    }

    package func replacePasswordHash(
        of name: UserName,
        _ old: Secret,
        by new: Secret
    ) async throws(StoreError) -> Bool {
        try await write { database in
            try database.run(
                "UPDATE users SET password_hash = ? WHERE name = ? AND password_hash = ?",
                [new.reveal(), name.rawValue, old.reveal()]
            )
            return database.changesCount == 1
        }
    }

    package func changePassword(
        of name: UserName,
        from old: Secret,
        to new: Secret,
        keeping kept: UserSessionID?
    ) async throws(StoreError) -> Bool {
        try await write { database in
            try database.run(
                "UPDATE users SET password_hash = ? WHERE name = ? AND password_hash = ?",
                [new.reveal(), name.rawValue, old.reveal()]
            )
            guard database.changesCount == 1 else { return false }
            try database.closeSessions(of: name, but: kept)
            return true
        }
    }

    private static func user(_ name: UserName, _ database: Database) throws -> StoredUser? {
        try StoredRow.fetchOne(database, userNamed, [name.rawValue]).map(StoredUser.init)
    }
}

extension StoredUser {
    fileprivate init(_ row: StoredRow) throws {
        let totp = try row.optionalText("totp_secret").map {
            StoredTOTP(
                sealedSecret: Secret($0),
                isConfirmed: try row.flag("totp_confirmed"),
                lastStep: try row.optionalInt64("totp_step")
            )
        }
        self.init(
            name: try row.identifier("name"),
            role: try row.role("role"),
            disabled: try row.flag("disabled"),
            passwordHash: Secret(try row.text("password_hash")),
            createdAt: try row.time("created_at"),
            totp: totp
        )
    }
}
