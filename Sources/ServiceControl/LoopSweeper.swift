import HSSModel
import HostClock
import NIOCore

/// Looks once a second after every unit of one event loop: one timer for all instead of one for each.
/// Everything of it happens on that loop.
final class LoopSweeper {
    private var handlers: [ObjectIdentifier: VdHandler] = [:]
    private var timer: RepeatedTask?

    /// On `loop`.
    private init(loop: any EventLoop) {
        let bound = NIOLoopBound(self, eventLoop: loop)
        timer = loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            let now = Instant.now
            for handler in bound.value.handlers.values { handler.sweep(at: now) }
        }
    }

    /// One for each loop of `group`.
    static func start(
        on group: any EventLoopGroup
    ) async throws -> [ObjectIdentifier: NIOLoopBound<LoopSweeper>] {
        var sweepers: [ObjectIdentifier: NIOLoopBound<LoopSweeper>] = [:]
        for loop in group.makeIterator() {
            sweepers[ObjectIdentifier(loop)] = try await loop.submit {
                NIOLoopBound(LoopSweeper(loop: loop), eventLoop: loop)
            }.get()
        }
        return sweepers
    }

    func stop() {
        timer?.cancel()
        handlers = [:]
    }

    func add(_ handler: VdHandler) {
        handlers[ObjectIdentifier(handler)] = handler
    }

    func remove(_ handler: VdHandler) {
        handlers[ObjectIdentifier(handler)] = nil
    }
}
