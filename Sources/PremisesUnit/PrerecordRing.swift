import MediaFormats

/// What a channel showed in the last seconds, for recordings that begin before somebody asks for them
/// (`prerecord_seconds`, Table I.2-14). Bounded in time and in bytes; each group begins with the tables and a key frame.
package struct PrerecordRing: Sendable {
    package struct Group: Sendable, Equatable {
        package var bytes: [UInt8]
        /// The host's time in milliseconds when its first bytes came.
        package var arrival: Int64
    }

    package static let mostBytes = 32 << 20

    private var scanner = TransportStreamScanner()
    private var kept: Kept

    /// `mostBytes` of one group and of all.
    package init(keeping duration: Duration, mostBytes: Int = PrerecordRing.mostBytes) {
        let (seconds, rest) = duration.components
        kept = Kept(milliseconds: seconds * 1000 + rest / 1_000_000_000_000_000, mostBytes: mostBytes)
    }

    package var bytes: Int { kept.bytes }

    /// The same before anything came.
    package var emptied: PrerecordRing {
        var ring = self
        ring.scanner = TransportStreamScanner()
        ring.kept = Kept(milliseconds: kept.milliseconds, mostBytes: kept.mostBytes)
        return ring
    }

    package mutating func append(_ bytes: [UInt8], arrival: Int64) {
        bytes.withUnsafeBytes { octets in
            scanner.scan(octets) { kept.take($0, arrival: arrival) }
        }
    }

    /// From the key frame at or before `time`, or from the oldest that is kept.
    package func groups(since time: Int64) -> ArraySlice<Group> {
        let first = kept.groups.lastIndex { $0.arrival <= time } ?? 0
        return kept.groups[first...]
    }

    private struct Kept: Sendable {
        /// A stream without pictures is taken apart after so much.
        private static let longestSound: Int64 = 1000

        let milliseconds: Int64
        let mostBytes: Int
        var groups: [Group] = []
        private(set) var bytes = 0
        private var tables: TransportStreamScanner.Tables?

        init(milliseconds: Int64, mostBytes: Int) {
            self.milliseconds = milliseconds
            self.mostBytes = mostBytes
        }

        mutating func take(_ run: TransportStreamScanner.Run, arrival: Int64) {
            if let new = run.tables { tables = new }
            guard let tables else { return }
            var start = run.keyFrame
            if tables.video == .none, groups.last.map({ arrival - $0.arrival >= Self.longestSound }) ?? true {
                start = 0
            }
            guard let start else { return add(run.octets[...]) }
            add(run.octets[..<start])
            groups.append(Group(bytes: tables.packets, arrival: arrival))
            bytes += tables.packets.count
            add(run.octets[start...])
            trim(at: arrival)
        }

        /// Before the first key frame nothing is kept.
        private mutating func add(_ octets: Slice<UnsafeRawBufferPointer>) {
            guard !groups.isEmpty else { return }
            groups[groups.count - 1].bytes += octets
            bytes += octets.count
            while bytes > mostBytes, !groups.isEmpty { bytes -= groups.removeFirst().bytes.count }
        }

        private mutating func trim(at arrival: Int64) {
            while groups.count > 1, groups[1].arrival <= arrival - milliseconds {
                bytes -= groups.removeFirst().bytes.count
            }
        }
    }
}
