import Glibc
import NIOCore
import Testing

@testable import ChildProcesses

/// Real programs of the machine; a test that needs one fails without it.
@Suite("A child process", .timeLimit(.minutes(2))) struct ChildProcessTests {
    private struct Refused: Error {}

    private func shell(_ script: String) throws -> ChildCommand {
        ChildCommand(try #require(ChildCommand.find("sh")), ["-c", script])
    }

    private static func all(_ output: ChildProcess.Output) async throws -> String {
        var text = ""
        for try await part in output { text += String(buffer: part) }
        return text
    }

    @Test func givesBackWhatItReads() async throws {
        let cat = ChildCommand(try #require(ChildCommand.find("cat")))
        let block = ByteBuffer(repeating: 7, count: 100_000)
        let (count, exit) = try await ChildProcess.run(cat) { child, output, input in
            try await withThrowingTaskGroup(of: Int.self) { tasks in
                // More than pipes hold: one waits for the other.
                tasks.addTask {
                    for _ in 0..<50 { try await input.write(block) }
                    input.finish()
                    return 0
                }
                tasks.addTask {
                    var count = 0
                    for try await part in output { count += part.readableBytes }
                    return count
                }
                let count = try await tasks.reduce(0, +)
                #expect(await child.waitUntilExit()?.cause == .status(0))
                return count
            }
        }
        #expect(count == 5_000_000 && exit.cause == .status(0))
    }

    /// Nobody reads: a child that floods its output waits, and memory does not grow by it.
    @Test func oneThatFloodsUsWaitsAndEnds() async throws {
        let flood = try shell("while :; do echo flood; echo flood >&2; done")
        let (lines, exit) = try await ChildProcess.run(flood) { child, output, _ in
            var iterator = output.makeAsyncIterator()
            _ = try await iterator.next()
            return child.lastLines
        }
        #expect(exit.cause == .signal(Int(SIGTERM)) || exit.cause == .signal(Int(SIGPIPE)))
        #expect(lines.count <= ChildLife.linesKept)
    }

    @Test func oneThatWillNotEndIsKilled() async throws {
        let stubborn = try shell("trap '' TERM; echo ready; while :; do sleep 1000; done")
        let (_, exit) = try await ChildProcess.run(stubborn, grace: .milliseconds(50)) { _, output, _ in
            var iterator = output.makeAsyncIterator()
            _ = try await iterator.next()
        }
        #expect(exit.cause == .signal(Int(SIGKILL)))
    }

    @Test func aCrashIsToldWithItsLastWords() async throws {
        let crash = try shell("for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i >&2; done; kill -SEGV $$")
        let (told, exit) = try await ChildProcess.run(crash) { child, output, input in
            _ = try await Self.all(output)
            // Writing to nobody is an error, and not our end.
            await #expect(throws: (any Error).self) {
                for _ in 0..<100 { try await input.write(ByteBuffer(repeating: 1, count: 100_000)) }
            }
            let exit = await child.waitUntilExit()
            return (exit, child.lastLines)
        }
        #expect(exit.cause == .signal(Int(SIGSEGV)) && told.0 == exit)
        #expect(told.1 == (3...10).map { "line \($0)" })
    }

    @Test func aLongLineIsCutAndMadeText() async throws {
        let noise = try shell("printf '\\033[2J%01000d\\n' 1 >&2")
        let (lines, _) = try await ChildProcess.run(noise) { child, _, _ in
            _ = await child.waitUntilExit()
            return child.lastLines
        }
        #expect(lines.count == 1 && lines.first?.hasPrefix("?[2J000") == true && lines.first?.count == 300)
    }

    @Test func whatCannotBeStartedSaysSo() async throws {
        await #expect(throws: ChildError.notStarted(path: "/nowhere/at-all", code: ENOENT)) {
            try await ChildProcess.run(ChildCommand("/nowhere/at-all")) { _, _, _ in }
        }
        #expect(ChildCommand.find("no-such-program-here") == nil)
    }

    /// Sockets and files of ours are none of its business, nor is our environment.
    @Test func itHasNothingOfOurs() async throws {
        let leaked = open("/dev/null", O_RDONLY)
        defer { close(leaked) }
        setenv("VEDETTE_TEST_LEAK", "secret", 1)
        var look = try shell(
            "ls /proc/self/fd | tr '\\n' ' '; env; ulimit -v; ulimit -n; nice; ps -o sid= -p $$; echo $$"
        )
        look.memoryInBytes = 512 << 20
        look.niceness = 7
        look.openFiles = 20
        let (text, exit) = try await ChildProcess.run(look) { child, output, _ in
            let text = try await Self.all(output)
            return text + "\(await child.waitUntilExit() == nil)"
        }
        #expect(exit.cause == .status(0))
        // ls itself opens the folder as 3.
        #expect(text.hasPrefix("0 1 2 3 "), "\(text)")
        #expect(!text.contains("secret"))
        let lines = text.split(separator: "\n").map { $0.filter { $0 != " " } }
        #expect(
            lines.contains("\((512 << 20) / 1024)") && lines.contains("20") && lines.contains("7"),
            "\(text)"
        )
        #expect(lines.dropLast().last == lines.dropLast(2).last, "the leader of its own session")
    }

    @Test func itsTimeIsCountedWhileItRunsAndAfter() async throws {
        let busy = try shell("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; read x")
        let (during, exit) = try await ChildProcess.run(busy) { child, output, _ in
            var iterator = output.makeAsyncIterator()
            _ = try await iterator.next()
            return child.cpuTime
        }
        #expect(during > .milliseconds(20) && exit.cpuTime >= during)
    }

    @Test func aLimitOfTimeEndsIt() async throws {
        var busy = try shell("while :; do :; done")
        busy.cpuSeconds = 1
        let (exit, _) = try await ChildProcess.run(busy) { child, _, _ in await child.waitUntilExit() }
        #expect(exit.map { [.signal(Int(SIGXCPU)), .signal(Int(SIGKILL))].contains($0.cause) } ?? false)
    }

    @Test func itGoesWhenItsTaskIsCancelled() async throws {
        let sleep = ChildCommand(try #require(ChildCommand.find("sleep")), ["1000"])
        let (pids, give) = AsyncStream<Int32>.makeStream()
        let task = Task {
            try await ChildProcess.run(sleep, grace: .seconds(1000)) { child, _, _ in
                give.yield(child.pid)
                _ = await child.waitUntilExit()
                try Task.checkCancellation()
            }
        }
        var iterator = pids.makeAsyncIterator()
        let pid = try #require(await iterator.next(isolation: nil))
        #expect(kill(pid, 0) == 0)
        task.cancel()
        await #expect(throws: (any Error).self) { try await task.value }
        #expect(kill(pid, 0) == -1 && errno == ESRCH, "reaped, and no zombie")
    }

    @Test func whatTheBodyThrowsComesOutAndTheChildIsGone() async throws {
        let sleep = ChildCommand(try #require(ChildCommand.find("sleep")), ["1000"])
        await #expect(throws: Refused.self) {
            try await ChildProcess.run(sleep) { _, _, _ in throw Refused() }
        }
    }

    /// Threads come and go; the death of one that is not the child's must not end it.
    @Test func aHundredStartAndEnd() async throws {
        let echo = try shell("read x; echo $x")
        try await withThrowingTaskGroup(of: Bool.self) { tasks in
            for number in 0..<100 {
                tasks.addTask {
                    let (text, exit) = try await ChildProcess.run(echo) { child, output, input in
                        try await input.write(ByteBuffer(string: "\(number)\n"))
                        let text = try await Self.all(output)
                        _ = await child.waitUntilExit()
                        return text
                    }
                    return text == "\(number)\n" && exit.cause == .status(0)
                }
            }
            for try await isRight in tasks { #expect(isRight) }
        }
    }
}
