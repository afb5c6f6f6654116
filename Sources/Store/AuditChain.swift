import Crypto
package import HSSModel

/// How entries of the audit trail hang together.
///
/// The hash of an entry is the SHA-256, in lower-case hexadecimal, of these ten texts as netstrings (their length in
/// octets, `:`, the UTF-8, `,`), one behind the other: `vedette-audit-1`, the hash of the entry before (64 zeros before
/// the first), its number, its time in milliseconds since 1970, user, address, action, object, result, detail. Anybody
/// can compute it from an exported line; netstrings leave no two entries that read the same.
package enum AuditChain {
    private static let scheme = "vedette-audit-1"
    /// The action of an entry that says that older ones went: `object` is the number of the last, `detail` its hash.
    package static let prune = "audit.prune"

    package static func hash(of note: AuditNote, id: Int64, previous: String) -> String {
        let texts = [
            scheme, previous, String(id), String(note.at.milliseconds), note.user?.rawValue ?? "",
            note.address,
            note.action, note.object, note.result.rawValue, note.detail,
        ]
        var hash = SHA256()
        for text in texts {
            hash.update(data: Array("\(text.utf8.count):\(text),".utf8))
        }
        return hash.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    package static func next(_ note: AuditNote, after head: AuditHead) -> AuditEntry {
        AuditEntry(id: head.id + 1, note: note, hash: hash(of: note, id: head.id + 1, previous: head.hash))
    }
}

/// Walks along a trail from its beginning and finds the first entry that is not as it was written.
package struct AuditInspector: Sendable {
    private var previous: AuditHead
    private let seen: AuditHead?
    package private(set) var verdict = AuditVerdict()

    /// - Parameters:
    ///   - anchor: what stands before the first entry that is kept.
    ///   - seen: an end of the trail that somebody noted earlier: the trail must still have it.
    package init(anchor: AuditHead, seen: AuditHead? = nil) {
        previous = anchor
        self.seen = seen
        verdict.head = anchor
    }

    /// False once something was found: what comes behind it says nothing more.
    package mutating func look(at entry: AuditEntry) -> Bool {
        guard verdict.fault == nil else { return false }
        guard entry.id == previous.id &+ 1 else { return found(.missing(previous.id &+ 1)) }
        guard AuditChain.hash(of: entry.note, id: entry.id, previous: previous.hash) == entry.hash else {
            return found(.changed(entry.id))
        }
        if let seen, seen.id == entry.id, seen.hash != entry.hash { return found(.otherHead(entry.id)) }
        previous = AuditHead(id: entry.id, hash: entry.hash)
        if verdict.entries == 0 { verdict.first = entry.id }
        verdict.entries += 1
        verdict.head = previous
        return true
    }

    /// An entry that could not be read.
    package mutating func meetsDamage() {
        if verdict.fault == nil { _ = found(.changed(previous.id &+ 1)) }
    }

    /// After the last entry.
    package mutating func end() -> AuditVerdict {
        if verdict.fault == nil, let seen, seen.id > previous.id { _ = found(.truncated(previous.id + 1)) }
        return verdict
    }

    private mutating func found(_ fault: AuditVerdict.Fault) -> Bool {
        verdict.fault = fault
        return false
    }
}
