import Bus
import HSSModel
import ServiceControl
import TestSupport
import Testing
import Vd

@Suite("Emptying a node, §9.3.1.2") struct DrainTests {
    private static let start = Instant(nanoseconds: 0)

    private func units(_ count: Int, epoch: UInt64 = 1) -> [Drain.Candidate] {
        (0..<count).map { number in
            let name = "cam-" + String(repeating: "0", count: 4 - String(number).count) + "\(number)"
            return Drain.Candidate(
                unit: UnitID(unchecked: name),
                epoch: Epoch(epoch),
                pushesLive: number < 10
            )
        }
    }

    private func drain(rate: Int, returning: Bool = false) -> Drain {
        Drain(
            rate: rate,
            returning: returning,
            lastEpoch: Epoch(100),
            since: WallTime(milliseconds: 0),
            at: Self.start
        )
    }

    /// Ten ticks a second, one look a second; who is told is gone a second later unless `stays`.
    private func run(
        _ drain: inout Drain,
        _ units: [Drain.Candidate],
        seconds: Int,
        stays: (UnitID) -> Bool = { _ in false }
    ) -> [[UnitID]] {
        var here = units
        var told: [[UnitID]] = []
        for second in 0..<seconds {
            var now = Self.start + .seconds(second)
            drain.survey(here, at: now)
            var inSecond: [UnitID] = []
            for _ in 0..<10 {
                now = now + .milliseconds(100)
                inSecond += drain.next(at: now)
            }
            here.removeAll { inSecond.contains($0.unit) && !stays($0.unit) }
            told.append(inSecond)
        }
        drain.survey(here, at: Self.start + .seconds(seconds))
        return told
    }

    @Test func unitsAreToldAtTheRateAndThoseWithAPictureLast() {
        var drain = drain(rate: 20)
        let told = run(&drain, units(100), seconds: 6)
        #expect(told.map(\.count) == [20, 20, 20, 20, 20, 0])
        let order = told.flatMap(\.self)
        #expect(Set(order).count == 100)
        #expect(Set(order.suffix(10)) == Set(units(10).map(\.unit)), "§9.3.1.2: their sessions go on longest")
        #expect(drain.progress.told == 100 && drain.progress.moved == 100 && drain.progress.left == 0)
    }

    @Test func aUnitThatStaysIsToldAgainAndIsStillLeft() {
        var drain = drain(rate: 100)
        let stubborn = UnitID(unchecked: "cam-0050")
        let told = run(&drain, units(60), seconds: 200) { $0 == stubborn }
        #expect(told.flatMap(\.self).count { $0 == stubborn } == 3, "at 0, 90 and 180 s")
        #expect(drain.progress.left == 1 && drain.progress.moved == 59 && drain.progress.told == 60)
    }

    /// A unit with an address from before comes to a node that gives itself to nobody.
    @Test func whoComesMeanwhileIsToldToo() {
        var drain = drain(rate: 10)
        _ = run(&drain, units(5), seconds: 2)
        let late = Drain.Candidate(unit: UnitID(unchecked: "late"), epoch: Epoch(500), pushesLive: false)
        drain.survey([late], at: Self.start + .seconds(3))
        #expect(drain.next(at: Self.start + .seconds(4)) == [late.unit])
    }

    /// Without another node: "units come back to the same node spread over time".
    @Test func unitsThatReturnAreToldOnce() {
        var drain = drain(rate: 50, returning: true)
        let all = units(50)
        _ = run(&drain, all, seconds: 1)
        let back = all.map { Drain.Candidate(unit: $0.unit, epoch: Epoch(101), pushesLive: false) }
        drain.survey(back, at: Self.start + .seconds(2))
        #expect(drain.next(at: Self.start + .seconds(200)).isEmpty)
        #expect(drain.progress.left == 0 && drain.progress.moved == 50)
    }

    /// Whatever the clock does between ticks: never more than a second's worth at once, and nobody twice within
    /// the patience.
    @Test func theRateHoldsUnderAnyTicks() {
        for seed in UInt64(0)..<200 {
            var random = SeededGenerator(seed: seed)
            let rate = Int.random(in: 1...50, using: &random)
            var drain = drain(rate: rate)
            var now = Self.start
            var lastTold: [UnitID: Instant] = [:]
            var total = 0
            for _ in 0..<300 {
                now = now + .milliseconds(Int64.random(in: 1...3000, using: &random))
                if Bool.random(using: &random) {
                    drain.survey(units(Int.random(in: 0...200, using: &random)), at: now)
                }
                let told = drain.next(at: now)
                total += told.count
                #expect(told.count <= rate, "seed \(seed)")
                for unit in told {
                    if let last = lastTold[unit] { #expect(now - last >= Drain.patience, "seed \(seed)") }
                    lastTold[unit] = now
                }
            }
            #expect(Double(total) <= (now - Self.start).inSeconds * Double(rate) + 1, "seed \(seed)")
        }
    }
}

@Suite("Emptying a node over Vd, Table I.2-6") struct NodeDrainTests {
    @Test func everyUnitHearsRescheduleAndNobodyTwice() async throws {
        try await SignallingBench.run { bench in
            let first = try await bench.unit("cam-1")
            let second = try await bench.unit("cam-2")
            await bench.service.drain(rate: 100, returning: false)
            for unit in [first, second] {
                let text = try #require(await unit.text())
                #expect(try RPCMessage(parsing: Array(text.utf8)) == .event(Reschedule().event))
            }
            #expect(await bench.service.drainProgress()?.told == 2)
            // The unit goes on until it has its answer; then it leaves.
            #expect(await bench.presence()?.connected == true)
            await first.close()
            #expect(await eventually { await bench.service.drainProgress()?.moved == 1 })
            #expect(await bench.service.drainProgress()?.left == 1)
            await second.close()
            #expect(await eventually { await bench.service.drainProgress()?.left == 0 })
            await bench.service.endDrain()
            #expect(await bench.service.drainProgress() == nil)
        }
    }
}
