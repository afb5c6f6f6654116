package import HSSModel
package import Vd

/// An alarm of one channel, with the unit's time at which it happened.
package struct UnitAlarm: Sendable, Equatable {
    package var channel: Int
    package var type: AlarmType
    package var phase: AlarmPhase
    package var time: WallTime
    package var text: String

    package init(channel: Int, type: AlarmType, phase: AlarmPhase, time: WallTime, text: String = "") {
        self.channel = channel
        self.type = type
        self.phase = phase
        self.time = time
        self.text = text
    }
}

extension UnitAlarm: CustomStringConvertible {
    package var description: String { "\(type.word) \(phase.rawValue) on channel \(channel)" }
}

/// Alarms on their way to the platform (Table I.2-16): each is told until it is answered, in order, always with the
/// time at which it happened, over however many connections that takes.
///
/// One travels at a time. What is answered with an error of the server's own is told again, at most five times; any
/// other answer settles it.
struct AlarmQueue: Sendable {
    /// Beyond it the oldest is forgotten: what has just happened matters more.
    static let most = 256
    /// Unicode scalars; four times as many bytes at most, which is half of what the platform reads.
    static let longestText = 128
    private static let retryDelay: Duration = .seconds(5)
    private static let mostTries = 5

    private struct Entry: Sendable {
        var alarm: UnitAlarm
        var failures = 0
    }

    /// What became of the alarm that travelled.
    enum Settled: Equatable {
        /// The address is there where the platform wants a picture.
        case told(UnitAlarm, picture: Secret?)
        case refused(UnitAlarm, RPCFailure)
        case again
    }

    private var waiting: [Entry] = []
    private var isTravelling = false
    private var notBefore: Instant?
    /// Bit n: alarm type n has started and not ended; by channel.
    private(set) var active: [Int: UInt32] = [:]
    private(set) var forgotten = 0

    var count: Int { waiting.count }

    /// False where nothing has changed: a start of what is active, an end of what is not.
    mutating func raise(_ alarm: UnitAlarm) -> Bool {
        let bit = alarm.type.bit
        let bits = active[alarm.channel] ?? 0
        switch alarm.phase {
        case .start:
            guard bits & bit == 0 else { return false }
            active[alarm.channel] = bits | bit
        case .end:
            guard bits & bit != 0 else { return false }
            active[alarm.channel] = bits & ~bit == 0 ? nil : bits & ~bit
        case .pulse: break
        }
        if waiting.count >= Self.most {
            // The one that travels is answered soon.
            waiting.remove(at: isTravelling ? 1 : 0)
            forgotten += 1
        }
        waiting.append(Entry(alarm: alarm))
        return true
    }

    /// The alarm to tell now, which then travels.
    mutating func next(at now: Instant) -> UnitAlarm? {
        guard !isTravelling, let first = waiting.first, notBefore.map({ $0 <= now }) ?? true else {
            return nil
        }
        notBefore = nil
        isTravelling = true
        return first.alarm
    }

    /// When ``next(at:)`` has one that waits for its time.
    var isIdle: Bool { waiting.isEmpty }

    var nextWake: Instant? { isTravelling || waiting.isEmpty ? nil : notBefore }

    mutating func answered(_ answer: Result<Secret?, RPCFailure>, at now: Instant) -> Settled? {
        guard isTravelling, var first = waiting.first else { return nil }
        isTravelling = false
        switch answer {
        case .success(let picture):
            waiting.removeFirst()
            return .told(first.alarm, picture: picture)
        case .failure(let failure):
            first.failures += 1
            guard Self.isServersOwn(failure.code), first.failures < Self.mostTries else {
                waiting.removeFirst()
                return .refused(first.alarm, failure)
            }
            waiting[0] = first
            notBefore = now + Self.retryDelay
            return .again
        }
    }

    /// The connection ended: whether the platform heard it is unknown, so it is told again.
    mutating func connectionLost() {
        isTravelling = false
        notBefore = nil
    }

    private static func isServersOwn(_ code: Int) -> Bool { code == 1 || (500...599).contains(code) }
}
