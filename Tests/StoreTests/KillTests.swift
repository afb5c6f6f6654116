import Foundation
import HSSModel
import Store
import Testing

/// What was acknowledged survives `kill -9`. The writer is this test program once more, told by an environment
/// variable to run ``writesUntilKilled()`` only.
@Suite("Durability") struct KillTests {
    private static let pathVariable = "VEDETTE_TEST_STORE_WRITER"
    private static let writerPath = ProcessInfo.processInfo.environment[pathVariable]

    @Test(.enabled(if: writerPath != nil, "only as the child of survivesAKill"))
    func writesUntilKilled() async throws {
        let store = try SQLiteStore(path: try #require(Self.writerPath), at: Sample.start)
        for number in 0..<1_000_000 {
            try await store.add(Sample.device("d\(number)", channels: 2))
            // One line in one write: what the parent reads was acknowledged before.
            FileHandle.standardOutput.write(Data("ack \(number)\n".utf8))
        }
    }

    @Test(.disabled(if: writerPath != nil), arguments: [1, 50, 333]) func survivesAKill(
        afterRows: Int
    ) async throws {
        let folder = TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path("db")
        let writer = Process()
        writer.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        writer.arguments = Self.childArguments
        writer.environment = ProcessInfo.processInfo.environment
            .merging([Self.pathVariable: path]) { $1 }
        let output = Pipe()
        writer.standardOutput = output
        writer.standardError = FileHandle(forWritingAtPath: "/dev/null")
        try writer.run()
        let acknowledged = try await Self.read(output.fileHandleForReading, until: afterRows) {
            kill(writer.processIdentifier, SIGKILL)
        }
        writer.waitUntilExit()
        #expect(writer.terminationReason == .uncaughtSignal)
        #expect(acknowledged >= afterRows)

        let store = try SQLiteStore(path: path, at: Sample.start)
        for number in 0..<acknowledged {
            let device = Sample.device("d\(number)", channels: 2)
            #expect(try await store.device(device.unit) == device)
        }
        // At most the one that was under way, and that one whole.
        let count = try await store.deviceCount()
        #expect((acknowledged...acknowledged + 1).contains(count))
        let last = try await store.devices(after: nil, limit: pageLimit, owner: nil)
        #expect(last.allSatisfy { $0.channels.count == 2 })
        try store.close()
    }

    private static var childArguments: [String] {
        var arguments = Array(CommandLine.arguments.dropFirst())
        while let filter = arguments.firstIndex(of: "--filter"), filter + 1 < arguments.count {
            arguments.removeSubrange(filter...filter + 1)
        }
        return arguments + ["--filter", "writesUntilKilled"]
    }

    /// Counts acknowledgements to the end of the output; calls `enough` at the given number.
    private static func read(
        _ handle: FileHandle,
        until number: Int,
        _ enough: @Sendable @escaping () -> Void
    ) async throws -> Int {
        try await withCheckedThrowingContinuation { continuation in
            // Blocking reads belong on a thread of their own.
            Thread.detachNewThread {
                continuation.resume(
                    with: Result {
                        var count = 0
                        var pending = Data()
                        while let chunk = try handle.read(upToCount: 4096), !chunk.isEmpty {
                            pending += chunk
                            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                                let line = pending[pending.startIndex..<end]
                                pending = Data(pending[pending.index(after: end)...])
                                guard line.starts(with: Data("ack ".utf8)) else { continue }
                                count += 1
                                if count == number { enough() }
                            }
                        }
                        return count
                    }
                )
            }
        }
    }
}
