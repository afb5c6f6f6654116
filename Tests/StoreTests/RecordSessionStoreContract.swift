import HSSModel
import Store
import Testing

@Suite("Record sessions") struct RecordSessionStoreContract {
    private static let (one, two) = (RecordSessionID(unchecked: "s1"), RecordSessionID(unchecked: "s2"))

    private func withHouse(
        _ backend: Backend,
        _ body: (any PlatformStore) async throws -> Void
    ) async throws {
        try await backend.withStore { store async throws in
            try await Sample.recordingHouse(in: store)
            try await body(store)
        }
    }

    @Test(arguments: Backend.available) func aSessionIsOfTheChannelAndItsOwnerOfThatTime(
        _ backend: Backend
    ) async throws {
        try await backend.withRestart { store in
            try await Sample.recordingHouse(in: store)
            let session = try await Sample.begin("s1", at: 5, in: store)
            let expected = StoredRecordSession(
                id: Self.one,
                recorded: Sample.recorded("cam"),
                channelID: ChannelID(unchecked: "cam-0"),
                begunAt: Sample.time(5)
            )
            #expect(session == expected)
            // The order that was lost comes again: later, and under another owner.
            try await Sample.bind("cam", to: Sample.anna, in: store)
            #expect(try await Sample.begin("s1", at: 99, in: store) == expected)
            let next = try await Sample.begin("s2", at: 100, in: store)
            #expect(next.recorded == Sample.recorded("cam", of: Sample.anna))
        } then: { store in
            #expect(
                try await store.recordSession(Self.one)?.endedAt == Sample.time(100),
                "the next one of its channel ended it, whoever the owner is"
            )
            let running = try await store.runningRecordSessions(after: nil, limit: 9)
            #expect(running.map(\.id) == [Self.two])
        }
    }

    @Test(arguments: Backend.available) func aNameIsOfOneChannelAndTheChannelIsEnrolled(
        _ backend: Backend
    ) async throws {
        try await withHouse(backend) { store async throws in
            try await Sample.begin("s1", in: store)
            await #expect(throws: StoreError.conflict("record session s1 is of channel cam/0")) {
                try await Sample.begin("s1", of: Sample.channel("cam", 1), in: store)
            }
            for channel in [Sample.channel("cam", 7), Sample.channel("ghost")] {
                await #expect(throws: StoreError.notFound("channel \(channel)")) {
                    try await Sample.begin("s2", of: channel, in: store)
                }
            }
            #expect(try await store.recordSession(Self.two) == nil)
            #expect(
                try await store.recordSession(Self.one)?.endedAt == nil,
                "what was refused ended nothing"
            )
        }
    }

    @Test(arguments: Backend.available) func theFirstEndCountsAndDropsAddUp(_ backend: Backend) async throws {
        try await withHouse(backend) { store async throws in
            try await Sample.begin("s1", in: store)
            try await store.endRecordSession(Self.one, at: Sample.time(50))
            try await store.endRecordSession(Self.one, at: Sample.time(60))
            try await store.endRecordSession(Self.two, at: Sample.time(60))
            try await store.addDropped(2, .milliseconds(1500), to: Self.one)
            try await store.addDropped(1, .seconds(1), to: Self.one)
            try await store.addDropped(9, .seconds(9), to: Self.two)
            // A unit that says more than a column holds does not break it.
            try await store.addDropped(.max, .seconds(1 << 60), to: Self.one)
            let session = try #require(try await store.recordSession(Self.one))
            #expect(session.endedAt == Sample.time(50))
            #expect(session.droppedCount == 1 << 60 && session.droppedTime == .milliseconds(1 << 60))
            try await Sample.begin("s2", in: store)
            try await store.addDropped(2, .milliseconds(1500), to: Self.two)
            try await store.addDropped(1, .seconds(1), to: Self.two)
            let other = try #require(try await store.recordSession(Self.two))
            #expect(other.droppedCount == 3 && other.droppedTime == .milliseconds(2500))
        }
    }

    @Test(arguments: Backend.available) func runningSessionsComeInPages(_ backend: Backend) async throws {
        try await withHouse(backend) { store async throws in
            for number in 0..<5 {
                try await store.add(Sample.device("n\(number)"))
                try await Sample.begin("s\(number)", of: Sample.channel("n\(number)"), in: store)
            }
            try await store.endRecordSession(Self.two, at: Sample.time(1))
            var seen: [RecordSessionID] = []
            while true {
                let page = try await store.runningRecordSessions(after: seen.last, limit: 3)
                seen += page.map(\.id)
                if page.count < 3 { break }
            }
            #expect(seen.map(\.rawValue) == ["s0", "s1", "s3", "s4"])
        }
    }

    @Test(arguments: Backend.available) func sessionsOfARangeAreThoseThatReachIntoIt(
        _ backend: Backend
    ) async throws {
        try await withHouse(backend) { store async throws in
            for number in 0..<5 { try await Sample.begin("s\(number)", at: Int64(number) * 100, in: store) }
            try await store.endRecordSession(RecordSessionID(unchecked: "s4"), at: Sample.time(450))
            func sessions(_ from: Int64, _ to: Int64, limit: Int = 9) async throws -> String {
                try await store.recordSessions(
                    of: Sample.recorded("cam"),
                    in: Sample.time(from)..<Sample.time(to),
                    limit: limit
                ).map(\.id.rawValue).joined(separator: " ")
            }
            #expect(try await sessions(150, 250) == "s1 s2")
            #expect(try await sessions(200, 300) == "s2")
            #expect(try await sessions(-50, 1) == "s0")
            #expect(try await sessions(-50, 0) == "")
            #expect(try await sessions(449, 500) == "s4")
            #expect(try await sessions(450, 500) == "")
            #expect(try await sessions(0, 500, limit: 2) == "s0 s1")
            // One that runs has no end.
            try await Sample.begin("s5", at: 500, in: store)
            #expect(try await sessions(10_000, 10_001) == "s5")
        }
    }

    /// What was recorded outlives its device; what is left of it goes when its bytes have gone.
    @Test(arguments: Backend.available) func rowsOutliveTheDeviceAndGoWhenTheyAreEmpty(
        _ backend: Backend
    ) async throws {
        try await withHouse(backend) { store async throws in
            try await Sample.begin("s1", in: store)
            try await store.writeSegments([try Sample.segment(0)])
            try await Sample.begin("s2", of: Sample.channel("den"), in: store)
            try await store.removeDevice(UnitID(unchecked: "cam"))
            try await store.endRecordSession(Self.one, at: Sample.time(20_000))
            #expect(try await store.recordedAmounts(of: Sample.recorded("cam")).segments == 1)
            #expect(try await store.dropRecordSessions(endedBefore: Sample.time(90_000), limit: 9) == 0)
            try await store.deleteSegments([try Sample.name(0)], of: Self.one)
            #expect(try await store.dropRecordSessions(endedBefore: Sample.time(20_000), limit: 9) == 0)
            #expect(try await store.dropRecordSessions(endedBefore: Sample.time(20_001), limit: 9) == 1)
            #expect(try await store.recordSession(Self.one) == nil)
            let channels = try await store.recordedChannels(owner: nil, after: nil, limit: 9)
            #expect(channels.map(\.0) == [Sample.recorded("den")], "one of which a session runs stays")
        }
    }
}
