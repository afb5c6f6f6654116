/// The parameter sets that a stream has sent, each under its number. A set takes the place of an older one with its number.
///
/// Bounded, because every format carries them all: 16 of a kind, each of at most 4 KiB, 16 KiB in all, which no encoder
/// comes near to. Where there is no room the oldest of the kind leave; what does not fit even so is refused.
struct ParameterSets: Sendable, Equatable {
    struct Numbered: Sendable, Equatable {
        /// Kept, because finding it means reading the set.
        let number: Int
        let octets: [UInt8]
    }

    static let limitInBytes = 16 << 10
    private static let most = 16

    let coding: VideoFormat.Coding
    /// The oldest first.
    private(set) var video: [Numbered] = []
    private(set) var sequence: [Numbered] = []
    private(set) var picture: [Numbered] = []
    private(set) var newestSequence: [UInt8]?
    private(set) var sizeInBytes = 0

    init(_ coding: VideoFormat.Coding) {
        self.coding = coding
    }

    enum Change: Equatable { case known, new, refused }

    /// Takes a unit of one of the three kinds.
    mutating func take(_ bytes: UnsafeRawBufferPointer, _ kind: NALUnitKind) -> Change {
        switch kind {
        case .videoParameters: put(bytes, kind, into: \.video)
        case .sequenceParameters: takeSequence(bytes)
        case .pictureParameters: put(bytes, kind, into: \.picture)
        case .delimiter, .keySlice, .slice, .filler, .other: .refused
        }
    }

    private mutating func takeSequence(_ bytes: UnsafeRawBufferPointer) -> Change {
        let change = put(bytes, .sequenceParameters, into: \.sequence)
        guard change != .refused else { return .refused }
        if change == .known, newestSequence?.elementsEqual(bytes) ?? false { return .known }
        newestSequence = Array(bytes)
        return .new
    }

    private mutating func put(
        _ bytes: UnsafeRawBufferPointer,
        _ kind: NALUnitKind,
        into path: WritableKeyPath<Self, [Numbered]>
    ) -> Change {
        var sets = self[keyPath: path]
        if sets.contains(where: { $0.octets.elementsEqual(bytes) }) { return .known }
        guard bytes.count <= BitReader.longestUnit else { return .refused }
        let octets = Array(bytes)
        guard let number = number(of: octets, kind) else { return .refused }
        var size = sizeInBytes + octets.count
        if let place = sets.firstIndex(where: { $0.number == number }) {
            size -= sets.remove(at: place).octets.count
        }
        guard sets.count < Self.most else { return .refused }
        while size > Self.limitInBytes {
            guard !sets.isEmpty else { return .refused }
            size -= sets.removeFirst().octets.count
        }
        sets.append(Numbered(number: number, octets: octets))
        self[keyPath: path] = sets
        sizeInBytes = size
        return .new
    }

    /// `nil`: the unit cannot be read.
    private func number(of unit: [UInt8], _ kind: NALUnitKind) -> Int? {
        switch (coding, kind) {
        case (.h264, .sequenceParameters): H264Parameters(unit)?.id
        case (.h265, .sequenceParameters): H265Parameters(unit)?.id
        case (.h265, .videoParameters): unit.count > 2 ? Int(unit[2] >> 4) : nil
        default: Self.firstNumber(of: unit.dropFirst(coding == .h264 ? 1 : 2).prefix(8))
        }
    }

    private static func firstNumber(of payload: ArraySlice<UInt8>) -> Int? {
        var reader = BitReader(unescaping: payload)
        let number = reader.unsigned()
        return reader.isPastEnd ? nil : number
    }
}
