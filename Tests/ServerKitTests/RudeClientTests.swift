import HSSModel
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Testing

@testable import ServerKit

@Suite("What a client may do to a request") struct RudeClientTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func router() -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self)
        router.get("endless") { _, _ in
            Response(
                status: .ok,
                body: ResponseBody { writer in
                    let piece = ByteBuffer(repeating: 0x61, count: 64 << 10)
                    while true { try await writer.write(piece) }
                }
            )
        }
        // As live pictures do: whoever leaves is noticed at once.
        router.get("follow") { request, _ in
            try await request.body.consumeWithInboundCloseHandler { _ in
                "there\n"
            } onInboundClosed: {
            }
        }
        router.post("refuse") { _, _ in Response(status: .forbidden) }
        router.post("echo") { request, _ in try await request.body.collect(upTo: 1024) }
        return router
    }

    private func serving(
        limits: ListenerLimits,
        _ body: (_ port: Int, _ metrics: MetricRegistry) async throws -> Void
    ) async throws {
        let metrics = MetricRegistry()
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let listener = HTTPListener(
            name: "http",
            host: "127.0.0.1",
            port: 0,
            identity: nil,
            limits: limits,
            gate: ConnectionGate(limits: limits, listener: "test", metrics: metrics),
            metrics: metrics,
            responder: router().buildResponder(),
            logger: logger
        ) { port.yield($0) }
        let group = ServiceGroup(services: [listener], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            if let bound = await ports.first(where: { _ in true }) { try await body(bound, metrics) }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    private static func cuts(_ metrics: MetricRegistry) -> Bool {
        metrics.exposition().contains(
            #"vedette_connections_expired_total{listener="http",reason="slow"} 1"#
        )
    }

    /// It takes what it is sent, but less than it has to: it is cut, and what it held is free.
    @Test func whoReadsTooSlowlyIsCut() async throws {
        var limits = ListenerLimits(idleTimeout: .milliseconds(500), drainTimeout: .seconds(1))
        // No machine reads so fast.
        limits.slowestReader = 1 << 50
        try await serving(limits: limits) { port, metrics in
            let socket = try await Socket(port)
            try await socket.send("GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
            // Returns when the peer has closed.
            while try await !socket.receive().isEmpty {}
            #expect(Self.cuts(metrics))
            try await socket.close()
        }
    }

    /// A refused upload without `Expect`: what is under way is let pass, so that the answer is read, and then it is cut.
    @Test func whoSendsOnAfterARefusalIsCut() async throws {
        let limits = ListenerLimits(idleTimeout: .seconds(60), drainTimeout: .seconds(1))
        try await serving(limits: limits) { port, metrics in
            let socket = try await Socket(port)
            let size = 256 << 20
            try await socket.send("POST /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: \(size)\r\n\r\n")
            #expect(try await socket.receive().contains("403 Forbidden"))
            let piece = ByteBuffer(repeating: 0, count: 64 << 10)
            var sent = 0
            do {
                while sent < size {
                    try await socket.send(piece)
                    sent += piece.readableBytes
                }
            } catch {
                // It was cut, as it should be.
            }
            #expect(sent < size, "all of it was read")
            #expect(Self.cuts(metrics))
            try await socket.close()
        }
    }

    /// A body that is small is let pass, and the connection goes on.
    @Test func aSmallBodyOfARefusedRequestCostsNoConnection() async throws {
        let limits = ListenerLimits(idleTimeout: .seconds(60), drainTimeout: .seconds(1))
        try await serving(limits: limits) { port, metrics in
            let socket = try await Socket(port)
            try await socket.send("POST /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n")
            #expect(try await socket.receive().contains("403 Forbidden"))
            try await socket.send(ByteBuffer(repeating: 0, count: 100_000))
            try await socket.send("GET /follow HTTP/1.1\r\nhost: x\r\n\r\n")
            #expect(try await socket.receive().contains("200 OK"))
            #expect(!Self.cuts(metrics))
            try await socket.close()
        }
    }

    // MARK: 100 (Continue), RFC 9110 §10.1.1

    /// "A server that receives a 100-continue expectation … MUST send either a final status code or 100 (Continue)".
    @Test func aClientThatWaitsIsToldWhenSomebodyReads() async throws {
        try await serving(limits: ListenerLimits(drainTimeout: .seconds(1))) { port, _ in
            let socket = try await Socket(port)
            let head = "host: x\r\nexpect: 100-Continue\r\ncontent-length: 5\r\n\r\n"
            try await socket.send("POST /echo HTTP/1.1\r\n" + head)
            #expect(try await socket.receive() == "HTTP/1.1 100 Continue\r\n\r\n")
            try await socket.send("hello")
            var answer = ""
            while !answer.hasSuffix("hello") {
                let more = try await socket.receive()
                try #require(!more.isEmpty, "\(answer)")
                answer += more
            }
            #expect(answer.hasPrefix("HTTP/1.1 200 OK"))
            // Refused by its header, it never hears `100`.
            try await socket.send("POST /refuse HTTP/1.1\r\n" + head)
            #expect(try await socket.receive().hasPrefix("HTTP/1.1 403"))
            try await socket.close()
        }
    }

    /// A request that has no use for a body follows its connection by it: another body under it would end the process.
    @Test func anExpectationWithoutABodyHarmsNobody() async throws {
        try await serving(limits: ListenerLimits(drainTimeout: .seconds(1))) { port, _ in
            for length in ["", "content-length: 5\r\n"] {
                let socket = try await Socket(port)
                try await socket.send(
                    "GET /follow HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\(length)\r\n"
                )
                #expect(try await socket.receive().hasPrefix("HTTP/1.1 200 OK"))
                try await socket.close()
            }
        }
    }
}

@Suite("Whether a peer takes what it is sent") struct OutboundProgressTests {
    private func at(_ seconds: Int) -> Instant { Instant(nanoseconds: 0) + .seconds(seconds) }

    @Test func nothingIsDueWhileNothingWaits() {
        var progress = OutboundProgress(patience: .seconds(10), rate: 100)
        #expect(progress.deadline == nil && !progress.isTooSlow(at: at(1000)))
        progress.wrote(1000, at: at(0))
        progress.took(1000, at: at(5))
        #expect(progress.deadline == nil && !progress.isTooSlow(at: at(1000)))
        progress.wrote(0, at: at(6))
        #expect(progress.deadline == nil)
    }

    /// Patience, and the time that so many bytes may take.
    @Test func whoTakesNothingIsTooSlow() {
        var progress = OutboundProgress(patience: .seconds(10), rate: 100)
        progress.wrote(1000, at: at(0))
        #expect(!progress.isTooSlow(at: at(19)) && progress.isTooSlow(at: at(20)))
    }

    /// At its rate a peer may read for ever, at half of it it may not.
    @Test(arguments: [(rate: 100, holds: true), (rate: 50, holds: false)]) func theRateIsHeld(
        rate: Int,
        holds: Bool
    ) {
        var progress = OutboundProgress(patience: .seconds(10), rate: 100)
        progress.wrote(10_000, at: at(0))
        var wasTooSlow = false
        for second in 1...3600 {
            progress.took(rate, at: at(second))
            progress.wrote(rate, at: at(second))
            wasTooSlow = wasTooSlow || progress.isTooSlow(at: at(second))
        }
        #expect(wasTooSlow != holds)
    }

    /// Who was fast for an hour may not rest for one.
    @Test func nothingIsSavedUp() {
        var progress = OutboundProgress(patience: .seconds(10), rate: 100)
        progress.wrote(1000, at: at(0))
        for second in 1...3600 {
            progress.wrote(100_000, at: at(second))
            progress.took(100_000, at: at(second))
        }
        #expect(progress.isTooSlow(at: at(3600 + 21)), "ten seconds, and ten for what waits")
    }
}
