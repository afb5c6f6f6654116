/// What a sequence parameter set of H.265 says about its pictures (ITU-T H.265, 7.3.2.2, annex E for the frame rate).
package struct H265Parameters: Sendable, Equatable {
    static let longestSide = 16_888
    private static let mostReferenceSets = 64
    private static let mostReferences = 16

    /// general_profile_space, _tier_flag and _profile_idc in one octet; then 32 compatibility flags, 48 bits of
    /// constraints and the level: the first 12 octets of profile_tier_level (7.3.3), as `hvcC` has them.
    package var profileTierLevel: [UInt8]
    package var subLayers: Int
    package var isNested: Bool
    package var id: Int
    package var chromaFormat: Int
    package var lumaDepth: Int
    package var chromaDepth: Int
    package var width: Int
    package var height: Int
    package var framesPerSecond: Double?

    /// Takes the whole unit with its header; `nil` where it is cut short or absurd.
    package init?(_ unit: [UInt8]) {
        guard unit.count > 15, unit[0] >> 1 & 0x3F == 33 else { return nil }
        var reader = BitReader(unescaping: unit[2...])
        reader.skip(4)
        subLayers = Int(reader.bits(3)) + 1
        isNested = reader.flag()
        profileTierLevel = (0..<12).map { _ in UInt8(reader.bits(8)) }
        Self.skipSubLayers(&reader, subLayers - 1)
        id = reader.unsigned()
        chromaFormat = reader.unsigned()
        if chromaFormat == 3 { _ = reader.flag() }
        width = reader.unsigned()
        height = reader.unsigned()
        guard subLayers <= 7, id < 16, chromaFormat <= 3, width <= Self.longestSide,
            height <= Self.longestSide
        else { return nil }
        if reader.flag() {
            // Table 6-1: the window counts in samples of the chroma.
            let horizontal = chromaFormat == 1 || chromaFormat == 2 ? 2 : 1
            let vertical = chromaFormat == 1 ? 2 : 1
            width -= horizontal * (reader.unsigned() + reader.unsigned())
            height -= vertical * (reader.unsigned() + reader.unsigned())
        }
        lumaDepth = 8 + reader.unsigned()
        chromaDepth = 8 + reader.unsigned()
        guard width > 0, height > 0, lumaDepth <= 16, chromaDepth <= 16, !reader.isPastEnd else { return nil }
        framesPerSecond = Self.frameRate(&reader, subLayers - 1)
    }

    /// profile_tier_level of the sub-layers, 7.3.3.
    private static func skipSubLayers(_ reader: inout BitReader, _ count: Int) {
        guard count > 0 else { return }
        let present = (0..<count).map { _ in (profile: reader.flag(), level: reader.flag()) }
        if count < 8 { reader.skip((8 - count) * 2) }
        for layer in present { reader.skip((layer.profile ? 88 : 0) + (layer.level ? 8 : 0)) }
    }

    // MARK: What lies between the size and the frame rate

    private static func frameRate(_ reader: inout BitReader, _ lastSubLayer: Int) -> Double? {
        let orderBits = reader.unsigned() + 4
        guard orderBits <= 16 else { return nil }
        let first = reader.flag() ? 0 : lastSubLayer
        for _ in first...lastSubLayer { for _ in 0..<3 { _ = reader.unsigned() } }
        for _ in 0..<6 { _ = reader.unsigned() }
        if reader.flag(), reader.flag() { skipScalingLists(&reader) }
        reader.skip(2)
        if reader.flag() {
            reader.skip(8)
            _ = reader.unsigned()
            _ = reader.unsigned()
            _ = reader.flag()
        }
        guard skipReferenceSets(&reader) else { return nil }
        if reader.flag() {
            let count = reader.unsigned()
            guard count <= 32 else { return nil }
            reader.skip(count * (orderBits + 1))
        }
        reader.skip(2)
        guard reader.flag(), !reader.isPastEnd else { return nil }
        return usabilityFrameRate(&reader)
    }

    /// 7.3.4.
    private static func skipScalingLists(_ reader: inout BitReader) {
        for size in 0..<4 {
            for _ in stride(from: 0, to: 6, by: size == 3 ? 3 : 1) {
                guard reader.flag() else {
                    _ = reader.unsigned()
                    continue
                }
                if size > 1 { _ = reader.signed() }
                for _ in 0..<min(64, 1 << (4 + size << 1)) { _ = reader.signed() }
            }
        }
    }

    /// 7.3.7. False: more sets or pictures than 7.4.8 allows.
    private static func skipReferenceSets(_ reader: inout BitReader) -> Bool {
        let sets = reader.unsigned()
        guard sets <= mostReferenceSets else { return false }
        var lastCount = 0
        for set in 0..<sets {
            guard !reader.isPastEnd else { return false }
            if set > 0, reader.flag() {
                _ = reader.flag()
                _ = reader.unsigned()
                var count = 0
                for _ in 0...lastCount {
                    let isUsed = reader.flag()
                    let isKept = isUsed || reader.flag()
                    if isKept { count += 1 }
                }
                lastCount = count
            } else {
                let (before, after) = (reader.unsigned(), reader.unsigned())
                guard before <= mostReferences, after <= mostReferences else { return false }
                lastCount = before + after
                for _ in 0..<lastCount {
                    _ = reader.unsigned()
                    _ = reader.flag()
                }
            }
            guard lastCount <= 2 * mostReferences else { return false }
        }
        return true
    }

    /// Annex E.2.1 up to the timing.
    private static func usabilityFrameRate(_ reader: inout BitReader) -> Double? {
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
        reader.skip(3)
        if reader.flag() { for _ in 0..<4 { _ = reader.unsigned() } }
        guard reader.flag() else { return nil }
        let unitsInTick = reader.bits(32)
        let timeScale = reader.bits(32)
        guard !reader.isPastEnd, unitsInTick > 0, timeScale > 0 else { return nil }
        let rate = Double(timeScale) / Double(unitsInTick)
        return (0.01...1000).contains(rate) ? rate : nil
    }
}
