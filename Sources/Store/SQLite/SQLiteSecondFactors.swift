import GRDB
package import HSSModel

/// The part of ``UserStore`` that keeps second factors.
extension SQLiteStore {
    package func setTOTP(of name: UserName, _ sealedSecret: Secret) async throws(StoreError) {
        try await write { database in
            try database.run(
                """
                UPDATE users SET totp_secret = ?, totp_step = NULL
                WHERE name = ? AND disabled = 0 AND totp_confirmed = 0
                """,
                [sealedSecret.reveal(), name.rawValue]
            )
            guard database.changesCount == 1 else {
                throw StoreError.conflict("a second factor is set up already")
            }
        }
    }

    package func confirmTOTP(
        of name: UserName,
        _ sealedSecret: Secret,
        step: Int64,
        recoveryCodes: [String]
    ) async throws(StoreError) -> Bool {
        try await write { database in
            try database.run(
                """
                UPDATE users SET totp_confirmed = 1, totp_step = ?
                WHERE name = ? AND totp_secret = ? AND totp_confirmed = 0
                """,
                [step, name.rawValue, sealedSecret.reveal()]
            )
            guard database.changesCount == 1 else { return false }
            try database.run("DELETE FROM recovery_codes WHERE user_name = ?", [name.rawValue])
            for code in recoveryCodes {
                try database.run("INSERT INTO recovery_codes VALUES (?, ?)", [name.rawValue, code])
            }
            return true
        }
    }

    package func takeTOTPStep(_ step: Int64, of name: UserName) async throws(StoreError) -> Bool {
        try await write { database in
            try database.run(
                """
                UPDATE users SET totp_step = ?
                WHERE name = ? AND totp_confirmed = 1 AND (totp_step IS NULL OR totp_step < ?)
                """,
                [step, name.rawValue, step]
            )
            return database.changesCount == 1
        }
    }

    package func takeRecoveryCode(hash: String, of name: UserName) async throws(StoreError) -> Bool {
        try await write { database in
            try database.run(
                "DELETE FROM recovery_codes WHERE user_name = ? AND code_hash = ?",
                [name.rawValue, hash]
            )
            return database.changesCount == 1
        }
    }

    package func recoveryCodeCount(of name: UserName) async throws(StoreError) -> Int {
        try await read { database in
            try database.count("SELECT count(*) FROM recovery_codes WHERE user_name = ?", [name.rawValue])
        }
    }

    package func removeTOTP(of name: UserName) async throws(StoreError) {
        try await write { database in
            try database.run(
                "UPDATE users SET totp_secret = NULL, totp_confirmed = 0, totp_step = NULL WHERE name = ?",
                [name.rawValue]
            )
            guard database.changesCount == 1 else { throw StoreError.notFound("user \(name)") }
            try database.run("DELETE FROM recovery_codes WHERE user_name = ?", [name.rawValue])
        }
    }
}
