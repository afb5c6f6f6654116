import Bus
import HSSModel
import Logging
import NIOCore
import NIOPosix
import ServerKit
import ServiceControl
import Synchronization
import Testing

@Suite("Presence of units, §9.3.1.3") struct VdPresenceTests {
    @Test func theNewestLoginWins() async throws {
        try await SignallingBench.run { bench in
            let old = try await bench.unit()
            let first = try #require(await bench.presence())
            let new = try await bench.unit()
            #expect(await old.end() == 1001, "the old connection is told to go")
            let second = try #require(await bench.presence())
            #expect(second.epoch > first.epoch && second.connected)
            // The end of the old connection is late news: it changes nothing.
            #expect(bench.service.connectedUnits == 1)
            try await new.send(SignallingBench.keepalive(1))
            #expect(await new.text() == #"{"seq":1,"resp":{}}"#)
            #expect(await bench.presence()?.connected == true)
        }
    }

    /// Over TLS too, where a farewell that never comes is waited for 5 s otherwise.
    @Test func aSilentUnitIsCutAtOnce() async throws {
        var settings = SignallingBench.settings
        settings.offlineAfter = .seconds(4)
        try await SignallingBench.run(settings: settings, tls: true) { bench in
            // The wait for TLS would be 5 s each time; a machine that is busy for long is so now and then.
            var shortest = Duration.seconds(60)
            for _ in 0..<8 where shortest >= .seconds(5) {
                let unit = try await bench.unit(tls: true)
                // As one that has lost its network: what the platform says is not read, and nothing answers it.
                try await unit.channel.setOption(.autoRead, value: false).get()
                #expect(await eventually { await bench.presence()?.connected != true }, "given up")
                let duration = await ContinuousClock().measure {
                    #expect(
                        await eventually { bench.metrics.exposition().contains("vedette_vd_connections 0\n") }
                    )
                }
                shortest = min(shortest, duration)
                await unit.close()
            }
            #expect(shortest < .seconds(5), "no wait for TLS")
        }
    }

    @Test func manyLoginsOfOneUnitAtOnceLeaveOne() async throws {
        try await SignallingBench.run { bench in
            var clients: [RawClient] = []
            for _ in 0..<20 {
                let client = try await bench.client()
                try await client.send(SignallingBench.request(SignallingBench.target()))
                clients.append(client)
            }
            #expect(await eventually { bench.metrics.exposition().contains("vedette_vd_connections 1\n") })
            #expect(bench.service.connectedUnits == 1)
            var answered = 0
            for client in clients {
                #expect(await client.answer()?.status == 101)
                try? await client.send(SignallingBench.keepalive(1))
                if await client.text() == #"{"seq":1,"resp":{}}"# { answered += 1 }
            }
            #expect(answered == 1)
        }
    }

    /// A lost socket is no offline: the unit has `vd.offline_after` to come back.
    @Test func offlineComesAfterSilenceOnly() async throws {
        var settings = SignallingBench.settings
        settings.offlineAfter = .seconds(4)
        try await SignallingBench.run(settings: settings) { bench in
            let unit = try await bench.unit()
            // Before: on a busy machine the answer is read long after the platform heard it.
            let lastHeard = ContinuousClock.now
            try await unit.send(SignallingBench.keepalive(1))
            _ = await unit.text()
            await unit.close()
            #expect(await eventually { await bench.presence()?.connected != true })
            #expect(await eventually { await bench.presence() == nil })
            #expect(ContinuousClock.now - lastHeard >= .milliseconds(3900))
        }
    }

    @Test func aUnitThatComesBackInTimeWasNeverOffline() async throws {
        var settings = SignallingBench.settings
        settings.offlineAfter = .seconds(4)
        try await SignallingBench.run(settings: settings) { bench in
            let first = try await bench.unit()
            await first.close()
            #expect(await eventually { await bench.presence()?.connected != true })
            let second = try await bench.unit()
            let end = ContinuousClock.now + .milliseconds(5500)
            var seq = 0
            // It sends heartbeats over the time at which it would have been declared offline.
            while ContinuousClock.now < end {
                seq += 1
                try await second.send(SignallingBench.keepalive(seq))
                #expect(await second.text() == #"{"seq":\#(seq),"resp":{}}"#)
                try #require(await bench.presence()?.connected == true)
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    @Test func aConnectionThatFallsSilentIsClosed() async throws {
        var settings = SignallingBench.settings
        settings.offlineAfter = .milliseconds(1500)
        try await SignallingBench.run(settings: settings) { bench in
            let unit = try await bench.unit()
            #expect(await unit.end() == 1001)
            #expect(await eventually { await bench.presence() == nil })
        }
    }

    @Test func anOperatorCanEndASession() async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            await bench.service.disconnect(UnitID(unchecked: "cam-1"))
            await bench.service.disconnect(UnitID(unchecked: "nobody"))
            #expect(await unit.end() == 1001)
        }
    }

    @Test func sessionsAreOrderedAndPaged() async throws {
        try await SignallingBench.run { bench in
            let second = try await bench.unit("cam-2")
            let first = try await bench.unit("cam-1")
            let all = await bench.service.sessions(after: nil, limit: 10)
            #expect(all.map(\.unit.rawValue) == ["cam-1", "cam-2"])
            let rest = await bench.service.sessions(after: UnitID(unchecked: "cam-1"), limit: 10)
            #expect(rest.map(\.unit.rawValue) == ["cam-2"])
            #expect(await bench.service.sessions(after: nil, limit: 1).count == 1)
            await first.close()
            await second.close()
        }
    }

    /// One port that cannot be had leaves none of the others open.
    @Test func aTakenPortIsSaidInWords() async throws {
        try await SignallingBench.run { bench in
            let first = Mutex(0)
            let ports = [("vd", 0), ("vd.plain", bench.port)].map {
                VdPort(name: $0, host: "127.0.0.1", port: $1, identity: nil, headerTimeout: .seconds(5))
            }
            let metrics = MetricRegistry()
            let second = SignallingService(
                settings: SignallingBench.settings,
                ports: ports,
                gate: ConnectionGate(limits: ListenerLimits(), listener: "vd", metrics: metrics),
                admission: bench.admission,
                media: bench.media,
                metrics: metrics,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            ) { _, port in first.withLock { $0 = port } }
            let taken = ServerError.addressInUse(listener: "vd.plain", host: "127.0.0.1", port: bench.port)
            await #expect(throws: taken) { try await second.run() }
            let port = first.withLock { $0 }
            #expect(port != 0)
            await #expect(throws: NIOConnectionError.self) { _ = try await RawClient(port) }
        }
    }

    @Test(arguments: [false, true]) func aShutdownSaysGoodbye(tls: Bool) async throws {
        try await SignallingBench.run(tls: tls) { bench in
            let unit = try await bench.unit(tls: tls)
            await bench.shutDown()
            #expect(await unit.end() == 1001, "going away (RFC 6455, 7.4.1)")
        }
    }
}
