import HSSModel
import TestSupport
import Testing

@testable import ServiceControl

/// Presence of units (issue: "online, offline, upgrading, error, per channel too") and Table I.2-1.
@Suite("What is told of units, Table I.2-1") struct PresenceLedgerTests {
    private static let unit = UnitID(unchecked: "cam")
    private static let start = Instant(nanoseconds: 1_000_000_000)
    private static let time = WallTime(milliseconds: 1_763_700_000_000)

    private static func sight(
        _ condition: UnitCondition = .online,
        _ channels: [Int: ChannelState]? = [0: .online]
    ) -> PresenceLedger.Sight {
        PresenceLedger.Sight(condition: condition, channels: channels)
    }

    /// What is told of `sight`, as "kind/channel"; it is in the log then.
    private static func tell(
        _ ledger: inout PresenceLedger,
        _ sight: PresenceLedger.Sight?,
        after delay: Duration = .zero
    ) -> [String] {
        let now = start + delay
        guard case .became(let record, let events) = ledger.change(unit, to: sight, at: now, time) else {
            if sight != nil { ledger.returned(unit) }
            return []
        }
        ledger.noted(record)
        return events.map { event in event.kind.rawValue + (event.channel.map { "/\($0)" } ?? "") }
    }

    @Test func aChangeIsToldOnce() {
        var ledger = PresenceLedger()
        #expect(Self.tell(&ledger, nil).isEmpty, "nobody was ever here")
        #expect(Self.tell(&ledger, Self.sight(.online, nil)) == ["online"])
        #expect(Self.tell(&ledger, Self.sight()).isEmpty)
        #expect(Self.tell(&ledger, Self.sight(.online, nil)).isEmpty, "a reconnection")
        #expect(Self.tell(&ledger, Self.sight(.asleep, nil)) == ["asleep"])
        #expect(Self.tell(&ledger, Self.sight(.online, nil)) == ["online"])
        #expect(Self.tell(&ledger, nil) == ["offline"])
        #expect(Self.tell(&ledger, nil).isEmpty)
    }

    /// What the store did not take is told again.
    @Test func whatIsNotNotedIsStillToBeTold() {
        let ledger = PresenceLedger()
        let first = ledger.change(Self.unit, to: Self.sight(), at: Self.start, Self.time)
        #expect(first != nil)
        #expect(ledger.change(Self.unit, to: Self.sight(), at: Self.start, Self.time) == first)
    }

    /// "state: 1 online, 2 upgrading, 3 error" is in the heartbeat, not in the login.
    @Test(arguments: [UnitCondition.upgrading, .error]) func aLoginAloneEndsNeitherUpgradeNorError(
        _ condition: UnitCondition
    ) {
        var ledger = PresenceLedger()
        #expect(Self.tell(&ledger, Self.sight(condition)) == [condition.rawValue])
        #expect(Self.tell(&ledger, Self.sight(.online, nil)).isEmpty, "it has logged in and said nothing")
        #expect(Self.tell(&ledger, Self.sight(condition)).isEmpty)
        #expect(Self.tell(&ledger, Self.sight()) == ["online"])
    }

    /// Channels: "state: 0 offline, 1 online, 3 error, 4 disabled". A channel that works needs no event of its own.
    @Test func channelsAreToldWhereTheyDifferFromWhatWasTold() {
        var ledger = PresenceLedger()
        let mixed: [Int: ChannelState] = [0: .online, 1: .error, 2: .disabled, 3: .offline]
        let told = Self.tell(&ledger, Self.sight(.online, mixed))
        #expect(told == ["online", "error/1", "disabled/2", "offline/3"])
        #expect(Self.tell(&ledger, nil) == ["offline"], "says it of the channels too")
        #expect(Self.tell(&ledger, Self.sight(.online, nil)) == ["online"])
        #expect(Self.tell(&ledger, Self.sight(.online, [1: .online, 2: .disabled])) == ["online/1"])
        #expect(Self.tell(&ledger, Self.sight(.online, [1: .online, 2: .disabled])).isEmpty)
    }

    @Test func unitsThatComeBackAfterARestartWereNeverAway() {
        var ledger = PresenceLedger()
        let records = (0..<20_000).map {
            PresenceRecord(unit: UnitID(unchecked: "cam-\($0)"), condition: .online, since: Self.time)
        }
        ledger.begin(with: records, awaitedUntil: Self.start + .seconds(120))
        for record in records.dropLast() {
            let change = ledger.change(record.unit, to: Self.sight(.online, nil), at: Self.start, Self.time)
            #expect(change == nil)
            ledger.returned(record.unit)
        }
        let late = Self.start + .seconds(120)
        #expect(ledger.overdue(at: late + .milliseconds(-1)).isEmpty)
        #expect(ledger.overdue(at: late) == [records[19_999].unit])
        #expect(ledger.change(records[19_999].unit, to: nil, at: Self.start, Self.time) == nil)
        guard
            case .became(let record, let events)? =
                ledger.change(records[19_999].unit, to: nil, at: late, Self.time)
        else {
            Issue.record("nothing is told of a unit that did not come back")
            return
        }
        #expect(record.condition == .offline)
        #expect(
            events.map(\.detail) == [
                #"{"before":"online","reason":"not back after a restart of the platform"}"#
            ]
        )
    }

    /// Whatever happens: the log never says the same twice in a row, and its last word is true.
    @Test func theLogIsTheHistory() {
        for seed in UInt64(0)..<200 {
            var random = SeededGenerator(seed: seed)
            var ledger = PresenceLedger()
            var last: [Int?: String] = [:]
            var wanted = "offline"
            for _ in 0..<200 {
                let states: [ChannelState] = [.online, .offline, .error, .disabled]
                let channels =
                    Bool.random(using: &random)
                    ? [0: states.randomElement(using: &random) ?? .online] : nil
                let condition = UnitCondition.allCases.randomElement(using: &random) ?? .online
                let sight = condition == .offline ? nil : Self.sight(condition, channels)
                let now = Self.start + .seconds(1)
                if case .became(let record, let events)? =
                    ledger.change(Self.unit, to: sight, at: now, Self.time)
                {
                    // The store fails now and then.
                    guard Int.random(in: 0..<5, using: &random) > 0 else { continue }
                    ledger.noted(record)
                    for event in events {
                        #expect(last[event.channel] != event.kind.rawValue, "seed \(seed)")
                        last[event.channel] = event.kind.rawValue
                    }
                }
                if condition == .asleep || condition == .offline || channels != nil {
                    wanted = condition.rawValue
                    #expect(last[nil] ?? "offline" == wanted, "seed \(seed)")
                }
                if let state = channels?[0], sight != nil {
                    #expect(last[0] ?? "online" == "\(state)", "seed \(seed)")
                }
            }
        }
    }
}
