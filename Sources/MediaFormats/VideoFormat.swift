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
        for unit in sets.sequence { append(unit, to: &bytes) }
        bytes.append(UInt8(sets.picture.count))
        for unit in sets.picture { append(unit, to: &bytes) }
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
        for (type, units) in [(32, sets.video), (33, sets.sequence), (34, sets.picture)]
            as [(UInt8, [[UInt8]])]
        {
            // array_completeness: `hvc1` has its sets here and nowhere else (8.4.1).
            bytes += [0x80 | type, 0, UInt8(units.count)]
            for unit in units { append(unit, to: &bytes) }
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

/// The parameter sets that a stream has sent, each under its number. A set takes the place of an older one with its number.
///
/// Bounded: 16 of a kind, which no encoder comes near to, each of at most 4 KiB; what is more is refused.
struct ParameterSets: Sendable, Equatable {
    private static let most = 16

    let coding: VideoFormat.Coding
    private(set) var video: [[UInt8]] = []
    private(set) var sequence: [[UInt8]] = []
    private(set) var picture: [[UInt8]] = []
    private(set) var newestSequence: [UInt8]?

    init(_ coding: VideoFormat.Coding) {
        self.coding = coding
    }

    enum Change: Equatable { case known, new, refused }

    /// Takes a unit of one of the three kinds.
    mutating func take(_ bytes: UnsafeRawBufferPointer, _ kind: NALUnitKind) -> Change {
        switch kind {
        case .videoParameters: Self.put(bytes, into: &video) { [coding] in Self.number(of: $0, kind, coding) }
        case .sequenceParameters: takeSequence(bytes)
        case .pictureParameters:
            Self.put(bytes, into: &picture) { [coding] in Self.number(of: $0, kind, coding) }
        case .delimiter, .keySlice, .slice, .filler, .other: .refused
        }
    }

    private mutating func takeSequence(_ bytes: UnsafeRawBufferPointer) -> Change {
        let change = Self.put(bytes, into: &sequence) { [coding] in
            Self.number(of: $0, .sequenceParameters, coding)
        }
        guard change != .refused else { return .refused }
        if change == .known, newestSequence?.elementsEqual(bytes) ?? false { return .known }
        newestSequence = Array(bytes)
        return .new
    }

    private static func put(
        _ bytes: UnsafeRawBufferPointer,
        into units: inout [[UInt8]],
        number: ([UInt8]) -> Int?
    ) -> Change {
        if units.contains(where: { $0.elementsEqual(bytes) }) { return .known }
        guard bytes.count <= BitReader.longestUnit else { return .refused }
        let unit = Array(bytes)
        guard let id = number(unit) else { return .refused }
        if let place = units.firstIndex(where: { number($0) == id }) {
            units[place] = unit
        } else {
            guard units.count < most else { return .refused }
            units.append(unit)
        }
        return .new
    }

    /// `nil`: the unit cannot be read.
    private static func number(of unit: [UInt8], _ kind: NALUnitKind, _ coding: VideoFormat.Coding) -> Int? {
        switch (coding, kind) {
        case (.h264, .sequenceParameters): H264Parameters(unit)?.id
        case (.h265, .sequenceParameters): H265Parameters(unit)?.id
        case (.h265, .videoParameters): unit.count > 2 ? Int(unit[2] >> 4) : nil
        default: firstNumber(of: unit.dropFirst(coding == .h264 ? 1 : 2).prefix(8))
        }
    }

    private static func firstNumber(of payload: ArraySlice<UInt8>) -> Int? {
        var reader = BitReader(unescaping: payload)
        let number = reader.unsigned()
        return reader.isPastEnd ? nil : number
    }
}
