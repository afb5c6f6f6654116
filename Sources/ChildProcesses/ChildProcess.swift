import CSpawn
import Glibc
package import NIOCore
import NIOPosix

/// A program that runs beside us for a while, with its standard input and output as a channel.
///
/// A thread of its own starts it, keeps the last lines of its standard error and waits for its end, once: Linux ties a
/// child's life to the thread that started it, so that the child is killed when we are, however we end.
package final class ChildProcess: Sendable {
    package typealias Output = NIOAsyncChannelInboundStream<ByteBuffer>
    package typealias Input = NIOAsyncChannelOutboundWriter<ByteBuffer>

    package let pid: Int32
    private let life: ChildLife

    private init(_ life: ChildLife, pid: Int32) {
        self.life = life
        self.pid = pid
    }

    /// Runs a child as long as `body` does, which gets what it writes to its standard output and gives what it reads from
    /// its standard input; both wait for each other, so that no more than some 100 KB are under way.
    ///
    /// Afterwards the child is asked to end by SIGTERM and, after `grace` or when the task is cancelled, made to by
    /// SIGKILL. On return it is gone. Throws a ``ChildError``, or what `body` throws.
    package static func run<Result: Sendable>(
        _ command: ChildCommand,
        grace: Duration = .seconds(1),
        on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        _ body: @Sendable (ChildProcess, Output, Input) async throws -> Result
    ) async throws -> (Result, ChildExit) {
        let (child, channel) = try await start(command, on: group)
        do {
            let result = try await channel.executeThenClose { output, input in
                try await body(child, output, input)
            }
            return (result, await child.end(within: grace))
        } catch {
            _ = await child.end(within: grace)
            throw error
        }
    }

    /// What it has used so far.
    package var cpuTime: Duration { life.cpuTime }

    /// The last lines of its standard error, at most ``ChildLife/linesKept`` of them.
    package var lastLines: [String] { life.lastLines }

    /// Nothing happens when it has ended.
    package func signal(_ number: Int32) { life.signal(number) }

    /// How it ended; `nil`: the task was cancelled before.
    package func waitUntilExit() async -> ChildExit? { await life.waitUntilExit() }

    /// How it ended; `nil`: it has not after so long.
    package func waitUntilExit(within limit: Duration) async -> ChildExit? {
        await withTaskGroup { tasks in
            tasks.addTask { [life] in await life.waitUntilExit() }
            tasks.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            defer { tasks.cancelAll() }
            return await tasks.next() ?? nil
        }
    }

    private func end(within grace: Duration) async -> ChildExit {
        life.signal(SIGTERM)
        let life = life
        let killing = Task {
            try? await Task.sleep(for: grace)
            guard !Task.isCancelled else { return }
            life.signal(SIGKILL)
        }
        defer { killing.cancel() }
        while true {
            if let exit = await life.waitUntilExit() { return exit }
            // Whoever cancels wants it gone now; that it is gone has to be waited for all the same.
            life.signal(SIGKILL)
            return await Task { await life.waitUntilExit() }.value ?? ChildExit(.signal(9), cpuTime: .zero)
        }
    }

    // MARK: The start

    private static func start(
        _ command: ChildCommand,
        on group: any EventLoopGroup
    ) async throws -> (ChildProcess, NIOAsyncChannel<ByteBuffer, ByteBuffer>) {
        let input = try Pipe(command)
        let output: Pipe
        let errors: Pipe
        do { output = try Pipe(command) } catch {
            input.close()
            throw error
        }
        do { errors = try Pipe(command) } catch {
            input.close()
            output.close()
            throw error
        }
        let life = ChildLife(errors: errors.reading)
        let started = await life.start(
            command,
            descriptors: (input.reading, output.writing, errors.writing)
        )
        for descriptor in [input.reading, output.writing, errors.writing] { Glibc.close(descriptor) }
        guard started > 0 else {
            for descriptor in [input.writing, output.reading] { Glibc.close(descriptor) }
            throw ChildError.notStarted(path: command.path, code: -started)
        }
        do {
            let channel = try await NIOPipeBootstrap(group: group)
                .takingOwnershipOfDescriptors(input: output.reading, output: input.writing) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                            wrappingChannelSynchronously: channel,
                            configuration: .init(isOutboundHalfClosureEnabled: true)
                        )
                    }
                }
            return (ChildProcess(life, pid: started), channel)
        } catch {
            for descriptor in [input.writing, output.reading] { Glibc.close(descriptor) }
            life.signal(SIGKILL)
            throw error
        }
    }

    private struct Pipe {
        let reading: Int32
        let writing: Int32

        init(_ command: ChildCommand) throws(ChildError) {
            var ends: (Int32, Int32) = (0, 0)
            let code = withUnsafeMutableBytes(of: &ends) { bytes in
                bytes.withMemoryRebound(to: Int32.self) { child_pipe($0.baseAddress) }
            }
            guard code == 0 else { throw .notStarted(path: command.path, code: -code) }
            (reading, writing) = ends
        }

        func close() {
            Glibc.close(reading)
            Glibc.close(writing)
        }
    }
}

func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }

func explanation(of code: Int32) -> String { String(cString: strerror(code)) }
