import Bus
import HSSModel
import HostClock
import ServiceControl
import Testing
import Vd

/// "To wake it the platform sends 8 bytes, ASCII TOWAKEUP; the unit then connects over Vd" (device documents).
@Suite("Waking sleeping units, device documents") struct WakeUpTests {
    @Test func aLivePictureWakesTheUnit() async throws {
        try await SleepingUnit.run { sleeper in
            let chip = try await sleeper.sleep()
            let asked = Instant.now
            async let live = sleeper.bench.service.startLive(SleepingUnit.channel, for: SignallingBench.anna)
            #expect(await chip.bytes(8) == Array("TOWAKEUP".utf8))
            let unit = try await sleeper.login(waits: false)
            let (push, seq) = try await SleepingUnit.serve(unit, until: PushLive.name)
            #expect(try PushLive(push.parameters).channel == 0)
            // Nothing of it waits for a time-out; how fast it is depends on what else the machine does.
            #expect(Instant.now - asked < .seconds(10), "from the call to PushLive")
            let order = try #require(sleeper.bench.media.orders.first)
            try await unit.send(#"{"seq":\#(seq),"resp":{}}"#)
            sleeper.bench.media.emit(.published(order.stream, order.epoch))
            #expect(try await live.stream == order.stream)
            await unit.close()
            await chip.close()
        }
    }

    /// Table I.2-26: "prevent a PU … from hibernating within a specified time".
    @Test func aUnitThatWasWokenIsAskedToStayAwake() async throws {
        try await SleepingUnit.run { sleeper in
            let chip = try await sleeper.sleep()
            let task = Task {
                try await sleeper.bench.service.startLive(SleepingUnit.channel, for: SignallingBench.anna)
            }
            #expect(await chip.bytes(8) == Array("TOWAKEUP".utf8))
            let unit = try await sleeper.login(waits: false)
            let (request, _) = try await SleepingUnit.serve(unit, until: KeepAwaken.name)
            #expect(try KeepAwaken(request.parameters) == KeepAwaken(channel: 0, seconds: 60))
            task.cancel()
            _ = await task.result
            await unit.close()
            await chip.close()
        }
    }

    @Test func oneWakeUpForAllWhoWait() async throws {
        let settings = try SleepingUnit.settings(wakeTime: .seconds(2))
        try await SleepingUnit.run(settings: settings) { sleeper in
            let chip = try await sleeper.sleep()
            let service = sleeper.bench.service
            let failures = await withTaskGroup(of: LiveError?.self) { tasks in
                for channel in [0, 0, 0, 1, 1] {
                    tasks.addTask {
                        let address = ChannelAddress(unit: SleepingUnit.unit, number: channel)
                        do throws(LiveError) {
                            _ = try await service.startLive(address, for: SignallingBench.anna)
                            return nil
                        } catch {
                            return error
                        }
                    }
                }
                return await tasks.reduce(into: []) { $0.append($1) }
            }
            #expect(failures == Array(repeating: .unitAsleep(SleepingUnit.unit), count: 5))
            await chip.close()
            #expect(await chip.bytes(8) == Array("TOWAKEUP".utf8))
            #expect(await chip.bytes(1) == nil, "and not a second one")
        }
    }

    /// The connection broke unnoticed: the unit hears that it is wanted when it is back.
    @Test func aUnitThatReconnectsHearsThatItIsWanted() async throws {
        try await SleepingUnit.run { sleeper in
            let lost = try await sleeper.sleep()
            await lost.close()
            let task = Task {
                try await sleeper.bench.service.startLive(SleepingUnit.channel, for: SignallingBench.anna)
            }
            let chip = try await RawClient(sleeper.port)
            try await chip.send(try SleepingUnit.heartbeat())
            #expect(await chip.bytes(8) == Array("TOWAKEUP".utf8))
            task.cancel()
            _ = await task.result
            await chip.close()
        }
    }

    /// Users' demand 21: "wake on viewer, never wake by polling".
    @Test func readingStatesWakesNobody() async throws {
        try await SleepingUnit.run { sleeper in
            let chip = try await sleeper.sleep()
            for _ in 0..<20 {
                _ = await sleeper.bench.presence(SleepingUnit.name)
                _ = await sleeper.bench.service.sessions(after: nil, limit: 100)
            }
            await sleeper.bench.service.disconnect(SleepingUnit.unit)
            #expect(await chip.bytes(1) == nil, "not a byte before the end")
        }
    }
}
