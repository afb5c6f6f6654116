import Foundation
import ServerKit

/// A folder that disappears with the test.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "vedette-kit-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    func write(_ text: String, as name: String, mode: mode_t = 0o600) throws -> String {
        let file = path + "/" + name
        try ProtectedFile.write(text, to: file, mode: mode)
        return file
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

struct CommandResult {
    var status: Int32
    var output: String
    var errors: String
}

/// Runs a tool that must be installed. `input` is written to its standard input, which is then closed.
///
/// On a thread of its own: waiting in a task would take a thread from the server under test.
func run(_ words: String..., input: String = "") async throws -> CommandResult {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Result { try runAndWait(words, input) }) }.start()
    }
}

private func runAndWait(_ words: [String], _ input: String) throws -> CommandResult {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
    process.arguments = ["20"] + words
    let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
    process.standardInput = stdin
    process.standardOutput = stdout
    process.standardError = stderr
    try process.run()
    stdin.fileHandleForWriting.write(Data(input.utf8))
    try? stdin.fileHandleForWriting.close()
    let output = stdout.fileHandleForReading.readDataToEndOfFile()
    let errors = stderr.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return CommandResult(
        status: process.terminationStatus,
        output: String(decoding: output, as: UTF8.self),
        errors: String(decoding: errors, as: UTF8.self)
    )
}
