import Bus
import HSSModel
import HostClock
import Store
import Synchronization
import Testing

@testable import CentreManagement

@Suite("Sessions that their user sees and ends") struct UserSessionTests {
    private static let password = "password of customer"

    private static func logIn(
        _ registry: Registry,
        client: String? = nil,
        scopes: Scopes = .all
    ) async throws -> (tokens: SessionTokens, caller: Principal) {
        let tokens = try await registry.openSession(
            PersonLogin(
                user: "anna",
                password: Secret(password),
                scopes: scopes,
                address: "192.0.2.7",
                client: client
            )
        )
        return (tokens, try await registry.principal(access: tokens.access))
    }

    private static func isOpen(_ tokens: SessionTokens, _ registry: Registry) async -> Bool {
        (try? await registry.principal(access: tokens.access)) != nil
    }

    @Test func theListSaysWhenceAndWhen() async throws {
        try await Centre.run { centre async throws in
            _ = try await centre.customer("anna")
            let first = try await Self.logIn(centre.registry, client: "Phone/1.0 \u{7}é")
            let second = try await Self.logIn(centre.registry, client: String(repeating: "x", count: 500))
            let sessions = try await centre.registry.sessions(of: second.caller)
            #expect(Set(sessions.map(\.id)) == Set([first.caller.session, second.caller.session]))
            let known = try #require(sessions.first { $0.id == first.caller.session })
            #expect(known.address == "192.0.2.7" && known.client == "Phone/1.0 ???" && known.kind == .login)
            #expect(sessions.allSatisfy { $0.client?.count ?? 0 <= 120 && $0.scopes == .all })
            #expect(known.lastUsedAt.map { WallTime.now - $0 < .seconds(60) } ?? false)
            await centre.registry.maintain()
            let stored = try await centre.store.sessions(of: first.caller.user)
            #expect(stored.allSatisfy { $0.lastUsedAt != nil }, "written down by the upkeep")
        }
    }

    @Test func oneIsEndedAndTheOthersGoOn() async throws {
        try await Centre.run { centre async throws in
            _ = try await centre.customer("anna")
            let bert = try await centre.customer("bert")
            let first = try await Self.logIn(centre.registry)
            let second = try await Self.logIn(centre.registry)
            let third = try await Self.logIn(centre.registry)
            let id = try #require(first.caller.session).rawValue
            await #expect(throws: ManagementError.notFound("session \(id)")) {
                try await centre.registry.endSession(id, by: bert)
            }
            try await centre.registry.endSession(id, by: second.caller)
            #expect(await !Self.isOpen(first.tokens, centre.registry))
            #expect(await Self.isOpen(third.tokens, centre.registry))
            await #expect(throws: ManagementError.unauthenticated) {
                try await centre.registry.refreshSession(first.tokens.refresh)
            }
            try await centre.registry.endOtherSessions(of: second.caller)
            #expect(await !Self.isOpen(third.tokens, centre.registry))
            #expect(await Self.isOpen(second.tokens, centre.registry))
        }
    }

    /// What a session has opened to watch ends with it, however it ends.
    @Test(arguments: ["closed", "ended", "others", "password", "reset", "stolen"])
    func whatItOpenedEndsWithIt(end: String) async throws {
        try await Centre.run { centre async throws in
            _ = try await centre.customer("anna")
            let ended = Mutex<[String]>([])
            centre.registry.onLeaseEnd { lease, channel in ended.withLock { $0.append("\(lease) \(channel)") }
            }
            let first = try await Self.logIn(centre.registry)
            let second = try await Self.logIn(centre.registry)
            let channel = ChannelAddress(unit: UnitID(unchecked: "cam"), number: 0)
            await centre.registry.note(LeaseID(unchecked: "l1"), on: channel, of: first.caller)
            await centre.registry.note(LeaseID(unchecked: "l2"), on: channel, of: second.caller)
            let id = try #require(first.caller.session).rawValue
            switch end {
            case "closed": try await centre.registry.closeSession(access: first.tokens.access)
            case "ended": try await centre.registry.endSession(id, by: second.caller)
            case "others": try await centre.registry.endOtherSessions(of: second.caller)
            case "password":
                try await centre.registry.changePassword(
                    Secret(Self.password),
                    to: Secret("another password"),
                    by: second.caller,
                    from: "192.0.2.7"
                )
            case "reset":
                try await centre.registry.resetPassword(
                    of: "anna",
                    to: Secret("another password"),
                    by: Centre.root
                )
            default:
                let next = try await centre.registry.refreshSession(first.tokens.refresh)
                _ = try await centre.registry.refreshSession(next.refresh)
                _ = try? await centre.registry.refreshSession(first.tokens.refresh)
            }
            let expected = end == "reset" ? ["l1 cam/0", "l2 cam/0"] : ["l1 cam/0"]
            #expect(ended.withLock { $0.sorted() } == expected)
            #expect(await Self.isOpen(second.tokens, centre.registry) == (end != "reset"))
        }
    }

    @Test func aTokenOfAProgrammeWorksUntilItIsEnded() async throws {
        try await Centre.run { centre async throws in
            _ = try await centre.customer("anna")
            let login = try await Self.logIn(centre.registry)
            let made = try await centre.registry.addToken(
                "Blinds",
                [.read, .live],
                until: nil,
                by: login.caller
            )
            #expect(made.token.reveal().hasPrefix("vedette_"))
            let caller = try await centre.registry.principal(access: made.token)
            #expect(caller.scopes == [.read, .live] && caller.session == made.session.id)
            let listed = try await centre.registry.sessions(of: login.caller).first { $0.kind == .token }
            #expect(listed?.name == "Blinds" && listed?.scopes == [.read, .live])
            try await centre.registry.endSession(made.session.id.rawValue, by: login.caller)
            await #expect(throws: ManagementError.unauthenticated) {
                try await centre.registry.principal(access: made.token)
            }
        }
    }

    @Test func aTokenIsNoMoreThanItsMaker() async throws {
        var limits = Registry.Limits()
        limits.tokensPerUser = 1
        try await Centre.run(limits: limits) { centre async throws in
            _ = try await centre.customer("anna")
            let full = try await Self.logIn(centre.registry).caller
            let narrow = try await Self.logIn(centre.registry, scopes: [.account, .read]).caller
            #expect(narrow.scopes == [.account, .read])
            func refused(
                _ name: String,
                _ scopes: Scopes,
                _ seconds: Int?,
                _ caller: Principal
            ) async -> ManagementError? {
                do throws(ManagementError) {
                    let end = seconds.map { WallTime.now + .seconds($0) }
                    _ = try await centre.registry.addToken(name, scopes, until: end, by: caller)
                    return nil
                } catch { return error }
            }
            #expect(
                await refused("x", .live, nil, narrow)
                    == .invalid(field: "scope", "expected some of those that you have yourself")
            )
            #expect(await refused("x", .admin, nil, full) == .forbidden)
            for seconds in [0, -5, 3651 * 86_400] {
                #expect(
                    await refused("x", .read, seconds, full)
                        == .invalid(field: "expires_at", "expected a time within ten years")
                )
            }
            #expect(await refused("x", .read, 60, full) == nil)
            #expect(await refused("y", .read, 60, full) == .limit("1 tokens; end one of them first"))
            // Logins beyond their number end the oldest login, never a token.
            for _ in 0..<limits.sessionsPerUser + 3 { _ = try await Self.logIn(centre.registry) }
            let kinds = try await centre.registry.sessions(of: full).map(\.kind)
            #expect(kinds.count { $0 == .login } == limits.sessionsPerUser)
            #expect(kinds.count { $0 == .token } == 1)
        }
    }

    @Test func aNarrowedLoginStaysNarrowWhenItIsRenewed() async throws {
        try await Centre.run { centre async throws in
            _ = try await centre.customer("anna")
            let login = try await Self.logIn(centre.registry, scopes: [.live])
            let renewed = try await centre.registry.refreshSession(login.tokens.refresh)
            let caller = try await centre.registry.principal(access: renewed.access)
            #expect(caller.scopes == [.live] && caller.session == login.caller.session)
        }
    }

    /// An operator's token for reading reads what is the operator's own.
    @Test func withoutAdminAnOperatorIsACustomer() async throws {
        try await Centre.run { centre async throws in
            let anna = try await centre.customer("anna")
            try await centre.bind(try await centre.device("cam-1"), to: anna)
            func seen(_ scopes: Scopes) async throws -> (caller: Principal, devices: Int) {
                let login = PersonLogin(
                    user: "admin",
                    password: Centre.operatorPassword,
                    scopes: scopes,
                    address: "192.0.2.7"
                )
                let tokens = try await centre.registry.openSession(login)
                let caller = try await centre.registry.principal(access: tokens.access)
                let devices = try await centre.registry.devices(after: nil, limit: 10, visibleTo: caller)
                return (caller, devices.count)
            }
            let full = try await seen(.all)
            #expect(full.caller.role == .operator)
            let narrow = try await seen([.read, .account])
            #expect(narrow.caller.role == .customer && narrow.devices == 0)
            await #expect(throws: ManagementError.notFound("device cam-1")) {
                try await centre.registry.device("cam-1", visibleTo: narrow.caller)
            }
            await #expect(throws: ManagementError.forbidden) {
                try await centre.registry.users(after: nil, limit: 1, by: narrow.caller)
            }
            // What the account is does not change with the token that asks.
            #expect(try await centre.registry.account(of: narrow.caller).role == .operator)
        }
    }

    @Test func theBookOfLeasesIsBounded() {
        let book = LeaseBook()
        let (anna, session) = (UserName(unchecked: "anna"), UserSessionID(unchecked: "s"))
        let channel = ChannelAddress(unit: UnitID(unchecked: "cam"), number: 0)
        for number in 0..<300 {
            let lease = LeaseID(unchecked: "l\(number)")
            book.note(.init(lease: lease, channel: channel), of: session, anna)
        }
        let taken = book.take(session, of: anna)
        #expect(taken.count == 256 && taken.last?.lease.rawValue == "l299")
        #expect(book.take(session, of: anna).isEmpty)
    }
}
