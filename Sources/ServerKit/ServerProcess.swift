import Glibc
package import Logging
package import ServiceLifecycle
import UnixSignals

/// Runs services until a signal: SIGTERM and SIGINT shut down gracefully, a second one ends the process at
/// once, SIGHUP reloads.
package struct ServerProcess: Sendable {
    private let services: [any Service]
    private let onReload: @Sendable () async -> Void
    private let longestShutdown: Duration
    private let logger: Logger

    /// - Parameters:
    ///   - services: each may use those before it; shut down from the last to the first.
    ///   - longestShutdown: after it what still runs is cancelled.
    ///   - logger: says which signal came and which service failed.
    ///   - onReload: called for each SIGHUP, one call at a time.
    package init(
        services: [any Service],
        longestShutdown: Duration,
        logger: Logger,
        onReload: @escaping @Sendable () async -> Void
    ) {
        self.services = services
        self.longestShutdown = longestShutdown
        self.logger = logger
        self.onReload = onReload
    }

    /// Returns after a graceful shutdown; throws what a service threw, after shutting down the others.
    package func run() async throws {
        // A peer that closes while we write must not end the process.
        signal(SIGPIPE, SIG_IGN)
        var configuration = ServiceGroupConfiguration(
            services: services.map {
                .init(
                    service: $0,
                    successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .gracefullyShutdownGroup
                )
            },
            logger: logger
        )
        configuration.maximumGracefulShutdownDuration = longestShutdown
        let group = ServiceGroup(configuration: configuration)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        try await withThrowingTaskGroup(of: Bool.self) { tasks in
            tasks.addTask {
                try await group.run()
                return true
            }
            tasks.addTask {
                await obey(signals, group)
                return false
            }
            while let isGroup = try await tasks.next(), !isGroup {}
            tasks.cancelAll()
        }
    }

    private func obey(_ signals: UnixSignalsSequence, _ group: ServiceGroup) async {
        var isShuttingDown = false
        for await signal in signals {
            guard signal != .sighup else {
                logger.notice("Reload requested")
                await onReload()
                continue
            }
            guard !isShuttingDown else {
                logger.warning("Second signal: ending at once")
                exit(1)
            }
            isShuttingDown = true
            logger.notice("Shutting down", metadata: ["signal": "\(signal)"])
            await group.triggerGracefulShutdown()
        }
    }
}
