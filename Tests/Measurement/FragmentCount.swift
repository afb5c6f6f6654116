/// Counts the pictures of a fragmented MP4 file as it comes (ISO/IEC 14496-12, 8.8), and what is missing between them.
///
/// For files of one track whose fragments tell the duration of each sample, as those of the platform do. A new header
/// begins a new count of time.
package struct FragmentCount: Sendable {
    /// A box that is looked into is no longer.
    private static let longestBox = 1 << 20

    package private(set) var pictures = 0
    package private(set) var missingPictures = 0
    package private(set) var headers = 0
    /// What is no box.
    package private(set) var garbage = 0

    private var head: [UInt8] = []
    /// The box `moof` as far as it has come.
    private var box: [UInt8] = []
    private var rest = 0
    private var isFragment = false
    private var expectedTime: UInt64?

    package init() {}

    package mutating func take(_ octets: UnsafeRawBufferPointer) {
        var start = 0
        while start < octets.count {
            if rest == 0 {
                let count = min(8 - head.count, octets.count - start)
                head += octets[start..<(start + count)]
                start += count
                if head.count == 8 { beginBox() }
            } else {
                let count = min(rest, octets.count - start)
                if isFragment { box += octets[start..<(start + count)] }
                start += count
                rest -= count
                if rest == 0, isFragment { endFragment() }
            }
        }
    }

    private mutating func beginBox() {
        let size = Self.number(head[0..<4])
        let type = String(decoding: head[4..<8], as: UTF8.self)
        head = []
        guard size >= 8 else {
            garbage += 1
            return
        }
        rest = size - 8
        isFragment = type == "moof" && size <= Self.longestBox
        box = []
        if type == "moov" {
            headers += 1
            expectedTime = nil
        }
    }

    private mutating func endFragment() {
        for track in Self.boxes("traf", in: box[...]) {
            guard let times = Self.boxes("tfdt", in: track).first, times.count == 12,
                let run = Self.boxes("trun", in: track).first, run.count >= 12
            else {
                garbage += 1
                continue
            }
            let start = UInt64(Self.number(times.suffix(8)))
            let count = Self.number(run.dropFirst(4).prefix(4))
            let samples = run.dropFirst(12)
            guard count > 0, samples.count == count * 16 else {
                garbage += 1
                continue
            }
            let durations = (0..<count).map { UInt64(Self.number(samples.dropFirst($0 * 16).prefix(4))) }
            let usual = max(1, durations[0])
            pictures += count
            if let expectedTime, start != expectedTime {
                missingPictures += start > expectedTime ? max(1, Int((start - expectedTime) / usual)) : 1
            }
            expectedTime = start + durations.reduce(0, +)
        }
    }

    /// What stands in the boxes of one kind.
    private static func boxes(_ type: String, in octets: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        var found: [ArraySlice<UInt8>] = []
        var rest = octets
        while rest.count >= 8 {
            let size = number(rest.prefix(4))
            guard size >= 8, size <= rest.count else { break }
            if String(decoding: rest.dropFirst(4).prefix(4), as: UTF8.self) == type {
                found.append(rest.prefix(size).dropFirst(8))
            }
            rest = rest.dropFirst(size)
        }
        return found
    }

    private static func number(_ octets: ArraySlice<UInt8>) -> Int {
        octets.reduce(0) { ($0 & 0x007F_FFFF_FFFF_FFFF) << 8 | Int($1) }
    }
}
