import Foundation
import Logging
import ServiceLifecycle
import Testing

@testable import ServerKit

@Suite("Metrics and health") struct MetricsListenerTests {
    @Test func theThreePagesAnswer() async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let metrics = MetricRegistry()
        ProcessMetrics.register(in: metrics, version: "1.2.3")
        let readiness = Readiness()
        let store = readiness.condition("store")
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let listener = MetricsListener(
            host: "127.0.0.1",
            port: 0,
            metrics: metrics,
            readiness: readiness,
            logger: logger
        ) { port.yield($0) }
        let group = ServiceGroup(services: [listener], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let bound = try #require(await ports.first { _ in true })
            func get(_ path: String) async throws -> String {
                try await run("curl", "-sS", "-w", "%{http_code}", "http://127.0.0.1:\(bound)/\(path)").output
            }
            #expect(try await get("healthz") == "{\"status\":\"alive\"}\n200")
            let starting = "{\"status\":\"not ready\",\"problems\":{\"store\":\"starting\"}}\n503"
            #expect(try await get("readyz") == starting)
            store.set(nil)
            #expect(try await get("readyz") == "{\"status\":\"ready\"}\n200")
            let figures = try await get("metrics")
            #expect(figures.contains("vedette_build_info{version=\"1.2.3\"} 1\n"))
            for name in ["process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total"] {
                let line = figures.split(separator: "\n").first { $0.hasPrefix(name + " ") }
                let value = line.flatMap { Double($0.split(separator: " ")[1]) } ?? 0
                #expect(value > 0, "\(name)")
            }
            #expect(figures.contains("# TYPE process_cpu_seconds_total counter\n"))
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    @Test func theDescriptorLimitIsTheHostsHardLimit() {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #expect(ProcessMetrics.raiseDescriptorLimit() == Int(clamping: limit.rlim_max))
    }
}
