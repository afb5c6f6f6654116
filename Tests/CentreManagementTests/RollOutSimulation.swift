import HSSModel
import TestSupport
import Testing

@testable import CentreManagement

private let start = WallTime(milliseconds: 1_763_700_000_000)

/// A fleet of units with bad luck under one roll-out, in virtual time.
private struct Fleet {
    struct Unit {
        var version = "1.0"
        var isOnline = true
        var isBad: Bool
        var step = UpgradeReport.Step.notStarted
        /// Orders that count as an attempt.
        var attempts = 0
    }

    var random: SeededGenerator
    var rollOut: RollOut
    var units: [UnitID: Unit] = [:]
    var saved: [UnitID: [RollOutProgress]] = [:]
    var phases: [RollOut.Phase] = []
    let badLuck: Int

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        badLuck = Int.random(in: 0...40, using: &random)
        let names = (0..<Int.random(in: 1...40, using: &random)).map { UnitID(unchecked: "u\($0)") }
        let bad = Int.random(in: 0...30, using: &random)
        for name in names { units[name] = Unit(isBad: Int.random(in: 0..<100, using: &random) < bad) }
        let plan = RollOutPlan(
            version: "2.0",
            opens: start + .seconds(30),
            closes: start + .seconds(20_000),
            spread: .seconds(600),
            mostAtOnce: Int.random(in: 1...8, using: &random),
            errorLimit: 25,
            errorSample: 4,
            attempts: 2,
            patience: .seconds(900)
        )
        rollOut = RollOut(plan, units: names, at: start, using: &random)
    }

    /// The platform is killed and reads what it had written.
    mutating func restart(at now: WallTime) {
        var open: [UnitID: RollOutProgress] = [:]
        var finished = RollOut.Counts()
        for name in units.keys {
            switch saved[name]?.last {
            case nil: open[name] = .waiting()
            case .done: finished.done += 1
            case .failed: finished.failed += 1
            case .missed: finished.missed += 1
            case let progress?: open[name] = progress
            }
        }
        #expect(open.count == rollOut.counts.waiting + rollOut.counts.updating)
        rollOut = RollOut(
            rollOut.plan,
            phase: rollOut.phase,
            units: open.keys.sorted(),
            progress: open,
            finished: finished,
            forgiven: rollOut.forgiven,
            at: now,
            using: &random
        )
    }

    mutating func perform(_ actions: [RollOut.Action], at now: WallTime) -> [RollOut.Input] {
        var inputs: [RollOut.Input] = []
        for action in actions {
            switch action {
            case .tell(let unit):
                #expect(rollOut.phase == .running)
                #expect(now >= rollOut.plan.opens && now < rollOut.plan.closes)
                guard units[unit]?.isOnline == true else {
                    inputs.append(.unreachable(unit))
                    continue
                }
                // The event may be lost on the way.
                if Int.random(in: 0..<100, using: &random) >= badLuck {
                    units[unit]?.step = .downloading
                    units[unit]?.attempts += 1
                }
            case .ask(let unit):
                guard let state = units[unit], state.isOnline else {
                    inputs.append(.unreachable(unit))
                    continue
                }
                let report = UpgradeReport(step: state.step, percent: 0, version: state.version)
                inputs.append(Bool.random(using: &random) ? .reported(unit, report) : .unclear(unit))
            case .save(let unit, let progress): saved[unit, default: []].append(progress)
            case .savePhase(let phase): phases.append(phase)
            case .wake: break
            }
        }
        return inputs
    }

    mutating func live(at now: WallTime) -> [RollOut.Input] {
        var inputs: [RollOut.Input] = []
        for (name, unit) in units.sorted(by: { $0.key < $1.key }) {
            var unit = unit
            if Int.random(in: 0..<1000, using: &random) < badLuck {
                unit.isOnline.toggle()
                if unit.isOnline {
                    inputs.append(.seen(name, version: unit.version, restarted: false))
                }
            }
            switch unit.step {
            case .downloading where Bool.random(using: &random): unit.step = unit.isBad ? .error : .installing
            case .installing where Bool.random(using: &random):
                unit.step = .notStarted
                // A power cut loses what was installed.
                if Int.random(in: 0..<100, using: &random) >= badLuck / 2 { unit.version = "2.0" }
                if unit.isOnline {
                    inputs.append(.seen(name, version: unit.version, restarted: true))
                }
            case .notStarted, .downloading, .installing, .upgrading, .done, .error: break
            }
            units[name] = unit
        }
        return inputs
    }
}

@Suite("Firmware roll-out over an unlucky fleet") struct RollOutSimulation {
    /// Whatever is lost, refused or cut off: it ends, each unit in one final state, never more at once than allowed.
    @Test func everyUnitEndsOnce() {
        for seed in 0..<200 as Range<UInt64> {
            var fleet = Fleet(seed: seed)
            var now = start
            var inputs: [RollOut.Input] = [.wake]
            for _ in 0..<5_000 where !fleet.rollOut.isOver {
                for input in inputs + [.wake] {
                    var next = [input]
                    while !next.isEmpty {
                        let actions = fleet.rollOut.receive(next.removeFirst(), at: now)
                        next += fleet.perform(actions, at: now)
                    }
                    #expect(fleet.rollOut.counts.updating <= fleet.rollOut.plan.mostAtOnce, "seed \(seed)")
                }
                if fleet.rollOut.phase == .stopped, Bool.random(using: &fleet.random) {
                    _ = fleet.perform(fleet.rollOut.receive(.resume, at: now), at: now)
                }
                now = now + .seconds(10)
                if Int.random(in: 0..<200, using: &fleet.random) == 0 { fleet.restart(at: now) }
                inputs = fleet.live(at: now)
            }
            let counts = fleet.rollOut.counts
            #expect(fleet.rollOut.isOver, "seed \(seed)")
            #expect(counts.done + counts.failed + counts.missed == fleet.units.count, "seed \(seed)")
            for (name, progress) in fleet.saved {
                let ends = progress.count {
                    switch $0 {
                    case .done, .failed, .missed: true
                    case .waiting, .updating: false
                    }
                }
                #expect(ends == 1, "seed \(seed), unit \(name)")
                #expect(
                    (progress.last == .done) == (fleet.units[name]?.version == "2.0")
                        || progress.last == .missed
                        || fleet.units[name]?.attempts ?? 0 >= 2,
                    "seed \(seed), unit \(name)"
                )
            }
        }
    }
}
