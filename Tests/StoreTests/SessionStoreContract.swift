import HSSModel
import Store
import Testing

@Suite("Sessions") struct SessionStoreContract {
    private let start = Sample.start

    @Test(arguments: Backend.available) func accessEndsAtItsTime(_ backend: Backend) async throws {
        try await backend.withStore { store in
            try await store.add(Sample.user("admin", role: .operator))
            try await store.open(Sample.session("f", of: "admin"), keeping: 5)
            let grant = AccessGrant(
                user: UserName(unchecked: "admin"),
                role: .operator,
                session: UserSessionID(unchecked: "f")
            )
            #expect(
                try await store.grant(accessHash: "access f", at: start + .milliseconds(899_999)) == grant
            )
            #expect(try await store.grant(accessHash: "access f", at: start + .seconds(900)) == nil)
            #expect(try await store.grant(accessHash: "refresh f", at: start) == nil)
        }
    }

    @Test(arguments: Backend.available) func rotationReplacesBothTokens(_ backend: Backend) async throws {
        try await backend.withStore { store in
            try await store.add(Sample.user("ann"))
            try await store.open(Sample.session("f", of: "ann"), keeping: 5)
            let later = start + .seconds(60)
            let rotation = try await store.rotate(
                family: "f",
                presented: "refresh f",
                to: Sample.tokens("g", from: later),
                at: later
            )
            #expect(rotation == .rotated(UserName(unchecked: "ann")))
            #expect(try await store.grant(accessHash: "access f", at: later) == nil)
            #expect(try await store.grant(accessHash: "access g", at: later) != nil)
        }
    }

    @Test(arguments: Backend.available) func anOldRefreshTokenKillsTheSession(_ backend: Backend) async throws
    {
        try await backend.withStore { store in
            try await store.add(Sample.user("ann"))
            try await store.open(Sample.session("f", of: "ann"), keeping: 5)
            let new = Sample.tokens("g", from: start)
            _ = try await store.rotate(family: "f", presented: "refresh f", to: new, at: start)
            let again = try await store.rotate(
                family: "f",
                presented: "refresh f",
                to: Sample.tokens("h", from: start),
                at: start + .seconds(30)
            )
            #expect(again == .reused(UserName(unchecked: "ann")))
            for token in ["f", "g", "h"] {
                #expect(try await store.grant(accessHash: "access \(token)", at: start) == nil)
            }
            #expect(
                try await store.rotate(family: "f", presented: "refresh g", to: new, at: start) == .unknown
            )
        }
    }

    /// A page that is loaded anew while its refresh is on its way loses the answer.
    @Test(arguments: Backend.available) func aTokenComesAgainWithinTheGrace(_ backend: Backend) async throws {
        try await backend.withStore { store in
            let ann = UserName(unchecked: "ann")
            try await store.add(Sample.user("ann"))
            try await store.open(Sample.session("f", of: "ann"), keeping: 5)
            func rotate(_ old: String, to new: String, after age: Duration) async throws -> Rotation {
                let tokens = Sample.tokens(new, from: start + age)
                return try await store.rotate(
                    family: "f",
                    presented: "refresh \(old)",
                    to: tokens,
                    at: start + age
                )
            }
            #expect(try await rotate("f", to: "g", after: .zero) == .rotated(ann))
            #expect(try await rotate("f", to: "h", after: .milliseconds(20_000)) == .rotated(ann))
            #expect(try await store.grant(accessHash: "access g", at: start + .seconds(20)) == nil)
            #expect(try await store.grant(accessHash: "access h", at: start + .seconds(20)) != nil)
            #expect(try await rotate("f", to: "i", after: .milliseconds(29_999)) == .rotated(ann))
            // The present one works as ever, and begins a grace of its own.
            #expect(try await rotate("i", to: "j", after: .seconds(40)) == .rotated(ann))
            #expect(try await rotate("i", to: "k", after: .seconds(69)) == .rotated(ann))
            // What comes again makes the grace no longer.
            #expect(try await rotate("i", to: "l", after: .seconds(70)) == .reused(ann))
            #expect(try await store.sessionCount() == 0)
        }
    }

    @Test(arguments: Backend.available) func onlyTheTokenBeforeHasAGrace(_ backend: Backend) async throws {
        for presented in ["f", "g"] {
            try await backend.withStore { store in
                try await store.add(Sample.user("ann"))
                try await store.open(Sample.session("f", of: "ann"), keeping: 5)
                // g was lost, or somebody else has it; and f is two exchanges ago in the end.
                for (old, new) in [("f", "g"), ("f", "h"), ("h", "i")] {
                    let tokens = Sample.tokens(new, from: start)
                    _ = try await store.rotate(
                        family: "f",
                        presented: "refresh \(old)",
                        to: tokens,
                        at: start
                    )
                }
                let again = try await store.rotate(
                    family: "f",
                    presented: "refresh \(presented)",
                    to: Sample.tokens("j", from: start),
                    at: start
                )
                #expect(again == .reused(UserName(unchecked: "ann")))
            }
        }
    }

    @Test(arguments: Backend.available) func ofManyRotationsAtOnceOneHolds(_ backend: Backend) async throws {
        try await backend.withStore { store in
            try await store.add(Sample.user("ann"))
            try await store.open(Sample.session("f", of: "ann"), keeping: 5)
            let outcomes = try await withThrowingTaskGroup(of: Rotation.self) { group in
                for number in 0..<20 {
                    let tokens = Sample.tokens("n\(number)", from: start)
                    let now = start
                    group.addTask {
                        try await store.rotate(family: "f", presented: "refresh f", to: tokens, at: now)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.allSatisfy { $0 == .rotated(UserName(unchecked: "ann")) })
            var holding = 0
            for number in 0..<20
            where try await store.grant(accessHash: "access n\(number)", at: start) != nil {
                holding += 1
            }
            #expect(holding == 1)
            #expect(try await store.sessionCount() == 1)
        }
    }

    @Test(arguments: Backend.available) func anExpiredRefreshTokenIsUnknown(_ backend: Backend) async throws {
        try await backend.withStore { store in
            try await store.add(Sample.user("ann"))
            try await store.open(Sample.session("f", of: "ann"), keeping: 5)
            let end = start + .seconds(30 * 86_400)
            let tokens = Sample.tokens("g", from: end)
            #expect(
                try await store.rotate(family: "f", presented: "refresh f", to: tokens, at: end) == .unknown
            )
        }
    }

    @Test(arguments: Backend.available) func theOldestSessionMakesRoom(_ backend: Backend) async throws {
        try await backend.withStore { store in
            try await store.add(Sample.user("ann"))
            try await store.add(Sample.user("bob"))
            try await store.open(Sample.session("bobs", of: "bob"), keeping: 3)
            for number in 0..<5 {
                let session = Sample.session("f\(number)", of: "ann", createdAfter: .seconds(number))
                try await store.open(session, keeping: 3)
            }
            let now = start + .seconds(10)
            for number in 0..<5 {
                let grant = try await store.grant(accessHash: "access f\(number)", at: now)
                #expect((grant != nil) == (number >= 2))
            }
            #expect(try await store.grant(accessHash: "access bobs", at: now) != nil)
            // The clock was set back: the new session is kept nevertheless.
            try await store.open(
                Sample.session("past", of: "ann", createdAfter: .seconds(-99)),
                keeping: 3
            )
            #expect(try await store.grant(accessHash: "access past", at: start) != nil)
            #expect(try await store.sessionCount() == 4)
        }
    }

    @Test(arguments: Backend.available) func onlyAnEnabledUserGetsASession(_ backend: Backend) async throws {
        try await backend.withStore { store in
            try await store.add(Sample.user("ann"))
            _ = try await store.setUser(UserName(unchecked: "ann"), disabled: true)
            for user in ["ann", "nobody"] {
                await #expect(throws: StoreError.notFound("user \(user)")) {
                    try await store.open(Sample.session("f", of: user), keeping: 3)
                }
            }
        }
    }

    @Test(arguments: Backend.available) func closingCountsOnce(_ backend: Backend) async throws {
        try await backend.withStore { store in
            try await store.add(Sample.user("ann"))
            try await store.open(Sample.session("f", of: "ann"), keeping: 3)
            #expect(try await store.closeSession(accessHash: "access f")?.rawValue == "f")
            #expect(try await store.closeSession(accessHash: "access f") == nil)
        }
    }

    @Test(arguments: Backend.available) func theSweepTakesOnlyWhatHasExpired(_ backend: Backend) async throws
    {
        try await backend.withStore { store in
            let ann = UserName(unchecked: "ann")
            try await store.add(Sample.user("ann"))
            try await store.open(Sample.session("f", of: "ann"), keeping: 3)
            try await store.open(
                Sample.session("later", of: "ann", createdAfter: .seconds(1)),
                keeping: 3
            )
            for (code, age) in [("c", 600), ("d", 601)] {
                _ = try await store.addBindCode(
                    hash: code,
                    for: ann,
                    expiresAt: start + .seconds(age),
                    at: start,
                    limit: 5
                )
            }
            #expect(try await store.dropExpired(at: start + .seconds(599)) == 0)
            #expect(try await store.dropExpired(at: start + .seconds(600)) == 1)
            #expect(try await store.dropExpired(at: start + .seconds(30 * 86_400)) == 2)
            #expect(try await store.sessionCount() == 1)
        }
    }
}
