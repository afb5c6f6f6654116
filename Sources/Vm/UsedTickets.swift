package import HSSModel

/// Remembers one-use tickets until they expire. Bounded: when it is full of tickets that still count, new ones are
/// refused, because forgetting one would let it be used twice.
package struct UsedTickets: Sendable {
    package enum Outcome: Sendable, Equatable {
        case firstUse, alreadyUsed, full
    }

    private let capacity: Int
    private var expiries: [Ticket.Nonce: WallTime] = [:]

    package init(capacity: Int) {
        self.capacity = capacity
    }

    package var count: Int { expiries.count }

    /// Looks without using it up.
    package func contains(_ ticket: Ticket) -> Bool { expiries[ticket.nonce] != nil }

    /// Uses a ticket up. One that has expired is for the caller to refuse first.
    package mutating func use(_ ticket: Ticket, at now: WallTime) -> Outcome {
        guard expiries[ticket.nonce] == nil else { return .alreadyUsed }
        if expiries.count >= capacity { expiries = expiries.filter { $0.value > now } }
        guard expiries.count < capacity else { return .full }
        expiries[ticket.nonce] = ticket.expiresAt
        return .firstUse
    }
}
