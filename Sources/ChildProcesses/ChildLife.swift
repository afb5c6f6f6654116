import CSpawn
import Glibc
import Synchronization

/// One child from its start to its end, as the thread that started it sees it. The thread keeps this object; whoever holds
/// the ``ChildProcess`` asks it.
final class ChildLife: Sendable {
    /// Of standard error, for the log: lines, and octets of one.
    static let linesKept = 8
    private static let longestLine = 300

    private struct State {
        var pid: Int32 = 0
        var exit: ChildExit?
        var waiters: [UInt64: CheckedContinuation<ChildExit?, Never>] = [:]
        var lastWaiter: UInt64 = 0
        var lines: [String] = []
        var line: [UInt8] = []
    }

    private let errors: Int32
    private let state = Mutex(State())

    /// Takes the reading end of the child's standard error, and closes it in the end.
    init(errors: Int32) {
        self.errors = errors
    }

    // MARK: The thread

    private final class Start: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// The child's id, or minus an errno.
    func start(
        _ command: ChildCommand,
        descriptors: (input: Int32, output: Int32, errors: Int32)
    ) async -> Int32 {
        await withCheckedContinuation { continuation in
            let start = Start { [self] in
                let pid = spawn(command, descriptors)
                state.withLock { $0.pid = max(0, pid) }
                continuation.resume(returning: pid)
                if pid > 0 { watch(pid) }
                close(errors)
            }
            var thread = pthread_t()
            let opaque = Unmanaged.passRetained(start).toOpaque()
            let code = pthread_create(
                &thread,
                nil,
                { opaque in
                    guard let opaque else { return nil }
                    Unmanaged<Start>.fromOpaque(opaque).takeRetainedValue().body()
                    return nil
                },
                opaque
            )
            guard code == 0 else {
                Unmanaged<Start>.fromOpaque(opaque).release()
                close(errors)
                return continuation.resume(returning: -code)
            }
            pthread_detach(thread)
        }
    }

    private func spawn(
        _ command: ChildCommand,
        _ descriptors: (input: Int32, output: Int32, errors: Int32)
    ) -> Int32 {
        let environment = command.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return withCStrings([command.path] + command.arguments) { arguments in
            withCStrings(environment) { environment in
                command.path.withCString { path in
                    var order = child_order(
                        path: path,
                        arguments: arguments,
                        environment: environment,
                        input: descriptors.input,
                        output: descriptors.output,
                        errors: descriptors.errors,
                        niceness: Int32(min(max(command.niceness, 0), 19)),
                        memory: Self.limit(command.memoryInBytes),
                        cpu_seconds: Self.limit(command.cpuSeconds),
                        open_files: Self.limit(command.openFiles),
                        file_size: Self.limit(command.fileSizeInBytes)
                    )
                    return child_spawn(&order)
                }
            }
        }
    }

    private static func limit(_ value: Int?) -> UInt64 { value.map { UInt64(max(0, $0)) } ?? .max }

    private func withCStrings<Result>(
        _ texts: [String],
        _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>?) -> Result
    ) -> Result {
        let copies = texts.map { strdup($0) } + [nil]
        defer { for copy in copies { free(copy) } }
        return copies.withUnsafeBufferPointer { body($0.baseAddress) }
    }

    /// Reads standard error until the child ends, whoever else may hold its other end.
    private func watch(_ pid: Int32) {
        let end = child_watch(pid)
        defer { if end >= 0 { close(end) } }
        var hasErrors = fcntl(errors, F_SETFL, O_NONBLOCK) == 0
        while end >= 0 {
            var polled = [
                pollfd(fd: end, events: Int16(POLLIN), revents: 0),
                pollfd(fd: hasErrors ? errors : -1, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&polled, 2, -1) > 0 else { continue }
            if polled[1].revents != 0 { hasErrors = readErrors() }
            if polled[0].revents != 0 { break }
        }
        // What it said last is there already.
        if hasErrors { _ = readErrors() }
        reap(pid)
    }

    /// False: nothing more will come.
    private func readErrors() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        // A child that floods us has its end noticed all the same.
        for _ in 0..<16 {
            let count = read(errors, &buffer, buffer.count)
            guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) }
            state.withLock { Self.take(buffer[..<count], &$0) }
        }
        return true
    }

    private static func take(_ octets: ArraySlice<UInt8>, _ state: inout State) {
        for octet in octets {
            guard octet == UInt8(ascii: "\n") || octet == UInt8(ascii: "\r") else {
                // What is no text must not move a terminal on which the log is read.
                if state.line.count < longestLine {
                    state.line.append((32..<127).contains(octet) ? octet : 0x3F)
                }
                continue
            }
            finishLine(&state)
        }
    }

    private static func finishLine(_ state: inout State) {
        guard !state.line.isEmpty else { return }
        if state.lines.count >= linesKept { state.lines.removeFirst() }
        state.lines.append(String(decoding: state.line, as: UTF8.self))
        state.line.removeAll(keepingCapacity: true)
    }

    /// Waits for it, once; from here on its id may be another's.
    private func reap(_ pid: Int32) {
        var information = siginfo_t()
        // Where there is nothing to watch it by, this is where its end is awaited; it stays ours until it is reaped.
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) < 0, errno == EINTR {}
        let (exit, waiters) = state.withLock { state in
            var status: Int32 = 0
            var usage = rusage()
            while wait4(pid, &status, 0, &usage) < 0, errno == EINTR {}
            let exit = ChildExit(status: status, usage)
            state.exit = exit
            Self.finishLine(&state)
            defer { state.waiters = [:] }
            return (exit, Array(state.waiters.values))
        }
        for waiter in waiters { waiter.resume(returning: exit) }
    }

    // MARK: What others ask

    func signal(_ number: Int32) {
        state.withLock { state in
            guard state.exit == nil, state.pid > 0 else { return }
            kill(state.pid, number)
        }
    }

    var cpuTime: Duration {
        state.withLock { state in
            if let exit = state.exit { return exit.cpuTime }
            return .nanoseconds(max(0, child_cpu_time(state.pid)))
        }
    }

    var lastLines: [String] {
        state.withLock { state in
            let open = state.line.isEmpty ? [] : [String(decoding: state.line, as: UTF8.self)]
            return (state.lines + open).suffix(Self.linesKept)
        }
    }

    func waitUntilExit() async -> ChildExit? {
        let id = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let known = state.withLock { state -> ChildExit?? in
                    if let exit = state.exit { return exit }
                    guard !Task.isCancelled else { return .some(nil) }
                    state.waiters[id] = continuation
                    return nil
                }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: nil)
        }
    }
}

extension ChildExit {
    /// As wait(2) tells it.
    fileprivate init(status: Int32, _ usage: rusage) {
        let number = status & 0x7F
        let cause: Cause = number == 0 ? .status(Int(status >> 8 & 0xFF)) : .signal(Int(number))
        let time = [usage.ru_utime, usage.ru_stime].reduce(Duration.zero) {
            $0 + .seconds($1.tv_sec) + .microseconds($1.tv_usec)
        }
        self.init(cause, cpuTime: time)
    }
}
