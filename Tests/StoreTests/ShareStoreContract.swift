import GRDB
import HSSModel
import Store
import Testing

@Suite("Shares, households and groups") struct ShareStoreContract {
    private static let anna = UserName(unchecked: "anna")
    private static let bert = UserName(unchecked: "bert")
    private static let cam = UnitID(unchecked: "cam")
    private static let hours = WeeklyHours(
        zone: "Europe/Berlin",
        windows: [.init(weekday: 0, from: 480, to: 1080), .init(weekday: 6, from: 1320, to: 360)]
    )

    private static func bind(
        _ device: String,
        to user: UserName,
        on store: any PlatformStore
    ) async throws {
        try await store.add(Sample.device(device))
        let issued = try await store.addBindCode(
            hash: "code \(device)",
            for: user,
            expiresAt: Sample.start + .seconds(60),
            at: Sample.start,
            limit: 100_000
        )
        #expect(issued)
        let unit = UnitID(unchecked: device)
        #expect(
            try await store.redeem(codeHash: "code \(device)", for: unit, at: Sample.start)
                == .bound(to: user)
        )
    }

    /// `cam` is anna's.
    private static func run(
        _ backend: Backend,
        _ body: (any PlatformStore) async throws -> Void
    ) async throws {
        try await backend.withStore { store async throws in
            for name in ["anna", "bert", "carl"] { try await store.add(Sample.user(name)) }
            try await bind("cam", to: anna, on: store)
            try await body(store)
        }
    }

    private static func share(
        _ rights: Rights = .live,
        with user: UserName = bert,
        on store: any PlatformStore,
        hours: WeeklyHours? = nil,
        until end: WallTime? = nil
    ) async throws -> Sharing {
        try await store.setShare(
            Share(
                unit: cam,
                user: user,
                grant: DeviceGrant(rights: rights, hours: hours, expiresAt: end),
                createdAt: Sample.start
            ),
            owner: anna,
            perDevice: 9,
            perUser: 9
        )
    }

    @Test(arguments: Backend.available) func aShareIsKeptAsItIs(_ backend: Backend) async throws {
        try await Self.run(backend) { store async throws in
            let end = Sample.start + .seconds(3600)
            guard
                case .made(let made) = try await Self.share(
                    [.live, .talk],
                    on: store,
                    hours: Self.hours,
                    until: end
                )
            else {
                Issue.record("not made")
                return
            }
            #expect(try await store.shares(of: Self.cam) == [made])
            #expect(made.grant == DeviceGrant(rights: [.live, .talk], hours: Self.hours, expiresAt: end))
            let access = try await store.access(of: Self.bert, to: Self.cam)
            #expect(access?.grants == [made.grant] && access?.device.owner == Self.anna)
            #expect(try await store.access(of: Self.anna, to: Self.cam)?.grants == [])
            #expect(try await store.access(of: Self.bert, to: UnitID(unchecked: "none")) == nil)
            guard case .changed(let changed) = try await Self.share(.control, on: store) else {
                Issue.record("not changed")
                return
            }
            #expect(try await store.share(of: Self.cam, with: Self.bert) == changed)
            #expect(try await store.removeShare(of: Self.cam, with: Self.bert) == changed)
            #expect(try await store.removeShare(of: Self.cam, with: Self.bert) == nil)
        }
    }

    @Test(arguments: Backend.available) func sharesRunOut(_ backend: Backend) async throws {
        try await Self.run(backend) { store async throws in
            _ = try await Self.share(on: store, until: Sample.start + .seconds(10))
            _ = try await Self.share(with: UserName(unchecked: "carl"), on: store)
            #expect(try await store.dropExpiredShares(at: Sample.start + .milliseconds(9999)).isEmpty)
            let dropped = try await store.dropExpiredShares(at: Sample.start + .seconds(10))
            #expect(dropped.map(\.user) == [Self.bert])
            #expect(try await store.shares(of: Self.cam).map(\.user.rawValue) == ["carl"])
        }
    }

    /// Between the look and the write the device may have changed hands, or the user have gone.
    @Test(arguments: Backend.available) func isMadeForTheOwnerOfNowAndForSomebody(
        _ backend: Backend
    ) async throws {
        try await Self.run(backend) { store async throws in
            _ = try await store.setUser(Self.bert, disabled: true)
            await #expect(throws: StoreError.notFound("user bert")) { try await Self.share(on: store) }
            await #expect(throws: StoreError.notFound("user zoe")) {
                try await Self.share(with: UserName(unchecked: "zoe"), on: store)
            }
            _ = try await store.setUser(Self.bert, disabled: false)
            _ = try await store.unbind(Self.cam, owner: nil)
            await #expect(throws: StoreError.notFound("device cam")) { try await Self.share(on: store) }
        }
    }

    /// Ten thousand devices of its own, some shared, some of a household: pages without a gap, and none twice.
    @Test(arguments: Backend.available) func pagesGoThroughEverything(_ backend: Backend) async throws {
        try await Self.run(backend) { store async throws in
            let home = Household(
                id: HouseholdID(unchecked: "h"),
                name: "Home",
                createdAt: Sample.start,
                members: [Self.anna, Self.bert].map {
                    .init(user: $0, role: .admin, rights: .playback, joinedAt: Sample.start)
                }
            )
            #expect(try await store.add(home, admin: Self.anna, limit: 5))
            var expected: [String: [DeviceGrant]] = [:]
            for number in 0..<120 {
                let name = "d\(1000 + number)"
                let owner = number % 2 == 0 ? Self.bert : Self.anna
                try await Self.bind(name, to: owner, on: store)
                let unit = UnitID(unchecked: name)
                if owner == Self.bert { expected[name] = [] }
                if owner == Self.anna, number % 3 == 0 {
                    let grant = DeviceGrant(rights: .live)
                    _ = try await store.setShare(
                        Share(unit: unit, user: Self.bert, grant: grant, createdAt: Sample.start),
                        owner: Self.anna,
                        perDevice: 9,
                        perUser: 900
                    )
                    expected[name, default: []].append(grant)
                }
                if owner == Self.anna, number % 5 == 0 {
                    let isAdded = try await store.addDevice(
                        unit,
                        of: Self.anna,
                        to: home.id,
                        at: Sample.start,
                        limit: 200
                    )
                    #expect(isAdded)
                    expected[name, default: []].append(DeviceGrant(rights: .playback))
                }
            }
            var found: [StoredAccess] = []
            while true {
                let page = try await store.accesses(of: Self.bert, after: found.last?.device.unit, limit: 7)
                found += page
                if page.count < 7 { break }
            }
            #expect(found.map(\.device.unit.rawValue) == expected.keys.sorted())
            for access in found {
                #expect(Set(access.grants) == Set(expected[access.device.unit.rawValue] ?? []))
                #expect(try await store.access(of: Self.bert, to: access.device.unit) == access)
            }
        }
    }

    /// No statement looks at more rows than it has to: that of a page goes along the indexes.
    @Test(arguments: [
        SQLiteStore.grants, SQLiteStore.accessibleAfter, SQLiteStore.grantsBetween,
        SQLiteStore.householdsOfMemberAfter, SQLiteStore.householdDevices, SQLiteStore.groupsOfUser,
        SQLiteStore.sessionsOfUser, "SELECT * FROM shares WHERE expires_at <= ? LIMIT ?",
        "SELECT * FROM devices WHERE device_id IN (\(SQLiteStore.accessibleAfter)) ORDER BY device_id",
    ]) func statementsUseTheIndexes(sql: String) async throws {
        let folder = TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path("db")
        try SQLiteStore(path: path, at: Sample.start).close()
        let queue = try DatabaseQueue(path: path)
        let plan = try await queue.read { database in
            let statement = try database.makeStatement(sql: "EXPLAIN QUERY PLAN \(sql)")
            statement.setUncheckedArguments([])
            return try Row.fetchAll(statement).map { $0["detail"] as String }
        }
        #expect(!plan.isEmpty)
        #expect(!plan.contains { $0.contains("SCAN") }, "\(plan)")
        try queue.close()
    }
}
