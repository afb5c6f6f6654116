import HSSModel
import TestSupport
import Testing
import Vm

@Suite("Tickets") struct TicketTests {
    private let key: TicketKey
    private let stream = StreamID(unchecked: "cam1-0")
    private let now = WallTime(milliseconds: 1_000_000)
    private let issuer: Ticket.Issuer
    private let publish: Ticket
    private let play: Ticket

    init() throws {
        key = try #require(TicketKey(Secret("0123456789abcdef0123456789abcdef")))
        var random = SeededGenerator(seed: 1)
        let expiry = now + .seconds(60)
        issuer = Ticket.Issuer(using: &random)
        publish = Ticket(
            publishing: stream,
            epoch: Epoch(7),
            issuer: issuer,
            expiresAt: expiry,
            nonce: .init(using: &random)
        )
        play = Ticket(
            playing: stream,
            epoch: Epoch(.max),
            lease: LeaseID(unchecked: String(repeating: "l", count: 64)),
            expiresAt: expiry,
            nonce: .init(using: &random)
        )
    }

    @Test func aTicketOpensForWhatItWasMade() throws {
        #expect(try key.open(key.seal(publish), for: .publish, of: stream, at: now) == publish)
        #expect(try key.open(key.seal(play), for: .play, of: stream, at: now) == play)
    }

    /// A ticket for the small picture opens the small picture: what it is for is signed with it.
    @Test func aTicketNamesItsRendition() throws {
        var texts: Set<String> = []
        for rendition in Rendition.allCases {
            var ticket = play
            ticket.rendition = rendition
            let text = key.seal(ticket)
            texts.insert(text.reveal())
            #expect(try key.open(text, for: .play, of: stream, at: now).rendition == rendition)
        }
        #expect(texts.count == Rendition.allCases.count)
        // A publisher sends the original, whatever its ticket claims.
        var claim = publish
        claim.rendition = .small
        #expect(throws: TicketError.forged) {
            try key.open(key.seal(claim), for: .publish, of: stream, at: now)
        }
    }

    /// With both names at their longest a stream ID still holds it, percent-encoded or not.
    @Test func itFitsIntoAStreamID() throws {
        var ticket = play
        ticket.stream = StreamID(unchecked: String(repeating: "s", count: 64))
        let access = StreamAccess(stream: ticket.stream, mode: .request, ticket: key.seal(ticket))
        #expect(access.text.reveal().utf8.count < 400)
        #expect(try key.open(access.ticket, for: .play, of: ticket.stream, at: now) == ticket)
    }

    @Test func whatItIsNotFor() throws {
        let text = key.seal(publish)
        #expect(throws: TicketError.wrongPurpose) { try key.open(text, for: .play, of: stream, at: now) }
        #expect(throws: TicketError.foreignStream) {
            try key.open(text, for: .publish, of: StreamID(unchecked: "cam1-1"), at: now)
        }
        #expect(throws: TicketError.expired) {
            try key.open(text, for: .publish, of: stream, at: publish.expiresAt)
        }
        let other = try #require(TicketKey(Secret("another key, also of thirty-two octets")))
        #expect(throws: TicketError.forged) { try other.open(text, for: .publish, of: stream, at: now) }
        #expect(TicketKey(Secret("too short")) == nil)
    }

    /// No change of one character, no cut and no random text is ever a ticket.
    @Test func everyForgeryIsSeen() {
        let characters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ ")
        let text = Array(key.seal(publish).reveal())
        var random = SeededGenerator(seed: 2)
        for index in text.indices {
            var changed = text
            changed[index] = characters.randomElement(using: &random) ?? "A"
            let cut = Secret(String(text[..<index]))
            #expect(throws: TicketError.forged) { try key.open(cut, for: .publish, of: stream, at: now) }
            guard changed != text else { continue }
            let forged = Secret(String(changed))
            #expect(throws: TicketError.forged) { try key.open(forged, for: .publish, of: stream, at: now) }
        }
        for length in 0..<600 {
            let rubbish = Secret(
                String((0..<length).compactMap { _ in characters.randomElement(using: &random) })
            )
            #expect(throws: TicketError.forged) { try key.open(rubbish, for: .play, of: stream, at: now) }
        }
    }

    @Test func passphrasesBelongToOneStreamAndEpoch() {
        let passphrase = key.passphrase(of: stream, epoch: Epoch(1))
        #expect(passphrase.reveal().utf8.count == 32)
        #expect(passphrase == key.passphrase(of: stream, epoch: Epoch(1)))
        #expect(passphrase != key.passphrase(of: stream, epoch: Epoch(2)))
        #expect(passphrase != key.passphrase(of: StreamID(unchecked: "cam1-1"), epoch: Epoch(1)))
    }

    @Test func aPublishTicketCountsOnceAndTheMemoryIsBounded() {
        var used = UsedTickets(of: issuer, capacity: 2)
        var random = SeededGenerator(seed: 3)
        func ticket(expiresAfter seconds: Int) -> Ticket {
            Ticket(
                publishing: stream,
                epoch: Epoch(1),
                issuer: issuer,
                expiresAt: now + .seconds(seconds),
                nonce: .init(using: &random)
            )
        }
        let first = ticket(expiresAfter: 10)
        #expect(used.objection(to: first) == nil)
        #expect(used.use(first, at: now) == .firstUse)
        #expect(used.use(first, at: now) == .alreadyUsed)
        #expect(used.objection(to: first) == .reused)
        #expect(used.use(ticket(expiresAfter: 20), at: now) == .firstUse)
        // Full of tickets that still count: nobody is let in, rather than one of them twice.
        #expect(used.use(ticket(expiresAfter: 20), at: now) == .full)
        #expect(used.use(ticket(expiresAfter: 30), at: now + .seconds(15)) == .firstUse)
        #expect(used.count == 2)
    }

    /// What another run of the media server handed out may have been used there.
    @Test func aPublishTicketOfAnotherRunDoesNotCount() throws {
        var random = SeededGenerator(seed: 4)
        var restarted = UsedTickets(of: Ticket.Issuer(using: &random), capacity: 2)
        let ticket = try key.open(key.seal(publish), for: .publish, of: stream, at: now)
        #expect(restarted.objection(to: ticket) == .foreignIssuer)
        #expect(restarted.use(ticket, at: now) == .foreign)
        #expect(restarted.count == 0)
    }
}
