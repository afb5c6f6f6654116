import Glibc
import Synchronization

/// One line on standard error that is written over, on a terminal; elsewhere nothing.
final class ProgressLine: Sendable {
    private let isOn: Bool
    private let shown = Mutex("")

    init(isQuiet: Bool = false) {
        isOn = !isQuiet && isatty(STDERR_FILENO) == 1
    }

    func show(_ text: String) {
        guard isOn else { return }
        shown.withLock {
            guard $0 != text else { return }
            $0 = text
            // To the first column, and what was longer before is cleared.
            Terminal.printErrorText("\r\(text)\u{1B}[K")
        }
    }

    /// Leaves an empty line for what comes next; twice does no harm.
    func end() {
        guard isOn else { return }
        shown.withLock {
            if !$0.isEmpty { Terminal.printErrorText("\r\u{1B}[K") }
            $0 = ""
        }
    }
}
