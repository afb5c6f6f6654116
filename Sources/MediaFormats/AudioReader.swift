/// Cuts the payloads of an AAC stream into frames by their ADTS headers (ISO/IEC 13818-7, 6.2), which may lie anywhere in
/// a packet and across packets. A packet's time is that of the first frame that begins in it (H.222.0, 2.4.3.7).
///
/// Keeps less than one frame, 8 KiB.
struct ADTSReader: Sendable {
    enum Event { case format(AudioFormat), unit(AccessUnit), refused(String) }

    private(set) var format: AudioFormat?
    /// Octets that belong to no frame.
    private(set) var discarded = 0

    private var rest: [UInt8] = []
    /// For the next frame that begins in what comes.
    private var announced: Int64?
    /// Of the next frame: a time and the samples since it, because 1,024 samples are seldom whole ticks.
    private var anchor: Int64?
    private var samplesSinceAnchor: Int64 = 0
    private var followsLoss = true
    private var isRefused = false

    mutating func begin(presentation: Int64?) {
        announced = presentation
        if rest.isEmpty { takeAnnounced() }
    }

    mutating func lose() {
        rest.removeAll(keepingCapacity: true)
        anchor = nil
        followsLoss = true
    }

    private mutating func takeAnnounced() {
        guard let time = announced else { return }
        anchor = time
        samplesSinceAnchor = 0
        announced = nil
    }

    mutating func append(_ octets: UnsafeRawBufferPointer, _ deliver: (Event) -> Void) {
        guard !isRefused else { return }
        let carried = rest.count
        rest.append(contentsOf: octets)
        var start = 0
        while rest.count - start >= ADTSHeader.length {
            guard let header = ADTSHeader(rest[start...]) else {
                start += 1
                discarded += 1
                followsLoss = true
                continue
            }
            guard header.channelConfiguration > 0 else {
                isRefused = true
                rest.removeAll()
                return deliver(.refused("AAC whose channels are told within its frames is not read"))
            }
            guard rest.count - start >= header.frameLength else { break }
            // What was carried over began in an earlier packet.
            if start >= carried { takeAnnounced() }
            take(header, rest[(start + header.headerLength)..<(start + header.frameLength)], deliver)
            start += header.frameLength
        }
        // A frame begins here that this packet's time is for.
        if start >= carried, start < rest.count { takeAnnounced() }
        rest.removeFirst(start)
    }

    private mutating func take(
        _ header: ADTSHeader,
        _ frame: ArraySlice<UInt8>,
        _ deliver: (Event) -> Void
    ) {
        let found = AudioFormat(header)
        if found != format {
            format = found
            deliver(.format(found))
        }
        guard let anchor else { return }
        let time = anchor + samplesSinceAnchor.rescaled(from: Int64(header.samplingRate), to: 90_000)
        samplesSinceAnchor += 1024
        deliver(.unit(AccessUnit(sound: Array(frame), at: time, followsLoss: followsLoss)))
        followsLoss = false
    }
}

/// G.711 has neither frames nor headers: each packet is one piece of sound.
struct G711Reader: Sendable {
    /// Eight seconds; cameras send 20 to 100 ms.
    static let longestPiece = 64 << 10

    /// Nothing has come yet.
    private(set) var isNew = true
    private var rest: [UInt8] = []
    private var time: Int64?
    private var followsLoss = true

    mutating func begin(presentation: Int64?, _ deliver: (AccessUnit) -> Void) {
        isNew = false
        flush(deliver)
        time = presentation ?? time
    }

    mutating func lose() {
        rest.removeAll(keepingCapacity: true)
        time = nil
        followsLoss = true
    }

    mutating func append(_ octets: UnsafeRawBufferPointer, isLast: Bool, _ deliver: (AccessUnit) -> Void) {
        rest.append(contentsOf: octets.prefix(Self.longestPiece - rest.count))
        if isLast { flush(deliver) }
    }

    mutating func flush(_ deliver: (AccessUnit) -> Void) {
        guard !rest.isEmpty, let begin = time else { return }
        deliver(AccessUnit(sound: rest, at: begin, followsLoss: followsLoss))
        followsLoss = false
        time = begin + Int64(rest.count) * 90_000 / 8000
        rest.removeAll(keepingCapacity: true)
    }
}

extension AccessUnit {
    init(sound: [UInt8], at time: Int64, followsLoss: Bool) {
        self.init(
            track: .audio,
            presentation: time,
            decoding: time,
            isKeyFrame: true,
            followsLoss: followsLoss,
            sample: sound
        )
    }
}
