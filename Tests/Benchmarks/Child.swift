import Foundation
import Glibc
import HSSModel
import HostClock

/// A program under test or one that puts load on it. Ends with its ``stop()``, and with this process at the latest:
/// between the two stands a shell that ends the program when its standard input closes, however that comes about.
final class Child {
    private static let guardian = """
        exec 3<&0
        "$@" </dev/null 3<&- &
        child=$!
        echo "child $child"
        { read -r _ <&3; kill -TERM $child; } >/dev/null 2>&1 &
        guard=$!
        wait $child
        status=$?
        kill $guard 2>/dev/null
        exit $status
        """

    let name: String
    /// Of the program itself.
    private(set) var pid: Int32 = 0
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var unread: [UInt8] = []

    /// `cpu`: the core to which it is bound, where the machine has several. `isHeard`: false where nobody will read
    /// what it prints, which would fill the pipe.
    init(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        cpu: Int? = nil,
        isHeard: Bool = true,
        log: String = "/dev/null"
    ) throws {
        name = program.split(separator: "/").last.map(String.init) ?? program
        var command = [program] + arguments
        if let cpu, sysconf(Int32(_SC_NPROCESSORS_ONLN)) > cpu {
            command = ["taskset", "-c", String(cpu)] + command
        }
        if !isHeard { command = ["sh", "-c", #"exec "$@" >/dev/null"#, "quiet"] + command }
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", Self.guardian, "guardian"] + command
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = input
        process.standardOutput = output
        if !FileManager.default.fileExists(atPath: log) {
            _ = FileManager.default.createFile(atPath: log, contents: nil)
        }
        process.standardError = FileHandle(forWritingAtPath: log) ?? FileHandle.nullDevice
        try process.run()
        let line = try waitForLine { $0.hasPrefix("child ") }
        pid = Int32(line.dropFirst("child ".count)) ?? 0
    }

    deinit { stop() }

    /// The next line it prints; `nil` at the end.
    func nextLine() -> String? {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: unread[..<end], as: UTF8.self)
                unread.removeFirst(end + 1)
                return line
            }
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { return nil }
            unread += data
        }
    }

    @discardableResult func waitForLine(_ isWanted: (String) -> Bool) throws -> String {
        while let line = nextLine() {
            if isWanted(line) { return line }
        }
        throw BenchmarkError.tool(name, "ended before it said what was expected")
    }

    /// Asks it to end, waits 20 s, and ends it.
    func stop() {
        guard process.isRunning else { return }
        // A line, for children that came later hold this pipe open too.
        try? input.fileHandleForWriting.write(contentsOf: Data("end\n".utf8))
        try? input.fileHandleForWriting.close()
        let deadline = Date(timeIntervalSinceNow: 20)
        while process.isRunning, Date() < deadline { usleep(20_000) }
        guard process.isRunning else { return }
        kill(pid, SIGKILL)
        process.waitUntilExit()
    }

    func waitForExit() { process.waitUntilExit() }

    /// Its exit status, once it has ended.
    var status: Int32 { process.terminationStatus }

    func usage() throws -> Usage { try Usage(of: pid) }
}

/// What a process has used so far.
struct Usage {
    /// Seconds, user and system.
    let cpu: Double
    /// Bytes.
    let memory: Int
    let at: Instant

    init(of pid: Int32) throws {
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let fields = stat.split(separator: ")").last?.split(separator: " "), fields.count > 21,
            let user = Double(fields[11]), let system = Double(fields[12]), let pages = Int(fields[21])
        else { throw BenchmarkError.measurement("process \(pid) is gone") }
        cpu = (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
        memory = pages * Int(sysconf(Int32(_SC_PAGESIZE)))
        at = Instant.now
    }

    /// Cores in use since `earlier`.
    func cores(since earlier: Usage) -> Double { (cpu - earlier.cpu) / (at - earlier.at).inSeconds }
}
