import HSSModel
import Store
import Testing

@Suite("Bindings") struct BindingStoreContract {
    private let start = Sample.start
    private let ann = UserName(unchecked: "ann")
    private let bob = UserName(unchecked: "bob")
    private let unit = UnitID(unchecked: "cam")

    private func withCode(
        _ backend: Backend,
        _ body: (any CentreStore) async throws -> Void
    ) async throws {
        try await backend.withStore { store async throws in
            try await store.add(Sample.user("ann"))
            try await store.add(Sample.user("bob"))
            try await store.add(Sample.device("cam"))
            try await issue("code", for: ann, on: store)
            try await body(store)
        }
    }

    private func issue(_ code: String, for user: UserName, on store: any CentreStore) async throws {
        let issued = try await store.addBindCode(
            hash: code,
            for: user,
            expiresAt: start + .seconds(600),
            at: start,
            limit: 5
        )
        #expect(issued)
    }

    @Test(arguments: Backend.available) func aCodeWorksOnce(_ backend: Backend) async throws {
        try await withCode(backend) { store async throws in
            #expect(try await store.redeem(codeHash: "code", for: unit, at: start) == .bound(to: ann))
            #expect(try await store.redeem(codeHash: "code", for: unit, at: start) == .unknownCode)
            #expect(try await store.device(unit)?.owner == ann)
        }
    }

    @Test(arguments: Backend.available) func ofManyUnitsAtOnceOneGetsTheCode(_ backend: Backend) async throws
    {
        try await withCode(backend) { store async throws in
            for number in 0..<10 { try await store.add(Sample.device("d\(number)")) }
            let now = start
            let outcomes = try await withThrowingTaskGroup(of: Redemption.self) { group in
                for number in 0..<10 {
                    group.addTask {
                        let unit = UnitID(unchecked: "d\(number)")
                        return try await store.redeem(codeHash: "code", for: unit, at: now)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { $0 == .bound(to: ann) } == 1)
            #expect(outcomes.count { $0 == .unknownCode } == 9)
            #expect(try await store.devices(after: nil, limit: 100, owner: ann).count == 1)
        }
    }

    @Test(arguments: Backend.available) func aCodeEndsAtItsTime(_ backend: Backend) async throws {
        try await withCode(backend) { store async throws in
            let end = start + .seconds(600)
            #expect(try await store.redeem(codeHash: "code", for: unit, at: end) == .unknownCode)
            #expect(try await store.device(unit)?.owner == nil)
        }
    }

    @Test(arguments: Backend.available) func aForeignDeviceStaysForeignAndTheCodeGood(
        _ backend: Backend
    )
        async throws
    {
        try await withCode(backend) { store async throws in
            _ = try await store.redeem(codeHash: "code", for: unit, at: start)
            try await issue("bobs", for: bob, on: store)
            #expect(try await store.redeem(codeHash: "bobs", for: unit, at: start) == .boundToAnother)
            #expect(try await store.device(unit)?.owner == ann)
            #expect(try await store.unbind(unit, owner: nil) == ann)
            #expect(try await store.redeem(codeHash: "bobs", for: unit, at: start) == .bound(to: bob))
        }
    }

    @Test(arguments: Backend.available) func theOwnerMayBindAgain(_ backend: Backend) async throws {
        try await withCode(backend) { store async throws in
            _ = try await store.redeem(codeHash: "code", for: unit, at: start)
            try await issue("second", for: ann, on: store)
            #expect(try await store.redeem(codeHash: "second", for: unit, at: start) == .bound(to: ann))
            #expect(try await store.redeem(codeHash: "second", for: unit, at: start) == .unknownCode)
        }
    }

    @Test(arguments: Backend.available) func aDisabledOrUnknownDeviceIsNotBound(
        _ backend: Backend
    )
        async throws
    {
        try await withCode(backend) { store async throws in
            _ = try await store.setDevice(unit, disabled: true)
            #expect(try await store.redeem(codeHash: "code", for: unit, at: start) == .unknownDevice)
            let nobody = UnitID(unchecked: "nobody")
            #expect(try await store.redeem(codeHash: "code", for: nobody, at: start) == .unknownDevice)
        }
    }

    @Test(arguments: Backend.available) func openCodesAreBounded(_ backend: Backend) async throws {
        try await withCode(backend) { store async throws in
            func issue(_ code: String, at now: WallTime) async throws -> Bool {
                try await store.addBindCode(
                    hash: code,
                    for: ann,
                    expiresAt: now + .seconds(600),
                    at: now,
                    limit: 2
                )
            }
            #expect(try await issue("2", at: start + .seconds(1)))
            #expect(try await !issue("3", at: start + .seconds(2)))
            // The first has expired, swept or not.
            #expect(try await issue("4", at: start + .seconds(600)))
            await #expect(throws: StoreError.notFound("user nobody")) {
                try await store.addBindCode(
                    hash: "5",
                    for: UserName(unchecked: "nobody"),
                    expiresAt: start,
                    at: start,
                    limit: 2
                )
            }
        }
    }

    @Test(arguments: Backend.available) func onlyTheOwnerUnbinds(_ backend: Backend) async throws {
        try await withCode(backend) { store async throws in
            await #expect(throws: StoreError.notFound("device cam")) {
                try await store.unbind(unit, owner: ann)
            }
            #expect(try await store.unbind(unit, owner: nil) == nil)
            _ = try await store.redeem(codeHash: "code", for: unit, at: start)
            await #expect(throws: StoreError.notFound("device cam")) {
                try await store.unbind(unit, owner: bob)
            }
            await #expect(throws: StoreError.notFound("device other")) {
                try await store.unbind(UnitID(unchecked: "other"), owner: ann)
            }
            #expect(try await store.unbind(unit, owner: ann) == ann)
            #expect(try await store.device(unit)?.owner == nil)
        }
    }
}
