import Bus
import HSSModel
import Store
import Synchronization

/// Addresses for uploads, and what the test says came to them.
final class FakeUploads: UploadPoint {
    private struct State {
        var addresses: [(UploadPurpose, reference: String?, https: Bool)] = []
        var contents: [UploadID: [UInt8]] = [:]
        var references: [String: UploadID] = [:]
    }

    private let state = Mutex(State())

    var addresses: [(UploadPurpose, reference: String?, https: Bool)] { state.withLock { $0.addresses } }

    /// The unit sends to the newest address.
    func put(_ bytes: [UInt8]) {
        state.withLock { $0.contents[UploadID(unchecked: "u\($0.addresses.count)")] = bytes }
    }

    func address(
        for purpose: UploadPurpose,
        of unit: UnitID,
        channel: Int?,
        reference: String?,
        https: Bool
    ) async throws(ActivityError) -> UploadAddress {
        let id = state.withLock { state in
            state.addresses.append((purpose, reference: reference, https: https))
            let id = UploadID(unchecked: "u\(state.addresses.count)")
            if let reference { state.references[reference] = id }
            return id
        }
        return UploadAddress(
            id: id,
            url: Secret("http\(https ? "s" : "")://h/upload/\(id)"),
            expiresAt: WallTime(milliseconds: 0)
        )
    }

    func content(of upload: UploadID, within limit: Duration) async throws(ActivityError) -> StoredContent {
        guard let bytes = state.withLock({ $0.contents[upload] }) else { throw .nothingCame(after: limit) }
        return StoredContent(
            type: "image/jpeg",
            size: Int64(bytes.count),
            sha256: "00",
            storedAt: WallTime(milliseconds: 0)
        ) { (offset, count) throws(ActivityError) in
            Array(bytes.dropFirst(Int(offset)).prefix(count))
        }
    }

    func content(for reference: String) async throws(ActivityError) -> StoredContent {
        guard let id = state.withLock({ $0.references[reference] }) else { throw .notFound(reference) }
        do throws(ActivityError) {
            return try await content(of: id, within: .zero)
        } catch {
            throw .notFound(reference)
        }
    }
}

/// What is kept of units, in memory.
final class FakeDocuments: UnitDocumentStore, LogTaskStore {
    private struct State {
        var documents: [UnitID: [UnitDocumentKind: StoredUnitDocument]] = [:]
        var tasks: [LogTask] = []
        var failure: StoreError?
    }

    private let state = Mutex(State())

    func failAll(with failure: StoreError?) { state.withLock { $0.failure = failure } }
    func body(_ kind: UnitDocumentKind, of unit: UnitID) -> String? {
        state.withLock { $0.documents[unit]?[kind]?.body }
    }

    private func check() throws(StoreError) {
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    func documents(
        of unit: UnitID
    ) async throws(StoreError) -> [UnitDocumentKind: StoredUnitDocument] {
        try check()
        return state.withLock { $0.documents[unit] ?? [:] }
    }

    func keep(
        _ documents: [UnitDocumentKind: StoredUnitDocument?],
        of unit: UnitID
    ) async throws(StoreError) {
        try check()
        state.withLock { state in
            for (kind, document) in documents { state.documents[unit, default: [:]][kind] = document }
        }
    }

    func documents(
        _ kind: UnitDocumentKind,
        after: UnitID?,
        limit: Int
    ) async throws(StoreError) -> [(unit: UnitID, document: StoredUnitDocument)] {
        try check()
        return state.withLock { state in
            state.documents.compactMap { unit, documents in
                documents[kind].map { (unit: unit, document: $0) }
            }
            .filter { after == nil || $0.unit > after ?? $0.unit }.sorted { $0.unit < $1.unit }
        }
    }

    func add(_ task: LogTask, keeping limit: Int) async throws(StoreError) {
        try check()
        state.withLock { $0.tasks.insert(task, at: 0) }
    }

    func logTask(_ id: LogTaskID) async throws(StoreError) -> LogTask? {
        state.withLock { $0.tasks.first { $0.id == id } }
    }

    func logTasks(of unit: UnitID, limit: Int) async throws(StoreError) -> [LogTask] {
        state.withLock { $0.tasks.filter { $0.unit == unit } }
    }

    func end(
        _ id: LogTaskID,
        of unit: UnitID,
        as taskState: LogTask.State,
        covers: (start: String, end: String)?,
        at time: WallTime
    ) async throws(StoreError) -> Bool {
        state.withLock { state in
            guard let index = state.tasks.firstIndex(where: { $0.id == id && $0.unit == unit }) else {
                return false
            }
            state.tasks[index].state = taskState
            state.tasks[index].coversStart = covers?.start
            state.tasks[index].coversEnd = covers?.end
            state.tasks[index].endedAt = time
            return true
        }
    }
}
