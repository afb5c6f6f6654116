import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import Testing

@testable import ServerKit

@Suite("HTTP listener") struct HTTPListenerTests {
    private let folder: TemporaryFolder
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() throws {
        folder = try TemporaryFolder()
    }

    private var authority: String { folder.path + "/tls/ca.pem" }

    private func router() -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: ProblemMiddleware())
        router.get("hello") { _, _ in "hello\n" }
        router.get("secret") { _, _ -> String in throw ServerError.unwritable(path: "/inside", reason: "x") }
        router.post("echo") { request, _ in
            try await request.body.collect(upTo: 1024)
        }
        router.get("long") { _, _ in
            Response(
                status: .ok,
                body: ResponseBody { writer in
                    for await _ in Self.ticks() { try await writer.write(ByteBuffer(string: "tick\n")) }
                    try await writer.finish(nil)
                }
            )
        }
        return router
    }

    /// 30 ticks in 3 s: three times the idle time-out of the test that watches.
    private static func ticks() -> AsyncStream<Void> {
        let count = Mutex(0)
        return AsyncStream {
            let number = count.withLock { count in
                count += 1
                return count
            }
            guard number <= 30 else { return nil }
            return (try? await Task.sleep(for: .milliseconds(100)))
        }
    }

    /// Runs `body` while a listener serves, then shuts down gracefully.
    private func serving(
        tls: Bool = true,
        limits: ListenerLimits = ListenerLimits(),
        _ body: (_ port: Int, _ identity: ServerIdentity, _ gate: ConnectionGate) async throws -> Void
    ) async throws {
        let source = ServerIdentity.Source.local(dataFolder: folder.path, domain: "localhost")
        let identity = try ServerIdentity(source, logger: logger)
        let metrics = MetricRegistry()
        let gate = ConnectionGate(limits: limits, listener: "test", metrics: metrics)
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let listener = HTTPListener(
            name: tls ? "https" : "http",
            host: "127.0.0.1",
            port: 0,
            identity: tls ? identity : nil,
            limits: limits,
            gate: gate,
            metrics: metrics,
            responder: router().buildResponder(),
            logger: logger
        ) { port.yield($0) }
        let group = ServiceGroup(services: [listener], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            if let bound = await ports.first(where: { _ in true }) { try await body(bound, identity, gate) }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        #expect(gate.open == 0)
    }

    @Test(arguments: ["--http1.1", "--http2"]) func curlTrustsTheAuthority(version: String) async throws {
        try await serving { port, _, _ in
            let answer = try await run(
                "curl",
                "-sS",
                version,
                "--cacert",
                authority,
                "-w",
                "%{http_version} %{http_code}",
                "https://localhost:\(port)/hello"
            )
            #expect(answer.output == (version == "--http2" ? "hello\n2 200" : "hello\n1.1 200"), "\(answer)")
        }
    }

    @Test func withoutTLS() async throws {
        try await serving(tls: false) { port, _, _ in
            let answer = try await run("curl", "-sS", "http://127.0.0.1:\(port)/hello")
            #expect(answer.output == "hello\n")
        }
    }

    @Test func tlsIsTwelveOrNewer() async throws {
        try await serving { port, _, _ in
            let old = try await run(
                "openssl",
                "s_client",
                "-connect",
                "127.0.0.1:\(port)",
                "-tls1_1",
                "-cipher",
                "DEFAULT@SECLEVEL=0"
            )
            #expect(old.status != 0)
            let new = try await run(
                "openssl",
                "s_client",
                "-connect",
                "127.0.0.1:\(port)",
                "-CAfile",
                authority,
                "-verify_return_error",
                "-x509_strict"
            )
            #expect(new.status == 0 && new.output.contains("Verify return code: 0 (ok)"), "\(new)")
        }
    }

    @Test func aReloadServesTheNewCertificateAndKeepsOpenConnections() async throws {
        try await serving { port, identity, _ in
            let before = try await fingerprint(port)
            async let long = run(
                "curl",
                "-sS",
                "--cacert",
                authority,
                "https://localhost:\(port)/long"
            )
            let again = try await fingerprint(port)
            #expect(before == again)
            try FileManager.default.removeItem(atPath: folder.path + "/tls/server.pem")
            try identity.reload()
            #expect(try await fingerprint(port) != before)
            #expect(try await long.output.split(separator: "\n").count == 30)
        }
    }

    private func fingerprint(_ port: Int) async throws -> String {
        let hello = try await run("openssl", "s_client", "-connect", "127.0.0.1:\(port)")
        let print = try await run("openssl", "x509", "-noout", "-fingerprint", input: hello.output)
        #expect(print.status == 0, "\(print)")
        return print.output
    }

    @Test(arguments: ["--http1.1", "--http2"])
    func aLongAnswerOutlivesTheTimeouts(version: String) async throws {
        let limits = ListenerLimits(headerTimeout: .seconds(1), idleTimeout: .seconds(1))
        try await serving(limits: limits) { port, _, _ in
            let answer = try await run(
                "curl",
                "-sS",
                version,
                "--cacert",
                authority,
                "https://localhost:\(port)/long"
            )
            #expect(answer.output.split(separator: "\n").count == 30, "\(answer)")
        }
    }

    @Test func oneAddressCannotTakeAllConnections() async throws {
        let limits = ListenerLimits(connections: 10, connectionsPerAddress: 2)
        try await serving(tls: false, limits: limits) { port, _, gate in
            let first = try await Socket(port)
            let second = try await Socket(port)
            try await first.send("GET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
            try await second.send("GET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
            #expect(try await first.receive().contains("200 OK"))
            #expect(try await second.receive().contains("200 OK"))
            let third = try await Socket(port)
            #expect(try await third.receiveAll() == "")
            #expect(gate.open == 2)
            try await first.close()
            try await second.close()
        }
    }

    @Test(arguments: [
        "",
        "GET /hello HTTP/1.1\r\nhost: x\r\nx-slow: ",
        "GET /hello HTTP/1.1\r\nhost: x\r\n\r\nGET /he",
    ])
    func whoeverIsSlowWithAHeaderIsCut(beginning: String) async throws {
        let limits = ListenerLimits(headerTimeout: .milliseconds(300), idleTimeout: .seconds(2))
        try await serving(tls: false, limits: limits) { port, _, _ in
            let socket = try await Socket(port)
            let clock = ContinuousClock()
            let begin = clock.now
            try await socket.send(beginning)
            _ = try await socket.receiveAll()
            #expect(clock.now - begin < .seconds(3))
        }
    }

    @Test func anIdleConnectionIsClosed() async throws {
        let limits = ListenerLimits(headerTimeout: .seconds(60), idleTimeout: .milliseconds(300))
        try await serving(tls: false, limits: limits) { port, _, _ in
            let socket = try await Socket(port)
            try await socket.send("GET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
            #expect(try await socket.receiveAll().contains("200 OK"))
        }
    }

    @Test func aSlowTLSHandshakeIsCut() async throws {
        let limits = ListenerLimits(headerTimeout: .milliseconds(300))
        try await serving(limits: limits) { port, _, _ in
            let socket = try await Socket(port)
            try await socket.send("\u{16}\u{3}\u{1}")
            #expect(try await socket.receiveAll() == "")
        }
    }

    @Test func hugeHeadersAreRefused() async throws {
        try await serving(tls: false) { port, _, _ in
            let huge = String(repeating: "x", count: 20_000)
            let answer = try await run(
                "curl",
                "-sS",
                "-o",
                "/dev/null",
                "-w",
                "%{http_code}",
                "-H",
                "x-huge: \(huge)",
                "http://127.0.0.1:\(port)/hello"
            )
            #expect(answer.output == "400", "\(answer)")
        }
    }

    @Test(arguments: [("GET", "/nothing", "404"), ("GET", "/secret", "500"), ("POST", "/echo", "413")])
    func errorsAreProblems(method: String, path: String, status: String) async throws {
        try await serving(tls: false) { port, _, _ in
            let body = String(repeating: "x", count: method == "POST" ? 2000 : 0)
            let answer = try await run(
                "curl",
                "-sS",
                "-X",
                method,
                "--data-binary",
                body,
                "-w",
                "\n%{content_type}",
                "http://127.0.0.1:\(port)\(path)"
            )
            #expect(answer.output.contains("\"status\":\(status)"), "\(answer)")
            #expect(answer.output.hasSuffix("application/problem+json"), "\(answer)")
            #expect(!answer.output.contains("inside"))
        }
    }

    @Test func aShutdownEndsALongAnswerAtTheDeadline() async throws {
        let limits = ListenerLimits(drainTimeout: .milliseconds(200))
        let clock = ContinuousClock()
        let begin = Mutex(clock.now)
        try await serving(tls: false, limits: limits) { port, _, _ in
            let socket = try await Socket(port)
            try await socket.send("GET /long HTTP/1.1\r\nhost: x\r\n\r\n")
            #expect(try await socket.receive().contains("200 OK"))
            begin.withLock { $0 = clock.now }
        }
        #expect(clock.now - begin.withLock { $0 } < .seconds(2))
    }

    @Test func aTakenPortIsSaidInWords() async throws {
        try await serving(tls: false) { port, _, gate in
            let second = HTTPListener(
                name: "https",
                host: "127.0.0.1",
                port: port,
                identity: nil,
                limits: ListenerLimits(),
                gate: gate,
                metrics: MetricRegistry(),
                responder: router().buildResponder(),
                logger: logger
            )
            await #expect(
                throws: ServerError.addressInUse(listener: "https", host: "127.0.0.1", port: port)
            ) {
                try await second.run()
            }
        }
    }
}
