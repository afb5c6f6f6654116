import GRDB
import HSSModel
import Store
import Testing

@Suite("What people want recorded") struct RecordingSettingsStoreContract {
    private let channel = ChannelAddress(unit: UnitID(unchecked: "a"), number: 1)
    private let ann = UserName(unchecked: "ann")

    private static func wishes(_ store: any CentreStore) throws -> any DeviceStore & RecordingSettingsStore {
        try #require(store as? any DeviceStore & RecordingSettingsStore)
    }

    private var everything: RecordingWishes {
        RecordingWishes(
            command: .init(
                begunAt: Sample.start,
                until: Sample.start + .seconds(600),
                prerecord: .seconds(5),
                user: ann
            ),
            plan: .init(
                zone: "Europe/Berlin",
                windows: [
                    .init(weekday: 0, from: 480, to: 1080), .init(weekday: 6, from: 1320, to: 360),
                ]
            ),
            rule: .init(
                types: [2, 3, 12],
                prerecord: .seconds(5),
                clip: .seconds(30),
                longest: .seconds(600)
            ),
            segment: .seconds(20)
        )
    }

    private var each: [RecordingWishes] {
        [
            everything, RecordingWishes(command: everything.command),
            RecordingWishes(command: .init(begunAt: Sample.start, user: ann)),
            RecordingWishes(plan: everything.plan, segment: .seconds(60)),
            RecordingWishes(rule: everything.rule),
        ]
    }

    @Test(arguments: Backend.available) func whatIsKeptComesBack(_ backend: Backend) async throws {
        try await backend.withRestart { store async throws in
            let store = try Self.wishes(store)
            await #expect(throws: StoreError.notFound("channel a/1")) {
                try await store.keep(everything, of: channel)
            }
            try await store.add(Sample.device("a", channels: 2))
            #expect(try await store.recordingWishes(of: channel) == RecordingWishes())
            for wishes in each {
                try await store.keep(wishes, of: channel)
                #expect(try await store.recordingWishes(of: channel) == wishes)
            }
            try await store.keep(RecordingWishes(segment: .seconds(9)), of: channel)
            #expect(try await store.recordingWishes(after: nil, limit: 10).isEmpty, "nothing is wanted")
            try await store.keep(everything, of: channel)
        } then: { store async throws in
            #expect(try await Self.wishes(store).recordingWishes(of: channel) == everything)
        }
    }

    @Test(arguments: Backend.available) func pagesComeInOrder(_ backend: Backend) async throws {
        try await backend.withStore { store async throws in
            let store = try Self.wishes(store)
            var all: [ChannelAddress] = []
            for unit in ["a", "b", "c"] {
                try await store.add(Sample.device(unit, channels: 11))
                for number in [0, 2, 10] {
                    let channel = ChannelAddress(unit: UnitID(unchecked: unit), number: number)
                    try await store.keep(everything, of: channel)
                    all.append(channel)
                }
            }
            _ = try await store.setDevice(UnitID(unchecked: "b"), disabled: true)
            var read: [StoredRecordingWishes] = []
            while true {
                let page = try await store.recordingWishes(after: read.last?.channel, limit: 2)
                #expect(page.count <= 2)
                read += page
                guard page.count == 2 else { break }
            }
            #expect(read.map(\.channel) == all)
            #expect(read.allSatisfy { $0.isDisabled == ($0.channel.unit.rawValue == "b") })
            #expect(read.allSatisfy { $0.wishes == everything })
        }
    }

    /// They go with their owner, and with the device.
    @Test(arguments: Backend.available) func wishesGoWithTheOwner(_ backend: Backend) async throws {
        try await backend.withStore { store async throws in
            let wishes = try Self.wishes(store)
            try await store.add(Sample.user("ann"))
            for unit in ["a", "b"] { try await store.add(Sample.device(unit, channels: 2)) }
            let other = ChannelAddress(unit: UnitID(unchecked: "b"), number: 0)
            try await wishes.keep(everything, of: channel)
            try await wishes.keep(everything, of: other)
            _ = try await store.addBindCode(
                hash: "code",
                for: ann,
                expiresAt: Sample.start + .seconds(60),
                at: Sample.start,
                limit: 5
            )
            _ = try await store.redeem(codeHash: "code", for: channel.unit, at: Sample.start)
            #expect(try await wishes.recordingWishes(of: channel) == everything)
            _ = try await store.unbind(channel.unit, owner: ann)
            #expect(try await wishes.recordingWishes(of: channel).isEmpty)
            #expect(try await !wishes.recordingWishes(of: other).isEmpty)
            try await store.removeDevice(other.unit)
            #expect(try await wishes.recordingWishes(after: nil, limit: 10).isEmpty)
            try await wishes.keep(everything, of: channel)
            try await wishes.dropRecordingWishes(of: channel.unit)
            #expect(try await wishes.recordingWishes(after: nil, limit: 10).isEmpty)
        }
    }

    /// What somebody edited by hand is damage, and is named.
    @Test func aDamagedPlanIsNamed() async throws {
        let folder = TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path("db")
        let store = try SQLiteStore(path: path, at: Sample.start)
        try await store.add(Sample.device("a", channels: 2))
        try await store.keep(everything, of: channel)
        let queue = try DatabaseQueue(path: path)
        try await queue.write { try $0.execute(sql: "UPDATE recording_settings SET plan_windows = '0-8'") }
        try queue.close()
        await #expect(throws: StoreError.corrupt("unexpected value in column plan_windows")) {
            try await store.recordingWishes(of: channel)
        }
        try store.close()
    }

    /// A page walks the key and sorts nothing, however many there are.
    @Test func aPageWalksTheKey() async throws {
        let folder = TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path("db")
        let store = try SQLiteStore(path: path, at: Sample.start)
        let queue = try DatabaseQueue(path: path)
        let plan = try await queue.read { database in
            try Row.fetchAll(
                database,
                sql: "EXPLAIN QUERY PLAN " + SQLiteStore.recordingWishesAfter,
                arguments: ["", -1, 10]
            ).map { $0["detail"] as String }
        }
        #expect(plan.contains { $0.contains("SEARCH recording_settings USING PRIMARY KEY") }, "\(plan)")
        #expect(!plan.contains { $0.contains("TEMP B-TREE") || $0.contains("SCAN") }, "\(plan)")
        try queue.close()
        try store.close()
    }
}
