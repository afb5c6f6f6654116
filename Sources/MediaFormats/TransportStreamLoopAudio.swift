/// Tells how long the sound of one PES packet is: the last of a file has fewer frames than those before, and
/// only its own frames tell when the next pass may start. Follows ADTS headers (ISO/IEC 13818-7 §6.2) through
/// the packets; for other codings it tells nothing.
struct AudioFrameCounter: Sendable {
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
                let wanted = ADTSHeader.length - header.count
                header += bytes.prefix(wanted)
                bytes = bytes.dropFirst(wanted)
                if header.count == ADTSHeader.length { readHeader() }
            }
        }
    }

    private mutating func readHeader() {
        guard let frame = ADTSHeader(header) else {
            isBroken = true
            return
        }
        frames += 1
        samplingRate = Int64(frame.samplingRate)
        rest = frame.frameLength - ADTSHeader.length
        header.removeAll(keepingCapacity: true)
    }
}
