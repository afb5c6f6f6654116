package import HSSModel

/// Permission to publish or to watch one stream, signed by the platform (``TicketKey``) and carried by the peer.
package struct Ticket: Sendable, Equatable {
    package enum Purpose: UInt8, Sendable {
        /// Good for one connection to the media server that made it, see ``UsedTickets``.
        case publish = 1
        /// Checked at the start of a viewing; good for any number of them until it expires, because players
        /// reconnect and probe.
        case play = 2
    }

    package var purpose: Purpose
    package var stream: StreamID
    /// Of the publishing when the ticket was made. Closing a stream voids every ticket up to its epoch.
    package var epoch: Epoch
    /// On whose account a viewer watches; none for a publisher.
    package var lease: LeaseID?
    /// What a viewer may see of the stream; a publisher sends the original.
    package var rendition = Rendition.original
    /// Who made it; none for a viewer's.
    package var issuer: Issuer?
    package var expiresAt: WallTime
    package var nonce: Nonce

    /// One run of one media server. It alone knows which of its publish tickets have been used; once it has ended nobody
    /// does, and they count no more.
    package struct Issuer: Sendable, Hashable {
        let rawValue: UInt64

        package init(using random: inout some RandomNumberGenerator) {
            rawValue = random.next()
        }

        init(rawValue: UInt64) {
            self.rawValue = rawValue
        }
    }

    /// What makes two tickets differ that agree in everything else.
    package struct Nonce: Sendable, Hashable {
        var high: UInt64
        var low: UInt64

        package init(using random: inout some RandomNumberGenerator) {
            high = random.next()
            low = random.next()
        }

        init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }
    }

    package init(
        publishing stream: StreamID,
        epoch: Epoch,
        issuer: Issuer,
        expiresAt: WallTime,
        nonce: Nonce
    ) {
        purpose = .publish
        self.stream = stream
        self.epoch = epoch
        self.issuer = issuer
        self.expiresAt = expiresAt
        self.nonce = nonce
    }

    package init(
        playing stream: StreamID,
        epoch: Epoch,
        lease: LeaseID,
        rendition: Rendition = .original,
        expiresAt: WallTime,
        nonce: Nonce
    ) {
        purpose = .play
        self.rendition = rendition
        self.stream = stream
        self.epoch = epoch
        self.lease = lease
        self.expiresAt = expiresAt
        self.nonce = nonce
    }
}

/// Why a ticket does not count. For figures and logs: a peer hears one neutral refusal for all of them.
package enum TicketError: String, Error, Equatable, CaseIterable, Sendable {
    /// Not a ticket, or changed on its way, or made with another key.
    case forged
    case expired
    /// A publish ticket shown by a viewer, or the other way round.
    case wrongPurpose = "wrong-purpose"
    case foreignStream = "foreign-stream"
    /// A publish ticket that has been used.
    case reused
    /// A publish ticket of another media server, or of this one before it was started anew.
    case foreignIssuer = "foreign-issuer"
    /// The stream was closed after the ticket was made.
    case void
}
