import HSSModel
import TestSupport
import Testing

@testable import Vd

private let anna = UserName(unchecked: "anna")
private let bert = UserName(unchecked: "bert")
private let start = Instant(nanoseconds: 0)

private func order(_ operation: PTZOperation, _ value: Int? = nil, on channel: Int = 0) -> CtrlPTZ {
    CtrlPTZ(channel: channel, operation: operation, value: value)
}

private func give(
    _ operation: PTZOperation,
    _ value: Int? = nil,
    by user: UserName = anna,
    for lease: Duration = PTZLease.usual
) -> PTZLease.Input {
    .command(order(operation, value), by: user, lease: lease)
}

private func told(_ actions: [PTZLease.Action]) -> [PTZOperation] {
    actions.compactMap {
        guard case .tell(let command) = $0 else { return nil }
        return command.operation
    }
}

@Suite("A continuous move ends, Table I.2-17") struct PTZLeaseTests {
    @Test func aMoveThatIsNotRepeatedIsStopped() {
        var lease = PTZLease()
        #expect(
            lease.receive(give(.left, 30), at: start) == [
                .tell(order(.left, 30)), .wake(at: start + .seconds(2)),
            ]
        )
        #expect(lease.holder(of: 0) == anna)
        let settled = start + .seconds(2) + PTZLease.settled
        #expect(lease.receive(.wake, at: start + .seconds(2)) == [.tell(order(.stop)), .wake(at: settled)])
        #expect(lease.holder(of: 0) == nil)
        #expect(lease.receive(.wake, at: settled) == [])
        #expect(lease.isIdle)
    }

    /// What moved before the platform was started is stopped when the unit is back, within ten minutes.
    @Test func whatMovedBeforeAStartIsOwedAStop() {
        var lease = PTZLease(owing: [1, 0], at: start)
        #expect(!lease.isIdle)
        let late = start + PTZLease.remembered
        #expect(lease.receive(.wake, at: start) == [.wake(at: late)])
        var other = lease
        let stops = lease.receive(.connected, at: late + .milliseconds(-1))
        #expect(told(stops) == [.stop, .stop])
        #expect(other.receive(.wake, at: late) == [] && other.isIdle)
        #expect(told(other.receive(.connected, at: late)).isEmpty)
    }

    @Test func repeatsRenewItAndAreNotToldAgain() {
        var lease = PTZLease()
        _ = lease.receive(give(.left), at: start)
        for second in 1...20 {
            let now = start + .seconds(second)
            #expect(lease.receive(give(.left), at: now) == [.wake(at: now + .seconds(2))])
        }
        #expect(
            told(lease.receive(give(.left, 80), at: start + .seconds(21))) == [.left],
            "another speed is told"
        )
        #expect(told(lease.receive(.wake, at: start + .seconds(23))) == [.stop])
    }

    @Test(arguments: [
        (Duration.seconds(60), Duration.seconds(10)), (.seconds(-1), .zero), (.seconds(5), .seconds(5)),
    ])
    func aLeaseLastsTenSecondsAtMost(asked: Duration, given: Duration) {
        var lease = PTZLease()
        #expect(lease.receive(give(.up, for: asked), at: start).last == .wake(at: start + given))
    }

    /// A repeat that comes after the end starts anew, after the stop.
    @Test func aLateRepeatIsANewMove() {
        var lease = PTZLease()
        _ = lease.receive(give(.left), at: start)
        #expect(told(lease.receive(give(.left), at: start + .seconds(3))) == [.stop, .left])
    }

    /// The last word about a channel wins, whoever says it.
    @Test func anotherUsersMoveTakesOver() {
        var lease = PTZLease()
        _ = lease.receive(give(.left), at: start)
        #expect(told(lease.receive(give(.right, by: bert), at: start + .seconds(1))) == [.right])
        #expect(lease.holder(of: 0) == bert)
        #expect(told(lease.receive(.userGone(anna), at: start + .seconds(1))) == [])
        #expect(told(lease.receive(give(.stop, by: anna), at: start + .seconds(2))) == [.stop])
        #expect(lease.holder(of: 0) == nil)
    }

    @Test func theUserWhoGoesAwayStopsWhatTheyMoved() {
        var lease = PTZLease()
        _ = lease.receive(give(.left), at: start)
        _ = lease.receive(.command(order(.up, on: 1), by: bert, lease: .seconds(2)), at: start)
        let actions = lease.receive(.userGone(anna), at: start + .seconds(1))
        #expect(actions.first == .tell(order(.stop)))
        #expect(lease.holder(of: 1) == bert)
    }

    /// Steps and presets end by themselves; a move that goes on is stopped before.
    @Test(arguments: [PTZOperation.leftStep, .gotoPreset, .setPreset, .clearPreset])
    func stepsAndPresetsNeedNoLease(operation: PTZOperation) {
        var lease = PTZLease()
        #expect(lease.receive(give(operation, 1), at: start) == [.tell(order(operation, 1))])
        #expect(lease.isIdle)
        _ = lease.receive(give(.left), at: start)
        #expect(told(lease.receive(give(operation, 1), at: start)) == [.stop, operation])
    }

    // MARK: The connection

    @Test func aStopThatCouldNotBeToldIsToldFirstThing() {
        var lease = PTZLease()
        _ = lease.receive(give(.left), at: start)
        _ = lease.receive(.disconnected, at: start + .seconds(1))
        #expect(told(lease.receive(.wake, at: start + .seconds(2))) == [])
        #expect(lease.receive(give(.up), at: start + .seconds(3)).first == .unreachable)
        #expect(lease.receive(.connected, at: start + .seconds(60)).first == .tell(order(.stop)))
    }

    /// The connection was dead when the stop was written into it.
    @Test func aStopThatWasPerhapsLostIsToldAgain() {
        var lease = PTZLease()
        _ = lease.receive(give(.left), at: start)
        #expect(told(lease.receive(give(.stop), at: start + .seconds(1))) == [.stop])
        _ = lease.receive(.disconnected, at: start + .seconds(60))
        #expect(told(lease.receive(.connected, at: start + .seconds(70))) == [.stop])
    }

    /// A login that displaces the old connection tells of no disconnection.
    @Test func aTakeoverIsAReturn() {
        var lease = PTZLease()
        _ = lease.receive(give(.left), at: start)
        _ = lease.receive(give(.stop), at: start + .seconds(1))
        #expect(told(lease.receive(.connected, at: start + .seconds(2))) == [.stop])
    }

    @Test func aUnitThatReturnsWithinTheLeaseIsStoppedAtItsEnd() {
        var lease = PTZLease()
        _ = lease.receive(give(.left, for: .seconds(10)), at: start)
        _ = lease.receive(.disconnected, at: start + .seconds(1))
        #expect(told(lease.receive(.connected, at: start + .seconds(3))) == [])
        #expect(
            told(lease.receive(give(.left), at: start + .seconds(4))) == [.left],
            "perhaps it did not hear it"
        )
        #expect(told(lease.receive(.wake, at: start + .seconds(6))) == [.stop])
    }

    @Test func whoWasGoneTooLongIsLeftAlone() {
        var lease = PTZLease()
        _ = lease.receive(give(.left), at: start)
        _ = lease.receive(.disconnected, at: start + .seconds(1))
        let end = start + .seconds(1) + PTZLease.remembered
        #expect(lease.receive(.wake, at: start + .seconds(2)) == [.wake(at: end)])
        #expect(lease.receive(.wake, at: end) == [])
        #expect(lease.isIdle)
        #expect(lease.receive(.connected, at: end + .seconds(1)) == [])
    }

    // MARK: Whatever is lost

    /// A unit on a wire that dies without a word, up to 60 s before anybody notices: whatever is lost, the last
    /// thing that it hears for a move is a stop or a newer move.
    @Test func everyMoveIsFollowedByAStop() {
        for seed in UInt64(0)..<100 {
            var run = LossyRun(seed: seed)
            run.go()
            for (channel, heard) in run.heard {
                let lastMove = heard.lastIndex { $0.kind == .move } ?? -1
                let lastStop = heard.lastIndex { $0.kind == .stop } ?? -1
                #expect(lastMove <= lastStop, "seed \(seed), channel \(channel): \(heard.suffix(5))")
            }
            #expect(run.lease.isIdle, "seed \(seed)")
        }
    }
}

private struct LossyRun {
    var lease = PTZLease()
    var heard: [Int: [PTZOperation]] = [:]
    private var random: SeededGenerator
    private var now = start
    private var wakeAt: Instant?
    /// Told, and not noticed.
    private var wireIsDead = false
    private var noticeAt: Instant?
    private var isConnected = true
    private var returnAt: Instant?

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func go() {
        let hostility = Int.random(in: 0...20, using: &random)
        for _ in 0..<300 {
            now = now + .milliseconds(Int.random(in: 1...3000, using: &random))
            passTime()
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<hostility where isConnected && !wireIsDead:
                wireIsDead = true
                noticeAt = now + .milliseconds(Int.random(in: 0...60_000, using: &random))
            case 20..<25:
                act(.userGone(Bool.random(using: &random) ? anna : bert))
            case 25..<30 where isConnected:
                // A new login displaces the connection.
                connect()
            case 30..<60:
                let operation = PTZOperation.allCases.randomElement(using: &random) ?? .stop
                let lease = Duration.milliseconds(Int.random(in: 0...12_000, using: &random))
                let command = order(operation, 1, on: Int.random(in: 0..<3, using: &random))
                act(.command(command, by: Bool.random(using: &random) ? anna : bert, lease: lease))
            default:
                break
            }
        }
        // Longer than any absence and what follows it.
        for _ in 0..<150 {
            now = now + .seconds(8)
            passTime()
        }
    }

    private mutating func passTime() {
        if let noticeAt, noticeAt <= now { disconnect() }
        if let returnAt, returnAt <= now { connect() }
        if let wakeAt, wakeAt <= now {
            self.wakeAt = nil
            act(.wake)
        }
    }

    private mutating func disconnect() {
        noticeAt = nil
        isConnected = false
        // Sometimes for so long that nobody owes it a stop, but then it has been restarted.
        let isLong = Int.random(in: 0..<20, using: &random) == 0
        returnAt = now + .seconds(isLong ? 900 : Int.random(in: 0...200, using: &random))
        if isLong { heard = [:] }
        act(.disconnected)
    }

    private mutating func connect() {
        (returnAt, noticeAt, wireIsDead, isConnected) = (nil, nil, false, true)
        act(.connected)
    }

    private mutating func act(_ input: PTZLease.Input) {
        for action in lease.receive(input, at: now) {
            switch action {
            case .tell(let command):
                if isConnected, !wireIsDead { heard[command.channel, default: []].append(command.operation) }
            case .wake(let instant): wakeAt = instant
            case .unreachable: break
            }
        }
    }
}
