import HSSModel
import TestSupport
import Testing
import Vr

private let wish = RecordingDemand.Wish(reasons: [.alarm], prerecord: .seconds(5))

private func named(_ number: Int) -> RecordSessionID { RecordSessionID(unchecked: "s\(number)") }

@Suite("Starting and stopping of recording, Tables I.2-1, I.2-14, I.2-15") struct RecordChannelTests {
    private var channel = RecordChannel()
    private var now = Instant(nanoseconds: 0)

    private mutating func take(_ input: RecordChannel.Input, fresh: Int = 1) -> [RecordChannel.Action] {
        channel.receive(input, fresh: named(fresh), at: now)
    }

    private func order(_ actions: [RecordChannel.Action]) -> RecordChannel.Order? {
        actions.lazy.compactMap {
            switch $0 {
            case .start(let order, _), .stop(let order): order
            default: nil
            }
        }.first
    }

    /// "prerecord_seconds: seconds recorded before the trigger": told with the first start, not after a restart of the unit.
    @Test mutating func aWishBecomesASessionAndEnds() throws {
        _ = take(.connected)
        let start = take(.wish(wish))
        let first = try #require(order(start))
        #expect(start == [.begin(named(1)), .start(first, prerecord: .seconds(5))])
        #expect(take(.started(first, .agreed)) == [])
        #expect(channel.recorded == named(1))
        #expect(take(.reported(named(1))) == [])
        #expect(take(.wish(wish), fresh: 2) == [], "one record session per channel")
        _ = take(.disconnected)
        let again = take(.connected)
        let second = try #require(order(again))
        #expect(again == [.start(second, prerecord: .zero)])
        #expect(take(.started(second, .agreed)) == [])
        let stop = take(.wish(nil))
        let third = try #require(order(stop))
        #expect(stop == [.end(named(1)), .stop(third)])
        #expect(third.session == named(1))
        #expect(take(.stopped(third, .agreed)) == [] && channel.recorded == nil)
    }

    /// One heartbeat may have been on its way while the order was; two say how it is.
    @Test mutating func twoHeartbeatsCount() throws {
        _ = take(.connected)
        let begun = take(.wish(wish))
        let first = try #require(order(begun))
        _ = take(.started(first, .agreed))
        #expect(take(.reported(nil)) == [])
        #expect(take(.reported(named(1))) == [])
        #expect(take(.reported(nil)) == [])
        let again = take(.reported(nil))
        #expect(order(again)?.session == named(1), "the unit has forgotten it")
    }

    /// After a restart of the platform: what runs and is wanted goes on, what nobody wants is stopped.
    @Test mutating func afterARestart() throws {
        channel = RecordChannel(running: named(7))
        let first = take(.connected)
        #expect(order(first)?.session == named(7))
        #expect(take(.wish(wish), fresh: 8) == [])
        channel = RecordChannel()
        #expect(take(.connected) == [])
        let stop = take(.reported(named(7)))
        #expect(try #require(order(stop)).session == named(7))
        #expect(stop.count == 1)
    }

    @Test mutating func whatIsRefusedIsAskedAgainLater() throws {
        _ = take(.connected)
        let begun = take(.wish(wish))
        var current = try #require(order(begun))
        for seconds in [5, 10, 20, 40, 60, 60] as [Int64] {
            let at = now + .seconds(seconds)
            #expect(take(.started(current, .refused)) == [.wake(at: at)])
            now = Instant(nanoseconds: at.nanoseconds - 1)
            #expect(take(.wake) == [.wake(at: at)])
            now = at
            let again = take(.wake)
            current = try #require(order(again))
        }
        #expect(take(.started(RecordChannel.Order.other, .agreed)) == [], "an answer to no order")
        #expect(channel.recorded == nil)
    }

    /// A unit and a network that lose, delay and forget; a platform that restarts: in the end the unit records what is
    /// wanted, and only that.
    @Test func findsBackToTheWantedState() {
        for seed in UInt64(0)..<1000 {
            var world = RecordChannelWorld(seed: seed)
            for _ in 0..<60 { world.act() }
            world.heal()
            #expect(world.unit == world.channel.session, "seed \(seed)")
            #expect((world.channel.session != nil) == world.isWanted, "seed \(seed)")
            // The service holds the same sessions open as the machine.
            #expect(world.begun == Set([world.channel.session].compactMap(\.self)), "seed \(seed)")
        }
    }
}

extension RecordChannel.Order {
    /// Of another machine.
    fileprivate static var other: RecordChannel.Order {
        var machine = RecordChannel(running: named(99))
        for action in machine.receive(.connected, fresh: named(98), at: Instant(nanoseconds: 0)) {
            if case .start(let order, _) = action { return order }
        }
        preconditionFailure("a session that is wanted is started")
    }
}

private struct RecordChannelWorld {
    var channel = RecordChannel()
    /// What the unit records.
    private(set) var unit: RecordSessionID?
    private(set) var isWanted = false
    private(set) var begun: Set<RecordSessionID> = []
    private var random: SeededGenerator
    private var now = Instant(nanoseconds: 0)
    private var isConnected = false
    private var isCalm = false
    private var count = 0
    private var wakeAt: Instant?
    private var answers: [RecordChannel.Input] = []

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func act() {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: connect(!isConnected)
        case 1:
            isWanted.toggle()
            take(.wish(isWanted ? wish : nil))
        case 2: unit = nil  // its process died
        case 3: restart()
        case 4...5: if isConnected { take(.reported(unit)) }
        default: answer()
        }
        pass(.seconds(Int64.random(in: 0...20, using: &random)))
    }

    mutating func heal() {
        isCalm = true
        connect(true)
        for _ in 0..<30 {
            while !answers.isEmpty { answer() }
            take(.reported(unit))
            pass(.seconds(10))
        }
    }

    private mutating func connect(_ connects: Bool) {
        guard connects != isConnected else { return }
        isConnected = connects
        take(connects ? .connected : .disconnected)
    }

    /// The platform starts again with what its database has.
    private mutating func restart() {
        channel = RecordChannel(running: begun.first)
        answers = []
        wakeAt = nil
        take(.wish(isWanted ? wish : nil))
        if isConnected { take(.connected) }
    }

    private mutating func pass(_ duration: Duration) {
        now = now + duration
        guard let at = wakeAt, at <= now else { return }
        wakeAt = nil
        take(.wake)
    }

    private mutating func answer() {
        guard !answers.isEmpty else { return }
        take(answers.remove(at: Int.random(in: 0..<answers.count, using: &random)))
    }

    private mutating func take(_ input: RecordChannel.Input) {
        count += 1
        for action in channel.receive(input, fresh: named(count), at: now) {
            switch action {
            case .begin(let session): begun.insert(session)
            case .end(let session): begun.remove(session)
            case .start(let order, _): answers.append(.started(order, reach { $0 = order.session }))
            case .stop(let order):
                answers.append(.stopped(order, reach { if $0 == order.session { $0 = nil } }))
            case .wake(let at): wakeAt = at
            }
        }
    }

    private mutating func reach(_ change: (inout RecordSessionID?) -> Void) -> RecordChannel.Answer {
        let chance = isCalm ? 9 : Int.random(in: 0..<10, using: &random)
        guard isConnected, chance > 1 else { return .lost }
        if chance == 2 { return .refused }
        change(&unit)
        return chance == 3 ? .lost : .agreed
    }
}
