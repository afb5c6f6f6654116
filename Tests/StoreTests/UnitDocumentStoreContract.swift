import HSSModel
import Store
import Testing

@Suite("Documents of units") struct UnitDocumentStoreContract {
    private let start = Sample.start

    /// The form under test as this suite needs it.
    private static func documents(
        _ store: any CentreStore
    ) throws -> any DeviceStore & UnitDocumentStore {
        try #require(store as? any DeviceStore & UnitDocumentStore)
    }

    private func document(_ body: String, firmware: String? = nil) -> StoredUnitDocument {
        StoredUnitDocument(body: body, firmwareModel: firmware, changedAt: start)
    }

    @Test(arguments: Backend.available) func documentsAreReadAsTheyWereKept(
        _ backend: Backend
    ) async throws {
        try await backend.withStore { store async throws in
            let store = try Self.documents(store)
            let unit = UnitID(unchecked: "a")
            try await store.add(Sample.device("a"))
            #expect(try await store.documents(of: unit).isEmpty)
            let first: [UnitDocumentKind: StoredUnitDocument] = [
                .capabilities: document(#"{"ptz":true}"#, firmware: "1"), .desired: document("{}"),
            ]
            try await store.keep(first.mapValues { $0 }, of: unit)
            #expect(try await store.documents(of: unit) == first)
            // What is not named stays; nil drops.
            let second = document(#"{"ptz":false}"#, firmware: "2")
            try await store.keep([.capabilities: second, .desired: nil, .refusals: nil], of: unit)
            #expect(try await store.documents(of: unit) == [.capabilities: second])
        }
    }

    @Test(arguments: Backend.available) func documentsGoWithTheirDevice(_ backend: Backend) async throws {
        try await backend.withStore { store async throws in
            let store = try Self.documents(store)
            let unit = UnitID(unchecked: "a")
            await #expect(throws: StoreError.notFound("device a")) {
                try await store.keep([.desired: document("{}")], of: unit)
            }
            try await store.add(Sample.device("a"))
            try await store.keep([.desired: document("{}")], of: unit)
            try await store.removeDevice(unit)
            #expect(try await store.documents(of: unit).isEmpty)
            try await store.add(Sample.device("a"))
            #expect(try await store.documents(of: unit).isEmpty, "a new device of that name knows nothing")
        }
    }

    @Test(arguments: Backend.available) func aKindIsListedInPages(_ backend: Backend) async throws {
        try await backend.withStore { store async throws in
            let store = try Self.documents(store)
            for number in 0..<5 {
                let unit = UnitID(unchecked: "d\(number)")
                try await store.add(Sample.device("d\(number)"))
                try await store.keep(
                    [(number == 2 ? .reported : .desired): document("\(number)")],
                    of: unit
                )
            }
            let first = try await store.documents(.desired, after: nil, limit: 2)
            let rest = try await store.documents(.desired, after: first.last?.unit, limit: 100)
            #expect((first + rest).map(\.unit.rawValue) == ["d0", "d1", "d3", "d4"])
            #expect((first + rest).map(\.document.body) == ["0", "1", "3", "4"])
        }
    }

    @Test(arguments: Backend.available) func whatWasAcknowledgedIsThereAfterARestart(
        _ backend: Backend
    ) async throws {
        let unit = UnitID(unchecked: "a")
        let wanted = document(#"{"led":false}"#)
        try await backend.withRestart { store async throws in
            let store = try Self.documents(store)
            try await store.add(Sample.device("a"))
            try await store.keep([.desired: wanted], of: unit)
        } then: { store async throws in
            let store = try Self.documents(store)
            #expect(try await store.documents(of: unit) == [.desired: wanted])
        }
    }
}
