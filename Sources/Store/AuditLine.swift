import Foundation
package import HSSModel

/// A line of an exported audit trail: a JSON object with its members in a fixed order, so that a line that was changed
/// in any octet is another line.
///
/// `{"id":1,"at":1763700000000,"user":"admin","address":"192.0.2.1","action":"…","object":"…","result":"done",
/// "detail":"","previous":"00…","hash":"…"}`; `at` is in milliseconds since 1970.
package struct AuditLine: Sendable, Equatable {
    private struct Members: Decodable {
        var id: Int64
        var at: Int64
        var user: String
        var address: String
        var action: String
        var object: String
        var result: String
        var detail: String
        var previous: String
        var hash: String
    }

    /// Ten times what an entry can have, in octets.
    package static let longest = 32_768

    package let entry: AuditEntry
    /// The hash of the entry before.
    package let previous: String

    package init(_ entry: AuditEntry, previous: String) {
        self.entry = entry
        self.previous = previous
    }

    /// Nil for anything that ``text`` would not have written, octet by octet.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count <= Self.longest,
            let members = try? JSONDecoder().decode(Members.self, from: Data(text.utf8)),
            let result = AuditNote.Result(rawValue: members.result)
        else { return nil }
        let user = UserName(rawValue: members.user)
        guard members.user.isEmpty || user != nil else { return nil }
        let note = AuditNote(
            keptAt: WallTime(milliseconds: members.at),
            user: user,
            address: members.address,
            action: members.action,
            object: members.object,
            result: result,
            detail: members.detail
        )
        self.init(AuditEntry(id: members.id, note: note, hash: members.hash), previous: members.previous)
        guard self.text.utf8.elementsEqual(text.utf8) else { return nil }
    }

    package var text: String {
        let note = entry.note
        let texts = [
            ("user", note.user?.rawValue ?? ""), ("address", note.address), ("action", note.action),
            ("object", note.object), ("result", note.result.rawValue), ("detail", note.detail),
            ("previous", previous), ("hash", entry.hash),
        ]
        let members = texts.map { "\"\($0.0)\":\(Self.quote($0.1))" }.joined(separator: ",")
        return "{\"id\":\(entry.id),\"at\":\(note.at.milliseconds),\(members)}"
    }

    /// Entries have no control characters.
    private static func quote(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}

/// Walks along an exported trail, line by line, as ``AuditInspector`` does along the trail itself.
package struct AuditLineInspector: Sendable {
    private var walk: AuditInspector?
    private let seen: AuditHead?
    private var line = 0
    /// From 1; nil: nothing is wrong, or something is missing at the end.
    package private(set) var faultyLine: Int?

    package init(seen: AuditHead? = nil) {
        self.seen = seen
    }

    /// `octets` with their line end: without it a line is none. False once something was found.
    package mutating func look(at octets: [UInt8]) -> Bool {
        line += 1
        let text =
            octets.last == UInt8(ascii: "\n") ? String(validating: octets.dropLast(), as: UTF8.self) : nil
        guard let read = text.flatMap({ AuditLine($0) }) else { return isDamaged(walk ?? start(before: nil)) }
        var walk = self.walk ?? start(before: read)
        let head = walk.verdict.head
        guard read.previous == head.hash || read.entry.id != head.id &+ 1 else { return isDamaged(walk) }
        let isFine = walk.look(at: read.entry)
        if !isFine { faultyLine = line }
        self.walk = walk
        return isFine
    }

    /// After the last line.
    package mutating func end() -> AuditVerdict {
        var walk = self.walk ?? start(before: nil)
        return walk.end()
    }

    private func start(before line: AuditLine?) -> AuditInspector {
        let anchor = line.map { AuditHead(id: $0.entry.id &- 1, hash: $0.previous) } ?? .none
        return AuditInspector(anchor: anchor, seen: seen)
    }

    private mutating func isDamaged(_ walk: AuditInspector) -> Bool {
        var walk = walk
        walk.meetsDamage()
        self.walk = walk
        faultyLine = line
        return false
    }
}
