import HSSModel
import PremisesUnit
import TestSupport
import Testing
import Vd

@Suite("A line that loses and spoils what a unit sends") struct MessageFaultTests {
    static func bench(_ faults: String..., seed: UInt64 = 1) throws -> MachineBench {
        var plan = FaultPlan()
        for fault in faults { try plan.add(fault) }
        return MachineBench(faults: plan, seed: seed)
    }

    static func raw(_ actions: [UnitMachine.Action]) -> [[UInt8]] {
        actions.compactMap { if case .sendBytes(_, let bytes) = $0 { bytes } else { nil } }
    }

    @Test func drop() throws {
        var bench = try Self.bench("drop=100%")
        #expect(bench.logIn().sent.isEmpty)
        #expect(bench.ask(RPCRequest("QueryTime")).sent.isEmpty)
    }

    @Test("a delayed message comes later, and what follows waits behind it")
    func delay() throws {
        var bench = try Self.bench("delay=100%/3s")
        #expect(bench.logIn().sent.isEmpty)
        #expect(bench.run(.milliseconds(2999)).sent.isEmpty)
        #expect(bench.run(.milliseconds(1)).requests.map(\.method) == [GetServerInfo.name, Keepalive.name])
    }

    @Test("a message is overtaken by the next, or comes alone after a second")
    func reorder() throws {
        var bench = try Self.bench("reorder=100%")
        let login = bench.logIn()
        #expect(login.requests.map(\.method) == [Keepalive.name, GetServerInfo.name])
        _ = bench.give(.alarm(AlarmQueueTests.alarm(1)))
        #expect(bench.run(.seconds(1)).requests.map(\.method) == [AlarmNotify.name])
    }

    @Test func duplicate() throws {
        var bench = try Self.bench("duplicate=100%")
        let names = bench.logIn().requests.map(\.method)
        #expect(names == [GetServerInfo.name, GetServerInfo.name, Keepalive.name, Keepalive.name])
    }

    @Test("a message that lost its end is no packet")
    func truncate() throws {
        var bench = try Self.bench("truncate=100%")
        let cut = Self.raw(bench.logIn())
        #expect(cut.count == 2)
        for bytes in cut { #expect(throws: MalformedPacket.self) { try RPCMessage(parsing: bytes) } }
    }

    @Test("a lie has the form of the truth")
    func lie() throws {
        var bench = try Self.bench("lie=100%")
        let actions = bench.logIn()
        #expect(actions.heartbeats.first.map { $0.state != .online } == true)
        #expect(actions.heartbeats.first?.channels.first?.stream != nil)
        let answers = (1...10).flatMap { bench.ask(RPCRequest("StopLive"), seq: $0).answers }
        // A refusal becomes a yes.
        #expect(answers == Array(repeating: .success(.empty), count: 10))
    }

    @Test("the same seed spoils the same messages; another one others")
    func seeds() throws {
        func run(_ seed: UInt64) throws -> [UnitMachine.Action] {
            var bench = try Self.bench("drop=30%", "duplicate=20%", "truncate=10%", seed: seed)
            var actions = bench.logIn()
            for seq in 1...50 { actions += bench.ask(RPCRequest("NoSuchMethod"), seq: seq) }
            return actions
        }
        #expect(try run(7) == run(7))
        #expect(try run(7) != run(8))
    }

    @Test("shares come out as they were told")
    func shares() throws {
        var bench = try Self.bench("drop=25%", seed: 3)
        _ = bench.logIn()
        let answered = (1...4000).reduce(0) {
            $0 + bench.ask(RPCRequest("NoSuchMethod"), seq: $1).answers.count
        }
        #expect((2850...3150).contains(answered), "\(answered)")
    }

    @Test(
        "a fault of the command line that is not right is named",
        arguments: [
            "drop", "drop=5", "drop=101%", "drop=-1%", "drop=5%/2s", "delay=5%/x", "loss=5%", "mute=1", "=",
        ]
    )
    func refusedFaults(text: String) {
        var plan = FaultPlan()
        #expect(throws: UnitSetupError.self) { try plan.add(text) }
    }
}
