/// The newest segments of a live stream with their parts, as one playlist tells them (RFC 8216bis).
///
/// `Payload` is what the caller keeps the octets of a part in. Bounded in segments and in octets: old segments leave
/// when newer ones have come; what was listed stays to be fetched for one segment longer (6.2.2).
package struct HLSWindow<Payload: Sendable>: Sendable {
    package struct Settings: Sendable {
        /// How much a playlist lists at least, in target durations: three are required (6.2.2), and a delta has something
        /// to leave out from seven on.
        package var targetDurations = 10
        /// Segments that are kept, however short they are.
        package var segments = 120
        /// All octets that are kept.
        package var limitInBytes = 24 << 20
        /// Whole seconds; holds for ever (4.4.3.1).
        package var targetDuration = 2

        package init() {}
    }

    struct Part: Sendable {
        var payload: Payload
        var sizeInBytes: Int
        var duration: Int64
        var isIndependent: Bool
    }

    struct Segment: Sendable {
        var number: Int
        var parts: [Part] = []
        var start: Int64
        /// Of the header that its parts need.
        var header: Int
        var isDiscontinuity: Bool
        var isComplete = false
        /// Milliseconds since 1970 at its start, once that is known.
        var date: Int64?

        var duration: Int64 { parts.reduce(0) { $0 + $1.duration } }
        var sizeInBytes: Int { parts.reduce(0) { $0 + $1.sizeInBytes } }
    }

    private struct Header: Sendable {
        var number: Int
        var payload: Payload
        var header: MP4Header
        var sizeInBytes: Int
    }

    package let settings: Settings
    /// Ticks of 90 kHz.
    package private(set) var partTarget: Int64 = 0
    /// With the segments that have left the playlist but can be fetched.
    private(set) var kept: [Segment] = []
    /// How many of them have left it.
    private(set) var unlisted = 0
    private(set) var discontinuitySequence = 0
    private(set) var isOver = false
    private var headers: [Header] = []
    private var nextNumber = 0
    private var nextHeader = 0
    /// What our line of times is ahead of the clock, in milliseconds.
    private var dateOffset: Int64?

    package init(_ settings: Settings) {
        self.settings = settings
    }

    var listed: ArraySlice<Segment> { kept[unlisted...] }

    /// There is a whole segment, as every player wants to see.
    package var isPlayable: Bool { kept.contains(where: \.isComplete) }
    package var newestHeader: MP4Header? { headers.last?.header }
    package var sizeInBytes: Int {
        kept.reduce(0) { $0 + $1.sizeInBytes } + headers.reduce(0) { $0 + $1.sizeInBytes }
    }

    /// Bits a second, of the segment that has most of them; 0 where nothing is there.
    package var peakBitrate: Int {
        kept.filter { $0.duration > 0 }
            .map { Int(Double($0.sizeInBytes) * 8 * 90_000 / Double($0.duration)) }.max() ?? 0
    }

    // MARK: What comes in

    package mutating func add(_ header: MP4Header, _ payload: Payload) {
        headers.append(
            Header(number: nextHeader, payload: payload, header: header, sizeInBytes: header.bytes.count)
        )
        nextHeader += 1
        dropOldest()
    }

    package mutating func add(_ part: MediaSegmenter.Part, _ payload: Payload, partTarget: Int64) {
        guard !isOver else { return }
        if self.partTarget == 0 { self.partTarget = partTarget }
        if part.beginsSegment || kept.last?.isComplete ?? true { begin(part) }
        kept[kept.count - 1].parts.append(
            Part(
                payload: payload,
                sizeInBytes: part.bytes.count,
                duration: part.duration,
                isIndependent: part.isIndependent
            )
        )
        if part.endsSegment { kept[kept.count - 1].isComplete = true }
        dropOldest()
    }

    private mutating func begin(_ part: MediaSegmenter.Part) {
        if !kept.isEmpty { kept[kept.count - 1].isComplete = true }
        // A clock that was set, or a sender that was away: the date begins anew.
        if part.isDiscontinuity { dateOffset = nil }
        kept.append(
            Segment(
                number: nextNumber,
                start: part.start,
                header: nextHeader - 1,
                // What nothing stands before is no break.
                isDiscontinuity: part.isDiscontinuity && nextNumber > 0,
                date: dateOffset.map { $0 + part.start / 90 }
            )
        )
        nextNumber += 1
    }

    /// What lies at `time` on the line of the parts has come at `date`, milliseconds since 1970. The first call after a
    /// discontinuity counts: dates must not move against times.
    package mutating func anchor(_ time: Int64, at date: Int64) {
        guard dateOffset == nil else { return }
        let offset = date - time / 90
        dateOffset = offset
        var index = kept.count - 1
        while index >= 0, kept[index].date == nil {
            kept[index].date = offset + kept[index].start / 90
            if kept[index].isDiscontinuity { break }
            index -= 1
        }
    }

    /// No segment comes any more (4.4.3.4).
    package mutating func finish() {
        if !kept.isEmpty { kept[kept.count - 1].isComplete = true }
        isOver = true
    }

    private mutating func dropOldest() {
        let enough = Int64(settings.targetDurations * settings.targetDuration) * 90_000
        var duration = listed.reduce(0) { $0 + $1.duration }
        while listed.count > 1,
            duration - kept[unlisted].duration >= enough || listed.count > settings.segments
        {
            duration -= kept[unlisted].duration
            unlistOldest()
        }
        while unlisted > 1 { removeOldest() }
        dropUnusedHeaders()
        while kept.count > 1, sizeInBytes > settings.limitInBytes {
            if unlisted == 0 { unlistOldest() }
            removeOldest()
            dropUnusedHeaders()
        }
    }

    private mutating func unlistOldest() {
        if kept[unlisted].isDiscontinuity { discontinuitySequence += 1 }
        unlisted += 1
    }

    private mutating func removeOldest() {
        kept.removeFirst()
        unlisted -= 1
    }

    /// Those that no segment names; the newest one waits for its first.
    private mutating func dropUnusedHeaders() {
        guard headers.count > 1 else { return }
        let used = Set(kept.map(\.header))
        headers.removeAll { $0.number < nextHeader - 1 && !used.contains($0.number) }
    }

    // MARK: What goes out

    package func header(_ number: Int) -> Payload? {
        headers.first { $0.number == number }?.payload
    }

    /// All parts of a segment, once it is complete.
    package func segment(_ number: Int) -> [Payload]? {
        guard let segment = find(number), segment.isComplete else { return nil }
        return segment.parts.map(\.payload)
    }

    package func part(_ place: HLSPlace) -> Payload? {
        guard let segment = find(place.segment), let part = place.part, segment.parts.indices ~= part else {
            return nil
        }
        return segment.parts[part].payload
    }

    private func find(_ number: Int) -> Segment? {
        guard let first = kept.first?.number, kept.indices ~= number - first else { return nil }
        return kept[number - first]
    }

    /// The part that comes next: the hint of 4.4.5.3 and the wait of 6.2.5.2 are for it.
    package var next: HLSPlace {
        guard let last = kept.last, !last.isComplete else { return HLSPlace(segment: nextNumber, part: 0) }
        return HLSPlace(segment: last.number, part: last.parts.count)
    }
}
