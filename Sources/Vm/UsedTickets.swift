package import HSSModel

/// Remembers the one-use tickets of one issuer until they expire. Nobody else's count, for it cannot be known whether they
/// have been used: not those of another media server, nor its own from before a restart. Bounded: when it is full of tickets that still count, new ones are
/// refused, because forgetting one would let it be used twice.
package struct UsedTickets: Sendable {
    package enum Outcome: Sendable, Equatable {
        case firstUse, alreadyUsed, foreign, full
    }

    private let issuer: Ticket.Issuer
    private let capacity: Int
    private var expiries: [Ticket.Nonce: WallTime] = [:]

    package init(of issuer: Ticket.Issuer, capacity: Int) {
        self.issuer = issuer
        self.capacity = capacity
    }

    package var count: Int { expiries.count }

    /// Why a ticket cannot be used now, without using it up.
    package func objection(to ticket: Ticket) -> TicketError? {
        guard ticket.issuer == issuer else { return .foreignIssuer }
        return expiries[ticket.nonce] == nil ? nil : .reused
    }

    /// Uses a ticket up. One that has expired is for the caller to refuse first.
    package mutating func use(_ ticket: Ticket, at now: WallTime) -> Outcome {
        guard ticket.issuer == issuer else { return .foreign }
        guard expiries[ticket.nonce] == nil else { return .alreadyUsed }
        if expiries.count >= capacity { expiries = expiries.filter { $0.value > now } }
        guard expiries.count < capacity else { return .full }
        expiries[ticket.nonce] = ticket.expiresAt
        return .firstUse
    }
}
