import HSSModel
import ServerKit
import Store
import Synchronization
import Vr

/// The runners of those record sessions of which something is open or asked. One session has one runner: requests that
/// meet in it are put in order. A session of which nothing is open is forgotten with its last request.
final class SessionTable: Sendable {
    private struct Entry {
        let runner: SessionRunner
        /// Who speaks with it now.
        var users = 0
        var isIdle = true
        var wakeAt: Instant?
    }

    private let capacity: Int
    private let metrics: RecordingMetrics
    private let entries = Mutex<[RecordSessionID: Entry]>([:])

    init(capacity: Int, metrics: RecordingMetrics) {
        self.capacity = capacity
        self.metrics = metrics
    }

    /// `body` gets the session's runner, made by `make` where there is none. Beyond the capacity a newcomer is refused.
    func with<Value: Sendable>(
        _ id: RecordSessionID,
        make: (SessionRunner.News) -> SessionRunner,
        ask body: (SessionRunner) async -> Value
    ) async throws(RecordFailure) -> Value {
        guard let runner = take(id, make) else { throw .busy }
        defer { letGo(id) }
        return await body(runner)
    }

    /// `body` gets the session's runner if there is one.
    func withHeld<Value: Sendable>(
        _ id: RecordSessionID,
        _ body: (SessionRunner) async -> Value
    ) async -> Value? {
        guard let runner = take(id, { _ in nil }) else { return nil }
        defer { letGo(id) }
        return await body(runner)
    }

    /// Puts a session in that has unfinished segments, whatever the capacity: they have to be looked after.
    func restore(_ id: RecordSessionID, make: (SessionRunner.News) -> SessionRunner) async {
        let runner = entries.withLock { entries -> SessionRunner in
            let runner = make(news(of: id))
            entries[id] = Entry(runner: runner, users: 1)
            return runner
        }
        await runner.resume()
        letGo(id)
    }

    /// Those whose time has come.
    func due(at now: Instant) -> [RecordSessionID] {
        entries.withLock { entries in entries.filter { $0.value.wakeAt.map { $0 <= now } ?? false }.map(\.key)
        }
    }

    var held: [RecordSessionID] { entries.withLock { Array($0.keys) } }

    private func take(
        _ id: RecordSessionID,
        _ make: (SessionRunner.News) -> SessionRunner?
    ) -> SessionRunner? {
        entries.withLock { entries in
            if entries[id] == nil {
                guard entries.count < capacity, let runner = make(news(of: id)) else { return nil }
                entries[id] = Entry(runner: runner)
                metrics.openSessions.set(entries.count)
            }
            entries[id]?.users += 1
            return entries[id]?.runner
        }
    }

    private func letGo(_ id: RecordSessionID) {
        entries.withLock { entries in
            entries[id]?.users -= 1
            forget(id, &entries)
        }
    }

    private func news(of id: RecordSessionID) -> SessionRunner.News {
        SessionRunner.News { [weak self] isIdle, wakeAt in self?.note(id, isIdle, wakeAt) }
    }

    private func note(_ id: RecordSessionID, _ isIdle: Bool, _ wakeAt: Instant?) {
        entries.withLock { entries in
            entries[id]?.isIdle = isIdle
            entries[id]?.wakeAt = wakeAt
            forget(id, &entries)
        }
    }

    private func forget(_ id: RecordSessionID, _ entries: inout [RecordSessionID: Entry]) {
        guard let entry = entries[id], entry.users == 0, entry.isIdle else { return }
        entries[id] = nil
        metrics.openSessions.set(entries.count)
    }
}
