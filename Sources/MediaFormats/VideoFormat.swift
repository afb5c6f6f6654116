/// How the pictures of a stream are coded: what a file says once, before its samples (ISO/IEC 14496-15).
package struct VideoFormat: Sendable, Equatable {
    package enum Coding: Sendable, Equatable { case h264, h265 }

    package let coding: Coding
    package let width: Int
    package let height: Int
    /// As the encoder claims it; `nil` where it does not.
    package let framesPerSecond: Double?
    /// RFC 6381, such as `avc1.64001F` or `hvc1.1.6.L93.B0`.
    package let codecs: String
    /// The content of `avcC` (14496-15, 5.3.3.1) or `hvcC` (8.3.3.1).
    package let configuration: [UInt8]

    /// `nil`: a set is missing or cannot be read.
    init?(_ sets: ParameterSets) {
        coding = sets.coding
        switch sets.coding {
        case .h264:
            guard let unit = sets.newestSequence, let sequence = H264Parameters(unit), !sets.picture.isEmpty
            else { return nil }
            width = sequence.width
            height = sequence.height
            framesPerSecond = sequence.framesPerSecond
            codecs =
                "avc1." + [sequence.profile, sequence.constraints, sequence.level].map(Self.hex).joined()
            configuration = Self.configuration(of: sequence, sets)
        case .h265:
            guard let unit = sets.newestSequence, let sequence = H265Parameters(unit), !sets.video.isEmpty,
                !sets.picture.isEmpty
            else { return nil }
            width = sequence.width
            height = sequence.height
            framesPerSecond = sequence.framesPerSecond
            codecs = Self.codecs(of: sequence)
            configuration = Self.configuration(of: sequence, sets)
        }
    }

    private static func hex(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16, uppercase: true)
        return text.count == 1 ? "0" + text : text
    }

    private static func configuration(of sequence: H264Parameters, _ sets: ParameterSets) -> [UInt8] {
        var bytes: [UInt8] = [1, sequence.profile, sequence.constraints, sequence.level]
        bytes.append(0xFC | UInt8(NALUnits.lengthSize - 1))
        // Five bits and an octet hold the counts; ``ParameterSets`` keeps fewer.
        bytes.append(0xE0 | UInt8(sets.sequence.count))
        for set in sets.sequence { append(set.octets, to: &bytes) }
        bytes.append(UInt8(sets.picture.count))
        for set in sets.picture { append(set.octets, to: &bytes) }
        if sequence.tellsChroma {
            bytes.append(0xFC | UInt8(sequence.chromaFormat))
            bytes.append(0xF8 | UInt8(sequence.lumaDepth - 8))
            bytes.append(0xF8 | UInt8(sequence.chromaDepth - 8))
            bytes.append(0)
        }
        return bytes
    }

    private static func configuration(of sequence: H265Parameters, _ sets: ParameterSets) -> [UInt8] {
        var bytes: [UInt8] = [1] + sequence.profileTierLevel
        bytes += [0xF0, 0, 0xFC]
        bytes.append(0xFC | UInt8(sequence.chromaFormat))
        bytes.append(0xF8 | UInt8(sequence.lumaDepth - 8))
        bytes.append(0xF8 | UInt8(sequence.chromaDepth - 8))
        bytes += [0, 0]
        bytes.append(
            UInt8(sequence.subLayers) << 3 | (sequence.isNested ? 4 : 0) | UInt8(NALUnits.lengthSize - 1)
        )
        bytes.append(3)
        for (type, kept) in [(32, sets.video), (33, sets.sequence), (34, sets.picture)]
            as [(UInt8, [ParameterSets.Numbered])]
        {
            // array_completeness: `hvc1` has its sets here and nowhere else (8.4.1).
            bytes += [0x80 | type, 0, UInt8(kept.count)]
            for set in kept { append(set.octets, to: &bytes) }
        }
        return bytes
    }

    private static func append(_ unit: [UInt8], to bytes: inout [UInt8]) {
        bytes += [UInt8(unit.count >> 8), UInt8(unit.count & 0xFF)] + unit
    }

    /// 14496-15, E.3: profile space and profile, compatibility flags in reverse order, tier and level, constraints
    /// without the zeros at their end.
    private static func codecs(of sequence: H265Parameters) -> String {
        let octets = sequence.profileTierLevel
        let space = ["", "A", "B", "C"][Int(octets[0] >> 6)]
        let reversed = octets[1..<5].reversed().reduce(UInt32(0)) { flags, octet in
            (0..<8).reduce(flags) { $0 << 1 | UInt32(octet >> UInt8($1) & 1) }
        }
        var text = "hvc1.\(space)\(octets[0] & 0x1F).\(String(reversed, radix: 16, uppercase: true))"
        text += ".\(octets[0] & 0x20 == 0 ? "L" : "H")\(octets[11])"
        let constraints = Array(octets[5..<11])
        let length = constraints.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
        for octet in constraints.prefix(length) { text += "." + String(octet, radix: 16, uppercase: true) }
        return text
    }
}
