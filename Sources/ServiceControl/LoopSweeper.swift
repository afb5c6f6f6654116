import HSSModel
import HostClock
import NIOCore

/// What the units of one event loop share: a look after each of them once a second, by one timer instead of one for
/// each, and the way to run a login's steps there. Everything of it happens on that loop.
final class LoopSweeper {
    let executor: LoopTaskExecutor
    private var handlers: [ObjectIdentifier: VdHandler] = [:]
    private var timer: RepeatedTask?

    /// On `loop`.
    private init(loop: any EventLoop) {
        executor = LoopTaskExecutor(loop)
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
