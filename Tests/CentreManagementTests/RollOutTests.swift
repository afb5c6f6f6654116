import HSSModel
import TestSupport
import Testing

@testable import CentreManagement

private let start = WallTime(milliseconds: 1_763_700_000_000)
private let cam = UnitID(unchecked: "cam")

private func units(_ count: Int) -> [UnitID] { (0..<count).map { UnitID(unchecked: "u\($0)") } }

private func plan(_ change: (inout RollOutPlan) -> Void = { _ in }) -> RollOutPlan {
    var plan = RollOutPlan(version: "2.0", opens: start, closes: start + .seconds(7200))
    change(&plan)
    return plan
}

private func rollOut(_ plan: RollOutPlan = plan(), of units: [UnitID] = [cam]) -> RollOut {
    var random = SeededGenerator(seed: 7)
    return RollOut(plan, units: units, at: start, using: &random)
}

private func report(
    _ step: UpgradeReport.Step,
    _ percent: Int = 0,
    _ version: String = "1.0"
) -> UpgradeReport {
    UpgradeReport(step: step, percent: percent, version: version)
}

extension [RollOut.Action] {
    fileprivate var told: [UnitID] {
        compactMap { if case .tell(let unit) = $0 { unit } else { nil } }
    }
}

@Suite("Firmware roll-out, Tables I.2-7 and I.2-8") struct RollOutTests {
    @Test func aUnitThatReturnsWithTheNewVersionIsDone() {
        var rollOut = rollOut()
        #expect(rollOut.receive(.wake, at: start).told == [cam])
        _ = rollOut.receive(.reported(cam, report(.installing, 40)), at: start + .seconds(20))
        let actions = rollOut.receive(.seen(cam, version: "2.0", restarted: true), at: start + .seconds(60))
        #expect(actions.contains(.save(cam, .done)))
        #expect(actions.contains(.savePhase(.finished)))
        #expect(rollOut.counts == RollOut.Counts(done: 1) && rollOut.isOver)
    }

    @Test func aUnitThatHasTheVersionAlreadyIsNeverTold() {
        var rollOut = rollOut(plan { $0.opens = start + .seconds(600) })
        let actions = rollOut.receive(.seen(cam, version: "2.0", restarted: false), at: start)
        #expect(actions.told.isEmpty && actions.contains(.save(cam, .done)))
    }

    /// "UpgradeFirmware … event": nobody answers it, so it may be lost.
    @Test func aUnitThatDidNotHearItIsToldAgain() {
        var rollOut = rollOut()
        _ = rollOut.receive(.wake, at: start)
        #expect(rollOut.receive(.reported(cam, report(.notStarted)), at: start + .seconds(10)).told.isEmpty)
        #expect(rollOut.receive(.reported(cam, report(.notStarted)), at: start + .seconds(40)).told == [cam])
        #expect(rollOut.counts.updating == 1)
    }

    @Test func aFailingUnitIsToldSoManyTimesAndNoMore() {
        var rollOut = rollOut(plan { $0.attempts = 3 })
        var now = start
        var told = 0
        for _ in 0..<200 where !rollOut.isOver {
            let actions = rollOut.receive(.wake, at: now)
            told += actions.told.count
            if rollOut.counts.updating == 1 {
                _ = rollOut.receive(.reported(cam, report(.downloading)), at: now)
                _ = rollOut.receive(.reported(cam, report(.error)), at: now + .seconds(1))
            }
            now = now + .seconds(60)
        }
        #expect(told == 3)
        #expect(rollOut.counts == RollOut.Counts(failed: 1))
    }

    @Test func aPowerCutWithinTheUpdateIsTriedAgain() {
        var rollOut = rollOut()
        _ = rollOut.receive(.wake, at: start)
        _ = rollOut.receive(.reported(cam, report(.installing, 50)), at: start + .seconds(10))
        let back = rollOut.receive(.seen(cam, version: "1.0", restarted: true), at: start + .seconds(30))
        let reason = "it restarted and still runs version 1.0"
        #expect(back.contains(.save(cam, .waiting(failures: 1, reason: reason))))
        #expect(rollOut.hold(of: cam, at: start + .seconds(40)) == .turn(start + .seconds(150)))
        #expect(rollOut.receive(.wake, at: start + .seconds(600)).told == [cam])
    }

    @Test func aLostConnectionIsNoRestart() {
        var rollOut = rollOut()
        _ = rollOut.receive(.wake, at: start)
        _ = rollOut.receive(.reported(cam, report(.downloading, 50)), at: start + .seconds(10))
        _ = rollOut.receive(.unreachable(cam), at: start + .seconds(20))
        _ = rollOut.receive(.seen(cam, version: "1.0", restarted: false), at: start + .seconds(30))
        #expect(rollOut.progress(of: cam) == .updating(attempt: 1, report(.downloading, 50)))
        #expect(rollOut.hold(of: cam, at: start + .seconds(30)) == .unreachable)
    }

    /// What the platform turned away for its own load says nothing about the unit.
    @Test func aDownloadThatWasTurnedAwayIsNoFailure() {
        var rollOut = rollOut(plan { $0.attempts = 1 })
        _ = rollOut.receive(.wake, at: start)
        _ = rollOut.receive(.reported(cam, report(.downloading)), at: start + .seconds(5))
        _ = rollOut.receive(.turnedAway(cam), at: start + .seconds(6))
        _ = rollOut.receive(.reported(cam, report(.error)), at: start + .seconds(10))
        #expect(rollOut.counts == RollOut.Counts(waiting: 1))
        #expect(rollOut.receive(.wake, at: start + .seconds(600)).told == [cam])
    }

    @Test func aUnitThatIsOfflineIsToldWhenItComes() {
        var rollOut = rollOut()
        _ = rollOut.receive(.wake, at: start)
        _ = rollOut.receive(.unreachable(cam), at: start)
        #expect(rollOut.counts == RollOut.Counts(waiting: 1))
        #expect(rollOut.receive(.wake, at: start + .seconds(100)).told.isEmpty)
        #expect(
            rollOut.receive(.seen(cam, version: "1.0", restarted: true), at: start + .seconds(200)).told == [
                cam
            ]
        )
    }

    @Test func nobodyIsToldBeforeOrAfterTheWindow() {
        var rollOut = rollOut(plan { $0.opens = start + .seconds(60) }, of: units(3))
        #expect(rollOut.receive(.wake, at: start).told.isEmpty)
        let late = rollOut.receive(.wake, at: start + .seconds(7200))
        #expect(late.told.isEmpty && rollOut.counts == RollOut.Counts(missed: 3))
        #expect(rollOut.phase == .finished)
    }

    @Test func itStopsWhenTooManyFailAndGoesOnWhenToldTo() {
        var rollOut = rollOut(
            plan {
                $0.errorLimit = 20
                $0.errorSample = 5
                $0.attempts = 1
                $0.mostAtOnce = 1
            },
            of: units(20)
        )
        var now = start
        var told = rollOut.receive(.wake, at: now).told
        for number in 0..<5 {
            guard let unit = told.first else { break }
            now = now + .seconds(40)
            told =
                number < 2
                ? rollOut.receive(.reported(unit, report(.error)), at: now).told
                : rollOut.receive(.seen(unit, version: "2.0", restarted: true), at: now).told
        }
        #expect(rollOut.phase == .stopped && told.isEmpty)
        #expect(rollOut.counts == RollOut.Counts(waiting: 15, done: 3, failed: 2))
        #expect(rollOut.receive(.resume, at: now).told.count == 1)
        #expect(rollOut.phase == .running)
    }

    @Test func aPausedRollOutFollowsWhatItBegan() {
        var rollOut = rollOut(plan { $0.mostAtOnce = 1 }, of: units(2))
        let told = rollOut.receive(.wake, at: start).told
        _ = rollOut.receive(.pause, at: start)
        let actions = rollOut.receive(.wake, at: start + .seconds(10))
        #expect(actions.contains { if case .ask = $0 { true } else { false } })
        #expect(
            rollOut.receive(.seen(told[0], version: "2.0", restarted: true), at: start + .seconds(20)).told
                .isEmpty
        )
        #expect(rollOut.receive(.resume, at: start + .seconds(30)).told.count == 1)
    }

    /// An image that a unit cannot install must not make it install for ever, however often the platform restarts.
    @Test func attemptsSurviveARestartOfThePlatform() {
        var random = SeededGenerator(seed: 7)
        let stored: [UnitID: RollOutProgress] = [cam: .updating(attempt: 3, report(.installing, 10))]
        var rollOut = RollOut(plan(), units: [cam], progress: stored, at: start, using: &random)
        #expect(rollOut.receive(.wake, at: start) == [.ask(cam), .wake(at: start + .seconds(10))])
        let end = rollOut.receive(.seen(cam, version: "1.0", restarted: true), at: start + .seconds(5))
        let reason = "it restarted and still runs version 1.0, 3 times told"
        #expect(end.contains(.save(cam, .failed(reason))) && rollOut.isOver)
    }

    @Test func aRemovedUnitHoldsNothingUp() {
        var rollOut = rollOut(of: units(2))
        let told = rollOut.receive(.wake, at: start).told
        _ = rollOut.receive(.seen(told[0], version: "2.0", restarted: true), at: start)
        #expect(rollOut.receive(.removed(told[1]), at: start).contains(.savePhase(.finished)))
        #expect(rollOut.counts == RollOut.Counts(done: 1) && rollOut.isOver)
    }

    @Test func everyHoldHasItsReason() {
        var rollOut = rollOut(
            plan {
                $0.opens = start + .seconds(60)
                $0.mostAtOnce = 1
            },
            of: units(3)
        )
        func holds(after seconds: Int) -> [RollOut.Hold?] {
            units(3).map { rollOut.hold(of: $0, at: start + .seconds(seconds)) }
        }
        #expect(holds(after: 0) == Array(repeating: .opens(start + .seconds(60)), count: 3))
        guard let first = rollOut.receive(.wake, at: start + .seconds(60)).told.first else {
            Issue.record("nobody was told")
            return
        }
        #expect(Set(holds(after: 60)) == [.notBegun, .place])
        _ = rollOut.receive(.unclear(first), at: start + .seconds(70))
        #expect(rollOut.hold(of: first, at: start + .seconds(70)) == .unclear)
        _ = rollOut.receive(.reported(first, report(.downloading, 1)), at: start + .seconds(80))
        #expect(rollOut.hold(of: first, at: start + .seconds(80)) == .working)
        _ = rollOut.receive(.turnedAway(first), at: start + .seconds(90))
        #expect(rollOut.hold(of: first, at: start + .seconds(90)) == .turnedAway)
        _ = rollOut.receive(.pause, at: start + .seconds(90))
        #expect(Set(holds(after: 90)) == [.turnedAway, .paused])
        #expect(rollOut.hold(of: cam, at: start) == nil)
    }

    @Test func aShareGrowsAndHasTheRightSize() {
        let fleet = units(10_000)
        let tenth = Set(RollOutPlan.share(10, of: fleet))
        let half = Set(RollOutPlan.share(50, of: fleet))
        #expect(tenth.isSubset(of: half))
        #expect((800...1200).contains(tenth.count) && (4700...5300).contains(half.count))
        #expect(RollOutPlan.share(100, of: fleet).count == 10_000)
    }

    @Test(arguments: [
        ("version", plan { $0.version = "" }), ("closes_at", plan { $0.closes = start }),
        ("spread_seconds", plan { $0.spread = .seconds(7201) }), ("most_at_once", plan { $0.mostAtOnce = 0 }),
        ("error_limit", plan { $0.errorLimit = 101 }), ("error_sample", plan { $0.errorSample = 0 }),
        ("attempts", plan { $0.attempts = 11 }), ("patience_seconds", plan { $0.patience = .seconds(5) }),
    ]) func aPlanNamesTheRuleThatItBreaks(field: String, plan: RollOutPlan) {
        #expect(plan.objection?.field == field)
    }
}
