import HSSModel
import Store
import Testing

@Suite("Webhooks in the store") struct WebhookStoreContract {
    private static let start = Sample.start
    private static let ann = UserName(unchecked: "ann")
    private static let bob = UserName(unchecked: "bob")
    private static let cam = UnitID(unchecked: "cam")
    private static let den = UnitID(unchecked: "den")

    private func withStore(
        _ backend: Backend,
        _ body: (any PlatformStore) async throws -> Void
    ) async throws {
        try await backend.withStore { store async throws in
            try await store.add(Sample.user("ann"))
            try await store.add(Sample.user("bob"))
            try await store.add(Sample.device("cam"))
            try await store.add(Sample.device("den"))
            try await body(store)
        }
    }

    private static func hook(_ id: String, of owner: UserName = ann, kinds: [EventKind] = []) -> WebhookRecord
    {
        WebhookRecord(
            id: WebhookID(unchecked: id),
            owner: owner,
            url: "https://example.org/\(id)",
            kinds: kinds,
            createdAt: start,
            deliveredThrough: .none
        )
    }

    @Test(arguments: Backend.available) func aWebhookBelongsToItsOwner(_ backend: Backend) async throws {
        try await withStore(backend) { store async throws in
            #expect(try await store.add(Self.hook("a", kinds: [.alarm, .battery]), limit: 2))
            #expect(try await store.add(Self.hook("b"), limit: 2))
            #expect(try await !store.add(Self.hook("c"), limit: 2))
            #expect(try await store.add(Self.hook("d", of: Self.bob), limit: 2))
            #expect(try await store.webhooks(owner: nil).map(\.id.rawValue) == ["a", "b", "d"])
            let own = try await store.webhooks(owner: Self.ann)
            #expect(own == [Self.hook("a", kinds: [.alarm, .battery]), Self.hook("b")])
            let foreign = WebhookID(unchecked: "d")
            #expect(try await !store.removeWebhook(foreign, owner: Self.ann))
            #expect(try await !store.park(foreign, owner: Self.ann, nil))
            #expect(try await store.removeWebhook(foreign, owner: nil))
            await #expect(throws: StoreError.notFound("user nobody")) {
                try await store.add(Self.hook("e", of: UserName(unchecked: "nobody")), limit: 2)
            }
        }
    }

    @Test(arguments: Backend.available) func itStartsBehindTheNewestEvent(_ backend: Backend) async throws {
        try await withStore(backend) { store async throws in
            let newest = try await store.add(NewEvent(time: Self.start, unit: Self.cam, kind: .online))
            #expect(try await store.add(Self.hook("a"), limit: 2))
            #expect(try await store.webhooks(owner: nil).first?.deliveredThrough == newest)
        }
    }

    @Test(arguments: Backend.available) func parkingIsKept(_ backend: Backend) async throws {
        try await withStore(backend) { store async throws in
            #expect(try await store.add(Self.hook("a"), limit: 2))
            let id = WebhookID(unchecked: "a")
            let parking = WebhookRecord.Parking(reason: "status 500", at: Self.start)
            #expect(try await store.park(id, owner: nil, parking))
            #expect(try await store.webhooks(owner: nil).first?.parking == parking)
            #expect(try await store.park(id, owner: Self.ann, nil))
            #expect(try await store.webhooks(owner: nil).first?.parking == nil)
        }
    }

    @Test(arguments: Backend.available) func cursorsOnlyGoForward(_ backend: Backend) async throws {
        try await withStore(backend) { store async throws in
            #expect(try await store.add(Self.hook("a"), limit: 2))
            let id = WebhookID(unchecked: "a")
            try await store.advance(
                id,
                cursors: [Self.cam: EventID(7), Self.den: EventID(3)],
                through: EventID(2)
            )
            #expect(try await store.webhookCursors(id) == [Self.cam: EventID(7), Self.den: EventID(3)])
            try await store.advance(id, cursors: [Self.cam: EventID(5)], through: EventID(1))
            #expect(try await store.webhookCursors(id)[Self.cam] == EventID(7))
            #expect(try await store.webhooks(owner: nil).first?.deliveredThrough == EventID(2))
            // What the common mark has overtaken needs no cursor; what is gone gets none.
            let gone = UnitID(unchecked: "gone")
            try await store.advance(id, cursors: [gone: EventID(9)], through: EventID(3))
            #expect(try await store.webhookCursors(id) == [Self.cam: EventID(7)])
            try await store.advance(
                WebhookID(unchecked: "x"),
                cursors: [Self.cam: EventID(9)],
                through: EventID(8)
            )
            #expect(try await store.webhookCursors(WebhookID(unchecked: "x")).isEmpty)
        }
    }

    @Test(arguments: Backend.available) func aDisabledUsersHooksRest(_ backend: Backend) async throws {
        try await withStore(backend) { store async throws in
            #expect(try await store.add(Self.hook("a"), limit: 2))
            _ = try await store.setUser(Self.ann, disabled: true)
            #expect(try await store.webhooks(owner: nil).isEmpty)
            _ = try await store.setUser(Self.ann, disabled: false)
            #expect(try await store.webhooks(owner: nil).count == 1)
        }
    }

    @Test(arguments: Backend.available) func aUnitIsSetAsideAndRecalled(_ backend: Backend) async throws {
        try await withStore(backend) { store async throws in
            let id = WebhookID(unchecked: "a")
            _ = try await store.add(Self.hook("a"), limit: 2)
            // 1 cam, 2 den, 3 cam, 4 den.
            for unit in [Self.cam, Self.den, Self.cam, Self.den] {
                _ = try await store.add(NewEvent(time: Self.start, unit: unit, kind: .online))
            }
            var laggard = WebhookLaggard(
                unit: Self.cam,
                event: EventID(1),
                attempts: 6,
                reason: "500",
                since: Self.start,
                retryAt: Self.start
            )
            try await store.setAside(laggard, of: id)
            try await store.advance(id, cursors: [:], through: EventID(4))
            laggard.attempts = 7
            try await store.setAside(laggard, of: id)
            #expect(try await store.laggards(id) == [Self.cam: laggard])
            try await store.recall([laggard], of: id)
            #expect(try await store.webhooks(owner: nil).first?.deliveredThrough == EventID.none)
            #expect(try await store.webhookCursors(id) == [Self.cam: .none, Self.den: EventID(4)])
            // Given up, and set going again by its owner.
            laggard.retryAt = nil
            try await store.setAside(laggard, of: id)
            #expect(try await store.park(id, owner: Self.ann, nil))
            #expect(try await store.laggards(id)[Self.cam]?.retryAt == WallTime(milliseconds: 0))
            try await store.caughtUp(Self.cam, of: id)
            #expect(try await store.laggards(id).isEmpty)
        }
    }
}
