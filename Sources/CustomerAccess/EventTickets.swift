import HSSModel
import HostClock
import Synchronization

/// Tickets for `GET /events?ticket=`: a browser's `EventSource` cannot send a header, and an access token in an address would
/// stand in logs and histories. A ticket opens one stream, once, within a minute; the stream goes on as long as the session.
final class EventTickets: Sendable {
    /// How long one may wait for its use.
    static let validity = Duration.seconds(60)
    /// In all; where so many wait, the next is refused.
    private static let most = 10_000
    /// Of one login; its oldest makes room.
    private static let mostOfOne = 16

    private struct Ticket {
        var access: Secret
        var expires: Instant
    }

    private let tickets = Mutex<[String: Ticket]>([:])

    /// For whoever holds this access token. Nil: too many wait.
    func issue(for access: Secret, at now: Instant) -> Secret? {
        var generator = SystemRandomNumberGenerator()
        let digits = [generator.next(), generator.next(), generator.next()] as [UInt64]
        let name = digits.map { String($0, radix: 36) }.joined(separator: "-")
        return tickets.withLock { tickets in
            let own = tickets.filter { $0.value.access == access }
            if own.count >= Self.mostOfOne, let oldest = own.min(by: { $0.value.expires < $1.value.expires })
            {
                tickets[oldest.key] = nil
            }
            if tickets.count >= Self.most { tickets = tickets.filter { $0.value.expires > now } }
            guard tickets.count < Self.most else { return nil }
            tickets[name] = Ticket(access: access, expires: now + Self.validity)
            return Secret(name)
        }
    }

    /// The access token behind it; nil where it is unknown, used or expired.
    func redeem(_ ticket: Secret, at now: Instant) -> Secret? {
        tickets.withLock { tickets in
            guard let found = tickets.removeValue(forKey: ticket.reveal()), found.expires > now else {
                return nil
            }
            return found.access
        }
    }
}
