import HSSModel
import Store
import Synchronization

/// When sessions were used, to the minute: a synced commit for each call of the API would cost more than most calls.
final class UseJournal: Sendable {
    private static let grain: Duration = .seconds(60)
    /// Beyond it sessions look older than they are.
    private static let capacity = 50_000

    private let pending = Mutex<[UserSessionID: SessionUse]>([:])

    func note(_ grant: AccessGrant, at now: WallTime) {
        if let last = grant.lastUsedAt, now - last < Self.grain { return }
        pending.withLock { pending in
            if let known = pending[grant.session], now - known.time < Self.grain { return }
            guard pending[grant.session] != nil || pending.count < Self.capacity else { return }
            pending[grant.session] = SessionUse(user: grant.user, session: grant.session, time: now)
        }
    }

    func take() -> [SessionUse] {
        pending.withLock { pending in
            defer { pending = [:] }
            return Array(pending.values)
        }
    }

    /// What has not been written yet.
    func latest(of session: UserSessionID) -> WallTime? { pending.withLock { $0[session]?.time } }
}

/// What strangers say of themselves, so that it can stand in a list.
enum ClientWords {
    private static let longest = 120

    /// Printable ASCII, cut. Nil: nothing is left.
    static func clean(_ text: String) -> String? {
        let bytes = text.utf8.prefix(longest).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}
