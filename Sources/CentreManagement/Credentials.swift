package import Bus
package import HSSModel
import HostClock
import Logging
import ServerKit
import Store
import Synchronization

/// Passwords and second factors. Whoever has somebody's access token does not have the password yet: each of these calls asks
/// for it, or for a code, and wrong ones count for the lock-out of the door.
extension Registry: CredentialPoint {
    package func account(of caller: Principal) async throws(ManagementError) -> AccountRecord {
        let user = try await known(caller.user)
        let isEnabled = user.totp?.isConfirmed ?? false
        return AccountRecord(
            user: user.name,
            role: user.role,
            totpEnabled: isEnabled,
            recoveryCodesLeft: isEnabled
                ? try await stored { try await $0.recoveryCodeCount(of: user.name) } : 0
        )
    }

    // MARK: Passwords

    package func changePassword(
        _ password: Secret,
        to new: Secret,
        by caller: Principal,
        from address: String
    ) async throws(ManagementError) {
        try Self.demand(new, of: caller.user, as: "new_password")
        let user = try await proven(caller, password, from: address)
        let hash = try await hashing { try await $0.hash(new) }
        // Checking may have renewed what is stored.
        let current = try await known(user.name).passwordHash
        try await change(user.name, current, to: hash, keeping: caller.session)
    }

    package func resetPassword(
        of user: String,
        to new: Secret,
        by caller: Principal
    ) async throws(ManagementError) {
        try demandOperator(caller)
        guard let name = UserName(rawValue: user) else { throw .notFound("user \(user.prefix(64))") }
        let known = try await known(name)
        try Self.demand(new, of: name)
        let hash = try await hashing { try await $0.hash(new) }
        let kept = name == caller.user ? caller.session : nil
        try await change(name, known.passwordHash, to: hash, keeping: kept)
        logger.notice(
            "a password was reset",
            metadata: ["of": "\(name)", "user": "\(caller.user)"]
        )
    }

    private func change(
        _ name: UserName,
        _ old: Secret,
        to new: Secret,
        keeping kept: UserSessionID?
    ) async throws(ManagementError) {
        let isChanged = try await stored {
            try await $0.changePassword(of: name, from: old, to: new, keeping: kept)
        }
        guard isChanged else { throw .conflict("the password was changed by somebody else meanwhile") }
        await end(leases.takeAll(of: name, but: kept))
    }

    // MARK: Second factors

    package func beginTOTP(
        _ password: Secret,
        by caller: Principal,
        from address: String
    ) async throws(ManagementError) -> (secret: Secret, uri: Secret) {
        let user = try await proven(caller, password, from: address)
        let secret = RandomText.bytes(TOTP.secretLength * 8)
        try await stored { try await $0.setTOTP(of: user.name, verifier.sealed(secret, of: user.name)) }
        return (Secret(TOTP.text(secret)), TOTP.uri(secret, of: user.name))
    }

    package func confirmTOTP(
        _ code: Secret,
        by caller: Principal,
        from address: String
    ) async throws(ManagementError) -> [Secret] {
        let user = try await known(caller.user)
        guard let totp = user.totp, !totp.isConfirmed else {
            throw .conflict("no second factor waits to be confirmed")
        }
        let step = try await guarded(caller, from: address) {
            () async throws(ManagementError) -> Shown<Int64> in
            guard let step = try self.step(of: code, totp, of: user.name) else { return .wrong("code") }
            return .right(step)
        }
        let codes = (0..<RecoveryCode.count).map { _ in RecoveryCode.make() }
        let isConfirmed = try await stored {
            try await $0.confirmTOTP(
                of: user.name,
                totp.sealedSecret,
                step: step,
                recoveryCodes: codes.compactMap(RecoveryCode.hash)
            )
        }
        guard isConfirmed else { throw .conflict("the second factor was set up anew meanwhile") }
        logger.notice("a second factor is set up", metadata: ["user": "\(user.name)"])
        return codes
    }

    package func endTOTP(
        _ password: Secret,
        code: Secret?,
        by caller: Principal,
        from address: String
    ) async throws(ManagementError) {
        // One attempt for both: a right password must not take back what wrong codes have counted.
        let user = try await guarded(caller, from: address) {
            () async throws(ManagementError) -> Shown<StoredUser> in
            guard let user = try await self.authenticated(caller.user, password) else {
                return .wrong("password")
            }
            guard let totp = user.totp else { throw .notFound("a second factor") }
            guard totp.isConfirmed else { return .right(user) }
            guard let code else { throw .invalid(field: "code", "expected one of the authenticator") }
            return try await self.showsSecondFactor(code, of: user) ? .right(user) : .wrong("code")
        }
        try await stored { try await $0.removeTOTP(of: user.name) }
        logger.notice("a second factor was taken away", metadata: ["user": "\(user.name)"])
    }

    package func resetTOTP(of user: String, by caller: Principal) async throws(ManagementError) {
        try demandOperator(caller)
        guard let name = UserName(rawValue: user) else { throw .notFound("user \(user.prefix(64))") }
        try await stored { try await $0.removeTOTP(of: name) }
        logger.notice(
            "a second factor was reset",
            metadata: ["of": "\(name)", "user": "\(caller.user)"]
        )
    }

    /// Whether the code, which may be a recovery code, is one of the user. It is used up. True where none is asked for;
    /// `codeRequired` where it is missing.
    func showsSecondFactor(_ code: Secret?, of user: StoredUser) async throws(ManagementError) -> Bool {
        guard let totp = user.totp, totp.isConfirmed else { return true }
        guard let code else { throw .codeRequired }
        if TOTP.canonical(code) != nil {
            guard let step = try step(of: code, totp, of: user.name) else { return false }
            return try await stored { try await $0.takeTOTPStep(step, of: user.name) }
        }
        guard let hash = RecoveryCode.hash(code),
            try await stored({ try await $0.takeRecoveryCode(hash: hash, of: user.name) })
        else { return false }
        logger.notice("a recovery code was used", metadata: ["user": "\(user.name)"])
        return true
    }

    private func step(
        of code: Secret,
        _ totp: StoredTOTP,
        of user: UserName
    ) throws(ManagementError) -> Int64? {
        guard let secret = verifier.opened(totp.sealedSecret, of: user) else {
            throw .unavailable(
                "the second factor of \(user) was sealed under another key than keys/logins.key"
            )
        }
        guard let figures = TOTP.canonical(code) else { return nil }
        return TOTP.step(of: figures, secret, at: .now, after: totp.lastStep)
    }

    // MARK: Proof

    private func known(_ name: UserName) async throws(ManagementError) -> StoredUser {
        guard let user = try await stored({ try await $0.user(name) }) else {
            throw .notFound("user \(name)")
        }
        return user
    }

    private func proven(
        _ caller: Principal,
        _ password: Secret,
        from address: String
    ) async throws(ManagementError) -> StoredUser {
        try await guarded(caller, from: address) { () async throws(ManagementError) -> Shown<StoredUser> in
            guard let user = try await self.authenticated(caller.user, password) else {
                return .wrong("password")
            }
            return user.totp?.isConfirmed ?? false ? .half(user) : .right(user)
        }
    }

    /// A wrong answer counts as one at the door, and only a whole one takes others back.
    private func guarded<Proof>(
        _ caller: Principal,
        from address: String,
        _ check: () async throws(ManagementError) -> Shown<Proof>
    ) async throws(ManagementError) -> Proof {
        let attempt: LoginGuard<UserName>.Attempt
        switch userGuard.withLock({ $0.begin(caller.user, from: NetworkPrefix(address), at: .now) }) {
        case .wait(let delay): throw .lockedOut(retryAfter: delay)
        case .attempt(let begun): attempt = begun
        }
        let shown: Shown<Proof>
        do throws(ManagementError) {
            shown = try await check()
        } catch {
            userGuard.withLock { $0.abandoned(attempt) }
            throw error
        }
        switch shown {
        case .right(let proof):
            userGuard.withLock { $0.succeeded(attempt) }
            return proof
        case .half(let proof):
            userGuard.withLock { $0.abandoned(attempt) }
            return proof
        case .wrong(let field):
            userGuard.withLock { $0.failed(attempt, at: .now) }
            throw .invalid(field: field, "it is not the right one")
        }
    }
}

/// What somebody showed.
private enum Shown<Proof> {
    case right(Proof)
    /// The password of somebody who has a second factor too.
    case half(Proof)
    /// With the field that was wrong.
    case wrong(String)
}
