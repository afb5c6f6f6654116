import Bus
import ChildProcesses
import HSSModel
import HostClock
import Logging
import Synchronization
import Vm

/// Why a rendition's process is no more.
struct RenditionFailure: Error, Sendable, Equatable {
    enum Reason: String, CaseIterable, Sendable {
        /// It could not be started.
        case unstartable
        /// It ended of itself, or something else ended it.
        case crashed
        /// It took pictures and gave none.
        case hung
        /// Neither pictures nor sound of the original can be read.
        case unreadable
        /// The original changes its coding again and again.
        case changing
    }

    var reason: Reason
    var text: String
}

/// One rendition of one stream: reads the original like a viewer, and is what a publisher is to viewers of its own.
///
/// A process makes it, and another one when that ends; when several in a row come to nothing it is given up. Nothing here
/// runs on a lane's thread, and nobody waits for it.
final class RenditionStream: Sendable {
    /// What all of them share.
    struct Making: Sendable {
        var settings: RenditionSettings
        var ffmpeg: String
        var limits: MediaLimits
        var metrics: RenditionMetrics
        var logger: Logger
    }

    private struct State {
        var feed: HTTPViewer?
        var child: ChildProcess?
        /// Of processes that have ended.
        var earlierCPU = Duration.zero
        var earlierSkips: UInt64 = 0
        var restarts = 0
        var activity = RenditionStatus.Activity.starting
        var isOver = false
    }

    private struct Callback: Sendable {
        let call: @Sendable (RenditionStream, RenditionFailure) -> Void
    }

    /// How soon a pause notices ``stop()``.
    private static let tick: Duration = .milliseconds(20)

    let id: UInt64
    let stream: StreamID
    let rendition: Rendition
    let hub: StreamHub
    let making: Making
    let output: Tally
    private let source: StreamHub
    private let callback: Callback
    private let state = Mutex(State())

    init(
        _ id: UInt64,
        _ rendition: Rendition,
        of stream: StreamID,
        from source: StreamHub,
        to hub: StreamHub,
        making: Making,
        onFailure: @escaping @Sendable (RenditionStream, RenditionFailure) -> Void
    ) {
        self.id = id
        self.rendition = rendition
        self.stream = stream
        self.source = source
        self.hub = hub
        self.making = making
        callback = Callback(call: onFailure)
        output = Tally(at: .now)
    }

    func onFailure(_ stream: RenditionStream, _ failure: RenditionFailure) { callback.call(stream, failure) }

    /// Nobody needs it any more. Its process is asked to end.
    func stop() {
        let feed = state.withLock { state in
            state.isOver = true
            return state.feed
        }
        // What waits is of no use to anybody.
        feed?.end(.closedByPeer)
    }

    var isOver: Bool { state.withLock(\.isOver) }

    /// Runs until ``stop()``, or until it is given up.
    @concurrent func run() async -> RenditionFailure? {
        var restarts = RenditionRestarts()
        var number: UInt64 = 0
        while !isOver, !Task.isCancelled {
            let began = Instant.now
            number += 1
            let failure = await runProcess(number)
            hub.finish(at: .now)
            guard !isOver, !Task.isCancelled else { break }
            switch restarts.ended(failure, after: .now - began) {
            case .atOnce: continue
            case .after(let pause, let failure):
                tell(failure, "A rendition is begun anew", .notice)
                state.withLock { state in
                    state.restarts += 1
                    state.activity = .restarting
                }
                await wait(pause)
            case .giveUp(let failure):
                tell(failure, "A rendition was given up", .warning)
                return failure
            }
        }
        return nil
    }

    private func tell(_ failure: RenditionFailure, _ message: Logger.Message, _ level: Logger.Level) {
        making.metrics.count(failure)
        making.logger.log(
            level: level,
            message,
            metadata: [
                "stream": "\(stream)", "rendition": "\(rendition.rawValue)",
                "reason": "\(failure.reason.rawValue)", "text": "\(failure.text)",
            ]
        )
    }

    /// Shorter where it is stopped or cancelled. Looks instead of listening: pauses are few, and there may be another.
    private func wait(_ pause: Duration) async {
        let end = Instant.now + pause
        while !isOver, .now < end {
            guard (try? await Task.sleep(for: Self.tick)) != nil else { return }
        }
    }

    /// One process from its start to its end; `nil`: it was ended, or the original changed its coding.
    private func runProcess(_ number: UInt64) async -> RenditionFailure? {
        let feed = HTTPViewer(limitInBytes: making.limits.viewerQueueInBytes, isCounted: false, at: .now)
        let isWanted = state.withLock { state in
            guard !state.isOver else { return false }
            state.feed = feed
            return true
        }
        guard isWanted else { return nil }
        // It begins with the group of pictures that is kept, as every viewer does.
        source.add(feed)
        defer {
            source.remove(feed)
            feed.end(.closedByPeer)
            state.withLock { state in
                state.feed = nil
                state.earlierSkips += feed.tally.skipped
            }
        }
        return await RenditionProcess(self, number, feed).run()
    }

    // MARK: What its process tells

    func began(_ child: ChildProcess) { state.withLock { $0.child = child } }

    func ended(using cpuTime: Duration) {
        state.withLock { state in
            state.child = nil
            state.earlierCPU += cpuTime
        }
    }

    func gaveOutput() { state.withLock { $0.activity = .running } }

    // MARK: What others see

    var cpuTime: Duration {
        state.withLock { $0.earlierCPU + ($0.child?.cpuTime ?? .zero) }
    }

    /// The process that makes it now.
    var processID: Int32? { state.withLock { $0.child?.pid } }

    func status(viewers: Int, cores: Double, at now: Instant) -> RenditionStatus {
        let (activity, cpuTime, restarts, feed, skips) = state.withLock { state in
            (
                state.activity, state.earlierCPU + (state.child?.cpuTime ?? .zero), state.restarts,
                state.feed,
                state.earlierSkips
            )
        }
        return RenditionStatus(
            rendition: rendition,
            activity: activity,
            viewers: viewers,
            cores: cores,
            cpuTime: cpuTime,
            bitrate: output.bitrate(at: now),
            queuedBytes: feed?.queuedBytes ?? 0,
            skipped: skips + (feed?.tally.skipped ?? 0),
            restarts: restarts
        )
    }
}
