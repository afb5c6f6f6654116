package import Bus
package import HSSModel
import HostClock
import Logging
import ServerKit
import Store
import Synchronization

extension Registry: AccountPoint {
    private static let operatorName = UserName(unchecked: "admin")

    /// Makes the operator `admin` where there is none. Returns the password if it had to make one, for the
    /// root to print once; it is stored nowhere else. An existing operator is left as it is.
    package func ensureOperator(password: Secret?) async throws(ManagementError) -> Secret? {
        guard try await stored({ try await $0.user(Self.operatorName) }) == nil else { return nil }
        let made = password == nil ? Secret(RandomText.base32(bits: 120)) : nil
        guard let chosen = password ?? made else { return nil }
        do {
            _ = try await makeUser(Self.operatorName, password: chosen, role: .operator)
            return made
        } catch .conflict {
            return nil  // another node was faster
        } catch .invalid(_, let rule) {
            throw .invalid(field: "VEDETTE_ADMIN_PASSWORD", rule)
        }
    }

    package func openSession(_ login: PersonLogin) async throws(ManagementError) -> SessionTokens {
        let name = UserName(rawValue: login.user)
        let attempt: LoginGuard<UserName>.Attempt
        switch userGuard.withLock({ $0.begin(name, from: NetworkPrefix(login.address), at: .now) }) {
        case .wait(let delay):
            metrics.users.locked.add()
            throw .lockedOut(retryAfter: delay)
        case .attempt(let begun): attempt = begun
        }
        do throws(ManagementError) {
            guard let user = try await authenticated(name, login.password),
                try await showsSecondFactor(login.code, of: user)
            else {
                userGuard.withLock { $0.failed(attempt, at: .now) }
                metrics.users.refused.add()
                throw ManagementError.unauthenticated
            }
            let tokens = try await openSession(of: user, login)
            userGuard.withLock { $0.succeeded(attempt) }
            metrics.users.accepted.add()
            return tokens
        } catch .unauthenticated {
            throw .unauthenticated
        } catch .codeRequired {
            userGuard.withLock { $0.abandoned(attempt) }
            throw .codeRequired
        } catch {
            userGuard.withLock { $0.abandoned(attempt) }
            metrics.users.unavailable.add()
            throw error
        }
    }

    package func refreshSession(_ refresh: Secret) async throws(ManagementError) -> SessionTokens {
        guard let presented = RefreshToken(refresh) else { throw .unauthenticated }
        let now = WallTime.now
        let (tokens, hashes) = makeTokens(family: presented.family, at: now)
        let rotation = try await stored {
            try await $0.rotate(
                family: tokenHash(presented.family),
                presented: tokenHash(presented.once),
                to: hashes,
                at: now
            )
        }
        switch rotation {
        case .rotated: return tokens
        case .reused(let user):
            await end(leases.take(StoredSession.id(familyHash: tokenHash(presented.family)), of: user))
            metrics.reusedTokens.add()
            logger.notice(
                "session closed: an old refresh token came again; the user has to log in anew",
                metadata: ["user": "\(user)"]
            )
            throw .unauthenticated
        case .unknown: throw .unauthenticated
        }
    }

    package func closeSession(access: Secret) async throws(ManagementError) {
        let hash = tokenHash(access.reveal())
        let user = try await stored { try await $0.grant(accessHash: hash, at: .now) }?.user
        guard let session = try await stored({ try await $0.closeSession(accessHash: hash) }) else {
            throw .unauthenticated
        }
        if let user { await end(leases.take(session, of: user)) }
    }

    package func principal(access: Secret) async throws(ManagementError) -> Principal {
        let hash = tokenHash(access.reveal())
        let now = WallTime.now
        guard let grant = try await stored({ try await $0.grant(accessHash: hash, at: now) }) else {
            throw .unauthenticated
        }
        uses.note(grant, at: now)
        // What operators may do beyond others they may with `admin` alone.
        let role: Role = grant.scopes.contains(.admin) ? grant.role : .customer
        return Principal(user: grant.user, role: role, scopes: grant.scopes, session: grant.session)
    }

    package func addUser(
        _ name: String,
        password: Secret,
        role: Role,
        by caller: Principal
    ) async throws(ManagementError) -> UserRecord {
        try demandOperator(caller)
        guard let name = UserName(rawValue: name), name.rawValue.contains(where: \.isLetterOrDigit) else {
            throw .invalid(field: "user", "expected 1 to 64 characters of A-Z a-z 0-9 . _ : -")
        }
        return UserRecord(try await makeUser(name, password: password, role: role))
    }

    package func users(
        after: UserName?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [UserRecord] {
        try demandOperator(caller)
        return try await stored { try await $0.users(after: after, limit: limit) }.map(UserRecord.init)
    }

    package func setUser(
        _ name: String,
        disabled: Bool,
        by caller: Principal
    ) async throws(ManagementError) -> UserRecord {
        try demandOperator(caller)
        guard let name = UserName(rawValue: name) else { throw .notFound("this user") }
        let user = UserRecord(try await stored { try await $0.setUser(name, disabled: disabled) })
        if disabled { await announce(disabled: name) }
        return user
    }

    /// Nil alike for an unknown user, a wrong password and a disabled user; each costs one hash.
    func authenticated(
        _ name: UserName?,
        _ password: Secret
    ) async throws(ManagementError) -> StoredUser? {
        var user: StoredUser?
        if let name { user = try await stored { try await $0.user(name) } }
        // A longer one cannot be anybody's; cut, it costs the same and matches nothing.
        let fits = password.reveal().utf8.count <= PasswordRules.longestInBytes
        let check = try await hashing {
            try await $0.check(fits ? password : Secret(""), against: fits ? user?.passwordHash : nil)
        }
        guard let user, check.matches, !user.disabled else { return nil }
        if let renewed = check.renewed {
            _ = try await stored {
                try await $0.replacePasswordHash(of: user.name, user.passwordHash, by: renewed)
            }
        }
        return user
    }

    private func openSession(
        of user: StoredUser,
        _ login: PersonLogin
    ) async throws(ManagementError) -> SessionTokens {
        let family = RandomText.base64URL(bits: 128)
        let now = WallTime.now
        let (tokens, hashes) = makeTokens(family: family, at: now)
        let session = StoredSession(
            familyHash: tokenHash(family),
            user: user.name,
            tokens: hashes,
            createdAt: now,
            scopes: login.scopes,
            address: ClientWords.clean(login.address),
            client: login.client.flatMap(ClientWords.clean)
        )
        do {
            try await store.open(session, keeping: limits.sessionsPerUser)
        } catch .notFound {
            throw .unauthenticated  // disabled while the password was checked
        } catch {
            throw ManagementError(error)
        }
        return tokens
    }

    private func makeTokens(family: String, at now: WallTime) -> (SessionTokens, StoredSession.Tokens) {
        let access = RandomText.base64URL(bits: 256)
        let refresh = RefreshToken(family: family, once: RandomText.base64URL(bits: 256))
        let tokens = SessionTokens(
            access: Secret(access),
            refresh: refresh.text,
            expiresIn: Int(limits.accessValidity.inSeconds)
        )
        let hashes = StoredSession.Tokens(
            refreshHash: tokenHash(refresh.once),
            refreshExpiresAt: now + limits.refreshValidity,
            accessHash: tokenHash(access),
            accessExpiresAt: now + limits.accessValidity
        )
        return (tokens, hashes)
    }

    private func makeUser(
        _ name: UserName,
        password: Secret,
        role: Role
    ) async throws(ManagementError) -> StoredUser {
        try Self.demand(password, of: name)
        let hash = try await hashing { try await $0.hash(password) }
        let user = StoredUser(
            name: name,
            role: role,
            disabled: false,
            passwordHash: hash,
            createdAt: .now
        )
        try await stored { try await $0.add(user) }
        return user
    }

    static func demand(
        _ password: Secret,
        of name: UserName,
        as field: String = "password"
    ) throws(ManagementError) {
        if let objection = PasswordRules.objection(to: password, of: name) {
            throw .invalid(field: field, objection)
        }
    }

    func hashing<Value>(
        _ body: (PasswordHasher) async throws -> Value
    ) async throws(ManagementError) -> Value {
        do {
            return try await body(hasher)
        } catch is PasswordHasher.Overloaded {
            throw .limit("too many logins at once, try again")
        } catch {
            throw .unavailable("passwords cannot be checked")
        }
    }
}

/// `family.once`: the first part names the session over all rotations, the second works once. A known family with
/// another second part is a token that has been used before.
private struct RefreshToken {
    private static let longest = 128
    let family: String
    let once: String

    init(family: String, once: String) {
        self.family = family
        self.once = once
    }

    init?(_ text: Secret) {
        let text = text.reveal()
        guard text.utf8.count <= Self.longest else { return nil }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        family = String(parts[0])
        once = String(parts[1])
    }

    var text: Secret { Secret("\(family).\(once)") }
}

extension UserRecord {
    fileprivate init(_ user: StoredUser) {
        self.init(name: user.name, role: user.role, disabled: user.disabled, createdAt: user.createdAt)
    }
}
