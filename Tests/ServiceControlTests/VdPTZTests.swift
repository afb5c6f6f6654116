import Bus
import HSSModel
import HostClock
import Store
import Synchronization
import Testing
import Vd

@testable import ServiceControl

/// Issue 3: "continuous moves carry a lease, so that a lost `stop` cannot leave a camera turning".
@Suite("Moves of a camera, Table I.2-17") struct VdPTZTests {
    private static let unit = UnitID(unchecked: "cam-1")

    private static func event(_ op: String, channel: Int = 0) -> String {
        #"{"event":"CtrlPTZ","params":{"channel":\#(channel),"op":"\#(op)"}}"#
    }

    private static func move(
        _ bench: SignallingBench,
        _ operation: PTZOperation,
        by user: String = "anna"
    ) async throws {
        try await bench.service.control(
            CtrlPTZ(channel: 0, operation: operation),
            of: unit,
            by: UserName(unchecked: user)
        )
    }

    @Test func aMoveThatNobodyRepeatsIsStopped() async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            let began = ContinuousClock.now
            try await Self.move(bench, .left)
            #expect(await unit.text() == Self.event("left"))
            #expect(await unit.text() == Self.event("stop"))
            let took = ContinuousClock.now - began
            #expect(took >= PTZLease.usual && took < PTZLease.usual + .seconds(8))
        }
    }

    @Test func theLastWordCounts() async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            try await Self.move(bench, .left)
            try await Self.move(bench, .right, by: "carl")
            try await Self.move(bench, .stop)
            try await Self.move(bench, .upStep)
            for op in ["left", "right", "stop", "up_step"] { #expect(await unit.text() == Self.event(op)) }
        }
    }

    /// The connection ends while the camera turns: it is stopped first thing when it is back.
    @Test func aUnitThatComesBackTurningIsStopped() async throws {
        try await SignallingBench.run { bench in
            let old = try await bench.unit()
            try await Self.move(bench, .left)
            #expect(await old.text() == Self.event("left"))
            await old.close()
            #expect(await eventually { await bench.presence()?.connected == false })
            await #expect(throws: UnitCallError.offline(Self.unit)) { try await Self.move(bench, .stop) }
            let new = try await bench.client()
            try await new.send(SignallingBench.request(SignallingBench.target()))
            #expect(await new.answer()?.status == 101)
            #expect(await new.text() == Self.event("stop"))
        }
    }

    /// A platform that dies during a move says the stop first thing in its next run, and owes nothing once it settled.
    @Test func aRestartDuringAMoveEndsInAStop() async throws {
        let moves = FakeMoves()
        try await SignallingBench.run(moves: moves) { bench in
            let unit = try await bench.unit()
            try await Self.move(bench, .leftStep)
            #expect(await unit.text() == Self.event("left_step"))
            #expect(moves.open.isEmpty, "a step ends by itself")
            try await Self.move(bench, .left)
            #expect(moves.open == [SignallingBench.channel], "durable before it leaves")
            #expect(await unit.text() == Self.event("left"))
        }
        try await SignallingBench.run(moves: moves) { bench in
            let client = try await bench.client()
            try await client.send(SignallingBench.request(SignallingBench.target()))
            #expect(await client.answer()?.status == 101)
            #expect(await client.text() == Self.event("stop"))
            await bench.service.ptz.tick(at: .now + PTZLease.settled / 2)
            #expect(!moves.open.isEmpty, "the stop may still be lost")
            await bench.service.ptz.tick(at: .now + PTZLease.settled + .seconds(1))
            #expect(await eventually { moves.open.isEmpty })
        }
    }

    /// A unit that stays away for longer has most likely been restarted.
    @Test func aStopIsNotOwedForEver() async throws {
        let moves = FakeMoves()
        try await moves.beginMove(SignallingBench.channel, at: .now)
        try await SignallingBench.run(moves: moves) { bench in
            await bench.service.ptz.tick(at: .now + PTZLease.remembered + .seconds(1))
            #expect(await eventually { moves.open.isEmpty })
        }
    }

    /// The camera turns also where the mark cannot be written.
    @Test func aLostStoreKeepsNoCameraFromTurning() async throws {
        let moves = FakeMoves()
        moves.failAll()
        try await SignallingBench.run(moves: moves) { bench in
            let unit = try await bench.unit()
            try await Self.move(bench, .left)
            #expect(await unit.text() == Self.event("left"))
            #expect(await unit.text() == Self.event("stop"))
        }
    }
}

/// Marks of moves in memory.
private final class FakeMoves: MoveStore {
    private let state = Mutex((open: [ChannelAddress](), fails: false))

    var open: [ChannelAddress] { state.withLock { $0.open } }
    func failAll() { state.withLock { $0.fails = true } }

    private func check() throws(StoreError) {
        if state.withLock({ $0.fails }) { throw .unavailable("in this test") }
    }

    func beginMove(_ channel: ChannelAddress, at now: WallTime) async throws(StoreError) {
        try check()
        state.withLock { if !$0.open.contains(channel) { $0.open.append(channel) } }
    }

    func endMoves(of unit: UnitID) async throws(StoreError) {
        try check()
        state.withLock { $0.open.removeAll { $0.unit == unit } }
    }

    func openMoves() async throws(StoreError) -> [ChannelAddress] {
        try check()
        return open
    }
}
