import FoundationEssentials
import Glibc
import HSSModel
import HostClock
import Logging
import ServerKit
import Synchronization

/// Reads the configuration again and applies what can be applied while the platform runs; a file that is wrong changes
/// nothing. `running.json` in the data folder tells what runs and what came of the last reload.
final class Reloader: Sendable {
    /// What a reload does, in this order; the first that throws ends it, and nothing of it counts.
    struct Deeds: Sendable {
        /// Reads certificates again.
        var certificates: @Sendable () throws -> Void
        var apply: @Sendable (Configuration) async -> Void
    }

    private let read: @Sendable () throws -> ConfigurationValues
    private let running: Mutex<ConfigurationValues>
    private let number = Mutex(0)
    private let file: String
    private let logger: Logger

    init(
        running: ConfigurationValues,
        dataFolder: String,
        logger: Logger,
        read: @escaping @Sendable () throws -> ConfigurationValues
    ) {
        self.running = Mutex(running)
        file = RunningConfiguration.path(dataFolder)
        self.logger = logger
        self.read = read
    }

    /// At the start.
    func tell() { write(changes: [], refusal: nil) }

    /// Returns one line for the audit trail, and whether it was done.
    func reload(_ deeds: Deeds) async -> (isDone: Bool, text: String) {
        let changes: [ConfigurationChange]
        do {
            let new = try read()
            let configuration = try Configuration(new)
            changes = ConfigurationReload.changes(from: running.withLock { $0 }, to: new)
            try deeds.certificates()
            await deeds.apply(configuration)
            running.withLock { $0 = $0.applying(new) }
        } catch {
            let reason = "\(error)"
            logger.error(
                "reload refused; everything stays as it is",
                metadata: ["reason": "\(reason.replacing("\n", with: "; "))"]
            )
            write(changes: [], refusal: reason)
            return (false, reason)
        }
        for change in changes {
            logger.notice(
                change.effect == .applied
                    ? "configuration changed" : "configuration changes with the next start",
                metadata: ["key": "\(change.key)", "from": "\(change.from)", "to": "\(change.to)"]
            )
        }
        logger.notice("Reload done", metadata: ["changed": "\(changes.count)"])
        write(changes: changes, refusal: nil)
        return (true, changes.map { "\($0.key) \($0.effect.rawValue)" }.joined(separator: ", "))
    }

    private func write(changes: [ConfigurationChange], refusal: String?) {
        let number = number.withLock { number in
            number += 1
            return number
        }
        let report = RunningConfiguration(
            process: Int(getpid()),
            number: number,
            at: WallTime.now.rfc3339Exact,
            refusal: refusal,
            changes: changes,
            values: running.withLock { running in
                running.entries.map {
                    .init(key: $0.key.path, value: $0.shownText, origin: $0.origin.description)
                }
            }
        )
        do { try report.write(to: file) } catch {
            logger.warning("running.json cannot be written", metadata: ["reason": "\(error)"])
        }
    }
}

/// `running.json`: what the platform on a data folder runs with. Without passwords.
struct RunningConfiguration: Codable, Sendable {
    struct Value: Codable, Sendable {
        var key: String
        var value: String
        var origin: String
    }

    private static let largest = 1 << 20

    var process: Int
    /// Grows with each reload of this process.
    var number: Int
    var at: String
    /// Why the last reload changed nothing.
    var refusal: String?
    var changes: [ConfigurationChange]
    var values: [Value]

    static func path(_ dataFolder: String) -> String { dataFolder + "/running.json" }

    /// Nil: there is none that can be read.
    static func load(_ dataFolder: String) -> RunningConfiguration? {
        guard let data = FileManager.default.contents(atPath: path(dataFolder)), data.count <= largest else {
            return nil
        }
        return try? JSONDecoder().decode(RunningConfiguration.self, from: data)
    }

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(self), as: UTF8.self)
        try ProtectedFile.write(text + "\n", to: path, mode: 0o600)
    }
}
