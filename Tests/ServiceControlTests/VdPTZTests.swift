import Bus
import HSSModel
import ServiceControl
import Testing
import Vd

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
}
