import Bus
import CentreManagement
import Foundation
import HSSModel
import HostClock
import ServerKit
import Store
import Synchronization
import Testing

@Suite("Accounts") struct AccountTests {
    private let address = "198.51.100.7"

    @Test func theFirstOperatorGetsAPasswordOnce() async throws {
        try await Centre.run { centre in
            // There already, by the environment: nothing is made, and the password is not changed.
            #expect(try await centre.registry.ensureOperator(password: nil) == nil)
            #expect(try await centre.registry.ensureOperator(password: Secret("another one")) == nil)
            let session = try await centre.registry.openSession(
                user: "admin",
                password: Centre.operatorPassword,
                from: address
            )
            let principal = try await centre.registry.principal(access: session.access)
            #expect(principal.user.rawValue == "admin" && principal.role == .operator)
            #expect(principal.scopes == .all && principal.session != nil)
        }
    }

    @Test func aMadePasswordWorksAndIsLong() async throws {
        try await Centre.run { centre in
            // A second centre on a store without users.
            let folder = "/tmp/centre-\(Instant.now.nanoseconds)"
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let store = try SQLiteStore(path: folder + "/db", at: .now)
            let registry = Registry(
                store: store,
                hasher: PasswordHasher(cost: Centre.cheap),
                metrics: MetricRegistry(),
                logger: Centre.logger
            )
            let made = try #require(try await registry.ensureOperator(password: nil))
            #expect(made.reveal().count == 24)
            _ = try await registry.openSession(user: "admin", password: made, from: address)
            try store.close()
        }
    }

    @Test func aGivenPasswordThatIsTooShortIsNamedByItsVariable() async throws {
        try await Centre.run { centre in
            let folder = "/tmp/centre-\(Instant.now.nanoseconds)"
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let store = try SQLiteStore(path: folder + "/db", at: .now)
            let registry = Registry(
                store: store,
                hasher: PasswordHasher(cost: Centre.cheap),
                metrics: MetricRegistry(),
                logger: Centre.logger
            )
            let error = ManagementError.invalid(
                field: "VEDETTE_ADMIN_PASSWORD",
                "expected 8 to 128 characters"
            )
            await #expect(throws: error) { try await registry.ensureOperator(password: Secret("short")) }
            try store.close()
        }
    }

    @Test func wrongUnknownAndDisabledAreAlike() async throws {
        try await Centre.run { centre in
            let ann = try await centre.customer("ann")
            _ = try await centre.registry.setUser("ann", disabled: true, by: Centre.root)
            for (user, password) in [
                ("admin", "wrong password"), ("nobody", "wrong password"), ("no body", "x"), ("", ""),
                (ann.user.rawValue, "password of customer"),
            ] {
                await #expect(throws: ManagementError.unauthenticated) {
                    try await centre.registry.openSession(
                        user: user,
                        password: Secret(password),
                        from: "a \(user)"
                    )
                }
            }
        }
    }

    @Test(arguments: ["1234567", String(repeating: "x", count: 129), ""])
    func passwordsHaveEightTo128Characters(password: String) async throws {
        try await Centre.run { centre in
            await #expect(
                throws: ManagementError.invalid(field: "password", "expected 8 to 128 characters")
            ) { try await centre.customer("ann", password: password) }
        }
    }

    @Test(arguments: ["k2345678", String(repeating: "é", count: 128)])
    func theShortestAndTheLongestPasswordLogIn(password: String) async throws {
        try await Centre.run { centre in
            _ = try await centre.customer("ann", password: password)
            _ = try await centre.registry.openSession(user: "ann", password: Secret(password), from: address)
            await #expect(throws: ManagementError.unauthenticated) {
                try await centre.registry.openSession(
                    user: "ann",
                    password: Secret(password + "x"),
                    from: address
                )
            }
        }
    }

    @Test func aRefreshTokenWorksOnceAndItsReuseEndsTheSession() async throws {
        try await Centre.run { centre in
            let registry = centre.registry
            let first = try await registry.openSession(
                user: "admin",
                password: Centre.operatorPassword,
                from: address
            )
            #expect(first.expiresIn == 900)
            let second = try await registry.refreshSession(first.refresh)
            #expect(try await registry.principal(access: second.access).role == .operator)
            await #expect(throws: ManagementError.unauthenticated) {
                try await registry.principal(access: first.access)
            }
            // Who lost the answer may ask again for a moment, and not with an older one.
            let third = try await registry.refreshSession(first.refresh)
            let fourth = try await registry.refreshSession(third.refresh)
            await #expect(throws: ManagementError.unauthenticated) {
                try await registry.refreshSession(first.refresh)
            }
            // The thief's and the owner's tokens are dead alike.
            await #expect(throws: ManagementError.unauthenticated) {
                try await registry.principal(access: fourth.access)
            }
            await #expect(throws: ManagementError.unauthenticated) {
                try await registry.refreshSession(fourth.refresh)
            }
            #expect(centre.metrics.exposition().contains("vedette_refresh_tokens_reused_total 1"))
        }
    }

    @Test(arguments: ["", ".", "a.", ".b", "a.b.c", "a.b", String(repeating: "a", count: 200)])
    func aMalformedRefreshTokenIsRefused(token: String) async throws {
        try await Centre.run { centre in
            await #expect(throws: ManagementError.unauthenticated) {
                try await centre.registry.refreshSession(Secret(token))
            }
        }
    }

    @Test func aClosedSessionIsClosed() async throws {
        try await Centre.run { centre in
            let session = try await centre.registry.openSession(
                user: "admin",
                password: Centre.operatorPassword,
                from: address
            )
            try await centre.registry.closeSession(access: session.access)
            await #expect(throws: ManagementError.unauthenticated) {
                try await centre.registry.refreshSession(session.refresh)
            }
            await #expect(throws: ManagementError.unauthenticated) {
                try await centre.registry.closeSession(access: session.access)
            }
        }
    }

    @Test func disablingAUserEndsItsSessionsAtOnce() async throws {
        try await Centre.run { centre in
            _ = try await centre.customer("ann")
            let session = try await centre.registry.openSession(
                user: "ann",
                password: Secret("password of customer"),
                from: address
            )
            _ = try await centre.registry.setUser("ann", disabled: true, by: Centre.root)
            await #expect(throws: ManagementError.unauthenticated) {
                try await centre.registry.principal(access: session.access)
            }
        }
    }

    /// Told once more with the next upkeep: what the user was about to get has become a picture by then.
    @Test func whoeverShowsPicturesHearsOfADisabledUserTwice() async throws {
        try await Centre.run { centre in
            let heard = Mutex<[UserName]>([])
            centre.registry.onUserDisabled { user in heard.withLock { $0.append(user) } }
            let (ann, bert) = (try await centre.customer("ann"), try await centre.customer("bert"))
            for user in [ann, bert] {
                _ = try await centre.registry.setUser(user.user.rawValue, disabled: true, by: Centre.root)
            }
            _ = try await centre.registry.setUser("bert", disabled: false, by: Centre.root)
            #expect(heard.withLock { $0 } == [ann.user, bert.user])
            await centre.registry.maintain()
            await centre.registry.maintain()
            #expect(heard.withLock { $0 } == [ann.user, bert.user, ann.user], "bert may watch again")
        }
    }

    @Test func onlyOperatorsManageUsers() async throws {
        try await Centre.run { centre in
            let ann = try await centre.customer("ann")
            await #expect(throws: ManagementError.forbidden) {
                try await centre.registry.addUser(
                    "eve",
                    password: Secret("12345678"),
                    role: .operator,
                    by: ann
                )
            }
            await #expect(throws: ManagementError.forbidden) {
                try await centre.registry.users(after: nil, limit: 10, by: ann)
            }
            await #expect(throws: ManagementError.forbidden) {
                try await centre.registry.setUser("admin", disabled: true, by: ann)
            }
            let everybody = try await centre.registry.users(after: nil, limit: 10, by: Centre.root)
            #expect(everybody.map(\.name.rawValue) == ["admin", "ann"])
        }
    }

    @Test func guessingHasToWaitButNotAtHome() async throws {
        try await Centre.run { centre in
            _ = try await centre.customer("ann")
            let right = Secret("password of customer")
            _ = try await centre.registry.openSession(user: "ann", password: right, from: address)
            for guess in 0..<40 {
                _ = try? await centre.registry.openSession(
                    user: "ann",
                    password: Secret("guess \(guess)"),
                    from: "203.0.113.\(guess % 8)"
                )
            }
            // Elsewhere the account waits, even with the right password; at home it does not.
            let error = await #expect(throws: ManagementError.self) {
                try await centre.registry.openSession(user: "ann", password: right, from: "203.0.113.99")
            }
            guard case .lockedOut(let delay)? = error else {
                Issue.record("expected a lock-out, got \(String(describing: error))")
                return
            }
            #expect(delay > .zero && delay <= .seconds(60))
            _ = try await centre.registry.openSession(user: "ann", password: right, from: address)
            #expect(centre.metrics.exposition().contains(#"who="user",outcome="locked""#))
        }
    }

    @Test func aWeakerHashIsRenewedAtLogin() async throws {
        try await Centre.run { centre in
            let ann = try await centre.customer("ann")
            let stronger = Registry(
                store: centre.store,
                hasher: PasswordHasher(cost: .init(logN: 5, blockSize: 8, parallelism: 1)),
                metrics: MetricRegistry(),
                logger: Centre.logger
            )
            for _ in 0..<2 {
                _ = try await stronger.openSession(
                    user: "ann",
                    password: Secret("password of customer"),
                    from: address
                )
                let hash = try #require(try await centre.store.user(ann.user)).passwordHash
                #expect(hash.reveal().hasPrefix("$scrypt$ln=5,r=8,p=1$"))
            }
        }
    }

    @Test func aFloodIsSentAwayInsteadOfQueued() async throws {
        let hasher = PasswordHasher(
            cost: .init(logN: 12, blockSize: 8, parallelism: 1),
            lanes: 1,
            waitingLimit: 2
        )
        try await Centre.run(hasher: hasher) { centre in
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<20 {
                    let registry = centre.registry
                    group.addTask {
                        do {
                            _ = try await registry.openSession(
                                user: "nobody",
                                password: Secret("whatever"),
                                from: "n\(number)"
                            )
                            return false
                        } catch {
                            return error as? ManagementError == .limit("too many logins at once, try again")
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.contains(true))
            #expect(outcomes.contains(false))
            // And afterwards there is room again.
            _ = try await centre.registry.openSession(
                user: "admin",
                password: Centre.operatorPassword,
                from: address
            )
        }
    }
}
