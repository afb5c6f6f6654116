import HSSModel
import Store
import Testing

@Suite("What was last told of units") struct PresenceStoreContract {
    private static let unit = UnitID(unchecked: "a")

    private static func became(
        _ name: String,
        _ condition: UnitCondition,
        _ channels: [Int: ChannelState] = [:]
    ) -> PresenceChange {
        let unit = UnitID(unchecked: name)
        let kind = EventKind(rawValue: condition.rawValue) ?? .online
        return .became(
            PresenceRecord(unit: unit, condition: condition, channels: channels, since: Sample.start),
            [NewEvent(time: Sample.start, unit: unit, kind: kind)]
        )
    }

    @Test(arguments: Backend.available) func statesAndTheirEventsAreWrittenTogether(
        _ backend: Backend
    ) async throws {
        try await backend.withRestart { store in
            try await store.add(Sample.device("a"))
            try await store.add(Sample.device("b"))
            // A unit that was removed meanwhile keeps nobody else from being noted.
            let strangers = try await store.note([
                Self.became("a", .online), Self.became("gone", .online),
                Self.became("b", .asleep, [3: .disabled, 0: .error]), Self.became("a", .upgrading),
            ])
            #expect(strangers == [UnitID(unchecked: "gone")])
        } then: { store in
            let told = try await store.presences(after: nil, limit: 10)
            #expect(told.map(\.condition) == [.upgrading, .asleep])
            #expect(told.last?.channels == [0: .error, 3: .disabled])
            #expect(try await store.presences(after: Self.unit, limit: 10).map(\.unit.rawValue) == ["b"])
            #expect(try await store.presences(after: nil, limit: 1).count == 1)
            let events = try await store.events(after: .none, of: nil, limit: 10).map(\.event)
            #expect(events.map(\.kind) == [.online, .asleep, .upgrading])
        }
    }

    @Test(arguments: Backend.available) func aPictureRunsUntilItsOwnEndIsTold(_ backend: Backend) async throws
    {
        try await backend.withStore { store in
            try await store.add(Sample.device("a"))
            let address = ChannelAddress(unit: Self.unit, number: 0)
            let first = RunningStream(channel: address, stream: StreamID(unchecked: "s1"))
            let second = RunningStream(channel: address, stream: StreamID(unchecked: "s2"))
            let event = NewEvent(time: Sample.start, unit: Self.unit, channel: 0, kind: .live)
            _ = try await store.note([.live(first, runs: true, event)])
            #expect(try await store.runningStreams() == [first])
            _ = try await store.note([.live(second, runs: true, event), .live(first, runs: false, event)])
            #expect(try await store.runningStreams() == [second], "late news of the old one")
            _ = try await store.note([.live(second, runs: false, event)])
            #expect(try await store.runningStreams().isEmpty)
        }
    }

    @Test(arguments: Backend.available) func itGoesWithTheDevice(_ backend: Backend) async throws {
        try await backend.withStore { store in
            try await store.add(Sample.device("a"))
            _ = try await store.note([Self.became("a", .online)])
            try await store.removeDevice(Self.unit)
            try await store.add(Sample.device("a"))
            #expect(try await store.presences(after: nil, limit: 10).isEmpty)
        }
    }
}
