import Bus
import CentreManagement
import HSSModel
import HostClock
import Store
import Synchronization
import Testing

@Suite("Shares, CONTRACT") struct ShareTests {
    /// `anna` owns `cam`; `bert` and `carl` are others.
    private struct House {
        var centre: Centre
        var anna, bert, carl: Principal
        var registry: Registry { centre.registry }
        let changes = Changes()

        final class Changes: Sendable {
            private let all = Mutex<[AccessChange]>([])
            func add(_ change: AccessChange) { all.withLock { $0.append(change) } }
            func take() -> [AccessChange] {
                all.withLock { all in
                    defer { all = [] }
                    return all
                }
            }
        }

        static func run(
            limits: Registry.Limits = .init(),
            _ body: (House) async throws -> Void
        ) async throws {
            try await Centre.run(limits: limits) { centre async throws in
                let house = House(
                    centre: centre,
                    anna: try await centre.customer("anna"),
                    bert: try await centre.customer("bert"),
                    carl: try await centre.customer("carl")
                )
                try await centre.bind(try await centre.device("cam"), to: house.anna)
                let changes = house.changes
                centre.registry.onAccessChange { changes.add($0) }
                try await body(house)
            }
        }

        func share(
            _ rights: Rights,
            with user: String = "bert",
            hours: WeeklyHours? = nil,
            until end: WallTime? = nil,
            by caller: Principal? = nil
        ) async throws(ManagementError) -> (share: Share, isNew: Bool) {
            try await registry.share(
                "cam",
                with: user,
                DeviceGrant(rights: rights, hours: hours, expiresAt: end),
                by: caller ?? anna
            )
        }

        func seen(by user: Principal) async throws -> VisibleDevice? {
            do { return try await registry.device("cam", visibleTo: user) } catch .notFound { return nil }
        }
    }

    private static let cam = UnitID(unchecked: "cam")
    private static let unknown = ManagementError.notFound("device cam")

    @Test func aGuestSeesTheDeviceWithItsRights() async throws {
        try await House.run { house async throws in
            #expect(try await house.seen(by: house.bert) == nil)
            let made = try await house.share([.live, .talk])
            #expect(made.isNew && made.share.grant.rights == [.live, .talk])
            let seen = try #require(try await house.seen(by: house.bert))
            #expect(seen.role == .guest && seen.rights == [.live, .talk])
            #expect(seen.device.owner == house.anna.user)
            let listed = try await house.registry.devices(after: nil, limit: 10, visibleTo: house.bert)
            #expect(listed == [seen])
            #expect(try await house.seen(by: house.anna)?.role == .owner)
            #expect(try await house.seen(by: Centre.root)?.role == .operator)
            #expect(try await house.seen(by: house.carl) == nil)
            let news = ShareNews(
                unit: Self.cam,
                user: house.bert.user,
                change: .shared,
                rights: [.live, .talk]
            )
            #expect(house.changes.take() == [AccessChange(units: [Self.cam], news: [news])])
            #expect(news.detail == #"{"user":"bert","change":"shared","rights":["live","talk"]}"#)
        }
    }

    @Test func aShareIsReplacedAndTakenBack() async throws {
        try await House.run { house async throws in
            let first = try await house.share(.live)
            let second = try await house.share([.playback, .control])
            #expect(!second.isNew && second.share.createdAt == first.share.createdAt)
            #expect(try await house.seen(by: house.bert)?.rights == [.playback, .control])
            try await house.registry.unshare("cam", from: "bert", by: house.anna)
            #expect(try await house.seen(by: house.bert) == nil)
            #expect(try await house.registry.shares(of: "cam", by: house.anna).isEmpty)
            #expect(house.changes.take().flatMap(\.news).map(\.change) == [.shared, .changed, .ended])
            await #expect(throws: ManagementError.notFound("a share of device cam with bert")) {
                try await house.registry.unshare("cam", from: "bert", by: house.anna)
            }
        }
    }

    /// A share out of its hours, or that has run out, is as if it were not there.
    @Test func hoursAndEndsCountAtTheMomentOfReading() async throws {
        try await House.run { house async throws in
            let week = (0...6).map { WeeklyHours.Window(weekday: $0, from: 0, to: 1440) }
            _ = try await house.share(.live, hours: WeeklyHours(zone: "UTC", windows: week))
            #expect(try await house.seen(by: house.bert)?.rights == .live)
            // Three days from now it is that day, and not now.
            let day = Int((WallTime.now.seconds / 86_400 + 3 + 3) % 7)
            let other = WeeklyHours(zone: "UTC", windows: [.init(weekday: day, from: 0, to: 1440)])
            _ = try await house.share(.live, hours: other)
            #expect(try await house.seen(by: house.bert) == nil)
            #expect(try await house.registry.devices(after: nil, limit: 1, visibleTo: house.bert).isEmpty)
            let watch = LiveWatch(
                user: house.bert.user,
                channel: ChannelAddress(unit: Self.cam, number: 0)
            )
            let verdict = try await house.registry.mayWatch(watch, at: .now)
            #expect(!verdict.may && verdict.until.map { $0 > .now } ?? false)
            // It can be given back at any hour.
            try await house.registry.unshare("cam", from: "bert", by: house.bert)
            #expect(house.changes.take().flatMap(\.news).map(\.change) == [.shared, .changed, .left])

            let soon = WallTime.now + .seconds(3600)
            _ = try await house.share(.live, until: soon)
            #expect(try await house.registry.mayWatch(watch, at: .now).until == soon)
            #expect(try await house.registry.mayWatch(watch, at: soon).may == false)
        }
    }

    @Test func whatHasRunOutIsToldAndDropped() async throws {
        try await House.run { house async throws in
            let over = Share(
                unit: Self.cam,
                user: house.bert.user,
                grant: DeviceGrant(rights: .live, expiresAt: WallTime.now + .seconds(-1)),
                createdAt: WallTime.now + .seconds(-60)
            )
            _ = try await house.centre.store.setShare(
                over,
                owner: house.anna.user,
                perDevice: 9,
                perUser: 9
            )
            #expect(try await house.seen(by: house.bert) == nil, "before anybody has swept")
            await house.registry.maintain()
            #expect(try await house.registry.shares(of: "cam", by: house.anna).isEmpty)
            #expect(house.changes.take().flatMap(\.news).map(\.change) == [.ended])
        }
    }

    /// A page is full although devices between are out of their hours.
    @Test func aPageIsFilledOverDevicesThatDoNotCountNow() async throws {
        try await House.run { house async throws in
            let day = Int((WallTime.now.seconds / 86_400 + 3 + 3) % 7)
            let other = WeeklyHours(zone: "UTC", windows: [.init(weekday: day, from: 0, to: 1440)])
            for number in 0..<9 {
                try await house.centre.bind(try await house.centre.device("d\(number)"), to: house.anna)
                let grant = DeviceGrant(rights: .live, hours: number % 3 == 0 ? nil : other)
                _ = try await house.registry.share("d\(number)", with: "bert", grant, by: house.anna)
            }
            let first = try await house.registry.devices(after: nil, limit: 2, visibleTo: house.bert)
            #expect(first.map(\.device.unit.rawValue) == ["d0", "d3"])
            let rest = try await house.registry.devices(
                after: first.last?.device.unit,
                limit: 2,
                visibleTo: house.bert
            )
            #expect(rest.map(\.device.unit.rawValue) == ["d6"])
            // The owner's own are listed with what is shared with it.
            try await house.centre.bind(try await house.centre.device("d1b"), to: house.bert)
            let all = try await house.registry.devices(after: nil, limit: 10, visibleTo: house.bert)
            #expect(all.map(\.device.unit.rawValue) == ["d0", "d1b", "d3", "d6"])
            #expect(all.map(\.role) == [.guest, .owner, .guest, .guest])
        }
    }

    @Test func onlyTheOwnerSharesAndGuestsHearThatTheyMayNot() async throws {
        try await House.run { house async throws in
            _ = try await house.share(.owner)
            _ = try await house.share(.live, with: "carl")
            await #expect(throws: ManagementError.noRight("Only the owner may share this device.")) {
                try await house.share(.live, with: "carl", by: house.bert)
            }
            await #expect(throws: ManagementError.self) {
                try await house.registry.unshare("cam", from: "carl", by: house.bert)
            }
            await #expect(throws: ManagementError.self) {
                try await house.registry.unbind("cam", by: house.bert)
            }
            #expect(
                try await house.registry.shares(of: "cam", by: house.bert).map(\.user.rawValue) == ["bert"]
            )
            #expect(try await house.registry.shares(of: "cam", by: house.anna).count == 2)
            #expect(try await house.registry.shares(of: "cam", by: Centre.root).count == 2)
            // A guest leaves; a stranger hears that there is nothing.
            try await house.registry.unshare("cam", from: "bert", by: house.bert)
            #expect(try await house.seen(by: house.bert) == nil)
            for call in 0..<4 {
                await #expect(throws: Self.unknown) {
                    switch call {
                    case 0: _ = try await house.registry.shares(of: "cam", by: house.bert)
                    case 1: _ = try await house.share(.live, with: "carl", by: house.bert)
                    case 2: try await house.registry.unshare("cam", from: "carl", by: house.bert)
                    default: try await house.registry.unbind("cam", by: house.bert)
                    }
                }
            }
        }
    }

    @Test(
        arguments: [
            (rights: Rights(), user: "bert", zone: "UTC", windows: 1, end: 3600, field: "rights"),
            (rights: .live, user: "anna", zone: "UTC", windows: 1, end: 3600, field: "user"),
            (rights: .live, user: "bert", zone: "Mars/Olympus", windows: 1, end: 3600, field: "schedule"),
            (rights: .live, user: "bert", zone: "UTC", windows: 0, end: 3600, field: "schedule"),
            (rights: .live, user: "bert", zone: "UTC", windows: 65, end: 3600, field: "schedule"),
            (rights: .live, user: "bert", zone: "UTC", windows: 1, end: -1, field: "expires_at"),
        ] as [(rights: Rights, user: String, zone: String, windows: Int, end: Int, field: String)]
    )
    func namesWhatIsWrong(
        rights: Rights,
        user: String,
        zone: String,
        windows: Int,
        end: Int,
        field: String
    ) async throws {
        try await House.run { house async throws in
            let window = WeeklyHours.Window(weekday: 0, from: 0, to: 60)
            let hours = WeeklyHours(zone: zone, windows: Array(repeating: window, count: windows))
            let error = await #expect(throws: ManagementError.self) {
                try await house.share(rights, with: user, hours: hours, until: .now + .seconds(end))
            }
            guard case .invalid(field, _)? = error else {
                Issue.record("expected \(field), got \(String(describing: error))")
                return
            }
            #expect(house.changes.take().isEmpty)
        }
    }

    /// Whoever shares learns whether a name is taken: some at a time, so that a list of names cannot be tried.
    @Test func namesCannotBeTriedFromAList() async throws {
        var limits = Registry.Limits()
        limits.nameBurst = 3
        limits.nameInterval = .seconds(36_000)
        try await House.run(limits: limits) { house async throws in
            _ = try await house.share(.live)
            for name in ["x1", "x2"] {
                await #expect(throws: ManagementError.notFound("user \(name)")) {
                    try await house.share(.live, with: name)
                }
            }
            for name in ["x3", "carl", "x4"] {
                let error = await #expect(throws: ManagementError.self) {
                    try await house.share(.live, with: name)
                }
                guard case .limit? = error else {
                    Issue.record("\(name): \(String(describing: error))")
                    return
                }
            }
            // Whom the owner knows already can be changed.
            #expect(try await house.share(.owner).share.grant.rights == .owner)
        }
    }

    @Test func sharesAreCountedOnBothSides() async throws {
        var limits = Registry.Limits()
        limits.sharesPerDevice = 1
        limits.sharesPerUser = 1
        try await House.run(limits: limits) { house async throws in
            _ = try await house.share(.live)
            _ = try await house.share(.owner)
            await #expect(throws: ManagementError.limit("1 shares of one device")) {
                try await house.share(.live, with: "carl")
            }
            try await house.centre.bind(try await house.centre.device("cam-2"), to: house.anna)
            await #expect(throws: ManagementError.limit("1 devices that are shared with bert")) {
                try await house.registry.share(
                    "cam-2",
                    with: "bert",
                    DeviceGrant(rights: .live),
                    by: house.anna
                )
            }
        }
    }

    /// Unbinding wipes shares: they do not come back with the next owner, nor with the same one.
    @Test func unbindingWipesShares() async throws {
        try await House.run { house async throws in
            _ = try await house.share(.live)
            try await house.registry.unbind("cam", by: house.anna)
            #expect(try await house.seen(by: house.bert) == nil)
            #expect(house.changes.take().flatMap(\.news).map(\.change) == [.shared, .ended])
            let code = try await house.registry.issueBindCode(for: house.anna)
            _ = try await house.registry.bind(Self.cam, code: code.code.reveal())
            #expect(try await house.seen(by: house.bert) == nil)
            #expect(try await house.registry.shares(of: "cam", by: house.anna).isEmpty)
        }
    }

    /// What a disabled user was given is gone; what it gave rests until it is back.
    @Test func disablingAUserEndsWhatItWasGivenAndRestsWhatItGave() async throws {
        try await House.run { house async throws in
            _ = try await house.share(.live)
            _ = try await house.registry.setUser("anna", disabled: true, by: Centre.root)
            #expect(try await house.seen(by: house.bert) == nil)
            #expect(try await house.registry.devices(after: nil, limit: 9, visibleTo: house.bert).isEmpty)
            _ = try await house.registry.setUser("anna", disabled: false, by: Centre.root)
            #expect(try await house.seen(by: house.bert)?.rights == .live)
            _ = try await house.registry.setUser("bert", disabled: true, by: Centre.root)
            _ = try await house.registry.setUser("bert", disabled: false, by: Centre.root)
            #expect(try await house.seen(by: house.bert) == nil)
        }
    }

    /// A token that was narrowed narrows what its user may do, and never widens it.
    @Test func scopesNarrowRights() async throws {
        try await House.run { house async throws in
            _ = try await house.share([.live, .playback])
            var narrow = house.bert
            narrow.scopes = [.read, .playback, .control]
            let seen = try await house.seen(by: narrow)
            #expect(seen?.rights == .playback && seen?.role == .guest)
            narrow.scopes = [.read]
            #expect(try await house.seen(by: narrow)?.rights == [])
            var owner = house.anna
            owner.scopes = [.live]
            #expect(try await house.seen(by: owner)?.rights == .live)
        }
    }
}
