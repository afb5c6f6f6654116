/// Puts H.264 access units and AAC frames into MPEG-TS packets (ISO/IEC 13818-1): one programme, the clock
/// reference on the video, tables before every key frame.
///
/// Times are ticks of 90 kHz and may grow for ever; on the wire they wrap at 33 bits. Frames are given in
/// the order of their decoding time.
package struct TransportStreamWriter: Sendable {
    package static let packetSize = 188
    package static let ticksPerSecond: Int64 = 90_000

    /// The clock runs this much behind the decoding time, so that a frame is there before it is due.
    package static let decodingDelay: Int64 = 9000
    /// §2.7.2 allows 100 ms between clock references; players in the field grow uneasy past 40.
    package static let clockInterval: Int64 = 3600
    /// How long a viewer who tunes in without a key frame waits for the tables.
    package static let tableInterval: Int64 = 18_000
    /// A longer silence is a gap in time, which is not filled with clock references.
    private static let longestFilledGap: Int64 = 90_000

    private static let tablePID = 0x0000
    private static let programmePID = 0x1000
    private static let videoPID = 0x0100
    private static let audioPID = 0x0101

    private let hasAudio: Bool
    /// The next continuity counter of each packet identifier above (§2.4.3.3).
    private var tableCounter: UInt8 = 0
    private var programmeCounter: UInt8 = 0
    private var videoCounter: UInt8 = 0
    private var audioCounter: UInt8 = 0
    private var lastClock: Int64?
    private var lastTables: Int64?

    package init(hasAudio: Bool) {
        self.hasAudio = hasAudio
    }

    /// Appends one access unit in the byte-stream form of H.264 Annex B. An access unit delimiter, which
    /// §2.14.1 demands, is put in front where there is none.
    package mutating func appendVideo(
        _ accessUnit: [UInt8],
        presentation: Int64,
        decoding: Int64,
        isKeyFrame: Bool,
        to output: inout [UInt8]
    ) {
        let clock = decoding - Self.decodingDelay
        appendClocks(upTo: clock, to: &output)
        if isKeyFrame || isDue(lastTables, every: Self.tableInterval, at: clock) {
            appendTables(at: clock, to: &output)
        }
        let delimiter: [UInt8] = [0, 0, 0, 1, 9, 0xF0]
        let startsWithDelimiter =
            accessUnit.starts(with: delimiter.prefix(5)) || accessUnit.starts(with: delimiter[1..<5])
        let header = Self.header(streamID: 0xE0, presentation: presentation, decoding: decoding, payload: nil)
        lastClock = clock
        Self.appendPackets(
            header + (startsWithDelimiter ? [] : delimiter) + accessUnit,
            pid: Self.videoPID,
            counter: &videoCounter,
            clock: clock,
            isRandomAccess: isKeyFrame,
            to: &output
        )
    }

    /// Appends one or more whole AAC frames with their ADTS headers, at most 65,000 bytes.
    package mutating func appendAudio(_ frames: [UInt8], presentation: Int64, to output: inout [UInt8]) {
        appendClocks(upTo: presentation - Self.decodingDelay, to: &output)
        let header = Self.header(
            streamID: 0xC0,
            presentation: presentation,
            decoding: presentation,
            payload: frames.count
        )
        Self.appendPackets(
            header + frames,
            pid: Self.audioPID,
            counter: &audioCounter,
            clock: nil,
            // Every frame of AAC is one where decoding may start.
            isRandomAccess: true,
            to: &output
        )
    }

    // MARK: Clock

    private func isDue(_ last: Int64?, every interval: Int64, at now: Int64) -> Bool {
        guard let last else { return true }
        return now - last >= interval
    }

    /// Packets that carry nothing but the clock, for frame rates below 25 and pauses of the picture.
    private mutating func appendClocks(upTo clock: Int64, to output: inout [UInt8]) {
        guard let last = lastClock, clock - last <= Self.longestFilledGap else { return }
        var next = last + Self.clockInterval
        while next < clock {
            output.append(contentsOf: [0x47, UInt8(Self.videoPID >> 8), UInt8(Self.videoPID & 0xFF)])
            // No payload: the counter stays at that of the packet before (§2.4.3.3).
            output.append(0x20 | (videoCounter &- 1) & 0x0F)
            output.append(183)
            output.append(0x10)
            Self.appendClock(next, to: &output)
            output.append(contentsOf: repeatElement(0xFF, count: 176))
            lastClock = next
            next += Self.clockInterval
        }
    }

    /// Base of 33 bits at 90 kHz, six reserved bits, extension 0 (§2.4.3.5).
    private static func appendClock(_ clock: Int64, to output: inout [UInt8]) {
        let base = UInt64(bitPattern: clock) & 0x1_FFFF_FFFF
        output.append(UInt8(truncatingIfNeeded: base >> 25))
        output.append(UInt8(truncatingIfNeeded: base >> 17))
        output.append(UInt8(truncatingIfNeeded: base >> 9))
        output.append(UInt8(truncatingIfNeeded: base >> 1))
        output.append(UInt8(truncatingIfNeeded: base & 1) << 7 | 0x7E)
        output.append(0)
    }

    // MARK: Packetized elementary stream

    /// `payload` nil leaves the length open, which video alone may do (§2.4.3.7).
    private static func header(
        streamID: UInt8,
        presentation: Int64,
        decoding: Int64,
        payload: Int?
    ) -> [UInt8] {
        let hasDecoding = decoding != presentation
        let times = hasDecoding ? 10 : 5
        let length = payload.map { $0 + 3 + times } ?? 0
        var header: [UInt8] = [0, 0, 1, streamID]
        header.append(UInt8(truncatingIfNeeded: length >> 8))
        header.append(UInt8(truncatingIfNeeded: length))
        // data_alignment_indicator: the payload starts with a frame.
        header.append(0x84)
        header.append(hasDecoding ? 0xC0 : 0x80)
        header.append(UInt8(times))
        appendTime(presentation, marker: hasDecoding ? 0x30 : 0x20, to: &header)
        if hasDecoding { appendTime(decoding, marker: 0x10, to: &header) }
        return header
    }

    private static func appendTime(_ time: Int64, marker: UInt8, to output: inout [UInt8]) {
        let ticks = UInt64(bitPattern: time) & 0x1_FFFF_FFFF
        output.append(marker | UInt8(truncatingIfNeeded: ticks >> 29) & 0x0E | 1)
        output.append(UInt8(truncatingIfNeeded: ticks >> 22))
        output.append(UInt8(truncatingIfNeeded: ticks >> 14) | 1)
        output.append(UInt8(truncatingIfNeeded: ticks >> 7))
        output.append(UInt8(truncatingIfNeeded: ticks << 1) | 1)
    }

    private static func appendPackets(
        _ payload: [UInt8],
        pid: Int,
        counter: inout UInt8,
        clock: Int64?,
        isRandomAccess: Bool,
        to output: inout [UInt8]
    ) {
        var position = 0
        while position < payload.count {
            let isFirst = position == 0
            var adaptation: [UInt8] = []
            if isFirst, isRandomAccess || clock != nil {
                adaptation.append((isRandomAccess ? 0x40 : 0) | (clock != nil ? 0x10 : 0))
                if let clock { appendClock(clock, to: &adaptation) }
            }
            let left = payload.count - position
            // With an adaptation field goes its length byte.
            let room = adaptation.isEmpty ? 184 : 183 - adaptation.count
            let stuffing = max(0, room - left)
            output.append(0x47)
            output.append(UInt8(truncatingIfNeeded: pid >> 8) | (isFirst ? 0x40 : 0))
            output.append(UInt8(truncatingIfNeeded: pid))
            output.append((adaptation.isEmpty && stuffing == 0 ? 0x10 : 0x30) | counter)
            counter = (counter + 1) & 0x0F
            if !adaptation.isEmpty {
                output.append(UInt8(adaptation.count + stuffing))
                output.append(contentsOf: adaptation)
                output.append(contentsOf: repeatElement(0xFF, count: stuffing))
            } else if stuffing > 0 {
                // A field of length 0 stuffs one byte, one with flags two and more.
                output.append(UInt8(stuffing - 1))
                if stuffing > 1 {
                    output.append(0)
                    output.append(contentsOf: repeatElement(0xFF, count: stuffing - 2))
                }
            }
            let taken = min(left, room)
            output.append(contentsOf: payload[position..<position + taken])
            position += taken
        }
    }

    // MARK: Tables

    /// Programme association and programme map (§2.4.4).
    private mutating func appendTables(at clock: Int64, to output: inout [UInt8]) {
        lastTables = clock
        let association: [UInt8] = [
            0x00, 0xB0, 13, 0, 1, 0xC1, 0, 0,
            0, 1, 0xE0 | UInt8(Self.programmePID >> 8), UInt8(Self.programmePID & 0xFF),
        ]
        var map: [UInt8] = [
            0x02, 0xB0, hasAudio ? 23 : 18, 0, 1, 0xC1, 0, 0,
            0xE0 | UInt8(Self.videoPID >> 8), UInt8(Self.videoPID & 0xFF), 0xF0, 0,
            0x1B, 0xE0 | UInt8(Self.videoPID >> 8), UInt8(Self.videoPID & 0xFF), 0xF0, 0,
        ]
        if hasAudio {
            map += [0x0F, 0xE0 | UInt8(Self.audioPID >> 8), UInt8(Self.audioPID & 0xFF), 0xF0, 0]
        }
        Self.appendSection(association, pid: Self.tablePID, counter: &tableCounter, to: &output)
        Self.appendSection(map, pid: Self.programmePID, counter: &programmeCounter, to: &output)
    }

    private static func appendSection(
        _ section: [UInt8],
        pid: Int,
        counter: inout UInt8,
        to output: inout [UInt8]
    ) {
        let check = checksum(section)
        output.append(contentsOf: [0x47, 0x40 | UInt8(pid >> 8), UInt8(pid & 0xFF), 0x10 | counter, 0])
        counter = (counter + 1) & 0x0F
        output.append(contentsOf: section)
        for shift: UInt32 in [24, 16, 8, 0] { output.append(UInt8(truncatingIfNeeded: check >> shift)) }
        output.append(contentsOf: repeatElement(0xFF, count: packetSize - 9 - section.count))
    }

    /// CRC-32 of Annex A: polynomial 0x04C11DB7, all ones first, neither reflected nor inverted. Bit by bit:
    /// it sees forty bytes five times a second.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var value: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            value ^= UInt32(byte) << 24
            for _ in 0..<8 { value = value & 0x8000_0000 != 0 ? value << 1 ^ 0x04C1_1DB7 : value << 1 }
        }
        return value
    }
}
