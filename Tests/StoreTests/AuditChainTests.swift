import Foundation
import HSSModel
import Store
import Testing

/// Issue 6, "audit trail (append-only, chained hashes, verifiable, exportable)".
@Suite("The chain of the audit trail") struct AuditChainTests {
    /// Computed from the description of the scheme with Python's hashlib, not with this code.
    @Test func theHashIsTheOneThatTheSchemeDescribes() {
        let first = AuditChain.next(
            AuditNote(
                at: WallTime(milliseconds: 1_763_700_000_000),
                user: AuditSample.admin,
                address: "192.0.2.1",
                action: "POST /admin/users",
                object: "anna",
                result: .done,
                detail: "role=customer"
            ),
            after: .none
        )
        #expect(first.hash == "2245c4756c624549ea4084f3e5122d3e09e37d2a78abdda3e018c64d11d6df4e")
        let second = AuditChain.next(
            AuditNote(
                at: WallTime(milliseconds: 1_763_700_000_001),
                user: nil,
                address: "2001:db8::1",
                action: "session.refused",
                result: .refused,
                detail: "401 größer"
            ),
            after: AuditHead(id: first.id, hash: first.hash)
        )
        #expect(second.hash == "fa43700a875cafcf3c68c77fa817b9207d880d06821daf1223e445e62497753a")
    }

    /// Two octets that move from one text to the next are another entry.
    @Test func noTwoEntriesReadTheSame() {
        func hash(_ object: String, _ detail: String) -> String {
            var note = AuditSample.note(0)
            (note.object, note.detail) = (object, detail)
            return AuditChain.hash(of: note, id: 1, previous: AuditHead.none.hash)
        }
        #expect(Set([hash("ab", "c"), hash("a", "bc"), hash("abc", ""), hash("", "abc")]).count == 4)
    }

    @Test func whatPeersChooseIsBoundedAndHasNoLineEnds() {
        let note = AuditSample.note(0, detail: "a\nb\u{0}\u{85}" + String(repeating: "ü", count: 1000))
        #expect(note.detail.utf8.count <= AuditNote.longestText)
        #expect(note.detail.hasPrefix("a\u{fffd}b\u{fffd}\u{fffd}ü"))
        #expect(note.detail.hasSuffix("ü"))
    }

    private static func export(_ count: Int, from anchor: AuditHead = .none) -> [[UInt8]] {
        var (head, lines) = (anchor, [[UInt8]]())
        for number in 0..<count {
            let entry = AuditChain.next(AuditSample.note(number, detail: "a \"word\" \\ größer"), after: head)
            lines.append(Array((AuditLine(entry, previous: head.hash).text + "\n").utf8))
            head = AuditHead(id: entry.id, hash: entry.hash)
        }
        return lines
    }

    private static func verify(
        _ octets: [UInt8],
        seen: AuditHead? = nil
    ) -> (verdict: AuditVerdict, line: Int?) {
        var inspector = AuditLineInspector(seen: seen)
        var rest = octets[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? rest.endIndex
            guard inspector.look(at: Array(rest[..<end])) else { break }
            rest = rest[end...]
        }
        return (inspector.end(), inspector.faultyLine)
    }

    @Test func anExportedTrailIsWhole() throws {
        let whole = Self.verify(Self.export(5).flatMap { $0 })
        #expect(whole.line == nil && whole.verdict.fault == nil && whole.verdict.entries == 5)
        #expect(whole.verdict.head.id == 5)
        // A part of it hangs on what it names as the entry before.
        let part = Self.verify(Self.export(5).dropFirst(2).flatMap { $0 })
        #expect(part.verdict.fault == nil && part.verdict.first == 3)
        #expect(Self.verify([]).verdict.fault == nil)
    }

    /// A test that changes one octet anywhere and sees the exact entry named.
    @Test func aChangedOctetAnywhereNamesItsEntry() {
        let lines = Self.export(4)
        let octets = lines.flatMap { $0 }
        var (line, left) = (1, lines[0].count)
        for index in octets.indices {
            if left == 0 {
                line += 1
                left = lines[line - 1].count
            }
            left -= 1
            for bit in [UInt8(1), 0x20] {
                var changed = octets
                changed[index] ^= bit
                let found = Self.verify(changed)
                #expect(found.line == line, "octet \(index), bit \(bit)")
                #expect(found.verdict.fault != nil)
            }
        }
    }

    /// Whoever made the file chose the numbers in it.
    @Test func behindTheGreatestNumberComesNone() {
        let last = Self.export(1, from: AuditHead(id: .max - 1, hash: AuditHead.none.hash)).flatMap { $0 }
        let alone = Self.verify(last)
        #expect(alone.verdict.fault == nil && alone.verdict.head.id == .max)
        let twice = Self.verify(last + last)
        #expect(twice.line == 2 && twice.verdict.fault != nil)
    }

    @Test func whatIsTakenAwayIsNamed() {
        var lines = Self.export(6)
        let last = Self.verify(lines.flatMap { $0 }).verdict.head
        let end = Self.verify(lines.prefix(4).flatMap { $0 }, seen: last)
        #expect(end.verdict.fault == .truncated(5))
        // Without a head that was noted elsewhere a shorter trail is a trail.
        #expect(Self.verify(lines.prefix(4).flatMap { $0 }).verdict.fault == nil)
        lines.remove(at: 2)
        #expect(Self.verify(lines.flatMap { $0 }).verdict.fault == .missing(3))
        lines = Self.export(6)
        lines.swapAt(1, 2)
        #expect(Self.verify(lines.flatMap { $0 }).verdict.fault == .missing(2))
        let other = AuditHead(id: 3, hash: String(repeating: "a", count: 64))
        #expect(Self.verify(Self.export(6).flatMap { $0 }, seen: other).verdict.fault == .otherHead(3))
        // Half a line, as a full disk leaves it.
        #expect(Self.verify(Self.export(2).flatMap { $0 }.dropLast(10)).line == 2)
    }

    /// Whoever writes the trail anew from some entry on is found by the head that was noted before.
    @Test func aTrailThatWasWrittenAnewIsFoundByItsHead() {
        let head = Self.verify(Self.export(6).flatMap { $0 }).verdict.head
        let kept = Array(Self.export(3).joined())
        var forged = kept
        var previous = Self.verify(kept).verdict.head
        for number in 3..<6 {
            let entry = AuditChain.next(AuditSample.note(number, detail: "nothing"), after: previous)
            forged += Array((AuditLine(entry, previous: previous.hash).text + "\n").utf8)
            previous = AuditHead(id: entry.id, hash: entry.hash)
        }
        #expect(Self.verify(forged).verdict.fault == nil)
        #expect(Self.verify(forged, seen: head).verdict.fault == .otherHead(6))
    }
}
