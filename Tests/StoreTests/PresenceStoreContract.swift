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

    @Test(arguments: Backend.available) func aBatteryHasItsLastFigureAndItsHistory(
        _ backend: Backend
    ) async throws {
        let unit = Self.unit
        try await backend.withRestart { store in
            let report = BatteryReport(percent: 5, time: Sample.start)
            let event = NewEvent(time: Sample.start, unit: unit, kind: .battery)
            await #expect(throws: StoreError.notFound("device a")) {
                try await store.note(report, of: unit, as: event)
            }
            try await store.add(Sample.device("a"))
            try await store.add(Sample.device("b"))
            for percent in 0..<5 {
                let time = Sample.start + .seconds(percent)
                try await store.note(
                    BatteryReport(percent: percent, time: time),
                    of: unit,
                    as: NewEvent(time: time, unit: unit, kind: .battery, detail: "\(percent)")
                )
                _ = try await store.add(NewEvent(time: time, unit: unit, kind: .alarm))
            }
        } then: { store in
            let all = try await store.batteries(of: [unit, UnitID(unchecked: "b"), UnitID(unchecked: "c")])
            #expect(all == [unit: BatteryReport(percent: 4, time: Sample.start + .seconds(4))])
            func told(_ query: BatteryQuery) async throws -> [String] {
                try await store.batteryEvents(query).map(\.event.detail)
            }
            #expect(try await told(BatteryQuery(unit: unit)) == ["4", "3", "2", "1", "0"])
            let start = Sample.start
            let part = BatteryQuery(unit: unit, from: start + .seconds(1), to: start + .seconds(3))
            #expect(try await told(part) == ["2", "1"])
            let first = try await store.batteryEvents(BatteryQuery(unit: unit, limit: 2))
            let rest = BatteryQuery(unit: unit, after: first.last?.id)
            #expect(first.count == 2)
            #expect(try await told(rest) == ["2", "1", "0"])
        }
    }

    @Test(arguments: Backend.available) func aMoveIsOpenUntilItsEnd(_ backend: Backend) async throws {
        let head = ChannelAddress(unit: Self.unit, number: 1)
        try await backend.withRestart { store in
            try await store.add(Sample.device("a"))
            for _ in 0..<2 { try await store.beginMove(head, at: Sample.start) }
            // Of a device that was removed meanwhile nothing is kept.
            try await store.beginMove(
                ChannelAddress(unit: UnitID(unchecked: "gone"), number: 0),
                at: Sample.start
            )
        } then: { store in
            #expect(try await store.openMoves() == [head])
            try await store.endMoves(of: UnitID(unchecked: "b"))
            #expect(try await store.openMoves() == [head])
            try await store.endMoves(of: Self.unit)
            #expect(try await store.openMoves().isEmpty)
        }
    }
}
