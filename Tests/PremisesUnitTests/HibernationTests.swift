import HSSModel
import TestSupport
import Testing
import Vd

@testable import PremisesUnit

/// "The unit powers its main chip down; its network chip keeps one TCP connection" (device documents).
@Suite("A unit that sleeps, device documents") struct HibernationTests {
    private func bench(sleepAfter: Duration? = .seconds(30), mac: String = "1000000000000042") -> MachineBench
    {
        var bench = MachineBench()
        var profile = MachineBench.profile(channels: [0: .init(bitrate: 1_000_000)])
        profile.credentials.macIdentity = MACIdentity(unchecked: mac)
        profile.sleepAfter = sleepAfter
        bench.machine = UnitMachine(profile)
        return bench
    }

    private static let info = ServerInfo(
        hibernation: "wake.example:8446",
        heartbeatSeconds: 60,
        heartbeatToken: Secret("0123456789abcdef")
    )

    /// Answers every heartbeat, so that the connection holds, for `duration`.
    private func live(_ bench: inout MachineBench, for duration: Duration) -> [UnitMachine.Action] {
        let end = bench.now + duration
        var actions: [UnitMachine.Action] = []
        while let next = bench.wake, next <= end {
            let more = bench.run(until: max(bench.now, next))
            for case .request(let request, let seq) in more.sent where request.method == Keepalive.name {
                _ = bench.answer(seq)
            }
            actions += more
        }
        return actions + bench.run(until: end)
    }

    private func logIn(_ bench: inout MachineBench, _ info: ServerInfo = info) {
        _ = bench.logIn()
        _ = bench.answer(1, .success(info.object))
        _ = bench.answer(2)
    }

    private func hibernations(_ actions: [UnitMachine.Action]) -> [HibernationOrder] {
        actions.compactMap { if case .hibernate(let order) = $0 { order } else { nil } }
    }

    @Test func sleepsWhenThereIsNothingToDo() throws {
        var bench = bench()
        logIn(&bench)
        #expect(hibernations(live(&bench, for: .seconds(29))).isEmpty)
        let actions = live(&bench, for: .seconds(2))
        let order = try #require(hibernations(actions).first)
        #expect(order.host == "wake.example" && order.port == 8446 && order.interval == .seconds(60))
        #expect(order.heartbeat.identity.description == "1000000000000042")
        #expect(actions.closes == 1 && actions.events == [.fellAsleep(server: "wake.example:8446")])
        // It says nothing over Vd and asks nobody, however long it sleeps.
        #expect(bench.run(.seconds(86_400)).isEmpty)
    }

    /// "To wake it the platform sends TOWAKEUP; the unit then connects over Vd."
    @Test func connectsWhenItIsWokenAndSaysThatItIsBack() throws {
        var bench = bench()
        logIn(&bench)
        _ = live(&bench, for: .seconds(31))
        let actions = bench.give(.roused)
        let address = try #require(actions.connects.first)
        #expect(address.target.reveal().hasSuffix("reconnect=1"), "Table 9-3")
        #expect(bench.give(.roused).connects.isEmpty, "once")
    }

    @Test(arguments: [
        ServerInfo(heartbeatSeconds: 10), ServerInfo(hibernation: "wake.example:8446", heartbeatSeconds: 60),
        ServerInfo(hibernation: "wake.example", heartbeatToken: Secret("t")),
        ServerInfo(hibernation: "wake.example:0", heartbeatToken: Secret("t")),
        ServerInfo(hibernation: "wake.example:70000", heartbeatToken: Secret("t")),
    ]) func staysAwakeWhereNobodyCouldWakeIt(info: ServerInfo) {
        var bench = bench()
        logIn(&bench, info)
        #expect(hibernations(live(&bench, for: .seconds(300))).isEmpty)
    }

    @Test func aMACAddressCannotSleep() {
        var bench = bench(mac: "00:11:22:33:44:55")
        logIn(&bench)
        #expect(hibernations(live(&bench, for: .seconds(300))).isEmpty)
    }

    /// Table I.2-26: "prevent a PU … from hibernating within a specified time".
    @Test func keepAwakenPostponesSleep() {
        var bench = bench()
        logIn(&bench)
        _ = live(&bench, for: .seconds(20))
        _ = bench.ask(KeepAwaken(channel: 0, seconds: 60).request)
        #expect(hibernations(live(&bench, for: .seconds(59))).isEmpty)
        #expect(hibernations(live(&bench, for: .seconds(2))).count == 1)
    }

    /// The maker's device is done: it need not wait out its time, but what the platform asked for holds.
    @Test func aTiredUnitSleepsAtOnceUnlessItIsKeptAwake() {
        var bench = bench()
        logIn(&bench)
        _ = bench.give(.tired)
        #expect(hibernations(live(&bench, for: .seconds(1))).count == 1)
        bench = self.bench()
        logIn(&bench)
        _ = bench.ask(KeepAwaken(channel: 0, seconds: 20).request)
        _ = bench.give(.tired)
        #expect(hibernations(live(&bench, for: .seconds(19))).isEmpty)
        #expect(hibernations(live(&bench, for: .seconds(2))).count == 1, "sooner than its 30 s")
        bench = self.bench(sleepAfter: nil)
        logIn(&bench)
        _ = bench.give(.tired)
        #expect(hibernations(live(&bench, for: .seconds(300))).isEmpty, "it never sleeps")
    }

    @Test func aLivePicturePostponesSleep() {
        var bench = bench()
        logIn(&bench)
        _ = bench.ask(MachineBench.push(stream: "s1"))
        #expect(hibernations(live(&bench, for: .seconds(200))).isEmpty)
        _ = bench.ask(MachineBench.stop(stream: "s1"), seq: 2)
        #expect(hibernations(live(&bench, for: .seconds(61))).count == 1)
    }

    @Test func anAlarmWakesTheUnitByItself() {
        var bench = bench()
        logIn(&bench)
        _ = live(&bench, for: .seconds(31))
        let alarm = UnitAlarm(
            channel: 0,
            type: .motion,
            phase: .pulse,
            time: MachineBench.hostTime,
            text: "door"
        )
        #expect(bench.give(.alarm(alarm)).connects.count == 1)
    }

    /// hb_interval is that of the hibernation server here: over Vd the unit reports every 10 s.
    @Test func theIntervalOfSleepIsNotThatOfVd() {
        var bench = bench(sleepAfter: nil)
        logIn(&bench)
        #expect(live(&bench, for: .seconds(60)).heartbeats.count == 6)
    }
}

@Suite("The network chip of a sleeping unit, device documents") struct HibernationMachineTests {
    private var random = SeededGenerator(seed: 3)
    private var now = Instant(nanoseconds: 0)

    private func machine() throws -> (HibernationMachine, HibernationOrder) {
        let info = ServerInfo(
            hibernation: "h:1",
            heartbeatSeconds: 60,
            heartbeatToken: Secret("0123456789abcdef")
        )
        let order = try #require(
            HibernationOrder(info, macIdentity: MACIdentity(unchecked: "1000000000000042"))
        )
        return (HibernationMachine(order), order)
    }

    /// "sends every hb_interval (usual: 60 s) a 40-byte packet".
    @Test mutating func sendsAHeartbeatAtOnceAndInEachInterval() throws {
        var (machine, order) = try machine()
        #expect(machine.receive(.start, at: now, using: &random) == [.connect])
        let expected: [HibernationMachine.Action] = [
            .send(order.heartbeat.encoded()), .wake(at: now + .seconds(60)),
        ]
        #expect(machine.receive(.connected, at: now, using: &random) == expected)
        now = now + .seconds(60)
        let next: [HibernationMachine.Action] = [
            .send(order.heartbeat.encoded()), .wake(at: now + .seconds(60)),
        ]
        #expect(machine.receive(.wake, at: now, using: &random) == next)
    }

    @Test mutating func hearsTheWakeUpHoweverItIsCutAndOnce() throws {
        var (machine, _) = try machine()
        _ = machine.receive(.connected, at: now, using: &random)
        #expect(machine.receive(.received(Array("TOWA".utf8)), at: now, using: &random).isEmpty)
        #expect(machine.receive(.received(Array("KEUP".utf8)), at: now, using: &random) == [.close, .rouse])
        #expect(machine.receive(.closed, at: now, using: &random).isEmpty)
        #expect(machine.receive(.received(Array("TOWAKEUP".utf8)), at: now, using: &random).isEmpty)
    }

    @Test mutating func comesBackWithGrowingWaitsAndLeavesWhoSpeaksSomethingElse() throws {
        var (machine, _) = try machine()
        _ = machine.receive(.connected, at: now, using: &random)
        #expect(machine.receive(.received(Array("HTTP".utf8)), at: now, using: &random) == [.close])
        for attempt in 1...20 {
            guard case .wake(let due)? = machine.receive(.closed, at: now, using: &random).first else {
                Issue.record("no new attempt")
                return
            }
            #expect(due - now <= .seconds(min(60, 5 * attempt)), "§9.3.1.3")
            now = due
            #expect(machine.receive(.wake, at: now, using: &random) == [.connect])
        }
    }
}
