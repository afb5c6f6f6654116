import Foundation
import Synchronization

/// A program of the machine run by a test: ffmpeg, ffprobe, srt-live-transmit, curl. A test that needs one fails
/// without it.
final class Tool: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let process: Mutex<Process>
    private let outputURL: URL
    private let done: AsyncStream<Int32>
    private let ownsOutput: Bool

    init(_ name: String, _ arguments: [String], outputTo path: String? = nil) throws {
        ownsOutput = path == nil
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [name] + arguments
        outputURL =
            path.map { URL(fileURLWithPath: $0) }
            ?? FileManager.default.temporaryDirectory.appending(path: "vedette-tool-\(UUID().uuidString)")
        try Data().write(to: outputURL)
        let output = try FileHandle(forWritingTo: outputURL)
        process.standardOutput = output
        process.standardError = path == nil ? output : FileHandle(forWritingAtPath: "/dev/null")
        // Not the shared null device: its descriptor was seen to be that of another process.
        process.standardInput = FileHandle(forReadingAtPath: "/dev/null")
        let (done, finish) = AsyncStream<Int32>.makeStream()
        self.done = done
        process.terminationHandler = {
            finish.yield($0.terminationStatus)
            finish.finish()
        }
        try process.run()
        self.process = Mutex(process)
    }

    deinit {
        process.withLock { if $0.isRunning { kill($0.processIdentifier, SIGKILL) } }
        if ownsOutput { try? FileManager.default.removeItem(at: outputURL) }
    }

    /// Everything it has written so far, errors too.
    var output: String { (try? String(contentsOf: outputURL, encoding: .utf8)) ?? "" }

    func signal(_ number: Int32) {
        process.withLock { _ = kill($0.processIdentifier, number) }
    }

    @discardableResult func waitForExit() async -> Int32 {
        for await status in done { return status }
        return -1
    }

    /// Runs to the end and expects success.
    @discardableResult static func run(_ name: String, _ arguments: [String]) async throws -> String {
        let tool = try Tool(name, arguments)
        let status = await tool.waitForExit()
        guard status == 0 else {
            throw Failure(description: "\(name) ended with \(status): \(tool.output.suffix(2000))")
        }
        return tool.output
    }
}

/// Real video for tests: H.264 and AAC, made once per process by ffmpeg.
enum Clip {
    static let frames = 100

    /// Four seconds of 25 frames, a key frame each second.
    static let shared = Task<URL, any Error> {
        let url = FileManager.default.temporaryDirectory.appending(path: "vedette-clip-\(getpid()).ts")
        try await Tool.run(
            "ffmpeg",
            [
                "-hide_banner", "-loglevel", "error", "-y",
                "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-f", "lavfi", "-i",
                "sine=frequency=440",
                "-frames:v", "\(frames)", "-t", "4", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25",
                "-bf", "0", "-b:v", "500k", "-c:a", "aac", "-f", "mpegts", url.path,
            ]
        )
        return url
    }

    struct Contents: Equatable {
        /// Presentation times of the pictures that a decoder makes, in 90 kHz.
        var pictures: [Int]
        /// `aac,h264`
        var codecs: String

        /// Pictures missing between the first and the last.
        var gaps: Int {
            guard let first = pictures.first, let last = pictures.last else { return 0 }
            return (last - first) / 3600 + 1 - pictures.count
        }
    }

    static func probe(_ path: String) async throws -> Contents {
        let pictures = try await Tool.run(
            "ffprobe",
            [
                "-v", "quiet", "-select_streams", "v:0", "-show_entries", "frame=pts", "-of", "csv=p=0", path,
            ]
        )
        let codecs = try await Tool.run(
            "ffprobe",
            ["-v", "quiet", "-show_entries", "stream=codec_name", "-of", "csv=p=0", path]
        )
        let names = Set(codecs.split { !$0.isLetter && !$0.isNumber }.map(String.init)).sorted()
        return Contents(
            pictures: pictures.split { !$0.isNumber }.compactMap { Int($0) },
            codecs: names.joined(separator: ",")
        )
    }
}
