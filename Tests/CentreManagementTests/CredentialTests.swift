import Bus
import Foundation
import HSSModel
import HostClock
import Store
import TestSupport
import Testing

@testable import CentreManagement

@Suite("Passwords and second factors") struct CredentialTests {
    private static let password = Secret("password of customer")
    private static let home = "192.0.2.7"

    private static func logIn(
        _ registry: Registry,
        _ password: Secret = password,
        code: String? = nil,
        from address: String = home
    ) async throws(ManagementError) -> Principal {
        let login = PersonLogin(
            user: "anna",
            password: password,
            code: code.map { Secret($0) },
            address: address
        )
        return try await registry.principal(access: try await registry.openSession(login).access)
    }

    private static func code(_ secret: Secret, at offset: Int64 = 0) throws -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        var (bits, count, bytes) = (0, 0, [UInt8]())
        for letter in secret.reveal() {
            bits = bits << 5 | (try #require(alphabet.firstIndex(of: letter)))
            count += 5
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> count))
            }
            bits &= 0xFF
        }
        return TOTP.code(bytes, step: TOTP.step(at: .now) + offset)
    }

    /// The code of this step still counts in the next one, however slow the machine.
    private static func enabled(
        _ registry: Registry
    ) async throws -> (caller: Principal, secret: Secret, recovery: [Secret]) {
        let caller = try await logIn(registry)
        let made = try await registry.beginTOTP(password, by: caller, from: home)
        let codes = try await registry.confirmTOTP(
            Secret(try code(made.secret)),
            by: caller,
            from: home
        )
        return (caller, made.secret, codes)
    }

    @Test func aPasswordIsChangedByWhoKnowsIt() async throws {
        try await Centre.run { centre async throws in
            _ = try await centre.customer("anna")
            let caller = try await Self.logIn(centre.registry)
            let other = try await Self.logIn(centre.registry)
            let wrong = await #expect(throws: ManagementError.self) {
                try await centre.registry.changePassword(
                    Secret("a wrong one"),
                    to: Secret("new password 1"),
                    by: caller,
                    from: Self.home
                )
            }
            #expect(wrong == .invalid(field: "password", "it is not the right one"))
            await #expect(throws: ManagementError.self, "it is among the worst") {
                try await centre.registry.changePassword(
                    Self.password,
                    to: Secret("Password123"),
                    by: caller,
                    from: Self.home
                )
            }
            try await centre.registry.changePassword(
                Self.password,
                to: Secret("new password 1"),
                by: caller,
                from: Self.home
            )
            await #expect(throws: ManagementError.unauthenticated) { try await Self.logIn(centre.registry) }
            let sessions = try await centre.registry.sessions(of: caller).map(\.id)
            #expect(
                sessions.count == 1 && sessions.first == caller.session && other.session != caller.session
            )
            _ = try await Self.logIn(centre.registry, Secret("new password 1"))
        }
    }

    /// Whoever has an access token alone cannot guess the password here faster than at the door.
    @Test func guessingWithATokenLocksOut() async throws {
        try await Centre.run { centre async throws in
            _ = try await centre.customer("anna")
            let caller = try await Self.logIn(centre.registry)
            var wasLockedOut = false
            for _ in 0..<30 where !wasLockedOut {
                do throws(ManagementError) {
                    _ = try await centre.registry.beginTOTP(Secret("guess"), by: caller, from: "203.0.113.5")
                } catch {
                    if case .lockedOut = error { wasLockedOut = true }
                }
            }
            #expect(wasLockedOut)
        }
    }

    @Test func anOperatorResetsAPasswordAndAllSessionsEnd() async throws {
        try await Centre.run { centre async throws in
            let anna = try await centre.customer("anna")
            let caller = try await Self.logIn(centre.registry)
            await #expect(throws: ManagementError.forbidden) {
                try await centre.registry.resetPassword(of: "anna", to: Secret("by herself"), by: anna)
            }
            try await centre.registry.resetPassword(of: "anna", to: Secret("from the desk"), by: Centre.root)
            #expect(try await centre.registry.sessions(of: caller).isEmpty)
            _ = try await Self.logIn(centre.registry, Secret("from the desk"))
            await #expect(throws: ManagementError.notFound("user nobody")) {
                try await centre.registry.resetPassword(
                    of: "nobody",
                    to: Secret("from the desk"),
                    by: Centre.root
                )
            }
        }
    }

    @Test func aSecondFactorIsAskedForOnceItWasShown() async throws {
        try await Centre.run { centre async throws in
            _ = try await centre.customer("anna")
            let caller = try await Self.logIn(centre.registry)
            let made = try await centre.registry.beginTOTP(Self.password, by: caller, from: Self.home)
            #expect(made.secret.reveal().count == 32)
            _ = try await Self.logIn(centre.registry)
            await #expect(throws: ManagementError.invalid(field: "code", "it is not the right one")) {
                try await centre.registry.confirmTOTP(Secret("abc"), by: caller, from: Self.home)
            }
            let codes = try await centre.registry.confirmTOTP(
                Secret(try Self.code(made.secret)),
                by: caller,
                from: Self.home
            )
            #expect(Set(codes).count == 10)
            await #expect(throws: ManagementError.codeRequired) { try await Self.logIn(centre.registry) }
            let account = try await centre.registry.account(of: caller)
            #expect(account.totpEnabled && account.recoveryCodesLeft == 10)
            await #expect(throws: ManagementError.conflict("a second factor is set up already")) {
                try await centre.registry.beginTOTP(Self.password, by: caller, from: Self.home)
            }
            // A wrong password is answered alike with a code and without: who guesses learns nothing.
            for code in [nil, "123456"] {
                await #expect(throws: ManagementError.unauthenticated) {
                    try await Self.logIn(
                        centre.registry,
                        Secret("wrong one"),
                        code: code,
                        from: "198.51.100.9"
                    )
                }
            }
        }
    }

    /// RFC 6238, 5.2: "The verifier MUST NOT accept the second attempt of the OTP".
    @Test func aCodeWorksOnceEvenForTwoAtOnce() async throws {
        try await Centre.run { centre async throws in
            _ = try await centre.customer("anna")
            let second = try await Self.enabled(centre.registry)
            let registry = centre.registry
            // The next step's: it counts already, and nothing of it was taken, whichever second it is.
            let code = try Self.code(second.secret, at: 1)
            let logins = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<4 {
                    group.addTask { (try? await Self.logIn(registry, code: code)) != nil }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(logins.count(where: \.self) == 1)
        }
    }

    @Test func aRecoveryCodeWorksOnceInWhicheverSpelling() async throws {
        try await Centre.run { centre async throws in
            _ = try await centre.customer("anna")
            let second = try await Self.enabled(centre.registry)
            let code = second.recovery[3].reveal()
            _ = try await Self.logIn(centre.registry, code: code.lowercased().replacing("-", with: " "))
            await #expect(throws: ManagementError.unauthenticated) {
                try await Self.logIn(centre.registry, code: code)
            }
            #expect(try await centre.registry.account(of: second.caller).recoveryCodesLeft == 9)
        }
    }

    @Test func wrongCodesCountForTheLockOut() async throws {
        try await Centre.run { centre async throws in
            _ = try await centre.customer("anna")
            _ = try await Self.enabled(centre.registry)
            var wasLockedOut = false
            for number in 0..<30 where !wasLockedOut {
                do throws(ManagementError) {
                    _ = try await Self.logIn(centre.registry, code: "wrong \(number)", from: "203.0.113.5")
                } catch {
                    if case .lockedOut = error { wasLockedOut = true }
                }
            }
            #expect(wasLockedOut)
        }
    }

    /// Who has a token and the password does not guess the code: the right password takes nothing back, here or beside.
    @Test(arguments: ["192.0.2.7", "203.0.113.5"]) func wrongCodesWithTheRightPasswordLockOut(
        _ address: String
    ) async throws {
        try await Centre.run { centre async throws in
            _ = try await centre.customer("anna")
            let second = try await Self.enabled(centre.registry)
            var wasLockedOut = false
            for number in 0..<60 where !wasLockedOut {
                do throws(ManagementError) {
                    _ = try? await centre.registry.beginTOTP(Self.password, by: second.caller, from: address)
                    try await centre.registry.endTOTP(
                        Self.password,
                        code: Secret("wrong \(number)"),
                        by: second.caller,
                        from: address
                    )
                } catch {
                    if case .lockedOut = error { wasLockedOut = true }
                }
            }
            #expect(wasLockedOut)
            #expect(try await centre.registry.account(of: second.caller).totpEnabled)
        }
    }

    @Test func itIsTakenAwayWithPasswordAndCodeOrByAnOperator() async throws {
        try await Centre.run { centre async throws in
            _ = try await centre.customer("anna")
            var second = try await Self.enabled(centre.registry)
            for code in [nil, Secret("no code")] {
                await #expect(throws: ManagementError.self) {
                    try await centre.registry.endTOTP(
                        Self.password,
                        code: code,
                        by: second.caller,
                        from: Self.home
                    )
                }
            }
            try await centre.registry.endTOTP(
                Self.password,
                code: second.recovery[0],
                by: second.caller,
                from: Self.home
            )
            _ = try await Self.logIn(centre.registry)
            second = try await Self.enabled(centre.registry)
            await #expect(throws: ManagementError.forbidden) {
                try await centre.registry.resetTOTP(of: "anna", by: second.caller)
            }
            try await centre.registry.resetTOTP(of: "anna", by: Centre.root)
            _ = try await Self.logIn(centre.registry)
        }
    }

    /// A copied database alone gives no codes, and neither secret nor recovery codes stand in it.
    @Test func theStoreHasNoSecrets() async throws {
        try await Centre.run { centre async throws in
            let anna = try await centre.customer("anna")
            let second = try await Self.enabled(centre.registry)
            let stored = try #require(try await centre.store.user(anna.user)?.totp)
            #expect(!stored.sealedSecret.reveal().contains(second.secret.reveal()))
            #expect(LoginVerifier().opened(stored.sealedSecret, of: anna.user) == nil)
        }
    }

    /// A real authenticator: oathtool of Debian.
    @Test func oathtoolIsAPeer() async throws {
        let path = try #require(
            ["/usr/bin/oathtool", "/usr/local/bin/oathtool"].first {
                FileManager.default.isExecutableFile(atPath: $0)
            },
            "oathtool is missing: Tests/Scripts/setup installs it"
        )
        try await Centre.run { centre async throws in
            _ = try await centre.customer("anna")
            let caller = try await Self.logIn(centre.registry)
            let made = try await centre.registry.beginTOTP(Self.password, by: caller, from: Self.home)
            let result = try MediaFile.run([path, "--totp", "--base32", made.secret.reveal()])
            let code = String(decoding: result.output, as: UTF8.self).filter(\.isNumber)
            #expect(result.status == 0 && code.count == 6, "\(result.errors)")
            _ = try await centre.registry.confirmTOTP(Secret(code), by: caller, from: Self.home)
        }
    }
}
