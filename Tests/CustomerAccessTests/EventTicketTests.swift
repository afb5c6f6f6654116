import HSSModel
import Testing

@testable import CustomerAccess

@Suite("Tickets for the event stream") struct EventTicketTests {
    private let now = Instant(nanoseconds: 0)

    @Test func aTicketCountsOnceAndForAMinute() throws {
        let tickets = EventTickets()
        let first = try #require(tickets.issue(for: Secret("a"), at: now))
        let second = try #require(tickets.issue(for: Secret("b"), at: now))
        #expect(first.reveal() != second.reveal() && first.reveal().utf8.count >= 30)
        #expect(tickets.redeem(first, at: now)?.reveal() == "a")
        #expect(tickets.redeem(first, at: now) == nil)
        #expect(tickets.redeem(second, at: now + EventTickets.validity) == nil)
        #expect(tickets.redeem(second, at: now) == nil, "gone for good")
    }

    /// One login cannot fill it for the others.
    @Test func ofOneLoginSixteenWait() throws {
        let tickets = EventTickets()
        let first = try #require(tickets.issue(for: Secret("a"), at: now))
        var last = first
        for second in 1...16 {
            last = try #require(tickets.issue(for: Secret("a"), at: now + .seconds(second)))
        }
        #expect(tickets.redeem(first, at: now + .seconds(17)) == nil)
        #expect(tickets.redeem(last, at: now + .seconds(17)) != nil)
    }

    @Test func theTableIsBoundedAndForgets() {
        let tickets = EventTickets()
        for login in 0..<10_000 { _ = tickets.issue(for: Secret("\(login)"), at: now) }
        #expect(tickets.issue(for: Secret("a"), at: now) == nil)
        #expect(tickets.issue(for: Secret("a"), at: now + EventTickets.validity) != nil)
    }
}
