import Glibc
import HSSModel
import HostClock
package import Logging
import NIOCore
package import NIOPosix
import ServiceLifecycle
import Synchronization

/// Keeps systemd informed: ready, reloading, stopping, one line about what goes on, and a sign of life while everything
/// that carries the platform still answers. Without a manager that asks it does nothing.
package final class ServiceManagerLink: Service {
    /// Nil: alive; otherwise what does not answer.
    package typealias Pulse = @Sendable () async -> String?

    /// How often the line about what goes on is renewed without a watchdog.
    private static let statusInterval = Duration.seconds(10)

    private let notifier: ServiceNotifier?
    private let watchdog: Duration?
    private let pulses: [(name: String, beat: Pulse)]
    private let status: @Sendable () -> String
    private let logger: Logger

    /// - Parameters:
    ///   - environment: where the manager says what it wants.
    ///   - pulses: what has to answer, each within half of the watchdog's time; they are asked at once.
    ///   - status: one line for `systemctl status`.
    ///   - logger: says what did not answer.
    package init(
        environment: [String: String],
        pulses: [(name: String, beat: Pulse)],
        status: @escaping @Sendable () -> String,
        logger: Logger
    ) {
        notifier = ServiceNotifier(environment: environment)
        watchdog = ServiceNotifier.watchdogInterval(environment: environment, process: getpid())
        self.pulses = pulses
        self.status = status
        self.logger = logger
    }

    package func ready() { notifier?.send(["READY=1", "STATUS=\(status())"]) }

    /// ``ready()`` says that it is over.
    package func reloading() {
        let now = Instant.now.nanoseconds / 1000
        notifier?.send(["RELOADING=1", "MONOTONIC_USEC=\(now)", "STATUS=reading the configuration"])
    }

    package func run() async throws {
        guard notifier != nil else {
            try? await gracefulShutdown()
            return
        }
        let interval = watchdog ?? Self.statusInterval
        while (try? await cancelWhenGracefulShutdown({ try await Task.sleep(for: interval) })) != nil {
            await beat()
        }
        notifier?.send(["STOPPING=1", "STATUS=ending connections"])
    }

    /// One sign of life, or none and a line in the log.
    package func beat() async {
        if let silent = await firstSilent(within: watchdog ?? Self.statusInterval) {
            logger.critical("no sign of life to the service manager", metadata: ["reason": "\(silent)"])
            notifier?.send(["STATUS=\(silent)"])
            return
        }
        notifier?.send((watchdog == nil ? [] : ["WATCHDOG=1"]) + ["STATUS=\(status())"])
    }

    private func firstSilent(within limit: Duration) async -> String? {
        let pulses = pulses
        return await withTaskGroup(of: (String, String?).self) { group in
            for pulse in pulses { group.addTask { (pulse.name, await pulse.beat()) } }
            group.addTask {
                try? await Task.sleep(for: limit)
                return ("", "")
            }
            var waiting = Set(pulses.map(\.name))
            for await (name, problem) in group {
                if name.isEmpty { break }
                waiting.remove(name)
                if let problem {
                    group.cancelAll()
                    return "\(name): \(problem)"
                }
                if waiting.isEmpty { break }
            }
            group.cancelAll()
            return waiting.sorted().first.map { "\($0) does not answer" }
        }
    }

    /// Every event loop runs a task of ours in turn.
    package static func eventLoops(_ loops: MultiThreadedEventLoopGroup = .singleton) -> Pulse {
        { () async -> String? in
            for loop in loops.makeIterator() {
                let answer = ResumeOnce()
                await withTaskCancellationHandler {
                    await withCheckedContinuation { continuation in
                        answer.wait(continuation)
                        loop.execute { answer.resume() }
                    }
                } onCancel: {
                    answer.resume()
                }
                if Task.isCancelled { return "an event loop does not answer" }
            }
            return nil
        }
    }
}

/// A continuation that two may resume.
private final class ResumeOnce: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Void, Never>?
        var isResumed = false
    }

    private let state = Mutex(State())

    func wait(_ continuation: CheckedContinuation<Void, Never>) {
        let isOver = state.withLock { state in
            if !state.isResumed { state.continuation = continuation }
            return state.isResumed
        }
        if isOver { continuation.resume() }
    }

    func resume() {
        let continuation = state.withLock { state in
            defer { state.continuation = nil }
            state.isResumed = true
            return state.continuation
        }
        continuation?.resume()
    }
}
