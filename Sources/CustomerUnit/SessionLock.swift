import Glibc

/// Lets one of the commands that share a session file renew it. A refresh token counts once: two that use the same would
/// look like a thief, and end the session.
final class SessionLock: Sendable {
    /// Longer than a renewal takes; whoever holds it then hangs.
    private static let patience = Duration.seconds(45)
    private static let interval = Duration.milliseconds(50)

    private let descriptor: Int32

    /// Waits for whoever holds it. It is given back with this object, also by a process that dies.
    init(path: String) async throws(CustomerError) {
        let file = open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .sessionFile(path: path, "cannot be locked") }
        descriptor = file
        var waited = Duration.zero
        while flock(file, LOCK_EX | LOCK_NB) != 0 {
            guard waited < Self.patience, !Task.isCancelled else {
                throw .sessionFile(path: path, "is being renewed by another command that does not end")
            }
            waited += Self.interval
            try? await Task.sleep(for: Self.interval)
        }
    }

    deinit { close(descriptor) }
}
