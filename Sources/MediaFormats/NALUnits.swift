/// The two ways in which NAL units stand side by side: behind start codes in a transport stream (H.264 and H.265
/// annex B), behind their lengths in a file (ISO/IEC 14496-15, 4.3.3 and 8.3.3).
package enum NALUnits {
    /// Octets of a length in a file; what ``VideoFormat`` announces.
    package static let lengthSize = 4

    /// Calls `body` for each unit between start codes, without the zeros that may trail it. Empty units are left out.
    static func forEach(
        inByteStream bytes: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        var start = nextStartCode(in: bytes, from: 0).map { $0 + 3 }
        while let begin = start {
            let code = nextStartCode(in: bytes, from: begin)
            var end = code ?? bytes.count
            while end > begin, bytes[end - 1] == 0 { end -= 1 }
            if end > begin { body(UnsafeRawBufferPointer(rebasing: bytes[begin..<end])) }
            start = code.map { $0 + 3 }
        }
    }

    /// Where 00 00 01 begins, at or behind `start`.
    static func nextStartCode(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var index = start + 2
        while index < bytes.count {
            switch bytes[index] {
            case 0: index += 1
            case 1:
                if bytes[index - 1] == 0, bytes[index - 2] == 0 { return index - 2 }
                index += 3
            // Neither this octet nor the next two can end a start code.
            default: index += 3
            }
        }
        return nil
    }

    /// The places of the units in a sample of a file. What claims more than is there ends the list.
    package static func ranges(inSample sample: [UInt8]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var place = 0
        while place + lengthSize < sample.count {
            let length = sample[place..<(place + lengthSize)].reduce(0) { $0 << 8 | Int($1) }
            let begin = place + lengthSize
            guard length > 0, length <= sample.count - begin else { break }
            ranges.append(begin..<(begin + length))
            place = begin + length
        }
        return ranges
    }

    static func append(_ unit: UnsafeRawBufferPointer, to sample: inout [UInt8]) {
        let length = UInt32(truncatingIfNeeded: unit.count)
        sample.append(UInt8(length >> 24))
        sample.append(UInt8(length >> 16 & 0xFF))
        sample.append(UInt8(length >> 8 & 0xFF))
        sample.append(UInt8(length & 0xFF))
        sample.append(contentsOf: unit)
    }
}

/// What a NAL unit is for, as far as putting pictures into a file needs it (H.264 table 7-1, H.265 table 7-1).
enum NALUnitKind: Equatable {
    case videoParameters, sequenceParameters, pictureParameters
    case delimiter
    /// Of a picture at which decoding can begin, whatever came before.
    case keySlice
    case slice
    case filler
    case other

    init(_ unit: UnsafeRawBufferPointer, _ coding: VideoFormat.Coding) {
        guard let header = unit.first else {
            self = .other
            return
        }
        switch coding {
        case .h264:
            self =
                switch header & 0x1F {
                case 5: .keySlice
                case 1, 2: .slice
                case 7: .sequenceParameters
                case 8: .pictureParameters
                case 9: .delimiter
                case 12: .filler
                default: .other
                }
        case .h265:
            self =
                switch header >> 1 & 0x3F {
                case 16...21: .keySlice
                case 0...9: .slice
                case 32: .videoParameters
                case 33: .sequenceParameters
                case 34: .pictureParameters
                case 35: .delimiter
                case 38: .filler
                default: .other
                }
        }
    }

    /// An intra slice of H.264 (slice_type 2, 4, 7 or 9, table 7-6): behind a sequence parameter set decoders begin at a
    /// picture of such slices too, and some cameras send no others.
    static func isIntraSlice(_ unit: UnsafeRawBufferPointer) -> Bool {
        var reader = BitReader(unescaping: unit.dropFirst().prefix(12))
        _ = reader.unsigned()
        let type = reader.unsigned() % 5
        return !reader.isPastEnd && (type == 2 || type == 4)
    }
}
