/// Plays the packets of a transport stream file for ever, at the pace of its own clock.
///
/// Clock references, decoding and presentation times and continuity counters are rewritten so that they go on
/// over the seam as if the file had no end, and over jumps inside the file. The caller reads the file in
/// chunks, gives them to ``append(_:)``, calls ``endOfFile()`` at the end and starts again from the first
/// byte. One programme is assumed: every clock in the file counts as the same one.
package struct TransportStreamLoop: Sendable {
    /// Up to seven packets, the most that fit one SRT message.
    package struct Message: Sendable, Equatable {
        package var packets: [UInt8]
        /// Since the first clock reference of the stream.
        package var due: Duration
        /// The picture can be decoded from here on.
        package var isRandomAccess: Bool

        package init(packets: [UInt8], due: Duration, isRandomAccess: Bool) {
            self.packets = packets
            self.due = due
            self.isRandomAccess = isRandomAccess
        }
    }

    package static let packetsInMessage = 7
    /// What is kept while the next clock reference is awaited: 100 ms, which §2.7.2 demands, at 640 Mbit/s.
    package static let longestRun = 8 << 20
    private static let packetSize = TransportStreamWriter.packetSize
    /// Ticks of the system clock in one of 90 kHz.
    private static let scale: Int64 = 300
    private static let ticksPerSecond: Int64 = 27_000_000
    /// A greater step of the clock is a jump, which is played as if it were not there.
    private static let longestStep = 10 * ticksPerSecond
    private static let usualStep = ticksPerSecond / 25

    private struct Track {
        var counterShift: UInt8 = 0
        var lastCounter: UInt8 = 0
        /// No packet of it was seen in this pass.
        var isNew = true
        /// Decoding times in this pass, as sent.
        var first: Int64?
        var last: Int64?
        var step: Int64 = 0
        /// What the packet that came last holds, where that is sound.
        var sound: AudioFrameCounter?
    }

    /// Bytes read in this pass before ``remainder``, for errors.
    private var position: Int64 = 0
    private var remainder: [UInt8] = []
    /// Rewritten packets since the last clock reference: the next one tells how fast they go.
    private var run: [UInt8] = []
    private var randomAccessPoints: [Int] = []
    private var ready: [Message] = []
    private var nextReady = 0

    private var tracks: [Int: Track] = [:]
    private var clockPID: Int?
    /// The last time seen in the file, unwrapped; what later times are near to.
    private var reference: Int64?
    private var firstReference: Int64?
    /// What is added to times of the file, now and at the start of the pass. Whole ticks of 90 kHz.
    private var offset: Int64 = 0
    private var passOffset: Int64 = 0
    /// Clock references as sent.
    private var firstClock: Int64?
    private var lastClock: Int64?
    private var passClock: Int64?
    private var clockStep = usualStep
    private var bytesTimed: Int64 = 0

    package init() {}

    /// The next message in the order of the stream; nil where more of the file is needed.
    package mutating func next() -> Message? {
        guard nextReady < ready.count else { return nil }
        defer {
            nextReady += 1
            if nextReady == ready.count {
                ready.removeAll(keepingCapacity: true)
                nextReady = 0
            }
        }
        return ready[nextReady]
    }

    /// Bit/s of what has been played so far; nil before the second clock reference.
    package var meanBitrate: Int? {
        guard let firstClock, let lastClock, lastClock > firstClock else { return nil }
        let rate = Double(bytesTimed) * 8 * Double(Self.ticksPerSecond) / Double(lastClock - firstClock)
        return Int(min(rate, 1e12))
    }

    package mutating func append(_ bytes: some Sequence<UInt8>) throws(TransportStreamLoopError) {
        remainder.append(contentsOf: bytes)
        var start = 0
        while remainder.count - start >= Self.packetSize {
            try take(start)
            start += Self.packetSize
        }
        remainder.removeFirst(start)
        position += Int64(start)
    }

    /// The seam. An incomplete packet at the end of the file is left out.
    package mutating func endOfFile() throws(TransportStreamLoopError) {
        guard let lastClock, let passClock, let firstReference else { throw .noClock }
        var length = lastClock - passClock + clockStep
        for track in tracks.values {
            guard let first = track.first, let last = track.last else { continue }
            length = max(length, last - first + (track.sound?.duration ?? track.step))
        }
        // A file of a few milliseconds would loop so often that nothing else got done.
        guard length >= Self.usualStep else { throw .tooShort }
        passOffset += (length + Self.scale - 1) / Self.scale * Self.scale
        offset = passOffset
        reference = firstReference
        self.passClock = nil
        position = 0
        remainder.removeAll(keepingCapacity: true)
        for pid in tracks.keys {
            tracks[pid]?.isNew = true
            tracks[pid]?.first = nil
            tracks[pid]?.last = nil
        }
    }

    // MARK: One packet

    private mutating func take(_ start: Int) throws(TransportStreamLoopError) {
        guard remainder[start] == 0x47 else { throw .notTransportStream(offset: position + Int64(start)) }
        guard run.count < Self.longestRun else { throw .noClockFor(bytes: run.count) }
        let pid = Int(remainder[start + 1] & 0x1F) << 8 | Int(remainder[start + 2])
        let control = remainder[start + 3] >> 4 & 3
        var payload = start + 4
        var isRandomAccess = false
        if control & 2 != 0 {
            let length = Int(remainder[start + 4])
            payload += 1 + length
            guard length <= (control == 2 ? 183 : 182) else {
                throw .brokenPacket(offset: position + Int64(start))
            }
            if length > 0 { isRandomAccess = remainder[start + 5] & 0x40 != 0 }
            if length >= 7, remainder[start + 5] & 0x10 != 0 {
                if clockPID == nil { clockPID = pid }
                rewriteClock(at: start + 6, isClock: pid == clockPID)
            }
        }
        let hasPayload = control & 1 != 0
        if pid != 0x1FFF {
            rewriteCounter(at: start + 3, of: pid, hasPayload: hasPayload)
            let startsUnit = remainder[start + 1] & 0x40 != 0
            let isScrambled = remainder[start + 3] & 0xC0 != 0
            if hasPayload, !isScrambled {
                if startsUnit { payload = try rewriteTimes(in: payload..<start + Self.packetSize, of: pid) }
                tracks[pid]?.sound?.append(remainder[payload..<start + Self.packetSize])
            }
        }
        if isRandomAccess, pid == clockPID { randomAccessPoints.append(run.count) }
        run.append(contentsOf: remainder[start..<start + Self.packetSize])
    }

    /// Keeps steps inside the file as they are, so that a loss in it stays visible, and joins the passes.
    private mutating func rewriteCounter(at index: Int, of pid: Int, hasPayload: Bool) {
        let counter = remainder[index] & 0x0F
        if tracks[pid] == nil {
            // The first pass keeps the numbers of the file.
            tracks[pid] = Track(lastCounter: counter, isNew: false)
            return
        }
        if tracks[pid]?.isNew == true {
            let wanted = (tracks[pid]?.lastCounter ?? 0) &+ (hasPayload ? 1 : 0)
            tracks[pid]?.counterShift = wanted &- counter
            tracks[pid]?.isNew = false
        }
        let sent = (counter &+ (tracks[pid]?.counterShift ?? 0)) & 0x0F
        tracks[pid]?.lastCounter = sent
        remainder[index] = remainder[index] & 0xF0 | sent
    }

    // MARK: Clock

    /// §2.4.3.5
    private mutating func rewriteClock(at index: Int, isClock: Bool) {
        let base =
            Int64(remainder[index]) << 25 | Int64(remainder[index + 1]) << 17
            | Int64(remainder[index + 2]) << 9 | Int64(remainder[index + 3]) << 1
            | Int64(remainder[index + 4]) >> 7
        let fine = Int64(remainder[index + 4] & 1) << 8 | Int64(remainder[index + 5])
        var time = unwrapped(base) * Self.scale + fine
        if isClock { time = advance(to: time, wrapped: base * Self.scale + fine) }
        let sent = time + offset
        let ticks = UInt64(bitPattern: sent.flooredQuotient(by: Self.scale)) & 0x1_FFFF_FFFF
        let rest = UInt64(sent - sent.flooredQuotient(by: Self.scale) * Self.scale)
        remainder[index] = UInt8(truncatingIfNeeded: ticks >> 25)
        remainder[index + 1] = UInt8(truncatingIfNeeded: ticks >> 17)
        remainder[index + 2] = UInt8(truncatingIfNeeded: ticks >> 9)
        remainder[index + 3] = UInt8(truncatingIfNeeded: ticks >> 1)
        remainder[index + 4] =
            UInt8(truncatingIfNeeded: ticks & 1) << 7 | 0x7E | UInt8(truncatingIfNeeded: rest >> 8)
        remainder[index + 5] = UInt8(truncatingIfNeeded: rest)
    }

    /// Returns the time of the file that now counts. After a jump that is the one of 33 bits, so that a file
    /// full of jumps cannot add them up without end.
    private mutating func advance(to unwrapped: Int64, wrapped: Int64) -> Int64 {
        var time = unwrapped
        if let lastClock {
            let step = time + offset - lastClock
            if step <= 0 || step > Self.longestStep {
                time = wrapped
                let excess = time + offset - lastClock - clockStep
                offset -= (excess + Self.scale - 1).flooredQuotient(by: Self.scale) * Self.scale
            } else if passClock != nil {
                clockStep = max(step, 2 * Self.scale)
            }
        }
        reference = time
        if firstReference == nil { firstReference = time }
        let sent = time + offset
        release(until: sent)
        if firstClock == nil { firstClock = sent }
        if passClock == nil { passClock = sent }
        lastClock = sent
        return time
    }

    /// The value congruent to `ticks` modulo 2³³ that is nearest to the last time seen.
    private func unwrapped(_ ticks: Int64) -> Int64 {
        guard let reference else { return ticks }
        let near = reference.flooredQuotient(by: Self.scale)
        let difference = (ticks - near) & 0x1_FFFF_FFFF
        return near + (difference < 1 << 32 ? difference : difference - 1 << 33)
    }

    /// Packets before the first clock reference are due with it; those between two are spread evenly.
    private mutating func release(until clock: Int64) {
        guard !run.isEmpty else { return }
        let start = lastClock ?? clock
        let origin = firstClock ?? clock
        if lastClock != nil { bytesTimed += Int64(run.count) }
        var from = 0
        var point = 0
        while from < run.count {
            while point < randomAccessPoints.count, randomAccessPoints[point] < from { point += 1 }
            let isRandomAccess = point < randomAccessPoints.count && randomAccessPoints[point] == from
            if isRandomAccess { point += 1 }
            var end = min(from + Self.packetsInMessage * Self.packetSize, run.count)
            if point < randomAccessPoints.count { end = min(end, randomAccessPoints[point]) }
            let share = Double(from) / Double(run.count)
            let ticks = start - origin + Int64(Double(clock - start) * share)
            ready.append(
                Message(
                    packets: Array(run[from..<end]),
                    due: .nanoseconds(ticks * 1000 / 27),
                    isRandomAccess: isRandomAccess
                )
            )
            from = end
        }
        run.removeAll(keepingCapacity: true)
        randomAccessPoints.removeAll(keepingCapacity: true)
    }

    // MARK: Presentation and decoding times

    /// §2.4.3.7. What starts otherwise is a table or data without times. Returns where the frames begin.
    private mutating func rewriteTimes(
        in payload: Range<Int>,
        of pid: Int
    ) throws(TransportStreamLoopError) -> Int {
        let start = payload.lowerBound
        guard payload.count >= 4, remainder[start] == 0, remainder[start + 1] == 0, remainder[start + 2] == 1,
            Self.hasTimes(streamID: remainder[start + 3])
        else { return start }
        guard payload.count >= 9 else { throw .splitHeader(offset: position + Int64(start)) }
        let flags = remainder[start + 7] >> 6
        guard flags & 2 != 0 else { return start }
        let last = start + 9 + (flags == 3 ? 10 : 5)
        guard last <= payload.upperBound else { throw .splitHeader(offset: position + Int64(start)) }
        var sent = rewriteTime(at: start + 9)
        if flags == 3 { sent = rewriteTime(at: start + 14) }
        note(sent * Self.scale, of: pid)
        let isSound = remainder[start + 3] & 0xE0 == 0xC0
        tracks[pid]?.sound = isSound ? AudioFrameCounter() : nil
        return min(start + 9 + Int(remainder[start + 8]), payload.upperBound)
    }

    private static func hasTimes(streamID: UInt8) -> Bool {
        switch streamID {
        case 0xBC, 0xBE, 0xBF, 0xF0, 0xF1, 0xF2, 0xF8, 0xFF: false
        default: streamID >= 0xBD
        }
    }

    /// The time as sent, unwrapped.
    private mutating func rewriteTime(at index: Int) -> Int64 {
        let ticks =
            Int64(remainder[index] >> 1 & 7) << 30 | Int64(remainder[index + 1]) << 22
            | Int64(remainder[index + 2] >> 1) << 15 | Int64(remainder[index + 3]) << 7
            | Int64(remainder[index + 4] >> 1)
        let time = unwrapped(ticks)
        if reference == nil {
            reference = time * Self.scale
            firstReference = reference
        }
        let sent = time + offset / Self.scale
        let bits = UInt64(bitPattern: sent) & 0x1_FFFF_FFFF
        remainder[index] = remainder[index] & 0xF1 | UInt8(truncatingIfNeeded: bits >> 29) & 0x0E
        remainder[index + 1] = UInt8(truncatingIfNeeded: bits >> 22)
        remainder[index + 2] = UInt8(truncatingIfNeeded: bits >> 14) | 1
        remainder[index + 3] = UInt8(truncatingIfNeeded: bits >> 7)
        remainder[index + 4] = UInt8(truncatingIfNeeded: bits << 1) | 1
        return sent
    }

    /// Remembers what the seam needs: where each track begins and ends in this pass.
    private mutating func note(_ time: Int64, of pid: Int) {
        // Times far from the clock are none that a player could use; they must not stretch the loop.
        if let lastClock, abs(time - lastClock) > Self.longestStep { return }
        guard var track = tracks[pid] else { return }
        if let last = track.last, time > last, time - last <= Self.ticksPerSecond { track.step = time - last }
        track.first = min(track.first ?? time, time)
        track.last = max(track.last ?? time, time)
        tracks[pid] = track
    }
}

package enum TransportStreamLoopError: Error, Equatable, CustomStringConvertible {
    /// No packet starts where one should.
    case notTransportStream(offset: Int64)
    /// An adaptation field longer than its packet.
    case brokenPacket(offset: Int64)
    /// Times of a frame that begin in one packet and end in the next.
    case splitHeader(offset: Int64)
    case noClock
    case noClockFor(bytes: Int)
    case tooShort

    package var description: String {
        switch self {
        case .notTransportStream(let offset):
            "no MPEG transport stream of 188-byte packets: sync byte missing at byte \(offset); "
                + "'ffmpeg -i FILE -c copy OUT.ts' makes one"
        case .brokenPacket(let offset): "the packet at byte \(offset) is broken"
        case .splitHeader(let offset): "the frame header at byte \(offset) is spread over two packets"
        case .noClock: "the file has no clock reference (PCR)"
        case .noClockFor(let bytes): "\(bytes) bytes without a clock reference (PCR)"
        case .tooShort: "the file is shorter than 40 ms"
        }
    }
}

extension Int64 {
    fileprivate func flooredQuotient(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
