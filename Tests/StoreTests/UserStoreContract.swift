import HSSModel
import Store
import Testing

@Suite("Users") struct UserStoreContract {
    @Test(arguments: Backend.available) func aUserIsReadAsItWasAdded(_ backend: Backend) async throws {
        try await backend.withStore { store in
            try await store.add(Sample.user("ann"))
            #expect(try await store.user(UserName(unchecked: "ann")) == Sample.user("ann"))
            #expect(try await store.user(UserName(unchecked: "Ann")) == nil)
        }
    }

    @Test(arguments: Backend.available) func aNameIsTakenOnce(_ backend: Backend) async throws {
        try await backend.withStore { store in
            try await store.add(Sample.user("ann"))
            await #expect(throws: StoreError.conflict("a user ann exists already")) {
                try await store.add(Sample.user("ann", role: .operator))
            }
            #expect(try await store.user(UserName(unchecked: "ann"))?.role == .customer)
        }
    }

    @Test(arguments: Backend.available) func pagesFollowOneAnother(_ backend: Backend) async throws {
        try await backend.withStore { store in
            // Order by bytes: digits, capitals, small letters.
            let names = ["0x", "Zoe", "ann", "bob", "eve"]
            for name in names.shuffled() { try await store.add(Sample.user(name)) }
            var seen: [String] = []
            while true {
                let page = try await store.users(after: seen.last.map(UserName.init(unchecked:)), limit: 2)
                if page.isEmpty { break }
                #expect(page.count <= 2)
                seen += page.map(\.name.rawValue)
            }
            #expect(seen == names)
            #expect(try await store.users(after: nil, limit: 0).isEmpty)
            #expect(try await store.users(after: nil, limit: -1).isEmpty)
            #expect(try await store.users(after: nil, limit: .max).count == 5)
        }
    }

    @Test(arguments: Backend.available) func disablingEndsSessionsAndCodes(_ backend: Backend) async throws {
        try await backend.withStore { store in
            let ann = UserName(unchecked: "ann")
            try await store.add(Sample.user("ann"))
            try await store.add(Sample.user("bob"))
            try await store.add(Sample.device("cam"))
            try await store.open(Sample.session("f1", of: "ann"), keeping: 5)
            try await store.open(Sample.session("f2", of: "bob"), keeping: 5)
            let issued = try await store.addBindCode(
                hash: "c",
                for: ann,
                expiresAt: Sample.start + .seconds(600),
                at: Sample.start,
                limit: 5
            )
            #expect(issued)

            #expect(try await store.setUser(ann, disabled: true).disabled)
            #expect(try await store.grant(accessHash: "access f1", at: Sample.start) == nil)
            #expect(try await store.grant(accessHash: "access f2", at: Sample.start) != nil)
            // Enabled again, the old session and code stay dead.
            #expect(try await !store.setUser(ann, disabled: false).disabled)
            #expect(try await store.grant(accessHash: "access f1", at: Sample.start) == nil)
            let unit = UnitID(unchecked: "cam")
            #expect(try await store.redeem(codeHash: "c", for: unit, at: Sample.start) == .unknownCode)
        }
    }

    @Test(arguments: Backend.available) func theLastOperatorStays(_ backend: Backend) async throws {
        try await backend.withStore { store in
            try await store.add(Sample.user("admin", role: .operator))
            try await store.add(Sample.user("ann"))
            await #expect(throws: StoreError.conflict("admin is the last operator who can log in")) {
                try await store.setUser(UserName(unchecked: "admin"), disabled: true)
            }
            try await store.add(Sample.user("second", role: .operator))
            #expect(try await store.setUser(UserName(unchecked: "admin"), disabled: true).disabled)
            await #expect(throws: StoreError.self) {
                try await store.setUser(UserName(unchecked: "second"), disabled: true)
            }
            await #expect(throws: StoreError.notFound("user nobody")) {
                try await store.setUser(UserName(unchecked: "nobody"), disabled: true)
            }
        }
    }

    @Test(arguments: Backend.available) func aHashIsReplacedOnlyWhereItIsTheOldOne(
        _ backend: Backend
    )
        async throws
    {
        try await backend.withStore { store in
            let ann = UserName(unchecked: "ann")
            try await store.add(Sample.user("ann"))
            #expect(
                try await store.replacePasswordHash(of: ann, Secret("hash of ann"), by: Secret("stronger"))
            )
            #expect(
                try await !store.replacePasswordHash(of: ann, Secret("hash of ann"), by: Secret("late"))
            )
            #expect(try await store.user(ann)?.passwordHash == Secret("stronger"))
        }
    }
}
