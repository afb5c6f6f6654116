/// What a sequence parameter set of H.264 says about its pictures (ITU-T H.264, 7.3.2.1.1, annex E for the frame rate).
package struct H264Parameters: Sendable, Equatable {
    /// The largest side that is believed, as level 6.2 allows.
    static let longestSide = 16_888

    package var profile: UInt8
    /// constraint_set flags, as they stand in the octet.
    package var constraints: UInt8
    package var level: UInt8
    package var id: Int
    package var chromaFormat = 1
    package var lumaDepth = 8
    package var chromaDepth = 8
    package var width = 0
    package var height = 0
    /// Of the video usability information; `nil` without it.
    package var framesPerSecond: Double?

    /// The profiles whose sets tell the chroma format, 7.3.2.1.1.
    var tellsChroma: Bool { Self.highProfiles.contains(profile) }

    private static let highProfiles: Set<UInt8> = [
        100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135,
    ]

    /// Takes the whole unit with its header; `nil` where it is cut short or absurd.
    package init?(_ unit: [UInt8]) {
        guard unit.count >= 4, unit[0] & 0x1F == 7 else { return nil }
        profile = unit[1]
        constraints = unit[2]
        level = unit[3]
        var reader = BitReader(unescaping: unit[4...])
        id = reader.unsigned()
        if Self.highProfiles.contains(profile) { readChroma(&reader) }
        _ = reader.unsigned()  // log2_max_frame_num_minus4
        guard Self.skipPictureOrder(&reader) else { return nil }
        _ = reader.unsigned()  // max_num_ref_frames
        _ = reader.flag()
        let widthInBlocks = reader.unsigned() + 1
        let heightInUnits = reader.unsigned() + 1
        let framesOnly = reader.flag()
        if !framesOnly { _ = reader.flag() }
        _ = reader.flag()
        guard id < 32, widthInBlocks <= Self.longestSide / 16, heightInUnits <= Self.longestSide / 16 else {
            return nil
        }
        let fields = framesOnly ? 1 : 2
        width = widthInBlocks * 16
        height = heightInUnits * 16 * fields
        if reader.flag() { crop(&reader, fields) }
        guard width > 0, height > 0, height <= Self.longestSide, chromaFormat <= 3, lumaDepth <= 14,
            chromaDepth <= 14, !reader.isPastEnd
        else { return nil }
        // A set that ends within its usability information still describes its pictures.
        if reader.flag() { framesPerSecond = Self.frameRate(&reader) }
    }

    private mutating func readChroma(_ reader: inout BitReader) {
        chromaFormat = reader.unsigned()
        if chromaFormat == 3 { _ = reader.flag() }
        lumaDepth = 8 + reader.unsigned()
        chromaDepth = 8 + reader.unsigned()
        _ = reader.flag()
        guard reader.flag() else { return }
        for list in 0..<(chromaFormat == 3 ? 12 : 8) where reader.flag() {
            // 7.3.2.1.1.1: a scaling of 0 repeats the last one to the end of the list.
            var next = 8
            for _ in 0..<(list < 6 ? 16 : 64) where next != 0 { next = (next + reader.signed()) & 0xFF }
        }
    }

    /// False: the type is none of 7.4.2.1.1, or the set is cut short.
    private static func skipPictureOrder(_ reader: inout BitReader) -> Bool {
        switch reader.unsigned() {
        case 0: _ = reader.unsigned()
        case 1:
            _ = reader.flag()
            _ = reader.signed()
            _ = reader.signed()
            let count = reader.unsigned()
            guard count < 256 else { return false }
            for _ in 0..<count { _ = reader.signed() }
        case 2: break
        default: return false
        }
        return !reader.isPastEnd
    }

    /// Table 6-1 and equations 7-19 to 7-22.
    private mutating func crop(_ reader: inout BitReader, _ fields: Int) {
        let horizontal = chromaFormat == 1 || chromaFormat == 2 ? 2 : 1
        let vertical = (chromaFormat == 1 ? 2 : 1) * fields
        let (left, right) = (reader.unsigned(), reader.unsigned())
        let (top, bottom) = (reader.unsigned(), reader.unsigned())
        width -= horizontal * (left + right)
        height -= vertical * (top + bottom)
    }

    /// Annex E.1.1 up to the timing: two fields make a frame, so the rate is half of the ticks.
    private static func frameRate(_ reader: inout BitReader) -> Double? {
        if reader.flag(), reader.bits(8) == 255 { reader.skip(32) }
        if reader.flag() { _ = reader.flag() }
        if reader.flag() {
            reader.skip(4)
            if reader.flag() { reader.skip(24) }
        }
        if reader.flag() {
            _ = reader.unsigned()
            _ = reader.unsigned()
        }
        guard reader.flag() else { return nil }
        let unitsInTick = reader.bits(32)
        let timeScale = reader.bits(32)
        guard !reader.isPastEnd, unitsInTick > 0, timeScale > 0 else { return nil }
        let rate = Double(timeScale) / Double(unitsInTick) / 2
        return (0.01...1000).contains(rate) ? rate : nil
    }
}
