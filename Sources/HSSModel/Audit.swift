/// Something that somebody did, for the audit trail. Never with a secret.
package struct AuditNote: Sendable, Equatable {
    /// How it went, in one word.
    package enum Result: String, Sendable, CaseIterable {
        /// It is about to be done: written before what an operator asks for.
        case asked
        case done
        /// Somebody may not do this, or it makes no sense.
        case refused
        /// It could not be done.
        case failed
    }

    /// Longer texts are cut: others choose some of them.
    package static let longestText = 512

    package var at: WallTime
    /// Nil: nobody who is known, or the platform itself.
    package var user: UserName?
    /// The client's network address; `local` for what came from this machine.
    package var address: String
    /// A method and a path of the API, `PATCH /admin/users/{user}`, or a word such as `session.refused`.
    package var action: String
    /// What it was done to; '' where there is nothing to name.
    package var object: String
    package var result: Result
    package var detail: String

    package init(
        at: WallTime,
        user: UserName?,
        address: String,
        action: String,
        object: String = "",
        result: Result,
        detail: String = ""
    ) {
        self.at = at
        self.user = user
        self.address = Self.bounded(address)
        self.action = Self.bounded(action)
        self.object = Self.bounded(object)
        self.result = result
        self.detail = Self.bounded(detail)
    }

    /// As it was kept, to the octet: a text that was lengthened since must not read as before.
    package init(
        keptAt at: WallTime,
        user: UserName?,
        address: String,
        action: String,
        object: String,
        result: Result,
        detail: String
    ) {
        self.at = at
        self.user = user
        self.address = address
        self.action = action
        self.object = object
        self.result = result
        self.detail = detail
    }

    /// A cut between two characters; no control character, which would let a peer write lines of its own somewhere.
    package static func bounded(_ text: String) -> String {
        var bounded = String.UnicodeScalarView()
        var octets = 0
        for scalar in text.unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control
            let kept = isControl ? "\u{fffd}" : scalar
            octets += UTF8.width(kept)
            guard octets <= longestText else { break }
            bounded.append(kept)
        }
        return String(bounded)
    }
}

/// An entry of the audit trail.
package struct AuditEntry: Sendable, Equatable {
    /// From 1, without a gap.
    package var id: Int64
    package var note: AuditNote
    /// 64 lower-case hexadecimal digits, over this entry and the hash of the one before.
    package var hash: String

    package init(id: Int64, note: AuditNote, hash: String) {
        self.id = id
        self.note = note
        self.hash = hash
    }
}

/// Where the trail ends. Whoever keeps it elsewhere notices when the newest entries are taken away.
package struct AuditHead: Sendable, Equatable {
    /// 0: there are no entries.
    package var id: Int64
    package var hash: String

    package init(id: Int64, hash: String) {
        self.id = id
        self.hash = hash
    }

    /// Before the first entry.
    package static let none = AuditHead(id: 0, hash: String(repeating: "0", count: 64))
}

/// Which entries somebody wants to see.
package struct AuditFilter: Sendable, Equatable {
    package var user: UserName?
    package var action: String?
    /// Included.
    package var from: WallTime?
    /// Not included.
    package var to: WallTime?

    package init(user: UserName? = nil, action: String? = nil, from: WallTime? = nil, to: WallTime? = nil) {
        self.user = user
        self.action = action
        self.from = from
        self.to = to
    }
}

/// The place of an entry in a list that is ordered by time.
package struct AuditPlace: Sendable, Equatable {
    package var at: WallTime
    package var id: Int64

    package init(at: WallTime, id: Int64) {
        self.at = at
        self.id = id
    }
}

/// What a look at the whole trail found.
package struct AuditVerdict: Sendable, Equatable {
    package enum Fault: Sendable, Equatable {
        /// Its hash is not that of what it says and of the one before.
        case changed(Int64)
        /// It is not there, and no `audit.prune` says that it went.
        case missing(Int64)
        /// The trail ends before this entry, which somebody has seen.
        case truncated(Int64)
        /// The entry of that number is not the one that somebody has seen.
        case otherHead(Int64)

        package var entry: Int64 {
            switch self {
            case .changed(let id), .missing(let id), .truncated(let id), .otherHead(let id): id
            }
        }
    }

    /// Entries that were looked at.
    package var entries: Int64
    package var first: Int64
    package var head: AuditHead
    /// The first one; nil: nothing is wrong.
    package var fault: Fault?

    package init(entries: Int64 = 0, first: Int64 = 0, head: AuditHead = .none, fault: Fault? = nil) {
        self.entries = entries
        self.first = first
        self.head = head
        self.fault = fault
    }
}
