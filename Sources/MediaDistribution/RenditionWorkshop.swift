import Bus
import HSSModel
import HostClock
import Logging
import ServerKit
import Synchronization

/// Where renditions are made: a task for each, within what the machine may spend on them.
final class RenditionWorkshop: Sendable {
    private struct State {
        var budget: RenditionBudget
        var running: [UInt64: RenditionStream] = [:]
        var lastID: UInt64 = 0
        /// Of what has ended.
        var cpuTime = Duration.zero
        var isOpen = true
    }

    let settings: RenditionSettings
    private let limits: MediaLimits
    private let media: MediaMetrics
    private let metrics: RenditionMetrics
    private let logger: Logger
    private let state: Mutex<State>
    private let starts: AsyncStream<RenditionStream>
    private let start: AsyncStream<RenditionStream>.Continuation

    init(
        _ settings: RenditionSettings,
        limits: MediaLimits,
        metrics media: MediaMetrics,
        registry: MetricRegistry,
        logger: Logger
    ) {
        self.settings = settings
        self.limits = limits
        self.media = media
        self.logger = logger
        metrics = RenditionMetrics(registry)
        state = Mutex(
            State(budget: RenditionBudget(cores: settings.cores, processes: settings.processes))
        )
        (starts, start) = AsyncStream.makeStream()
        registry.counter(
            "vedette_renditions_cpu_seconds_total",
            "CPU time of the processes that make renditions."
        ) { [weak self] in self?.cpuTime.inSeconds ?? 0 }
    }

    /// Why there are no renditions here at all; `nil`: there are.
    var whyNot: String? {
        if settings.cores <= 0 || settings.processes <= 0 { return "transcoding is switched off" }
        return settings.ffmpeg == nil ? "ffmpeg is not installed" : nil
    }

    /// Makes each rendition that is opened, until ``shutDown()``; what runs then is ended.
    func run() async {
        if let whyNot {
            logger.notice("No renditions are offered", metadata: ["reason": "\(whyNot)"])
        } else if settings.confiner == nil {
            logger.notice("ffmpeg runs without a sandbox: vedette-codec is not beside vedette")
        }
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { await self.measureRegularly() }
            for await stream in starts { tasks.addTask { await self.carry(stream) } }
            tasks.cancelAll()
        }
    }

    func shutDown() {
        let running = state.withLock { state in
            state.isOpen = false
            return Array(state.running.values)
        }
        for stream in running { stream.stop() }
        start.finish()
    }

    // MARK: What the table asks, under its lock

    /// Why one more has no room now.
    func shortage(at now: Instant) -> RenditionBudget.Shortage? {
        state.withLock { $0.budget.shortage(at: now) }
    }

    /// Begins one; `onFailure` hears when it is given up. `nil`: there is no room for it.
    func open(
        _ rendition: Rendition,
        of stream: StreamID,
        from source: StreamHub,
        at now: Instant,
        onFailure: @escaping @Sendable (RenditionStream, RenditionFailure) -> Void
    ) -> RenditionStream? {
        guard let ffmpeg = settings.ffmpeg, whyNot == nil else { return nil }
        let hub = StreamHub(limits: limits, metrics: media, isRendition: true)
        let opened = state.withLock { state -> RenditionStream? in
            guard state.isOpen, state.budget.shortage(at: now) == nil else { return nil }
            state.lastID += 1
            let opened = RenditionStream(
                state.lastID,
                rendition,
                of: stream,
                from: source,
                to: hub,
                making: .init(
                    settings: settings,
                    ffmpeg: ffmpeg,
                    limits: limits,
                    metrics: metrics,
                    logger: logger
                ),
                onFailure: onFailure
            )
            state.running[state.lastID] = opened
            state.budget.begin(state.lastID, at: now)
            return opened
        }
        if let opened {
            metrics.started.add()
            start.yield(opened)
        }
        return opened
    }

    func load(of stream: RenditionStream) -> Double { state.withLock { $0.budget.load(of: stream.id) } }

    // MARK: The tasks

    private func carry(_ stream: RenditionStream) async {
        metrics.running.add(1)
        let failure = await stream.run()
        metrics.running.add(-1)
        state.withLock { state in
            state.running[stream.id] = nil
            state.budget.end(stream.id)
            state.cpuTime += stream.cpuTime
        }
        if let failure { stream.onFailure(stream, failure) }
    }

    /// Once a second.
    private func measureRegularly() async {
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            state.withLock { state in
                for (id, stream) in state.running {
                    state.budget.look(at: stream.cpuTime, of: id, now: .now)
                }
            }
        }
    }

    private var cpuTime: Duration {
        state.withLock { state in state.running.values.reduce(state.cpuTime) { $0 + $1.cpuTime } }
    }
}

/// Figures of renditions.
final class RenditionMetrics: Sendable {
    let running: Gauge
    let started: Counter
    private let failures: [RenditionFailure.Reason: Counter]

    init(_ registry: MetricRegistry) {
        running = registry.gauge("vedette_renditions", "Renditions that are made now.")
        started = registry.counter("vedette_renditions_started_total", "Renditions begun for a first viewer.")
        failures = Dictionary(
            uniqueKeysWithValues: RenditionFailure.Reason.allCases.map { reason in
                let counter = registry.counter(
                    "vedette_renditions_failed_total",
                    "Processes of renditions that failed, by reason.",
                    labels: [("reason", reason.rawValue)]
                )
                return (reason, counter)
            }
        )
    }

    func count(_ failure: RenditionFailure) { failures[failure.reason]?.add() }
}
