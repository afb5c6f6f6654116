import HSSModel
import Testing

@testable import CentreManagement

@Suite("Refusals in the audit trail") struct AuditTallyTests {
    private static func note(_ address: String, _ milliseconds: Int64 = 0) -> AuditNote {
        AuditNote(
            at: WallTime(milliseconds: milliseconds),
            user: nil,
            address: address,
            action: "session.refused",
            result: .refused
        )
    }

    private static func second(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    @Test func ofManyAlikeTheFirstIsWrittenAndTheOthersCounted() {
        var tallies = AuditTallies()
        func admits(_ address: String, _ second: Int64) -> Bool {
            tallies.admit(Self.note(address, second), at: Self.second(second))
        }
        #expect((0...57).filter { admits("a", $0) } == [0])
        #expect(admits("b", 58))
        let early = tallies.take(at: Self.second(59))
        #expect(early.isEmpty)
        let notes = tallies.take(at: Self.second(60))
        #expect(notes.map(\.detail) == ["57 more within 60 s"])
        #expect(notes.first?.at == WallTime(milliseconds: 57) && notes.first?.address == "a")
        // A minute later it is news again; what came once has nothing more to tell.
        #expect(admits("a", 61))
        let late = tallies.take(at: Self.second(300))
        #expect(late.isEmpty)
    }

    @Test func theTableIsBoundedWhateverStrangersDo() {
        var tallies = AuditTallies()
        var written = 0
        for number in 0..<100_000 where tallies.admit(Self.note("\(number)"), at: Self.second(0)) {
            written += 1
        }
        #expect(written == AuditTallies.capacity + 1)
        let notes = tallies.take(at: Self.second(60))
        #expect(notes.map(\.detail) == ["98999 more within 60 s"])
        #expect(notes.first?.address == "several")
    }

    @Test func theEndTellsOfAll() {
        var tallies = AuditTallies()
        _ = tallies.admit(Self.note("a"), at: Self.second(0))
        _ = tallies.admit(Self.note("a"), at: Self.second(1))
        let all = tallies.take(at: Self.second(2), everything: true)
        #expect(all.count == 1)
    }
}
