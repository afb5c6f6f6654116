import GRDB
package import HSSModel

extension SQLiteStore: BindingStore {
    /// Rows that one sweep deletes of each kind: the writer must not be held for long.
    private static let sweepLimit = 10_000

    package func addBindCode(
        hash: String,
        for user: UserName,
        expiresAt: WallTime,
        at now: WallTime,
        limit: Int
    ) async throws(StoreError) -> Bool {
        try await write { database in
            guard
                try database.finds("SELECT 1 FROM users WHERE name = ? AND disabled = 0", [user.rawValue])
            else { throw StoreError.notFound("user \(user)") }
            let open = try database.count(
                "SELECT count(*) FROM bind_codes WHERE user_name = ? AND expires_at > ?",
                [user.rawValue, now.milliseconds]
            )
            guard open < limit else { return false }
            try database.run(
                "INSERT INTO bind_codes (code_hash, user_name, expires_at) VALUES (?, ?, ?)",
                [hash, user.rawValue, expiresAt.milliseconds]
            )
            return true
        }
    }

    package func redeem(
        codeHash: String,
        for unit: UnitID,
        at now: WallTime
    ) async throws(StoreError) -> Redemption {
        try await write { database in
            let code = try StoredRow.fetchOne(
                database,
                """
                SELECT bind_codes.user_name FROM bind_codes JOIN users ON users.name = bind_codes.user_name
                WHERE code_hash = ? AND expires_at > ? AND users.disabled = 0
                """,
                [codeHash, now.milliseconds]
            )
            guard let code else { return .unknownCode }
            let user: UserName = try code.identifier("user_name")
            let device = try StoredRow.fetchOne(
                database,
                "SELECT owner FROM devices WHERE device_id = ? AND disabled = 0",
                [unit.rawValue]
            )
            guard let device else { return .unknownDevice }
            if let owner = try device.optionalText("owner"), owner != user.rawValue { return .boundToAnother }
            try database.run("DELETE FROM bind_codes WHERE code_hash = ?", [codeHash])
            try database.run(
                "UPDATE devices SET owner = ? WHERE device_id = ?",
                [user.rawValue, unit.rawValue]
            )
            return .bound(to: user)
        }
    }

    package func unbind(_ unit: UnitID, owner: UserName?) async throws(StoreError) -> UserName? {
        try await write { database in
            let device = try StoredRow.fetchOne(
                database,
                "SELECT owner FROM devices WHERE device_id = ?",
                [unit.rawValue]
            )
            guard let device else { throw StoreError.notFound("device \(unit)") }
            let current: UserName? =
                try device.optionalText("owner") == nil ? nil : device.identifier("owner")
            if let owner, owner != current { throw StoreError.notFound("device \(unit)") }
            try database.run("UPDATE devices SET owner = NULL WHERE device_id = ?", [unit.rawValue])
            try database.run("DELETE FROM shares WHERE device_id = ?", [unit.rawValue])
            try database.run("DELETE FROM household_devices WHERE device_id = ?", [unit.rawValue])
            try database.forgetSnapshots(of: unit)
            try database.dropRecordingWishes(of: unit)
            return current
        }
    }

    package func dropExpired(at now: WallTime) async throws(StoreError) -> Int {
        try await write { database in
            try database.run(
                """
                DELETE FROM sessions WHERE rowid IN (
                    SELECT rowid FROM sessions WHERE refresh_expires_at <= ? LIMIT ?
                )
                """,
                [now.milliseconds, Self.sweepLimit]
            )
            var dropped = database.changesCount
            try database.run(
                """
                DELETE FROM bind_codes WHERE rowid IN (
                    SELECT rowid FROM bind_codes WHERE expires_at <= ? LIMIT ?
                )
                """,
                [now.milliseconds, Self.sweepLimit]
            )
            dropped += database.changesCount
            return dropped
        }
    }
}
