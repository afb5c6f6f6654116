/// Joins stored segments to one transport stream, packet by packet: clock references, times and continuity counters are
/// written anew, so that they go on over every join; everything else stays as the unit sent it. Gaps are closed up, and the
/// first clock reference behind one says so (H.222.0, 2.4.3.5).
///
/// A cut begins with the key frame at or before its beginning, and ends before the first picture that is decoded at or
/// behind its end: without coding anew no more can be had of a stream, which has no edit list.
package struct TransportStreamExport: RecordingExport {
    private var scanner = TransportStreamScanner()
    private var joiner: TransportStreamJoiner

    /// `keepsTimes`: a part of one segment, between others that are as they were sent.
    package init(keepsTimes: Bool = false) {
        joiner = TransportStreamJoiner(keepsTimes: keepsTimes)
    }

    package mutating func begin(_ segment: ExportSegment, _ output: inout [UInt8]) {
        scanner = TransportStreamScanner()
        joiner.begin(segment)
    }

    package mutating func take(_ octets: UnsafeRawBufferPointer, _ output: inout [UInt8]) {
        Self.take(octets, &scanner, &joiner, &output)
    }

    private static func take(
        _ octets: UnsafeRawBufferPointer,
        _ scanner: inout TransportStreamScanner,
        _ joiner: inout TransportStreamJoiner,
        _ output: inout [UInt8]
    ) {
        scanner.scan(octets) { joiner.take($0, &output) }
    }

    package mutating func endSegment(_ output: inout [UInt8]) {
        joiner.endSegment(&output)
    }

    package mutating func finish(_ output: inout [UInt8]) {}
}

/// Writes the packets of one segment behind those of another.
struct TransportStreamJoiner: Sendable {
    /// Packets before the first picture of a segment whose place in time is not known yet.
    private static let mostWaiting = 512 << 10
    /// A programme has no more streams than fit into its table.
    private static let mostTracks = 256
    private static let origin: Int64 = 126_000
    private static let usualStep: Int64 = 3600
    /// A picture that comes so much earlier or later than announced begins a time of its own.
    private static let longestStep: Int64 = 900_000
    /// Frames of sound that stand together: more than encoders gather.
    private static let longestPace: Int64 = 45_000

    private struct Track: Sendable {
        /// The counter of the last packet that was written.
        var last: UInt8 = 0x0F
        /// From the segment's counters to those of the file.
        var shift: UInt8 = 0
        /// Nothing of this segment has been written.
        var isNew = true
        /// Up to the next frame that begins.
        var isLeftOut = false
        /// Of sound: when the last frame was written to be heard, in times of the file, and how long after the one before.
        var heard: Int64?
        var pace: Int64 = 0
        /// No frame of this segment has been written.
        var isFirstFrame = true
    }

    private let keepsTimes: Bool
    private var segment = ExportSegment(isContinuous: false)
    private var tracks: [UInt16: Track] = [:]
    private var tables: [UInt8] = []
    private var videoPID: UInt16?
    private var waiting: [UInt8] = []
    /// The segment's first picture, or sound where it has none. 33 bits, like all times here.
    private var first: Int64?
    /// The place of the cut has been reached.
    private var hasBegun = false
    /// What comes may not be placed in time as what came before.
    private var jumps = true

    /// From the segment's times to those of the file.
    private var shift: Int64 = 0
    /// When the next picture is expected, in times of the file.
    private var next = Self.origin
    private var last: Int64?
    private var marksClock = false

    init(keepsTimes: Bool) {
        self.keepsTimes = keepsTimes
    }

    mutating func begin(_ segment: ExportSegment) {
        self.segment = segment
        tables = []
        videoPID = nil
        waiting = []
        first = segment.begin.map { $0.first & PacketTimes.mask }
        hasBegun = segment.begin == nil
        jumps = !segment.isContinuous
        for pid in tracks.keys {
            tracks[pid]?.isNew = true
            tracks[pid]?.isLeftOut = false
            tracks[pid]?.isFirstFrame = true
        }
    }

    mutating func take(_ run: TransportStreamScanner.Run, _ output: inout [UInt8]) {
        if let found = run.tables {
            tables = found.packets
            if case .coded(_, let pid) = found.video { videoPID = pid }
        }
        forEachPacket(of: run.octets) { joiner, octets in joiner.take(octets, &output) }
    }

    /// Nothing told where it lies: it goes on where the segment before ended.
    mutating func endSegment(_ output: inout [UInt8]) {
        releaseWaiting(&output)
    }

    private mutating func forEachPacket(
        of octets: UnsafeRawBufferPointer,
        _ body: (inout Self, UnsafeRawBufferPointer) -> Void
    ) {
        for start in stride(from: 0, to: octets.count, by: TransportStreamPacket.length) {
            let end = start + TransportStreamPacket.length
            guard end <= octets.count else { break }
            body(&self, UnsafeRawBufferPointer(rebasing: octets[start..<end]))
        }
    }

    // MARK: One packet

    private mutating func take(_ octets: UnsafeRawBufferPointer, _ output: inout [UInt8]) {
        let packet = TransportStreamPacket(octets)
        guard packet.pid != TransportStreamPacket.nullPID, !packet.isDamaged else { return }
        let times = packet.isScrambled ? nil : PacketTimes(packet)
        if packet.pid == videoPID, let times {
            if first == nil { first = times.presentation }
            if !hasBegun, times.presentation == segment.begin.map({ $0.key & PacketTimes.mask }) {
                hasBegun = true
                writeTables(&output)
            }
            if hasBegun, !isBehindEnd(times.decoding) {
                advance(to: times.decoding)
                releaseWaiting(&output)
            }
        }
        guard hasBegun else { return }
        guard jumps else { return write(octets, packet, times, &output) }
        waiting += octets
        if waiting.count >= Self.mostWaiting {
            if let times { advance(to: times.decoding) }
            releaseWaiting(&output)
        }
    }

    private func isBehindEnd(_ time: Int64) -> Bool {
        guard let end = segment.end, let first else { return false }
        return PacketTimes.distance(from: first, to: time) >= end
    }

    /// A picture comes: it says where the times of the segment lie.
    private mutating func advance(to decoding: Int64) {
        guard !keepsTimes else {
            jumps = false
            return
        }
        if jumps || abs(PacketTimes.distance(from: next, to: decoding + shift)) > Self.longestStep {
            shift = next - decoding
            jumps = false
            marksClock = last != nil
        }
        let sent = (decoding + shift) & PacketTimes.mask
        let step = last.map { PacketTimes.distance(from: $0, to: sent) } ?? 0
        next = sent + (step > 0 && step <= Self.longestStep ? step : Self.usualStep)
        last = sent
    }

    private mutating func releaseWaiting(_ output: inout [UInt8]) {
        jumps = false
        guard !waiting.isEmpty else { return }
        let packets = waiting
        waiting = []
        packets.withUnsafeBytes { packets in
            forEachPacket(of: packets) { joiner, octets in
                let packet = TransportStreamPacket(octets)
                joiner.write(octets, packet, packet.isScrambled ? nil : PacketTimes(packet), &output)
            }
        }
    }

    private mutating func writeTables(_ output: inout [UInt8]) {
        let packets = tables
        packets.withUnsafeBytes { packets in
            forEachPacket(of: packets) { joiner, octets in
                joiner.write(octets, TransportStreamPacket(octets), nil, &output)
            }
        }
    }

    // MARK: Writing

    private mutating func write(
        _ octets: UnsafeRawBufferPointer,
        _ packet: TransportStreamPacket,
        _ times: PacketTimes?,
        _ output: inout [UInt8]
    ) {
        guard var track = tracks[packet.pid] ?? (tracks.count < Self.mostTracks ? Track() : nil) else {
            return
        }
        defer { tracks[packet.pid] = track }
        if packet.beginsUnit {
            let time = packet.pid == videoPID ? times?.decoding : times?.presentation
            track.isLeftOut = time.map { isBehindEnd($0) } ?? false
            if packet.pid != videoPID, let time, !track.isLeftOut { follow(time, &track) }
        } else if track.isNew, !segment.isContinuous, packet.hasPayload {
            track.isLeftOut = true
        }
        guard !track.isLeftOut else {
            // The counters close up over it.
            if packet.hasPayload, !track.isNew { track.shift &-= 1 }
            return
        }
        if track.isNew {
            let next = track.last &+ (packet.hasPayload ? 1 : 0)
            track.shift = keepsTimes ? 0 : next &- packet.continuityCounter
            track.isNew = false
        }
        track.last = (packet.continuityCounter &+ track.shift) & 0x0F
        let start = output.count
        output += octets
        output[start + 3] = output[start + 3] & 0xF0 | track.last
        if let clock = packet.clockReference { write(clock, to: &output, at: start) }
        times?.move(by: shift, in: &output, at: start)
    }

    /// Pictures close gaps up; sound that went on behind the last picture would lie over what comes next, and times must not
    /// go back (H.222.0, 2.4.3.6). What would be heard before the last frame has ended is left out.
    private func follow(_ time: Int64, _ track: inout Track) {
        let sent = (time + shift) & PacketTimes.mask
        let step = track.heard.map { PacketTimes.distance(from: $0, to: sent) }
        if !keepsTimes, !segment.isContinuous, track.isFirstFrame, let step, step > -Self.longestStep,
            step <= track.pace * 3 / 4
        {
            track.isLeftOut = true
            return
        }
        if let step, step > 0, !track.isFirstFrame { track.pace = min(step, Self.longestPace) }
        track.isFirstFrame = false
        track.heard = sent
    }

    /// 2.4.3.5: base of 33 bits, six reserved bits, extension of nine.
    private mutating func write(_ clock: UInt64, to output: inout [UInt8], at start: Int) {
        let base = UInt64(bitPattern: (Int64(clock / 300) + shift) & PacketTimes.mask)
        if marksClock { output[start + 5] |= 0x80 }
        marksClock = false
        output[start + 6] = UInt8(truncatingIfNeeded: base >> 25)
        output[start + 7] = UInt8(truncatingIfNeeded: base >> 17)
        output[start + 8] = UInt8(truncatingIfNeeded: base >> 9)
        output[start + 9] = UInt8(truncatingIfNeeded: base >> 1)
        output[start + 10] = output[start + 10] & 0x7F | UInt8(truncatingIfNeeded: base & 1) << 7
    }
}
