import HSSModel
import PremisesUnit
import TestSupport
import Testing
import Vd
import Vm
import Vs

@Suite("PushLive and StopLive, Tables I.2-12 and I.2-13") struct UnitLiveTests {
    static let s1 = StreamID(unchecked: "s1")
    static let s2 = StreamID(unchecked: "s2")

    static func loggedIn(
        channels: [Int: UnitProfile.Channel] = [0: .init(bitrate: 1_000_000)],
        faults: FaultPlan = FaultPlan()
    ) -> MachineBench {
        var bench = MachineBench(channels: channels, faults: faults)
        _ = bench.logIn()
        _ = bench.answer(1)
        _ = bench.answer(2)
        return bench
    }

    /// What a heartbeat would tell of channel 0.
    static func reported(_ bench: MachineBench) -> StreamID? {
        bench.machine.heartbeat.channels.first?.stream
    }

    @Test func aPushStartsAndIsReported() throws {
        var bench = Self.loggedIn()
        let actions = bench.ask(
            MachineBench.push(
                stream: "s1",
                url: "srt://[2001:db8::1]:8890?streamid=%23!::r=s1&passphrase=0123456789"
            )
        )
        #expect(actions.answers == [.success(.empty)])
        let order = try #require(actions.starts.first)
        #expect(order.channel == 0 && order.stream == Self.s1)
        #expect(order.address.host == "2001:db8::1" && order.address.port == 8890)
        #expect(order.address.streamID == "#!::r=s1")
        #expect(Self.reported(bench) == Self.s1)
        #expect(bench.give(.pushStarted(order.id)).events == [.published(channel: 0, stream: Self.s1)])
        #expect(bench.run(.seconds(10)).heartbeats.first?.channels.first?.stream == Self.s1)
    }

    @Test("the same stream_id again is a success and changes nothing, while it connects and while it runs")
    func theSameStreamAgain() throws {
        var bench = Self.loggedIn()
        let id = try #require(bench.ask(MachineBench.push(stream: "s1"), seq: 1).starts.first?.id)
        for seq in 2...3 {
            let again = bench.ask(MachineBench.push(stream: "s1", url: "srt://other:1"), seq: seq)
            #expect(again.answers == [.success(.empty)])
            #expect(again.starts.isEmpty && again.stops.isEmpty)
            _ = bench.give(.pushStarted(id))
        }
    }

    @Test("another stream_id stops the old push first")
    func anotherStream() throws {
        var bench = Self.loggedIn()
        let id = try #require(bench.ask(MachineBench.push(stream: "s1"), seq: 1).starts.first?.id)
        let actions = bench.ask(MachineBench.push(stream: "s2"), seq: 2)
        let stop = try #require(actions.firstIndex(of: .stopPush(id)))
        let start = try #require(
            actions.firstIndex { if case .startPush = $0 { true } else { false } }
        )
        #expect(stop < start)
        #expect(Self.reported(bench) == Self.s2)
        // News of the old one comes late.
        #expect(bench.give(.pushEnded(id, .broken("closed"))).isEmpty)
        #expect(Self.reported(bench) == Self.s2)
    }

    @Test("errors 11, 12, 101, 102, 103")
    func refusals() throws {
        let channels: [Int: UnitProfile.Channel] = [
            0: .init(bitrate: 1_000_000), 1: .init(state: .offline, bitrate: 1),
            2: .init(state: .disabled, bitrate: 1),
            3: .init(state: .error, bitrate: 1),
        ]
        let cases: [(RPCRequest, Int)] = [
            (MachineBench.push(stream: "s1", most: 999_999), 11),
            (MachineBench.push(stream: "s1", url: "rtmp://m.example/x"), 12),
            (MachineBench.push(stream: "s1", url: "srt://m.example"), 12),
            (RPCRequest(PushLive.name), 12),
            (RPCRequest(StopLive.name), 12),
            (
                RPCRequest(
                    PushLive.name,
                    try JSONObject(
                        parsing: Array(
                            #"{"channel":0,"url":"srt://h:1","stream_id":"s","max_bitrate":-1}"#.utf8
                        )
                    )
                ), 12
            ),
            (RPCRequest("Snapshot"), 101),
            (RPCRequest("no such thing"), 101),
            (MachineBench.push(channel: 9, stream: "s1"), 102),
            (MachineBench.push(channel: 1, stream: "s1"), 103),
            (MachineBench.push(channel: 2, stream: "s1"), 103),
            (MachineBench.push(channel: 3, stream: "s1"), 103),
        ]
        for (request, code) in cases {
            var bench = Self.loggedIn(channels: channels)
            let actions = bench.ask(request)
            guard case .failure(let failure)? = actions.answers.first else {
                Issue.record("\(request.method): \(actions.answers)")
                continue
            }
            #expect(failure.code == code, "\(failure)")
            #expect(actions.starts.isEmpty)
        }
    }

    @Test("max_bitrate 0 is no limit, and the stream's own bitrate is within it", arguments: [0, 1_000_000])
    func bitrateWithinTheLimit(most: Int) {
        var bench = Self.loggedIn()
        #expect(bench.ask(MachineBench.push(stream: "s1", most: most)).answers == [.success(.empty)])
    }

    @Test("a refusal leaves the running push alone")
    func refusalChangesNothing() {
        var bench = Self.loggedIn()
        _ = bench.ask(MachineBench.push(stream: "s1"), seq: 1)
        #expect(bench.ask(MachineBench.push(stream: "s2", most: 1), seq: 2).stops.isEmpty)
        #expect(Self.reported(bench) == Self.s1)
    }

    @Test("StopLive is a success also where there is no such stream")
    func stopping() throws {
        var bench = Self.loggedIn()
        #expect(bench.ask(MachineBench.stop(stream: "s1"), seq: 1).answers == [.success(.empty)])
        let id = try #require(bench.ask(MachineBench.push(stream: "s1"), seq: 2).starts.first?.id)
        let other = bench.ask(MachineBench.stop(stream: "s2"), seq: 3)
        #expect(other.answers == [.success(.empty)] && other.stops.isEmpty)
        let stopped = bench.ask(MachineBench.stop(stream: "s1"), seq: 4)
        #expect(stopped.answers == [.success(.empty)] && stopped.stops == [id])
        #expect(Self.reported(bench) == nil)
        #expect(bench.ask(MachineBench.stop(stream: "s1"), seq: 5).answers == [.success(.empty)])
        #expect(bench.give(.pushStarted(id)).isEmpty)
    }

    @Test(
        "a broken connection is tried three times at the same address, then reported as not streaming at once"
    )
    func brokenPushes() throws {
        var bench = Self.loggedIn()
        var order = try #require(bench.ask(MachineBench.push(stream: "s1")).starts.first)
        for delay in [Duration.milliseconds(250), .seconds(1), .seconds(2)] {
            let broken = bench.give(.pushEnded(order.id, .broken("reset")))
            #expect(broken.events == [.pushInterrupted(channel: 0, stream: Self.s1, "reset")])
            #expect(Self.reported(bench) == Self.s1)
            #expect(bench.run(delay - .milliseconds(1)).starts.isEmpty)
            let again = try #require(bench.run(.milliseconds(1)).starts.first)
            #expect(again.id != order.id && again.address == order.address)
            order = again
        }
        let failed = bench.give(.pushEnded(order.id, .broken("reset")))
        #expect(failed.events == [.pushFailed(channel: 0, stream: Self.s1, "reset")])
        #expect(failed.heartbeats.count == 1 && failed.heartbeats.first?.channels.first?.stream == nil)
    }

    @Test("a push that ran for long has fresh tries; one that is refused has none")
    func triesAreCounted() throws {
        var bench = Self.loggedIn()
        var order = try #require(bench.ask(MachineBench.push(stream: "s1")).starts.first)
        var seq = 3
        for _ in 0..<8 {
            _ = bench.give(.pushStarted(order.id))
            for _ in bench.run(.seconds(10)).requests {
                _ = bench.answer(seq)
                seq += 1
            }
            _ = bench.give(.pushEnded(order.id, .broken("reset")))
            let later = bench.run(.milliseconds(250))
            for _ in later.requests {
                _ = bench.answer(seq)
                seq += 1
            }
            order = try #require(later.starts.first)
        }
        let refused = bench.give(.pushEnded(order.id, .refused("1401")))
        #expect(refused.events == [.pushFailed(channel: 0, stream: Self.s1, "1401")])
        #expect(Self.reported(bench) == nil)
    }

    @Test("PushLive between two tries brings a new ticket, which is used")
    func aNewAddressBetweenTries() throws {
        var bench = Self.loggedIn()
        let order = try #require(bench.ask(MachineBench.push(stream: "s1"), seq: 1).starts.first)
        _ = bench.give(.pushEnded(order.id, .broken("reset")))
        let again = bench.ask(
            MachineBench.push(stream: "s1", url: "srt://m.example:8890?streamid=new"),
            seq: 2
        )
        #expect(again.starts.first?.address.streamID == "new")
    }

    @Test("the picture outlives the signalling connection and is reported on the next one")
    func pushesOutliveTheConnection() {
        var bench = Self.loggedIn()
        _ = bench.ask(MachineBench.push(stream: "s1"))
        #expect(bench.give(.disconnected(bench.attempt, "gone")).stops.isEmpty)
        _ = bench.runToNextAttempt(within: .seconds(60))
        #expect(bench.give(.connected(bench.attempt)).heartbeats.first?.channels.first?.stream == Self.s1)
    }
}

@Suite("Misbehaviour on purpose") struct UnitFaultTests {
    @Test func dropAfter() throws {
        var faults = FaultPlan()
        try faults.add("drop-after=5s")
        var bench = MachineBench(faults: faults)
        _ = bench.logIn()
        #expect(bench.run(.milliseconds(4_999)).closes == 0)
        #expect(bench.run(.milliseconds(1)).closes == 1)
        #expect(bench.runToNextAttempt(within: .seconds(5)).connects.count == 1)
    }

    @Test func mute() throws {
        var faults = FaultPlan()
        try faults.add("mute")
        var bench = MachineBench(faults: faults)
        #expect(bench.logIn().requests.map(\.method) == [GetServerInfo.name])
        _ = bench.answer(1)
        #expect(bench.run(.seconds(300)).sent.isEmpty)
        #expect(bench.ask(MachineBench.stop(stream: "s")).answers.count == 1)
    }

    @Test("slow answers keep their order")
    func slowAnswers() throws {
        var faults = FaultPlan()
        try faults.add("slow-answers=3s")
        var bench = UnitLiveTests.loggedIn(faults: faults)
        #expect(bench.ask(MachineBench.push(stream: "s1"), seq: 1).answers.isEmpty)
        #expect(bench.run(.seconds(1)).answers.isEmpty)
        #expect(bench.ask(RPCRequest("Nothing"), seq: 2).answers.isEmpty)
        #expect(bench.run(.seconds(2)).answers == [.success(.empty)])
        #expect(bench.run(.seconds(1)).answers == [.failure(.unsupportedMethod("Nothing"))])
    }

    @Test func noPublish() throws {
        var faults = FaultPlan()
        try faults.add("no-publish")
        var bench = UnitLiveTests.loggedIn(faults: faults)
        let actions = bench.ask(MachineBench.push(stream: "s1"))
        #expect(actions.answers == [.success(.empty)] && actions.starts.isEmpty)
        #expect(UnitLiveTests.reported(bench) == UnitLiveTests.s1)
    }

    @Test func refuseLive() throws {
        var faults = FaultPlan()
        try faults.add("refuse-live=103")
        var bench = UnitLiveTests.loggedIn(faults: faults)
        guard case .failure(let failure)? = bench.ask(MachineBench.push(stream: "s1")).answers.first else {
            Issue.record("no failure")
            return
        }
        #expect(failure.code == 103)
    }

    @Test func garbage() throws {
        var faults = FaultPlan()
        try faults.add("garbage")
        var bench = MachineBench(faults: faults)
        let actions = bench.logIn()
        #expect(actions.contains(.sendMalformed(bench.attempt)))
    }
}

@Suite("A unit in a hostile world") struct UnitHostileTests {
    /// Whatever Vs, Vd and the media server say, in whatever order: the machine has one attempt at a time, asks
    /// to be woken as long as it lives, answers no more than it is asked, keeps the number of its pushes within
    /// its channels, and is quiet after its end.
    @Test func theMachineKeepsItsWord() {
        let seeds = SeededGenerator.environmentSeeds(count: 300)
        for seed in seeds {
            var random = SeededGenerator(seed: seed &* 7919)
            var bench = MachineBench(
                channels: [0: .init(bitrate: 1_000_000), 1: .init(bitrate: 5)],
                seed: seed
            )
            _ = bench.give(.start)
            var running: Set<PushID> = []
            var asked = 0
            var answered = 0
            for step in 0..<400 {
                let attempt = AttemptID(
                    Int.random(in: 0...9, using: &random) == 0
                        ? UInt64.random(in: 0...20, using: &random) : bench.attempt.rawValue
                )
                let push = PushID(running.randomElement(using: &random)?.rawValue ?? 1)
                let input: UnitMachine.Input
                switch Int.random(in: 0...15, using: &random) {
                case 0:
                    input = .scheduled(attempt, Self.answer(using: &random), hostTime: MachineBench.hostTime)
                case 1: input = .schedulingFailed(attempt, "no")
                case 2, 3: input = .connected(attempt)
                case 4: input = .disconnected(attempt, "gone")
                case 5: input = .message(attempt, .event(Reschedule().event))
                case 6: input = .malformed(attempt, .field(FieldError("x", "y")))
                case 7:
                    input = .message(
                        attempt,
                        .answer(.success(.empty), seq: .random(in: 0...5, using: &random))
                    )
                case 8: input = .pushStarted(push)
                case 9: input = .pushEnded(push, Bool.random(using: &random) ? .broken("x") : .refused("x"))
                case 10: input = .bind("code")
                case 11, 12:
                    let request = Self.request(using: &random)
                    asked += 1
                    input = .message(attempt, .request(request, seq: step))
                default:
                    bench.now = bench.now + .milliseconds(Int.random(in: 0...40_000, using: &random))
                    input = .wake
                }
                let actions = bench.give(input)
                answered += actions.answers.count
                for action in actions {
                    switch action {
                    case .startPush(let order): #expect(running.insert(order.id).inserted, "seed \(seed)")
                    case .stopPush(let id): running.remove(id)
                    default: break
                    }
                }
                if case .pushEnded(let id, _) = input { running.remove(id) }
                #expect(running.count <= 2, "seed \(seed), step \(step)")
                #expect(actions.schedulings + actions.connects.count <= 2, "seed \(seed), step \(step)")
                #expect(bench.wake != nil, "seed \(seed), step \(step)")
            }
            #expect(answered <= asked, "seed \(seed)")
            for action in bench.give(.stop) {
                if case .stopPush(let id) = action { running.remove(id) }
            }
            #expect(running.isEmpty, "seed \(seed)")
            #expect(bench.run(.seconds(1000)).isEmpty, "seed \(seed)")
        }
    }

    /// On a network that loses every second thing the unit still comes back by itself.
    @Test func theUnitAlwaysReturns() {
        for seed in SeededGenerator.environmentSeeds(count: 100) {
            var random = SeededGenerator(seed: seed)
            var bench = MachineBench(seed: seed)
            var pending = bench.give(.start)
            var logins = 0
            for _ in 0..<2000 where logins < 5 {
                var next: [UnitMachine.Action] = []
                for action in pending {
                    let isLucky = Bool.random(using: &random)
                    switch action {
                    case .schedule(let attempt, _):
                        if isLucky {
                            next += bench.give(
                                .scheduled(attempt, MachineBench.answer, hostTime: MachineBench.hostTime)
                            )
                        }
                    case .connect(let attempt, _):
                        if isLucky {
                            logins += 1
                            next += bench.give(.connected(attempt))
                        }
                    default: break
                    }
                }
                pending = next.isEmpty ? bench.run(until: max(bench.now, bench.wake ?? bench.now)) : next
            }
            #expect(logins == 5, "seed \(seed)")
        }
    }

    private static func answer(using random: inout SeededGenerator) -> SchedulingAnswer {
        var answer = MachineBench.answer
        answer.syncTime = WallTime(milliseconds: .random(in: 0...253_402_300_799_999, using: &random))
        answer.signallingSecurePort = .random(in: 0...1, using: &random)
        return answer
    }

    private static func request(using random: inout SeededGenerator) -> RPCRequest {
        let channel = Int.random(in: 0...2, using: &random)
        let stream = "s\(Int.random(in: 0...3, using: &random))"
        return switch Int.random(in: 0...4, using: &random) {
        case 0, 1: MachineBench.push(channel: channel, stream: stream)
        case 2: MachineBench.stop(channel: channel, stream: stream)
        case 3: MachineBench.push(channel: channel, stream: stream, url: "srt://")
        default: RPCRequest("Unknown")
        }
    }
}
