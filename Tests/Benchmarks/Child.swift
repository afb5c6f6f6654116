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
        exec 3<&- 0</dev/null
        wait $child
        status=$?
        kill $guard 2>/dev/null
        exit $status
        """

    let name: String
    /// Of the program itself.
    private(set) var pid: Int32 = 0
    private var guardianPID: pid_t = 0
    /// Writing ends of its standard input, reading end of its output.
    private let input: Int32
    private let output: Int32
    private var unread: [UInt8] = []
    private var exitStatus: Int32?

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
        let (itsInput, input) = try Self.pipe()
        let (output, itsOutput) = try Self.pipe()
        self.input = input
        self.output = output
        defer {
            close(itsInput)
            close(itsOutput)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, itsInput, 0)
        posix_spawn_file_actions_adddup2(&actions, itsOutput, 1)
        posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        // Threads of Swift's run time block signals, and what a thread blocks its children do not hear.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var noSignals = sigset_t()
        sigemptyset(&noSignals)
        posix_spawnattr_setsigmask(&attributes, &noSignals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
        let code = Self.withCStrings(["bash", "-c", Self.guardian, "guardian"] + command) { arguments in
            Self.withCStrings(variables) {
                posix_spawnp(&guardianPID, "bash", &actions, &attributes, arguments, $0)
            }
        }
        guard code == 0 else { throw BenchmarkError.tool("bash", String(cString: strerror(code))) }
        let line = try waitForLine { $0.hasPrefix("child ") }
        pid = Int32(line.dropFirst("child ".count)) ?? 0
    }

    deinit {
        stop()
        close(output)
    }

    /// The next line it prints; `nil` at the end.
    func nextLine() -> String? {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: unread[..<end], as: UTF8.self)
                unread.removeFirst(end + 1)
                return line
            }
            guard let chunk = readChunk() else { return nil }
            unread += chunk
        }
    }

    /// What it prints next, as it comes; `nil` at the end.
    func nextBytes() -> [UInt8]? {
        guard unread.isEmpty else {
            defer { unread = [] }
            return unread
        }
        return readChunk()
    }

    private func readChunk() -> [UInt8]? {
        let chunk = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
            count = max(0, read(output, buffer.baseAddress, buffer.count))
        }
        return chunk.isEmpty ? nil : chunk
    }

    @discardableResult func waitForLine(_ isWanted: (String) -> Bool) throws -> String {
        while let line = nextLine() {
            if isWanted(line) { return line }
        }
        throw BenchmarkError.tool(name, "ended before it said what was expected")
    }

    /// Asks it to end, waits 20 s, and ends it.
    func stop() {
        guard exitStatus == nil else { return }
        close(input)
        for _ in 0..<1000 {
            if hasEnded(WNOHANG) { return }
            usleep(20_000)
        }
        if pid > 0 { Glibc.kill(pid, SIGKILL) }
        _ = hasEnded(0)
    }

    /// Ends it from one moment to the next.
    func kill() {
        if pid > 0 { Glibc.kill(pid, SIGKILL) }
        close(input)
        if exitStatus == nil { _ = hasEnded(0) }
    }

    /// Its exit status, when it ends by itself.
    func waitForExit() -> Int32 {
        while nextLine() != nil {}
        if exitStatus == nil { _ = hasEnded(0) }
        return exitStatus ?? -1
    }

    func usage() throws -> Usage { try Usage(of: pid) }

    private func hasEnded(_ options: Int32) -> Bool {
        var status: Int32 = 0
        guard waitpid(guardianPID, &status, options) == guardianPID else { return false }
        exitStatus = status >> 8 & 0xFF
        return true
    }

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else {
            throw BenchmarkError.tool("pipe", String(cString: strerror(errno)))
        }
        // Children that come later must not hold them open.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func withCStrings<Result>(
        _ texts: [String],
        _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
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
