import HSSModel
import PremisesUnit
import TestSupport
import Testing
import Vd

@Suite("What a unit owes and to whom") struct UnitDutiesTests {
    static func bench(_ abilities: UnitAbilities = .everything) -> MachineBench {
        var bench = MachineBench(abilities: abilities)
        _ = bench.logIn()
        _ = bench.answer(1)
        _ = bench.answer(2)
        return bench
    }

    static func orders(_ actions: [UnitMachine.Action]) -> [(id: JobID, order: DeviceOrder)] {
        actions.compactMap { if case .device(let id, let order) = $0 { (id, order) } else { nil } }
    }

    static func codes(_ actions: [UnitMachine.Action]) -> [Int] {
        actions.answers.map { if case .failure(let failure) = $0 { failure.code } else { 200 } }
    }

    @Test("§9.3.2.1.1: a device that does not act is given up before the platform gives the connection up")
    func slowDevice() throws {
        var bench = Self.bench()
        let order = try #require(Self.orders(bench.ask(GetDiskInfo().request)).first)
        #expect(bench.run(.milliseconds(14_999)).answers.isEmpty)
        #expect(Self.codes(bench.run(.milliseconds(1))) == [1])
        #expect(bench.give(.device(order.id, .disk(CameraDisk(state: .normal, total: 1, free: 1)))).isEmpty)
    }

    @Test("an answer for a connection that has ended is given to nobody")
    func lateForTheConnection() throws {
        var bench = Self.bench()
        let order = try #require(Self.orders(bench.ask(GetDiskInfo().request)).first)
        _ = bench.give(.disconnected(bench.attempt, "gone"))
        _ = bench.runToNextAttempt(within: .seconds(60))
        _ = bench.give(.connected(bench.attempt))
        let late = bench.give(.device(order.id, .disk(CameraDisk(state: .normal, total: 1, free: 1))))
        #expect(late.answers.isEmpty)
        // The first request of the new connection has its own answer.
        let next = bench.ask(GetPTZPresetList(channel: 0).request)
        let nextOrder = try #require(Self.orders(next).first)
        #expect(
            bench.give(.device(nextOrder.id, .presets([4]))).answers == [
                .success(PTZPresetList(presets: [4]).object)
            ]
        )
    }

    @Test("answers leave in the order of the questions, whichever the device is done with first")
    func order() throws {
        var bench = Self.bench()
        let slow = try #require(Self.orders(bench.ask(GetDiskInfo().request, seq: 1)).first)
        let quick = try #require(Self.orders(bench.ask(GetPTZPresetList(channel: 0).request, seq: 2)).first)
        #expect(bench.give(.device(quick.id, .presets([]))).answers.isEmpty)
        #expect(
            bench.give(.device(slow.id, .disk(CameraDisk(state: .noCard, total: 0, free: 0)))).answers.count
                == 2
        )
    }

    @Test("Table I.2-5: a restart ends pushes, transfers and a running upgrade, and forgets no alarm")
    func restart() throws {
        var bench = Self.bench()
        let push = try #require(bench.ask(MachineBench.push(stream: "s1")).starts.first)
        _ = bench.give(
            .message(
                bench.attempt,
                .event(UpgradeFirmware(firmwareModel: "9", url: Secret("https://h/f")).event)
            )
        )
        #expect(bench.machine.heartbeat.state == .upgrading)
        _ = bench.give(.alarm(AlarmQueueTests.alarm(1)))
        let restarted = bench.give(.message(bench.attempt, .event(RebootDevice().event)))
        #expect(restarted.stops == [push.id] && restarted.closes == 1)
        #expect(bench.machine.heartbeat.state == .online)
        #expect(bench.run(UnitMachine.restartTime - .milliseconds(1)).schedulings == 0)
        #expect(bench.run(.milliseconds(1)).schedulings == 1)
        _ = bench.give(.scheduled(bench.attempt, MachineBench.answer, hostTime: MachineBench.hostTime))
        let login = bench.give(.connected(bench.attempt))
        #expect(login.requests.contains { $0.method == AlarmNotify.name })
    }

    @Test("a second upgrade while one runs, and a fifth log at once, are refused")
    func bounds() {
        var bench = Self.bench()
        func upgrade(_ model: String) -> RPCMessage {
            .event(UpgradeFirmware(firmwareModel: model, url: Secret("https://h/f")).event)
        }
        let first = bench.give(.message(bench.attempt, upgrade("2")))
        let second = bench.give(.message(bench.attempt, upgrade("3")))
        #expect(first.events.contains(.upgrading("2")) && second.events.count == 1)
        guard let start = UnitDateTime("2026-11-21T00:00:00") else { return }
        let codes = (1...5).flatMap { seq in
            let log = LogUploadAsync(
                transaction: TransactionID(seq),
                start: start,
                end: start,
                url: Secret("https://h/l")
            )
            return Self.codes(bench.ask(log.request, seq: seq))
        }
        #expect(codes == [200, 200, 200, 200, 1])
    }

    @Test("however many orders the platform sends, no more than 64 are begun")
    func mostJobs() {
        var bench = Self.bench()
        let begun = (0..<200).reduce(0) { count, _ in
            let move = CtrlPTZ(channel: 0, operation: .left).event
            return count + Self.orders(bench.give(.message(bench.attempt, .event(move)))).count
        }
        #expect(begun == 64)
    }

    /// Whatever the platform asks and the device says, in whatever order and however late: every question of a
    /// connection is answered at most once, and once all has been said, exactly once.
    @Test func everyQuestionIsAnsweredOnce() throws {
        let requests: [RPCRequest] = [
            GetDiskInfo().request, FormatDisk().request, GetConfig().request, ResetConfig().request,
            QueryTime().request, DevStatus().request, GetCap().request, QueryUpgrade().request,
            GetPTZPresetList(channel: 0).request, QueryVideoStatus(channel: 0).request,
            Snapshot(channel: 0, url: Secret("https://h/p")).request, RPCRequest("Nothing"),
            KeepAwaken(channel: 9, seconds: 1).request, RPCRequest("SetConfig"),
        ]
        for seed in SeededGenerator.environmentSeeds(count: 200) {
            var random = SeededGenerator(seed: seed)
            var bench = Self.bench()
            var open: [UnitMachine.Action] = []
            var asked = 0
            var answered = 0
            for _ in 0..<300 {
                var actions: [UnitMachine.Action] = []
                if asked - answered < 10, Bool.random(using: &random) {
                    asked += 1
                    actions = bench.ask(
                        requests.randomElement(using: &random) ?? GetCap().request,
                        seq: asked
                    )
                } else if let index = open.indices.randomElement(using: &random) {
                    actions = Self.settle(open.remove(at: index), in: &bench, using: &random)
                }
                answered += actions.answers.count
                open += actions.filter(Self.isOpen)
                #expect(answered <= asked, "seed \(seed)")
            }
            while let action = open.popLast() {
                let actions = Self.settle(action, in: &bench, using: &random)
                answered += actions.answers.count
                open += actions.filter(Self.isOpen)
            }
            #expect(answered == asked, "seed \(seed)")
        }
    }

    private static func isOpen(_ action: UnitMachine.Action) -> Bool {
        switch action {
        case .device, .upload, .download, .readClock: true
        default: false
        }
    }

    private static func settle(
        _ action: UnitMachine.Action,
        in bench: inout MachineBench,
        using random: inout SeededGenerator
    ) -> [UnitMachine.Action] {
        switch action {
        case .readClock(let id): return bench.give(.clock(id, host: MachineBench.hostTime))
        case .upload(let order):
            return bench.give(.transfer(order.id, Bool.random(using: &random) ? .sent : .failed("no")))
        case .device(let id, _):
            let answers: [DeviceAnswer] = [
                .done, .presets([1]), .picture([1]), .refused(.internalError("no")),
                .player(channel: 0, .playing), .disk(CameraDisk(state: .normal, total: 1, free: 9)),
            ]
            return bench.give(.device(id, answers.randomElement(using: &random) ?? .done))
        default: return []
        }
    }
}
