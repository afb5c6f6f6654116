import Synchronization

/// Prints one line for each listener, then `ready`, for people and for scripts that wait.
final class StartAnnouncements: Sendable {
    private struct State {
        var lines: [String] = []
        var expected: Int?
        var printed = 0
        var begun = false
    }

    private let state = Mutex(State())

    func listening(_ name: String, _ address: String) {
        state.withLock {
            $0.lines.append("\(name) listens on \(address)")
            Self.print(&$0)
        }
    }

    func expect(_ count: Int) {
        state.withLock { $0.expected = count }
    }

    /// Nothing is printed before: the operator's first password comes first.
    func begin() {
        state.withLock {
            $0.begun = true
            Self.print(&$0)
        }
    }

    private static func print(_ state: inout State) {
        guard state.begun else { return }
        for line in state.lines[state.printed...] { Terminal.printLine(line) }
        state.printed = state.lines.count
        if state.printed == state.expected { Terminal.printLine("ready") }
    }
}
