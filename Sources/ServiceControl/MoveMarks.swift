import HSSModel
import HostClock
import Logging
import Store

/// The marks of ``MoveStore``, written one after the other: a mark that is taken away must not overtake the next one.
///
/// Best effort: a camera can be moved while the store is away; only a kill at that time leaves it turning.
actor MoveMarks {
    /// Beyond it marks are left out: the store is stuck.
    private static let mostWaiting = 64

    private let store: any MoveStore
    private let logger: Logger
    private var last: Task<Void, Never>?
    private var waiting = 0

    init(store: any MoveStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    func all() async -> [ChannelAddress] {
        do throws(StoreError) { return try await store.openMoves() } catch {
            logger.error("moves from before the start cannot be read", metadata: ["reason": "\(error)"])
            return []
        }
    }

    /// Returns once the mark is durable.
    func begin(_ channel: ChannelAddress) async {
        await write(channel.unit) { (store) throws(StoreError) in
            try await store.beginMove(channel, at: .now)
        }
    }

    func end(_ unit: UnitID) async {
        await write(unit) { (store) throws(StoreError) in try await store.endMoves(of: unit) }
    }

    private func write(
        _ unit: UnitID,
        _ body: @escaping @Sendable (any MoveStore) async throws(StoreError) -> Void
    ) async {
        guard waiting < Self.mostWaiting else { return }
        waiting += 1
        defer { waiting -= 1 }
        let task = Task { [before = last, store, logger] in
            await before?.value
            do throws(StoreError) { try await body(store) } catch {
                logger.error(
                    "that a camera moves cannot be kept",
                    metadata: ["unit": "\(unit)", "reason": "\(error)"]
                )
            }
        }
        last = task
        await task.value
    }
}
