/// One picture or one piece of sound, as a file takes it: pictures as NAL units behind their lengths, without the
/// parameter sets that their format tells; AAC without its header.
package struct AccessUnit: Sendable, Equatable {
    package enum Track: Sendable, Equatable { case video, audio }

    package var track: Track
    /// Ticks of 90 kHz on one line that does not wrap.
    package var presentation: Int64
    package var decoding: Int64
    /// Decoding can begin here. Always true of sound.
    package var isKeyFrame: Bool
    /// Something before it is missing. Pictures go on at the next key frame after a loss.
    package var followsLoss: Bool
    package var sample: [UInt8]
}

/// Puts access units together from the payloads of a video stream, and finds out what a file must know about them.
///
/// An access unit ends where the next one begins: with a packet that has another time, or with a delimiter within one
/// packet. After a loss, and at the beginning, everything up to the next key frame is left out, because what refers to a
/// missing picture shows garbage.
///
/// The format changes at most once in a packet: each one carries all parameter sets, and a packet of many small pictures
/// with sets of their own would become a thousand times as large.
struct VideoAssembler: Sendable {
    enum Event { case format(VideoFormat), unit(AccessUnit) }

    /// H.222.0 and levels allow more; a picture of 4 MiB is 800 Mbit/s at 25 pictures a second.
    static let longestUnit = 4 << 20
    /// A greater distance between decoding and presentation is an error of the sender.
    private static let longestReordering: Int64 = 900_000
    private static let usualDistance: Int64 = 3600

    let coding: VideoFormat.Coding
    private var sets: ParameterSets
    private(set) var format: VideoFormat?
    private(set) var dropped = 0
    /// In this packet the format has been made anew.
    private var hasRenewed = false
    /// Sets have come that the format does not tell yet.
    private var isFormatDue = false
    /// What the format was made of.
    private var toldSets: ParameterSets?

    private var bytes: [UInt8] = []
    private var times: (presentation: Int64, decoding: Int64)?
    private var isDamaged = false
    private var awaitsKeyFrame = true
    private var followsLoss = true
    private var lastDecoding: Int64?
    private var distance = Self.usualDistance

    init(_ coding: VideoFormat.Coding) {
        self.coding = coding
        sets = ParameterSets(coding)
    }

    /// A packet with these times begins, if it has any. Slices of one picture may come in packets of their own.
    mutating func begin(
        presentation: Int64?,
        decoding: Int64?,
        _ octets: UnsafeRawBufferPointer,
        _ deliver: (Event) -> Void
    ) {
        if presentation == nil || presentation == times?.presentation {
            guard Self.beginsWithDelimiter(octets, coding) else { return append(octets) }
        }
        flush(deliver)
        if let presentation, let decoding {
            let isSane = abs(presentation - decoding) <= Self.longestReordering
            times = (presentation, isSane ? decoding : presentation)
        } else if let lastDecoding {
            times = (lastDecoding + distance, lastDecoding + distance)
        }
        append(octets)
    }

    mutating func append(_ octets: UnsafeRawBufferPointer) {
        guard bytes.count + octets.count <= Self.longestUnit else {
            lose()
            return
        }
        bytes.append(contentsOf: octets)
    }

    /// Octets of the picture that is being put together are missing, or whole pictures before the next one.
    mutating func lose() {
        isDamaged = true
        awaitsKeyFrame = true
        followsLoss = true
    }

    private static func beginsWithDelimiter(
        _ octets: UnsafeRawBufferPointer,
        _ coding: VideoFormat.Coding
    ) -> Bool {
        guard let code = NALUnits.nextStartCode(in: octets, from: 0), code <= 1, code + 3 < octets.count
        else {
            return false
        }
        let unit = UnsafeRawBufferPointer(rebasing: octets[(code + 3)...])
        return NALUnitKind(unit, coding) == .delimiter
    }

    // MARK: One access unit

    private struct Draft {
        var sample: [UInt8] = []
        var hasSlices = false
        var hasKeySlice = false
        var hasSequence = false
        var isIntra = true
        var setsChanged = false
        /// New sets in front of a picture that is no key frame: they stay where they are.
        var strays: [UInt8] = []
    }

    mutating func flush(_ deliver: (Event) -> Void) {
        // Taken out, so that it has one owner and its memory serves the next picture.
        var taken: [UInt8] = []
        swap(&taken, &bytes)
        defer {
            taken.removeAll(keepingCapacity: taken.capacity <= Self.longestUnit / 4)
            swap(&taken, &bytes)
            isDamaged = false
        }
        hasRenewed = false
        guard !taken.isEmpty else { return }
        guard !isDamaged, var times else {
            dropped += 1
            return
        }
        if let lastDecoding, times.decoding > lastDecoding, times.decoding - lastDecoding < 900_000 {
            distance = times.decoding - lastDecoding
        }
        var draft = Draft()
        draft.sample.reserveCapacity(taken.count + 64)
        taken.withUnsafeBytes { octets in
            NALUnits.forEach(inByteStream: octets) { unit in
                let kind = NALUnitKind(unit, coding)
                if kind == .delimiter, draft.hasSlices {
                    close(draft, times, deliver)
                    draft = Draft()
                    times = (times.presentation + distance, times.decoding + distance)
                }
                add(unit, kind, to: &draft)
            }
        }
        close(draft, times, deliver)
    }

    private mutating func add(_ unit: UnsafeRawBufferPointer, _ kind: NALUnitKind, to draft: inout Draft) {
        switch kind {
        case .delimiter, .filler: break
        case .videoParameters, .sequenceParameters, .pictureParameters:
            if kind == .sequenceParameters { draft.hasSequence = true }
            guard sets.take(unit, kind) == .new else { return }
            draft.setsChanged = true
            NALUnits.append(unit, to: &draft.strays)
        case .keySlice, .slice:
            draft.hasSlices = true
            if kind == .keySlice { draft.hasKeySlice = true }
            if kind == .slice, draft.hasSequence, coding == .h264, draft.isIntra {
                draft.isIntra = NALUnitKind.isIntraSlice(unit)
            }
            NALUnits.append(unit, to: &draft.sample)
        case .other: NALUnits.append(unit, to: &draft.sample)
        }
    }

    private mutating func close(
        _ draft: Draft,
        _ times: (presentation: Int64, decoding: Int64),
        _ deliver: (Event) -> Void
    ) {
        guard draft.hasSlices else { return }
        lastDecoding = times.decoding
        let isKeyFrame = draft.hasKeySlice || draft.hasSequence && draft.isIntra && coding == .h264
        if isKeyFrame {
            if draft.setsChanged || isFormatDue || format == nil { renewFormat(deliver) }
            if format != nil, !isFormatDue { awaitsKeyFrame = false }
        }
        guard !awaitsKeyFrame else {
            dropped += 1
            return
        }
        deliver(
            .unit(
                AccessUnit(
                    track: .video,
                    presentation: times.presentation,
                    decoding: times.decoding,
                    isKeyFrame: isKeyFrame,
                    followsLoss: followsLoss,
                    sample: isKeyFrame || draft.strays.isEmpty ? draft.sample : draft.strays + draft.sample
                )
            )
        )
        followsLoss = false
    }

    private mutating func renewFormat(_ deliver: (Event) -> Void) {
        isFormatDue = hasRenewed && sets != toldSets
        guard sets != toldSets else { return }
        // Until the next packet: pictures of a format that is not told show garbage.
        guard !hasRenewed else { return lose() }
        hasRenewed = true
        toldSets = sets
        guard let found = VideoFormat(sets), found != format else { return }
        format = found
        deliver(.format(found))
    }
}
