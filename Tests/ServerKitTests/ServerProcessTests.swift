import Glibc
import Logging
import ServiceLifecycle
import Synchronization
import Testing

@testable import ServerKit

/// Signals belong to the whole process: these tests must not run beside each other.
@Suite("Process", .serialized) struct ServerProcessTests {
    private struct Waiting: Service {
        let name: String
        let events: AsyncStream<String>.Continuation

        func run() async throws {
            events.yield("\(name) runs")
            try? await gracefulShutdown()
            events.yield("\(name) ends")
        }
    }

    @Test func aHangupReloadsAndSIGTERMEndsFromTheBottomUp() async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let (stream, events) = AsyncStream.makeStream(of: String.self)
        let process = ServerProcess(
            services: [Waiting(name: "store", events: events), Waiting(name: "listener", events: events)],
            longestShutdown: .seconds(5),
            logger: logger
        ) {
            events.yield("reload")
        }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                try await process.run()
                events.yield("over")
            }
            var seen: [String] = []
            for await event in stream {
                seen.append(event)
                if seen.count == 2 { kill(getpid(), SIGHUP) }
                if event == "reload" { kill(getpid(), SIGTERM) }
                if event == "over" { break }
            }
            #expect(Set(seen.prefix(2)) == ["store runs", "listener runs"])
            #expect(seen.dropFirst(2) == ["reload", "listener ends", "store ends", "over"])
            try await tasks.waitForAll()
        }
    }

    @Test func readyIsSaidOnceWhenAllListen() {
        let lines = Mutex<[String]>([])
        let report = StartupReport(listeners: ["https", "vd"]) { line in lines.withLock { $0.append(line) } }
        report.listening("https", at: "https://localhost:8443")
        report.listening("vd", at: "wss://localhost:8444")
        report.listening("http", at: "http://localhost:8080")
        let said = lines.withLock { $0 }
        #expect(said.map { $0.split(separator: " ")[0] } == ["https", "vd", "ready", "http"])
    }
}
