package import HSSModel

/// The table of a time zone as hosts keep it, below `/usr/share/zoneinfo` (TZif, RFC 9636).
package enum ZoneFile {
    /// The largest of the database has less than 4 KiB.
    package static let largest = 65_536
    /// Years after `now` for which changes are made of the rule at the end of a table.
    private static let yearsAhead = 20

    /// Whether this may be the name of a zone: of words of the database, and of no other place on the disk.
    package static func isName(_ text: String) -> Bool {
        let words = text.split(separator: "/", omittingEmptySubsequences: false)
        return (1...64).contains(text.utf8.count) && words.count <= 3
            && words.allSatisfy { word in
                !word.isEmpty
                    && word.utf8.allSatisfy { byte in
                        switch byte {
                        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                            UInt8(ascii: "+"):
                            true
                        default: false
                        }
                    }
            }
    }

    /// What the zone's clocks show from 1970 to about twenty years after `now`. Nil for bytes that are no such table, or
    /// one that counts leap seconds: our clock does not.
    package static func offsets(_ bytes: [UInt8], at now: WallTime) -> ZoneOffsets? {
        guard bytes.count <= largest, var reader = Reader(bytes), let old = reader.header() else {
            return nil
        }
        var block = old
        if old.version >= UInt8(ascii: "2") {
            // What follows is the same once more, with times that reach further.
            guard reader.skip(old.size(timeBytes: 4)), let new = reader.header() else { return nil }
            block = new
        }
        let timeBytes = old.version >= UInt8(ascii: "2") ? 8 : 4
        guard block.leaps == 0, (1...256).contains(block.types), let table = reader.table(block, timeBytes)
        else { return nil }
        let recent = table.changes.filter { $0.at.milliseconds >= 0 }
        let first = table.changes.last { $0.at.milliseconds < 0 }?.offset ?? table.first
        var changes = recent
        if timeBytes == 8, let rule = reader.footer().flatMap({ ZoneRule(parsing: $0) }) {
            let year = 1970 + Int(now.seconds / 31_556_952)
            let last = recent.last?.at ?? WallTime(milliseconds: -1)
            changes += rule.changes(in: 1970...max(1970, year + yearsAhead)).filter { $0.at > last }
        }
        return ZoneOffsets(first: first, changes: changes)
    }

    private struct Header {
        var version: UInt8
        var utcs: Int
        var standards: Int
        var leaps: Int
        var times: Int
        var types: Int
        var letters: Int

        func size(timeBytes: Int) -> Int {
            times * (timeBytes + 1) + types * 6 + letters + leaps * (timeBytes + 4) + standards + utcs
        }
    }

    private struct Reader {
        private let bytes: [UInt8]
        private var place = 0

        init?(_ bytes: [UInt8]) {
            guard bytes.starts(with: Array("TZif".utf8)) else { return nil }
            self.bytes = bytes
        }

        private var rest: Int { bytes.count - place }

        mutating func header() -> Header? {
            guard rest >= 44, bytes[place...].starts(with: Array("TZif".utf8)) else { return nil }
            let version = bytes[place + 4]
            place += 20
            var counts: [Int] = []
            for _ in 0..<6 { counts.append(Int(truncatingIfNeeded: integer(4) & 0xffff_ffff)) }
            // Each of them counts bytes of this file.
            guard counts.allSatisfy({ $0 <= bytes.count }) else { return nil }
            return Header(
                version: version,
                utcs: counts[0],
                standards: counts[1],
                leaps: counts[2],
                times: counts[3],
                types: counts[4],
                letters: counts[5]
            )
        }

        mutating func skip(_ count: Int) -> Bool {
            guard count <= rest else { return false }
            place += count
            return true
        }

        mutating func table(
            _ header: Header,
            _ timeBytes: Int
        ) -> (
            first: Int, changes: [ZoneOffsets.Change]
        )? {
            let end = place + header.size(timeBytes: timeBytes)
            guard end <= bytes.count else { return nil }
            var times: [Int64] = []
            for _ in 0..<header.times { times.append(integer(timeBytes)) }
            let indices = bytes[place..<place + header.times].map(Int.init)
            place += header.times
            var offsets: [Int] = []
            for _ in 0..<header.types {
                offsets.append(Int(integer(4)))
                place += 2
            }
            place = end
            guard indices.allSatisfy({ $0 < offsets.count }) else { return nil }
            // Beyond these no time of ours lies, and milliseconds of them might not fit.
            let known = Int64(-1) << 40...Int64(1) << 40
            let changes = zip(times, indices).filter { known.contains($0.0) }.map { time, index in
                ZoneOffsets.Change(at: WallTime(milliseconds: time * 1000), offset: offsets[index])
            }
            return (offsets[0], changes.sorted { $0.at < $1.at })
        }

        /// The text between two line ends behind the second block.
        func footer() -> String? {
            guard rest >= 2, bytes[place] == UInt8(ascii: "\n"), bytes.last == UInt8(ascii: "\n") else {
                return nil
            }
            return String(validating: bytes[(place + 1)..<(bytes.count - 1)], as: UTF8.self)
        }

        /// Big-endian, signed. There are enough bytes.
        private mutating func integer(_ count: Int) -> Int64 {
            var value = Int64(Int8(bitPattern: bytes[place]))
            for offset in 1..<count { value = value << 8 | Int64(bytes[place + offset]) }
            place += count
            return value
        }
    }
}
