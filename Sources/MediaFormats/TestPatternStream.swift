/// The test pattern with silence as an MPEG transport stream.
package struct TestPatternStream: Sendable {
    /// AAC-LC, mono, 48 kHz: a frame of 1,024 samples is a whole number of ticks.
    private static let audioTicks: Int64 = 1920
    /// ADTS header (ISO/IEC 13818-7 §6.2) and a raw data block of one single channel element without any
    /// spectral data (max_sfb 0), then the end mark.
    package static let silentFrame: [UInt8] = [0xFF, 0xF1, 0x4C, 0x40, 0x01, 0x7F, 0xFC, 0, 0, 0, 7]
    /// Audio frames that travel in one packet: 128 ms, so that silence costs next to nothing.
    private static let framesPerPacket = 6
    /// Decoding time of the first picture. Not 0, since the clock runs before it.
    private static let start: Int64 = 90_000

    package private(set) var pattern: TestPattern
    private var writer = TransportStreamWriter(hasAudio: true)
    private var audioFrames: Int64 = 0
    private let bytesPerFrame: Int

    /// Packets of one picture and the sound up to it.
    package struct Chunk: Sendable {
        package var packets: [UInt8]
        /// Since the start of the stream.
        package var due: Duration
        package var isKeyFrame: Bool
    }

    /// With `bitrate` (bit/s, at most 50 Mbit/s) every picture is filled up to its share with filler data
    /// (H.264 §7.3.2.7), for measurements under the load of a real camera.
    package init(pattern: TestPattern = TestPattern(), bitrate: Int = 0) {
        self.pattern = pattern
        bytesPerFrame = min(max(0, bitrate), 50_000_000) / 8 / pattern.framesPerSecond
    }

    package mutating func next(showing scene: TestPatternScene? = nil) -> Chunk {
        let ticks = TransportStreamWriter.ticksPerSecond
        let elapsed = Int64(pattern.frame) * ticks / Int64(pattern.framesPerSecond)
        var unit = pattern.next(showing: scene)
        // Of each packet's 188 bytes 184 carry the picture; tables, clock and sound take two packets more.
        let missing = bytesPerFrame * 184 / 188 - unit.bytes.count - 400
        if missing > 0 {
            unit.bytes.append(contentsOf: [0, 0, 0, 1, 0x0C])
            unit.bytes.append(contentsOf: repeatElement(0xFF, count: missing))
            unit.bytes.append(0x80)
        }
        var packets: [UInt8] = []
        packets.reserveCapacity((unit.bytes.count / 184 + 5) * TransportStreamWriter.packetSize)
        writer.appendVideo(
            unit.bytes,
            presentation: Self.start + elapsed,
            decoding: Self.start + elapsed,
            isKeyFrame: unit.isKeyFrame,
            to: &packets
        )
        while audioFrames * Self.audioTicks <= elapsed {
            writer.appendAudio(
                Array(repeatElement(Self.silentFrame, count: Self.framesPerPacket).joined()),
                presentation: Self.start + audioFrames * Self.audioTicks,
                to: &packets
            )
            audioFrames += Int64(Self.framesPerPacket)
        }
        let due = Duration.microseconds(elapsed * 1_000_000 / ticks)
        return Chunk(packets: packets, due: due, isKeyFrame: unit.isKeyFrame)
    }
}
