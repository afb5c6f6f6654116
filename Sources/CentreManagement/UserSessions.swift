package import Bus
package import HSSModel
import HostClock
import Store

extension Registry: UserSessionPoint {
    /// What begins a token, for those who look for leaked ones.
    private static let tokenMark = "vedette_"
    private static let usualTokenTime: Duration = .seconds(365 * 86_400)
    private static let longestTokenTime: Duration = .seconds(3650 * 86_400)

    package func sessions(of caller: Principal) async throws(ManagementError) -> [UserSession] {
        try await stored { try await $0.sessions(of: caller.user) }.map { session in
            var session = session
            session.lastUsedAt = uses.latest(of: session.id) ?? session.lastUsedAt
            return session
        }
    }

    package func endSession(_ id: String, by caller: Principal) async throws(ManagementError) {
        guard let session = UserSessionID(rawValue: id),
            try await stored({ try await $0.closeSession(session, of: caller.user) })
        else { throw .notFound("session \(id.prefix(64))") }
        await end(leases.take(session, of: caller.user))
    }

    package func endOtherSessions(of caller: Principal) async throws(ManagementError) {
        try await stored { try await $0.closeSessions(of: caller.user, but: caller.session) }
        await end(leases.takeAll(of: caller.user, but: caller.session))
    }

    package func addToken(
        _ name: String,
        _ scopes: Scopes,
        until expiresAt: WallTime?,
        by caller: Principal
    ) async throws(ManagementError) -> (session: UserSession, token: Secret) {
        let name = try Self.title(name)
        let now = WallTime.now
        let end = expiresAt ?? now + Self.usualTokenTime
        guard end > now, end - now <= Self.longestTokenTime else {
            throw .invalid(field: "expires_at", "expected a time within ten years")
        }
        guard caller.scopes.isSuperset(of: scopes) else {
            throw .invalid(field: "scope", "expected some of those that you have yourself")
        }
        guard caller.role == .operator || !scopes.contains(.admin) else { throw .forbidden }
        let token = Self.tokenMark + RandomText.base64URL(bits: 256)
        let made = StoredSession(
            familyHash: tokenHash(RandomText.base64URL(bits: 128)),
            user: caller.user,
            tokens: .init(
                refreshHash: "",
                refreshExpiresAt: end,
                accessHash: tokenHash(token),
                accessExpiresAt: end
            ),
            createdAt: now,
            kind: .token,
            name: name,
            scopes: scopes
        )
        guard try await stored({ try await $0.addToken(made, limit: limits.tokensPerUser) }) else {
            throw .limit("\(limits.tokensPerUser) tokens; end one of them first")
        }
        let session = UserSession(
            id: StoredSession.id(familyHash: made.familyHash),
            kind: .token,
            name: name,
            scopes: scopes,
            createdAt: now,
            expiresAt: end
        )
        return (session, Secret(token))
    }

    package func note(_ lease: LeaseID, on channel: ChannelAddress, of caller: Principal) async {
        guard let session = caller.session else { return }
        leases.note(.init(lease: lease, channel: channel), of: session, caller.user)
    }

    func writeUses() async throws(StoreError) {
        let noted = uses.take()
        guard !noted.isEmpty else { return }
        try await store.noteUse(noted)
    }
}
