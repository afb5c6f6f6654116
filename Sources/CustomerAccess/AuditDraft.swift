import HSSModel
import Synchronization

/// What a route may add to the entry that the audit trail will have of its request.
final class AuditDraft: Sendable {
    private struct Words {
        var user: UserName?
        var object: String?
        var detail: String?
    }

    private let words = Mutex(Words())

    /// Who asks, where no token says so.
    var user: UserName? {
        get { words.withLock { $0.user } }
        set { words.withLock { $0.user = newValue } }
    }

    /// What it is done to, where the path does not name it.
    var object: String? {
        get { words.withLock { $0.object } }
        set { words.withLock { $0.object = newValue } }
    }

    /// What of it matters later. Never a secret.
    var detail: String? {
        get { words.withLock { $0.detail } }
        set { words.withLock { $0.detail = newValue } }
    }
}
