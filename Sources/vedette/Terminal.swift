import ArgumentParser
import FoundationEssentials
import Glibc
import HSSModel

/// A failure that is told in one line on standard error; the command ends with 1.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// What commands share when they speak to people and scripts.
enum Terminal {
    static func printError(_ line: String) {
        write(line + "\n", to: STDERR_FILENO)
    }

    /// Text that does not end its line: for what is written over.
    static func printErrorText(_ text: String) {
        write(text, to: STDERR_FILENO)
    }

    /// One line at once, also into a pipe: whoever waits for it does not wait for a full buffer.
    static func printLine(_ line: String) {
        write(line + "\n", to: STDOUT_FILENO)
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { return }
            rest = rest.dropFirst(max(0, count))
        }
    }

    /// Writes `value` as one line of JSON, keys in snake case and sorted.
    static func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        printLine(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// Rows under headings, within the terminal's width.
    static func printTable(_ headings: [String], _ rows: [[String]]) {
        for line in TextTable(headings: headings, rows: rows).lines(width: width) { print(line) }
    }

    /// Characters of a line: what `COLUMNS` says, else what the terminal says; nil: neither, as in a pipe.
    private static var width: Int? {
        if let columns = ProcessInfo.processInfo.environment["COLUMNS"].flatMap({ Int($0) }), columns > 0 {
            return columns
        }
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Names and values under each other.
    static func printPairs(_ pairs: [(String, String)]) {
        let width = pairs.map(\.0.count).max() ?? 0
        for (name, value) in pairs { print("\(name.padding(to: width))  \(value)") }
    }

    /// A password from a file, the environment or a prompt that does not show it, in this order.
    static func password(file: String?, prompt: String) throws -> Secret {
        if file == nil, let text = ProcessInfo.processInfo.environment["VEDETTE_PASSWORD"], !text.isEmpty {
            return Secret(text)
        }
        return try secret(file: file, prompt: prompt) {
            "no password: give --password-file, set VEDETTE_PASSWORD, or run this on a terminal"
        }
    }

    /// One that is to be set: the environment has that of who sets it.
    static func newPassword(file: String?, prompt: String) throws -> Secret {
        try secret(file: file, prompt: prompt) {
            "no new password: give a file with it, or run this on a terminal"
        }
    }

    private static func secret(file: String?, prompt: String, missing: () -> String) throws -> Secret {
        if let file {
            guard let data = FileManager.default.contents(atPath: file), data.count <= 4096 else {
                throw Failure("password file \(file) cannot be read")
            }
            return Secret(String(decoding: data, as: UTF8.self).trimmed)
        }
        guard isatty(STDIN_FILENO) == 1 else { throw Failure(missing()) }
        return Secret(try hiddenLine(prompt))
    }

    private static func hiddenLine(_ prompt: String) throws -> String {
        var settings = termios()
        tcgetattr(STDIN_FILENO, &settings)
        var hidden = settings
        hidden.c_lflag &= ~tcflag_t(ECHO)
        write(prompt, to: STDERR_FILENO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
            write("\n", to: STDERR_FILENO)
        }
        guard let line = readLine() else { throw Failure("no password was given") }
        return line
    }
}

extension String {
    fileprivate func padding(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }

    /// Without the line end that editors leave.
    fileprivate var trimmed: String {
        var text = self[...]
        while let last = text.last, last.isNewline { text.removeLast() }
        return String(text)
    }
}
