import HSSModel
import Synchronization

/// What was opened to watch by which session, so that it ends with the session. A lease that is over does no harm here.
final class LeaseBook: Sendable {
    struct Entry: Equatable {
        var lease: LeaseID
        var channel: ChannelAddress
    }

    /// Of one session; the oldest is forgotten. More than anybody watches at a time.
    private static let mostOfOne = 256
    private static let mostUsers = 100_000

    private let entries = Mutex<[UserName: [UserSessionID: [Entry]]]>([:])

    func note(_ entry: Entry, of session: UserSessionID, _ user: UserName) {
        entries.withLock { entries in
            guard entries[user] != nil || entries.count < Self.mostUsers else { return }
            var own = entries[user, default: [:]][session] ?? []
            if own.count >= Self.mostOfOne { own.removeFirst() }
            entries[user, default: [:]][session] = own + [entry]
        }
    }

    func take(_ session: UserSessionID, of user: UserName) -> [Entry] {
        entries.withLock { entries in
            let taken = entries[user]?.removeValue(forKey: session) ?? []
            if entries[user]?.isEmpty ?? false { entries[user] = nil }
            return taken
        }
    }

    /// Those of all sessions of the user but one.
    func takeAll(of user: UserName, but kept: UserSessionID?) -> [Entry] {
        entries.withLock { entries in
            guard let own = entries[user] else { return [] }
            let rest = own.filter { $0.key == kept }
            entries[user] = rest.isEmpty ? nil : rest
            return own.filter { $0.key != kept }.flatMap(\.value)
        }
    }
}
