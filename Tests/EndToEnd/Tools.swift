import Foundation
import Glibc
import Synchronization

/// A program that runs beside the test. Its output is kept, 4 MiB of it.
final class ToolProcess: Sendable {
    private static let mostOutput = 4 << 20

    /// What still runs when the tests end is killed then.
    private static let running: Mutex<Set<pid_t>> = {
        atexit { for pid in ToolProcess.running.withLock({ $0 }) { Glibc.kill(pid, SIGKILL) } }
        return Mutex([])
    }()

    private let process: Process
    private let status = Mutex<Int32?>(nil)
    /// A file, not a pipe: taking a pipe's handler away while the program ends was seen to crash libdispatch.
    private let printed: String

    /// With `output`, standard output goes to that file and only errors are kept.
    init(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        output: String? = nil
    ) throws {
        process = Process()
        let path = program.contains("/") ? program : "/usr/bin/env"
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = program.contains("/") ? arguments : [program] + arguments
        var all = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("VEDETTE_") }
        all.merge(environment) { $1 }
        process.environment = all
        printed = try TestFolder.make() + "/output"
        _ = FileManager.default.createFile(atPath: printed, contents: nil)
        let log = FileHandle(forWritingAtPath: printed)
        if let output {
            // Not Foundation's createFile, which puts a new file in the place of the old one, and so of a device.
            let file = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
            process.standardOutput = FileHandle(fileDescriptor: file, closeOnDealloc: true)
        } else {
            process.standardOutput = log
        }
        process.standardError = log
        // Not the shared null device: its descriptor was seen to be that of another process.
        process.standardInput = FileHandle(forReadingAtPath: "/dev/null")
        process.terminationHandler = { [weak self] process in
            _ = Self.running.withLock { $0.remove(process.processIdentifier) }
            self?.status.withLock { $0 = process.terminationStatus }
        }
        try process.run()
        if process.isRunning { _ = Self.running.withLock { $0.insert(process.processIdentifier) } }
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(atPath: (printed as NSString).deletingLastPathComponent)
    }

    var output: String {
        guard let file = FileHandle(forReadingAtPath: printed) else { return "" }
        defer { try? file.close() }
        return String(decoding: (try? file.read(upToCount: Self.mostOutput)) ?? Data(), as: UTF8.self)
    }

    var identifier: pid_t { process.processIdentifier }

    var hasEnded: Bool { status.withLock { $0 != nil } }

    /// SIGKILL, harmless when it has ended.
    func kill() {
        if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) }
    }

    var id: pid_t { process.processIdentifier }

    func send(_ signal: Int32) {
        Glibc.kill(process.processIdentifier, signal)
    }

    /// Waits for the end; kills it after `seconds`. The exit status, or nil where it had to be killed.
    func end(within seconds: Int = 60) async -> Int32? {
        try? await eventually("\(process.arguments ?? []) ends", within: seconds) { hasEnded }
        guard let status = status.withLock({ $0 }) else {
            kill()
            return nil
        }
        return status
    }
}

enum Tool {
    /// Runs a program to its end and returns what it printed; fails where it does not end with 0.
    static func output(
        _ program: String,
        _ arguments: [String],
        within seconds: Int = 60
    ) async throws -> String {
        let process = try ToolProcess(program, arguments)
        let status = await process.end(within: seconds)
        guard status == 0 else {
            throw EndToEndError(
                "\(program) ended with \(status.map(String.init) ?? "nothing"): \(process.output)"
            )
        }
        return process.output
    }

    /// Runs `vedette` and returns its status and output.
    static func vedette(
        _ arguments: [String],
        environment: [String: String] = [:]
    ) async throws -> (status: Int32?, output: String) {
        let process = try ToolProcess(PlatformProcess.program, arguments, environment: environment)
        return (await process.end(), process.output)
    }
}

enum TestFolder {
    static func make() throws -> String {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "vedette-e2e-\(UUID().uuidString)"
        )
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder.path
    }
}

/// TCP and UDP ports that nobody has, below those that the kernel hands out.
enum FreePorts {
    private static let next = Mutex(Int.random(in: 20_000..<24_000))

    static func take(_ count: Int) throws -> [Int] {
        try next.withLock { next in
            var ports: [Int] = []
            for _ in 0..<4000 where ports.count < count {
                next = next >= 32_000 ? 20_000 : next + 1
                if isFree(next, Int32(SOCK_STREAM.rawValue)), isFree(next, Int32(SOCK_DGRAM.rawValue)) {
                    ports.append(next)
                }
            }
            guard ports.count == count else { throw EndToEndError("no free ports") }
            return ports
        }
    }

    private static func isFree(_ port: Int, _ type: Int32) -> Bool {
        let descriptor = socket(AF_INET, type, 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}

/// A real picture of 30 s, made once: H.264 at 25 a second with a key frame every 50, and AAC at 44.1 kHz.
enum Clip {
    private static let made = Mutex<String?>(nil)

    static func path() async throws -> String {
        if let path = made.withLock({ $0 }) { return path }
        let path = try TestFolder.make() + "/clip.ts"
        _ = try await Tool.output(
            "ffmpeg",
            [
                "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25", "-f", "lavfi", "-i",
                "sine=frequency=440", "-t", "30", "-c:v", "libx264", "-preset", "ultrafast", "-tune",
                "zerolatency",
                "-g", "50", "-b:v", "800k", "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "mpegts", path,
            ]
        )
        made.withLock { $0 = path }
        return path
    }

    /// Counts what ffprobe decodes: frames of video and audio.
    static func count(_ file: String) async throws -> (video: Int, audio: Int) {
        let text = try await Tool.output(
            "ffprobe",
            [
                "-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames", "-of",
                "csv=p=0",
                file,
            ]
        )
        var counts: [String: Int] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: ",")
            if words.count >= 2, let count = Int(words[1]) { counts[String(words[0])] = count }
        }
        return (counts["h264"] ?? 0, counts["aac"] ?? 0)
    }

    /// Time from each packet to the next one, in ticks of 90 kHz, for video (in order of presentation) and audio.
    static func steps(_ file: String) async throws -> (video: [Int], audio: [Int]) {
        let text = try await Tool.output(
            "ffprobe",
            ["-v", "error", "-show_entries", "packet=codec_type,pts", "-of", "csv=p=0", file]
        )
        var times: [Substring: [Int]] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: ",")
            if words.count >= 2, let time = Int(words[1]) { times[words[0], default: []].append(time) }
        }
        func steps(_ kind: Substring) -> [Int] {
            let sorted = (times[kind] ?? []).sorted()
            return zip(sorted, sorted.dropFirst()).map { $1 - $0 }
        }
        return (steps("video"), steps("audio"))
    }
}
