import Foundation
import Glibc
package import Logging
import Synchronization

/// Lines on standard error, as text or JSON. Every message and every metadata value passes
/// ``LogRedaction``; a line is written at once, so that lines of several threads do not mix.
package struct LineLogHandler: LogHandler {
    /// Of this logger alone where somebody set it, else of the process.
    package var logLevel: Logger.Level {
        get { shared?.current ?? own }
        set { (own, shared) = (newValue, nil) }
    }

    private var own: Logger.Level
    private var shared: LogLevel?
    package var metadata: Logger.Metadata = [:]
    private let label: String
    private let format: Configuration.Log.Format
    private let write: @Sendable (String) -> Void

    /// Longer values are cut: a peer's text must not fill the disk.
    static let longestValue = 1024

    package init(
        label: String,
        level: Logger.Level,
        shared: LogLevel? = nil,
        format: Configuration.Log.Format,
        write: @escaping @Sendable (String) -> Void = { LineLogHandler.toStandardError($0) }
    ) {
        self.label = label
        own = level
        self.shared = shared
        self.format = format
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        let pairs = all.sorted { $0.key < $1.key }.map { name, value in
            (name, LogRedaction.isSecret(name) ? LogRedaction.mark : Self.text(value))
        }
        let message = Self.clean(event.message.description)
        let time = Date().formatted(.iso8601.time(includingFractionalSeconds: true))
        switch format {
        case .text:
            let level = event.level.rawValue.uppercased()
            let tail = pairs.map { " \($0.0)=\(Self.quotedWhereNeeded($0.1))" }.joined()
            write("\(time) \(level) \(label): \(message)\(tail)\n")
        case .json:
            var members = [
                "\"time\":\"\(time)\"", "\"level\":\"\(event.level.rawValue)\"",
                "\"logger\":\(JSONText.quote(label))", "\"message\":\(JSONText.quote(message))",
            ]
            if !pairs.isEmpty {
                let texts = pairs.map { "\(JSONText.quote($0.0)):\(JSONText.quote($0.1))" }
                members.append("\"metadata\":{\(texts.joined(separator: ","))}")
            }
            write("{\(members.joined(separator: ","))}\n")
        }
    }

    /// A failed write (a closed pipe, a full disk) loses the line, never the service.
    package static func toStandardError(_ line: String) {
        var line = line
        line.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private static func text(_ value: Logger.Metadata.Value) -> String {
        switch value {
        case .string(let text): clean(text)
        case .stringConvertible(let value): clean(value.description)
        case .array(let values): "[" + values.prefix(16).map(text).joined(separator: ", ") + "]"
        case .dictionary(let pairs):
            "{"
                + pairs.sorted { $0.key < $1.key }.prefix(16).map { "\($0.key): \(text($0.value))" }
                .joined(separator: ", ") + "}"
        }
    }

    private static func clean(_ text: String) -> String {
        let redacted = LogRedaction.redact(text)
        guard redacted.utf8.count > longestValue else { return redacted }
        return String(decoding: redacted.utf8.prefix(longestValue), as: UTF8.self) + "…"
    }

    /// Control characters and line ends would let a peer write lines of its own.
    private static func quotedWhereNeeded(_ text: String) -> String {
        let isPlain = text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0 != "\"" && $0.value < 0x7f }
        return isPlain && !text.isEmpty ? text : JSONText.quote(text)
    }
}

/// Where loggers of this process write.
package enum LogBootstrap {
    /// To be called once, before the first logger is made. The level that it returns may be changed later.
    @discardableResult package static func start(
        level: Logger.Level,
        format: Configuration.Log.Format
    ) -> LogLevel {
        let shared = LogLevel(level)
        LoggingSystem.bootstrap { LineLogHandler(label: $0, level: level, shared: shared, format: format) }
        return shared
    }
}

/// The level of all loggers of a process. Read with each line, also with those that are not written.
package final class LogLevel: Sendable {
    private let place: Atomic<Int>

    package init(_ level: Logger.Level) {
        place = Atomic(Self.place(of: level))
    }

    package var current: Logger.Level {
        get { Logger.Level.allCases[place.load(ordering: .relaxed)] }
        set { place.store(Self.place(of: newValue), ordering: .relaxed) }
    }

    private static func place(of level: Logger.Level) -> Int {
        Logger.Level.allCases.firstIndex(of: level) ?? 0
    }
}
