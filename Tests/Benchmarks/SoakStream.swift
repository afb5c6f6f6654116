import Foundation
import HSSModel
import HostClock
import Synchronization
import TestSupport

/// One camera of the soak: a healthy one is left alone; a mortal one has a process of its own, which dies and returns.
final class SoakStream: Sendable {
    /// How often and how a mortal camera went.
    struct Deaths: Sendable {
        var killed = 0
        var closed = 0
        /// Absences that viewers wait through, and those that end them.
        var short = 0
        var long = 0
    }

    private struct State {
        var deaths = Deaths()
        /// Of each absence, whether viewers wait through it.
        var absences: [Bool] = []
        var viewers: [SoakViewer] = []
    }

    /// Shorter than `live.grace`, with what a start and a login take.
    private static let shortAbsence = 1.0...4.0
    /// Longer than libsrt's patience with a silent peer (5 s) and `live.grace` together.
    private static let longAbsence = 22.0...40.0

    let device: String
    let isHealthy: Bool
    private let state = Mutex(State())

    init(device: String, isHealthy: Bool) {
        self.device = device
        self.isHealthy = isHealthy
    }

    var deaths: Deaths { state.withLock { $0.deaths } }
    var absences: Int { state.withLock { $0.absences.count } }

    func add(_ viewer: SoakViewer) { state.withLock { $0.viewers.append(viewer) } }

    /// Whether somebody who came after `number` absences had a reason to lose the picture.
    func mayHaveEnded(since number: Int) -> Bool {
        !isHealthy && state.withLock { !$0.absences.dropFirst(number).allSatisfy { $0 } }
    }

    /// Lives, dies and returns until the task is cancelled. `lives`: seconds from a return to the next death.
    func runMortal(
        seed: UInt64,
        lives: ClosedRange<Double>,
        start: @escaping @Sendable () throws -> Child
    ) async throws {
        var random = SeededGenerator(seed: seed)
        var process = try await offThread { UncheckedChild(try start()) }
        do {
            while true {
                try await Task.sleep(for: .seconds(Double.random(in: lives, using: &random)))
                let isKilled = Bool.random(using: &random)
                let isShort = Bool.random(using: &random)
                let absence = Double.random(
                    in: isShort ? Self.shortAbsence : Self.longAbsence,
                    using: &random
                )
                state.withLock {
                    if isKilled { $0.deaths.killed += 1 } else { $0.deaths.closed += 1 }
                    if isShort { $0.deaths.short += 1 } else { $0.deaths.long += 1 }
                    $0.absences.append(isShort)
                }
                let dying = process
                try await offThread { if isKilled { dying.child.kill() } else { dying.child.stop() } }
                try await Task.sleep(for: .seconds(absence))
                process = try await offThread { UncheckedChild(try start()) }
                for viewer in state.withLock({ $0.viewers }) { viewer.awaitReturn() }
            }
        } catch {
            let last = process
            try await offThread { last.child.stop() }
            if !(error is CancellationError) { throw error }
        }
    }
}

/// Handed from the thread that starts it to the one that ends it; never used by two at once.
private struct UncheckedChild: @unchecked Sendable {
    let child: Child

    init(_ child: Child) { self.child = child }
}

/// Runs what blocks where it holds nobody up.
func offThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Swift.Result { try body() }) }
    }
}
