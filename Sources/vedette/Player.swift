import ArgumentParser
import FoundationEssentials
import Glibc

/// A player of this machine that shows what comes on its standard input.
enum Player: String, ExpressibleByArgument, CaseIterable {
    case ffplay, mpv

    private var command: String {
        switch self {
        case .ffplay: "exec ffplay -loglevel error -fflags nobuffer -"
        case .mpv: "exec mpv --really-quiet --profile=low-latency -"
        }
    }

    /// Starts it, hands over the descriptor to write to, and waits until it was closed.
    func show(_ write: (Int32) async throws -> Void) async throws {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        guard folders.contains(where: { access("\($0)/\(rawValue)", X_OK) == 0 }) else {
            throw Failure("\(rawValue) is not installed; '-o - | PLAYER -' pipes to any other player")
        }
        // A constant command: nothing of outside is in it.
        guard let pipe = popen(command, "w") else {
            throw Failure("\(rawValue) cannot be started: \(String(cString: strerror(errno)))")
        }
        defer { pclose(pipe) }
        try await write(fileno(pipe))
    }
}
