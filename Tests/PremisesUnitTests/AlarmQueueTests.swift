import HSSModel
import PremisesUnit
import TestSupport
import Testing
import Vd

@Suite("Alarms on their way, Table I.2-16") struct AlarmQueueTests {
    static func alarm(_ number: Int, _ type: AlarmType = .bellRing, _ phase: AlarmPhase = .pulse) -> UnitAlarm
    {
        UnitAlarm(
            channel: 0,
            type: type,
            phase: phase,
            time: WallTime(milliseconds: 1_000_000 + Int64(number) * 1000),
            text: "\(number)"
        )
    }

    @Test("told at once, then settled by the answer; the next one follows")
    func oneAfterTheOther() throws {
        var bench = UnitLiveTests.loggedIn()
        let first = bench.give(.alarm(Self.alarm(1)))
        let told = try AlarmNotify(try #require(first.requests.first).parameters)
        #expect(told.timestamp == WallTime(milliseconds: 1_001_000) && told.description == "1")
        #expect(bench.give(.alarm(Self.alarm(2))).requests.isEmpty)
        #expect(bench.answer(3).requests.map(\.method) == [AlarmNotify.name])
    }

    @Test("an alarm that lasts stands in the heartbeat until its end, and twice is once")
    func activeAlarms() {
        var bench = UnitLiveTests.loggedIn()
        _ = bench.give(.alarm(Self.alarm(1, .motion, .start)))
        #expect(bench.machine.heartbeat.channels.first?.alarms == AlarmType.motion.bit)
        #expect(bench.give(.alarm(Self.alarm(2, .motion, .start))).events.isEmpty)
        _ = bench.give(.alarm(Self.alarm(3, .bellRing)))
        _ = bench.give(.alarm(Self.alarm(4, .human, .start)))
        #expect(bench.machine.heartbeat.channels.first?.alarms == AlarmType.motion.bit | AlarmType.human.bit)
        _ = bench.give(.alarm(Self.alarm(5, .motion, .end)))
        #expect(bench.machine.heartbeat.channels.first?.alarms == AlarmType.human.bit)
        #expect(bench.give(.alarm(Self.alarm(6, .motion, .end))).events.isEmpty)
    }

    @Test("an error of the server is tried again with the same time, five times; any other settles it")
    func refusedAlarms() throws {
        var bench = UnitLiveTests.loggedIn()
        _ = bench.give(.alarm(Self.alarm(1)))
        var alarmSeq = 3
        // Heartbeats that came behind the alarm.
        var behind: [Int] = []
        for round in 1...5 {
            let refused = bench.answer(alarmSeq, .failure(RPCFailure(500, "busy")))
            let isGivenUp = refused.events.contains { if case .alarmRefused = $0 { true } else { false } }
            #expect(isGivenUp == (round == 5), "round \(round)")
            for seq in behind { _ = bench.answer(seq) }
            behind = []
            guard round < 5 else { break }
            #expect(bench.run(.milliseconds(4999)).alarms.isEmpty)
            for case .request(let request, let seq) in bench.run(.milliseconds(1)).sent {
                if request.method == AlarmNotify.name {
                    #expect(
                        try AlarmNotify(request.parameters).timestamp == WallTime(milliseconds: 1_001_000)
                    )
                    alarmSeq = seq
                } else {
                    behind.append(seq)
                }
            }
        }
        #expect(bench.give(.alarm(Self.alarm(2))).alarms.count == 1)
    }

    @Test("of more than 256 that wait the oldest is forgotten, and the rest are told in order")
    func bound() throws {
        var bench = MachineBench()
        _ = bench.give(.start)
        for number in 1...300 { _ = bench.give(.alarm(Self.alarm(number))) }
        _ = bench.give(.scheduled(bench.attempt, MachineBench.answer, hostTime: MachineBench.hostTime))
        var actions = bench.give(.connected(bench.attempt))
        var heard: [String] = []
        for seq in 1...300 {
            for request in actions.requests where request.method == AlarmNotify.name {
                heard.append(try AlarmNotify(request.parameters).description)
            }
            actions = bench.answer(seq)
        }
        #expect(heard == (45...300).map { "\($0)" })
    }

    /// Whatever the line loses, and whenever the connection breaks: every alarm is heard, first hearings in the order
    /// in which they happened, each with its own time.
    @Test func everyAlarmIsHeardInOrder() throws {
        for seed in SeededGenerator.environmentSeeds(count: 60) {
            var random = SeededGenerator(seed: seed)
            var bench = MachineBench(seed: seed)
            var pending = bench.give(.start)
            var raised = 0
            var heard: [Int] = []
            let total = 30
            let loss = Int.random(in: 0...25, using: &random)
            for _ in 0..<20_000 where Set(heard).count < total {
                var next: [UnitMachine.Action] = []
                for action in pending {
                    switch action {
                    case .schedule(let attempt, _):
                        next += bench.give(
                            .scheduled(attempt, MachineBench.answer, hostTime: MachineBench.hostTime)
                        )
                    case .connect(let attempt, _): next += bench.give(.connected(attempt))
                    case .send(let attempt, .request(let request, let seq)):
                        if Int.random(in: 0..<100, using: &random) < loss {
                            next += bench.give(.disconnected(attempt, "lost"))
                            continue
                        }
                        if request.method == AlarmNotify.name {
                            let alarm = try AlarmNotify(request.parameters)
                            let number = try #require(Int(alarm.description))
                            #expect(alarm.timestamp == Self.alarm(number).time, "seed \(seed)")
                            heard.append(number)
                        }
                        // The answer may be lost too: the unit cannot know that it was heard.
                        if Int.random(in: 0..<100, using: &random) < loss {
                            next += bench.give(.disconnected(attempt, "lost"))
                        } else {
                            next += bench.give(.message(attempt, .answer(.success(.empty), seq: seq)))
                        }
                    default: break
                    }
                }
                if raised < total, Int.random(in: 0..<3, using: &random) == 0 {
                    raised += 1
                    next += bench.give(.alarm(Self.alarm(raised)))
                }
                pending = next.isEmpty ? bench.run(until: max(bench.now, bench.wake ?? bench.now)) : next
            }
            var first: [Int] = []
            for number in heard where !first.contains(number) { first.append(number) }
            #expect(first == Array(1...total), "seed \(seed)")
        }
    }
}

extension [UnitMachine.Action] {
    fileprivate var alarms: [RPCRequest] { requests.filter { $0.method == AlarmNotify.name } }
}
