package import Foundation

/// Media bytes in a temporary file, which goes with this object, and FFmpeg's opinion of them.
package final class MediaFile {
    package let path: String

    package init(path: String) {
        self.path = path
    }

    package convenience init(packets: [UInt8]) throws {
        let path = Self.temporaryPath()
        try Data(packets).write(to: URL(filePath: path))
        self.init(path: path)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    package static func temporaryPath() -> String {
        FileManager.default.temporaryDirectory.appending(path: "vedette-\(UUID().uuidString).ts").path()
    }

    package struct Result: Sendable {
        package var output: Data
        package var errors: String
        package var status: Int32
    }

    /// Runs a tool of the host to its end.
    package func run(_ tool: String, _ arguments: String...) throws -> Result {
        try Self.run([tool] + arguments)
    }

    package static func run(_ command: [String]) throws -> Result {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        let errorFile = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try Data().write(to: errorFile)
        defer { try? FileManager.default.removeItem(at: errorFile) }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = try FileHandle(forWritingTo: errorFile)
        // Not the shared null device: its descriptor was seen to be that of another process.
        process.standardInput = FileHandle(forReadingAtPath: "/dev/null")
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        let errors = String(decoding: try Data(contentsOf: errorFile), as: UTF8.self)
        return Result(output: data, errors: errors, status: process.terminationStatus)
    }

    package func videoFrames() throws -> Int? {
        let result = try run(
            "ffprobe",
            "-v",
            "error",
            "-count_frames",
            "-select_streams",
            "v:0",
            "-show_entries",
            "stream=nb_read_frames",
            "-of",
            "default=nk=1:nw=1",
            path
        )
        let text = String(decoding: result.output, as: UTF8.self)
        return text.split(whereSeparator: \.isNewline).first.flatMap { Int($0) }
    }

    /// In ticks of 90 kHz, in the order of the file.
    package func decodingTimes(of stream: String) throws -> [Int64] {
        let result = try run(
            "ffprobe",
            "-v",
            "error",
            "-select_streams",
            stream,
            "-show_entries",
            "packet=dts",
            "-of",
            "csv=p=0",
            path
        )
        return String(decoding: result.output, as: UTF8.self).split(whereSeparator: \.isNewline)
            .compactMap { line in line.split(separator: ",").first.flatMap { Int64($0) } }
    }
}
