import Synchronization

/// What `serve` says at its start: a line for each listener, then `ready` once all of them listen.
package final class StartupReport: Sendable {
    private struct State {
        var waiting: Set<String>
        var said = false
    }

    private let state: Mutex<State>
    private let say: @Sendable (String) -> Void
    private let onReady: @Sendable () -> Void

    /// - Parameters:
    ///   - listeners: the names that have to report.
    ///   - say: writes one line.
    ///   - onReady: called once, after the last line.
    package init(
        listeners: Set<String>,
        say: @escaping @Sendable (String) -> Void,
        onReady: @escaping @Sendable () -> Void = {}
    ) {
        state = Mutex(State(waiting: listeners))
        self.say = say
        self.onReady = onReady
    }

    /// `address` as a user types it: `https://localhost:8443`.
    package func listening(_ name: String, at address: String) {
        let isReady = state.withLock { state in
            say("\(name)  \(address)")
            state.waiting.remove(name)
            guard state.waiting.isEmpty, !state.said else { return false }
            state.said = true
            return true
        }
        guard isReady else { return }
        say("ready")
        onReady()
    }
}
