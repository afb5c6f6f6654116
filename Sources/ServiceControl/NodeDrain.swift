package import Bus
import HSSModel
import HostClock
import Logging
import Synchronization
import Vd

/// Runs a ``Drain`` over the units of this node.
final class NodeDrain: Sendable {
    private struct State {
        var drain: Drain?
        var surveyedAt: Instant?
        var isThrough = false
    }

    private static let surveyInterval = Duration.seconds(1)

    private let units: UnitRegistry
    private let logger: Logger
    private let state = Mutex(State())

    init(units: UnitRegistry, logger: Logger) {
        self.units = units
        self.logger = logger
    }

    func start(rate: Int, returning: Bool) {
        let drain = Drain(
            rate: rate,
            returning: returning,
            lastEpoch: units.nextEpoch(),
            since: .now,
            at: .now
        )
        state.withLock { $0 = State(drain: drain) }
        logger.notice("draining", metadata: ["rate": "\(rate)", "returning": "\(returning)"])
        tick(at: .now)
    }

    func stop() {
        let ended = state.withLock { state in
            defer { state = State() }
            return state.drain?.progress
        }
        guard let ended else { return }
        logger.notice("draining ended", metadata: ["moved": "\(ended.moved)", "left": "\(ended.left)"])
    }

    var progress: DrainProgress? { state.withLock { $0.drain?.progress } }

    /// Called twenty times a second.
    func tick(at now: Instant) {
        let isSurveyDue = state.withLock { state in
            guard state.drain != nil else { return false }
            return state.surveyedAt.map { now - $0 >= Self.surveyInterval } ?? true
        }
        let candidates = isSurveyDue ? units.candidates : nil
        let (next, through) = state.withLock { state -> ([UnitID], DrainProgress?) in
            guard var drain = state.drain else { return ([], nil) }
            if let candidates {
                drain.survey(candidates, at: now)
                state.surveyedAt = now
            }
            let next = drain.next(at: now)
            state.drain = drain
            let progress = drain.progress
            guard candidates != nil, progress.left == 0, !state.isThrough else { return (next, nil) }
            state.isThrough = true
            return (next, progress)
        }
        for unit in next { units.connectedLink(unit)?.post(Reschedule().event) }
        if let through {
            logger.notice("every unit was moved", metadata: ["moved": "\(through.moved)"])
        }
    }
}

extension SignallingService: DrainableNode {
    package func drain(rate: Int, returning: Bool) async { nodeDrain.start(rate: rate, returning: returning) }
    package func endDrain() async { nodeDrain.stop() }
    package func drainProgress() async -> DrainProgress? { nodeDrain.progress }
    package func asleepUnits() async -> Int { units.sleepers.count }
}
