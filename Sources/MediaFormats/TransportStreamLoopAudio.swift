/// Tells how long the sound of one PES packet is: the last of a file has fewer frames than those before, and
/// only its own frames tell when the next pass may start. Follows ADTS headers (ISO/IEC 13818-7 §6.2) through
/// the packets; for other codings it tells nothing.
struct AudioFrameCounter: Sendable {
    private static let samplingRates: [Int64] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350,
    ]
    private static let headerLength = 6

    private var frames: Int64 = 0
    private var samplingRate: Int64 = 0
    /// Bytes up to the next header, and what has come of it.
    private var rest = 0
    private var header: [UInt8] = []
    private var isBroken = false

    /// In 27 MHz ticks, rounded up; nil where this is not ADTS.
    var duration: Int64? {
        guard !isBroken, frames > 0 else { return nil }
        return (frames * 1024 * 27_000_000 + samplingRate - 1) / samplingRate
    }

    mutating func append(_ bytes: ArraySlice<UInt8>) {
        var bytes = bytes
        while !bytes.isEmpty, !isBroken {
            if rest > 0 {
                let skipped = min(rest, bytes.count)
                bytes = bytes.dropFirst(skipped)
                rest -= skipped
            } else {
                let wanted = Self.headerLength - header.count
                header += bytes.prefix(wanted)
                bytes = bytes.dropFirst(wanted)
                if header.count == Self.headerLength { readHeader() }
            }
        }
    }

    private mutating func readHeader() {
        let length = Int(header[3] & 3) << 11 | Int(header[4]) << 3 | Int(header[5] >> 5)
        let rate = Int(header[2] >> 2 & 0x0F)
        guard header[0] == 0xFF, header[1] & 0xF6 == 0xF0, length > Self.headerLength,
            rate < Self.samplingRates.count
        else {
            isBroken = true
            return
        }
        frames += 1
        samplingRate = Self.samplingRates[rate]
        rest = length - Self.headerLength
        header.removeAll(keepingCapacity: true)
    }
}
