import HSSModel
import TestSupport
import Testing
import Vr

@Suite("Tickets to play recordings") struct PlaybackTicketTests {
    private let key: RecordKey
    private let other: RecordKey
    private let now = WallTime(milliseconds: 1_795_257_971_000)
    private let ticket: PlaybackTicket

    init() throws {
        key = try #require(RecordKey(Secret("0123456789abcdef0123456789abcdef")))
        other = try #require(RecordKey(Secret("another key, also of thirty-two octets")))
        ticket = Self.make(.open, now)
    }

    private static func make(
        _ purpose: PlaybackTicket.Purpose,
        _ now: WallTime,
        user: String = "anna",
        owner: String? = "bert"
    ) -> PlaybackTicket {
        PlaybackTicket(
            purpose: purpose,
            user: UserName(unchecked: user),
            recorded: RecordedChannel(
                ChannelAddress(unit: UnitID(unchecked: "cam:1"), number: 3),
                owner: owner.map { UserName(unchecked: $0) }
            ),
            range: now..<(now + .seconds(60)),
            expiresAt: now + .seconds(10)
        )
    }

    @Test func whatIsSignedIsRead() throws {
        for ticket in [ticket, Self.make(.view, now), Self.make(.open, now, owner: nil)] {
            #expect(try PlaybackTicket(parsing: ticket.text(key: key).reveal(), key: key, at: now) == ticket)
        }
    }

    /// Names of the greatest length, and everything that a path takes.
    @Test func itIsSafeInAddresses() throws {
        let long = String(repeating: "n", count: 64)
        let text = Self.make(.open, now, user: long, owner: long).text(key: key).reveal()
        #expect(text.utf8.count < 400)
        #expect(text.utf8.allSatisfy { PercentCoding.isUnreserved($0) || $0 == UInt8(ascii: ":") })
        #expect(throws: Never.self) { try PlaybackTicket(parsing: text, key: key, at: now) }
    }

    @Test func nothingOfItCanBeChanged() throws {
        let text = ticket.text(key: key).reveal()
        var wrong = [
            text + "A", String(text.dropLast()), "", "~~~~~~~~", text.replacing("open", with: "view"),
        ]
        wrong += [text.replacing("anna", with: "bert"), text.replacing("~3~", with: "~4~")]
        // No part can take from its neighbour.
        wrong += [text.replacing("anna~cam:1", with: "annac~am:1"), String(repeating: "a", count: 600)]
        for index in text.indices {
            var changed = text
            changed.replaceSubrange(index...index, with: text[index] == "b" ? "c" : "b")
            wrong.append(changed)
        }
        for text in wrong {
            #expect(throws: RecordFailure.wrongKey, "\(text)") {
                try PlaybackTicket(parsing: text, key: key, at: now)
            }
        }
        #expect(throws: RecordFailure.wrongKey) { try PlaybackTicket(parsing: text, key: other, at: now) }
    }

    @Test func itExpires() throws {
        let text = ticket.text(key: key).reveal()
        #expect(throws: Never.self) {
            try PlaybackTicket(parsing: text, key: key, at: now + .milliseconds(9999))
        }
        #expect(throws: RecordFailure.wrongKey) {
            try PlaybackTicket(parsing: text, key: key, at: now + .seconds(10))
        }
    }
}
