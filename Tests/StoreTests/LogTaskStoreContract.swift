import HSSModel
import Store
import Testing

@Suite("Logs that units were asked for") struct LogTaskStoreContract {
    private let unit = UnitID(unchecked: "a")

    private static func tasks(_ store: any CentreStore) throws -> any DeviceStore & LogTaskStore {
        try #require(store as? any DeviceStore & LogTaskStore)
    }

    private func task(_ id: String, after age: Duration = .zero) -> LogTask {
        LogTask(
            id: LogTaskID(unchecked: id),
            unit: unit,
            start: "2026-11-20T00:00:00",
            end: "2026-11-21T00:00:00",
            createdAt: Sample.start + age
        )
    }

    @Test(arguments: Backend.available) func aTaskEndsOnceAndForItsUnitOnly(
        _ backend: Backend
    ) async throws {
        try await backend.withStore { store async throws in
            let store = try Self.tasks(store)
            await #expect(throws: StoreError.notFound("device a")) {
                try await store.add(task("1"), keeping: 10)
            }
            try await store.add(Sample.device("a"))
            try await store.add(task("1"), keeping: 10)
            #expect(try await store.logTask(LogTaskID(unchecked: "1")) == task("1"))
            let time = Sample.start + .seconds(5)
            func end(of unit: String, as state: LogTask.State) async throws -> Bool {
                try await store.end(
                    LogTaskID(unchecked: "1"),
                    of: UnitID(unchecked: unit),
                    as: state,
                    covers: (start: "2026-11-20T03:00:00", end: "2026-11-20T04:00:00"),
                    at: time
                )
            }
            #expect(try await !end(of: "b", as: .failed), "another unit knows nothing of it")
            #expect(try await end(of: "a", as: .done))
            #expect(try await !end(of: "a", as: .failed), "a task ends once")
            let ended = try #require(try await store.logTask(LogTaskID(unchecked: "1")))
            #expect(ended.state == .done && ended.endedAt == time)
            #expect(ended.coversStart == "2026-11-20T03:00:00" && ended.coversEnd == "2026-11-20T04:00:00")
        }
    }

    @Test(arguments: Backend.available) func theNewestAreKept(_ backend: Backend) async throws {
        try await backend.withStore { store async throws in
            let store = try Self.tasks(store)
            try await store.add(Sample.device("a"))
            for number in 1...5 {
                try await store.add(task("\(number)", after: .seconds(number)), keeping: 3)
            }
            #expect(try await store.logTasks(of: unit, limit: 10).map(\.id.rawValue) == ["5", "4", "3"])
            #expect(try await store.logTasks(of: unit, limit: 1).map(\.id.rawValue) == ["5"])
            try await store.removeDevice(unit)
            #expect(try await store.logTasks(of: unit, limit: 10).isEmpty)
        }
    }
}
