import HSSModel
import HostClock
import Synchronization

/// Whether pictures go into a process and none come out. While the unit is away nothing goes in, and the last of what did may
/// well not come out before more follows.
final class RenditionProgress: Sendable {
    private struct State {
        /// Something has gone in since then, or is to, and nothing has come out.
        var waitingSince: Instant?
        var lastWrite: Instant?
        var isWriting = false
    }

    private let state = Mutex(State())
    private let patience: Duration

    init(patience: Duration) {
        self.patience = patience
    }

    func writes(at now: Instant) {
        state.withLock { state in
            let isAfterPause = state.lastWrite.map { now - $0 > patience / 2 } ?? true
            state.waitingSince = isAfterPause ? now : state.waitingSince ?? now
            state.isWriting = true
        }
    }

    func wrote(at now: Instant) {
        state.withLock { state in
            state.lastWrite = now
            state.isWriting = false
        }
    }

    /// A write that is not taken yet waits on from here: no other begins that would say so.
    func gaveOutput(at now: Instant) {
        state.withLock { $0.waitingSince = $0.isWriting ? now : nil }
    }

    func isHung(at now: Instant) -> Bool {
        state.withLock { state in
            guard let since = state.waitingSince, now - since > patience else { return false }
            return state.isWriting || state.lastWrite.map { now - $0 <= patience / 2 } ?? false
        }
    }
}
