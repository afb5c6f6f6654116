import Bus
import HSSModel
import Hummingbird
import ServerKit

extension CustomerAPI {
    /// `/account` and `/sessions`: how a person is known to the platform, and where it is logged in.
    func addAccountRoutes(to api: RouterGroup<PlatformContext>, _ access: any AccessPoint) {
        addUserSessionRoutes(to: api, access)
        addPasswordRoutes(to: api, access)
        addSecondFactorRoutes(to: api.group("account/totp"), access)
    }

    private func addUserSessionRoutes(to api: RouterGroup<PlatformContext>, _ access: any AccessPoint) {
        api.get("sessions") { _, context in
            let caller = try context.caller()
            return try await answering {
                let items = try await access.sessions(of: caller).map {
                    UserSessionBody($0, current: $0.id == caller.session)
                }
                return try JSONBody.answer(PageBody(items: items, nextCursor: nil))
            }
        }
        api.delete("sessions") { _, context in
            let caller = try context.caller()
            return try await answering {
                try await access.endOtherSessions(of: caller)
                return Response(status: .noContent)
            }
        }
        api.delete("sessions/:session") { _, context in
            let caller = try context.caller()
            let id = try context.parameters.require("session")
            return try await answering {
                try await access.endSession(id, by: caller)
                return Response(status: .noContent)
            }
        }
        api.post("account/tokens") { request, context in
            let caller = try context.caller()
            let body = try await decode(NewTokenBody.self, from: request)
            let own = caller.role == .operator ? caller.scopes : caller.scopes.subtracting(.admin)
            return try await answering {
                let made = try await access.addToken(
                    body.name,
                    try ScopeText.scopes(body.scope) ?? own,
                    until: try body.expiresAt.map { try TimeText.time($0, "expires_at") },
                    by: caller
                )
                let shown = UserSessionBody(made.session, current: false, token: made.token)
                return try JSONBody.answer(shown, .created)
            }
        }
    }

    private func addPasswordRoutes(to api: RouterGroup<PlatformContext>, _ access: any AccessPoint) {
        api.get("account") { _, context in
            let caller = try context.caller()
            return try await answering {
                try JSONBody.answer(AccountBody(try await access.account(of: caller), caller.scopes))
            }
        }
        api.put("account/password") { request, context in
            let caller = try context.caller()
            let body = try await decode(PasswordChangeBody.self, from: request)
            return try await answering {
                try await access.changePassword(
                    Secret(body.password),
                    to: Secret(body.newPassword),
                    by: caller,
                    from: context.remoteAddress
                )
                return Response(status: .noContent)
            }
        }
        api.post("admin/users/:user/password") { request, context in
            try Self.requireOperator(context)
            let caller = try context.caller()
            let user = try context.parameters.require("user")
            let body = try await decode(PasswordBody.self, from: request)
            return try await answering {
                try await access.resetPassword(of: user, to: Secret(body.password), by: caller)
                return Response(status: .noContent)
            }
        }
        api.delete("admin/users/:user/totp") { _, context in
            try Self.requireOperator(context)
            let caller = try context.caller()
            let user = try context.parameters.require("user")
            return try await answering {
                try await access.resetTOTP(of: user, by: caller)
                return Response(status: .noContent)
            }
        }
    }

    private func addSecondFactorRoutes(to totp: RouterGroup<PlatformContext>, _ access: any AccessPoint) {
        totp.post { request, context in
            let caller = try context.caller()
            let body = try await decode(PasswordBody.self, from: request)
            return try await answering {
                let made = try await access.beginTOTP(
                    Secret(body.password),
                    by: caller,
                    from: context.remoteAddress
                )
                let shown = TOTPBody(secret: made.secret.reveal(), uri: made.uri.reveal())
                return try JSONBody.answer(shown, .created)
            }
        }
        totp.post("confirm") { request, context in
            let caller = try context.caller()
            let body = try await decode(CodeBody.self, from: request)
            return try await answering {
                let codes = try await access.confirmTOTP(
                    Secret(body.code),
                    by: caller,
                    from: context.remoteAddress
                )
                return try JSONBody.answer(RecoveryCodesBody(recoveryCodes: codes.map { $0.reveal() }))
            }
        }
        totp.delete { request, context in
            let caller = try context.caller()
            let body = try await decode(TOTPEndBody.self, from: request)
            return try await answering {
                try await access.endTOTP(
                    Secret(body.password),
                    code: body.code.map { Secret($0) },
                    by: caller,
                    from: context.remoteAddress
                )
                return Response(status: .noContent)
            }
        }
    }
}

struct NewTokenBody: Decodable {
    var name: String
    var scope: String?
    var expiresAt: String?
}

struct PasswordBody: Decodable {
    var password: String
}

struct PasswordChangeBody: Decodable {
    var password: String
    var newPassword: String
}

struct CodeBody: Decodable {
    var code: String
}

struct TOTPEndBody: Decodable {
    var password: String
    var code: String?
}

struct TOTPBody: Encodable {
    var secret: String
    var uri: String
}

struct RecoveryCodesBody: Encodable {
    var recoveryCodes: [String]
}

struct AccountBody: Encodable {
    struct SecondFactor: Encodable {
        var enabled: Bool
        var recoveryCodesLeft: Int
    }

    var user: String
    var role: Role
    var totp: SecondFactor
    /// Of the token that asks.
    var scope: String

    init(_ account: AccountRecord, _ scopes: Scopes) {
        user = account.user.rawValue
        role = account.role
        totp = SecondFactor(enabled: account.totpEnabled, recoveryCodesLeft: account.recoveryCodesLeft)
        scope = scopes.words.joined(separator: " ")
    }
}

struct UserSessionBody: Encodable {
    var sessionId: String
    var kind: String
    var name: String?
    var scope: String
    var current: Bool
    var createdAt: String
    var lastUsedAt: String?
    var expiresAt: String
    var address: String?
    var client: String?
    /// Shown once.
    var token: String?

    init(_ session: UserSession, current: Bool, token: Secret? = nil) {
        sessionId = session.id.rawValue
        kind = session.kind.rawValue
        name = session.name
        scope = session.scopes.words.joined(separator: " ")
        self.current = current
        createdAt = session.createdAt.rfc3339
        lastUsedAt = session.lastUsedAt?.rfc3339
        expiresAt = session.expiresAt.rfc3339
        address = session.address
        client = session.client
        self.token = token?.reveal()
    }
}
