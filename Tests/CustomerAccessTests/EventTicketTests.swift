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

    @Test func theTableIsBoundedAndForgets() {
        let tickets = EventTickets()
        for _ in 0..<10_000 { _ = tickets.issue(for: Secret("a"), at: now) }
        #expect(tickets.issue(for: Secret("a"), at: now) == nil)
        #expect(tickets.issue(for: Secret("a"), at: now + EventTickets.validity) != nil)
    }
}
