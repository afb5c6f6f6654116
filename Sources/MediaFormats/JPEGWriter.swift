/// A baseline JPEG (ITU-T T.81, JFIF 1.02) of a picture that is made of single-coloured macroblocks.
///
/// A block of one colour has a mean and no detail: of its 64 coefficients only the first is coded, and every
/// colour comes out of a decoder as it was drawn. A 640 × 360 test pattern takes about 3 KB.
package enum JPEGWriter {
    /// Scales the mean: a quantized coefficient is then the brightness itself, without a rounding error.
    private static let meanStep: UInt8 = 8

    /// - Parameters:
    ///   - picture: what is shown; its colours are of limited range (BT.601), as in the video.
    ///   - height: lines of it that are shown, within its rows.
    /// - Returns: the file.
    package static func encode(_ picture: TestPatternPicture, height: Int) -> [UInt8] {
        let side = TestPatternPicture.blockSize
        let size = Size(width: picture.columns * side, height: min(max(height, 1), picture.rows * side))
        var file: [UInt8] = [0xFF, 0xD8]
        appendSegment(0xE0, Array("JFIF\0".utf8) + [1, 2, 0, 0, 1, 0, 1, 0, 0], to: &file)
        appendSegment(0xDB, [0] + [UInt8](repeating: meanStep, count: 64), to: &file)
        appendSegment(0xC0, frame(size), to: &file)
        appendSegment(0xC4, [0x00] + MeanCode.lengths + MeanCode.symbols, to: &file)
        // One code for "no detail" (EOB), one bit long.
        appendSegment(0xC4, [0x10, 1] + [UInt8](repeating: 0, count: 15) + [0], to: &file)
        appendSegment(0xDA, [3, 1, 0, 2, 0, 3, 0, 0, 63, 0], to: &file)
        file += scan(picture, rows: (size.height + side - 1) / side)
        return file + [0xFF, 0xD9]
    }

    private struct Size {
        var width: Int
        var height: Int
    }

    /// T.81 B.2.2: 8 bits, luma with twice the resolution of the chroma in both directions.
    private static func frame(_ size: Size) -> [UInt8] {
        [
            8, UInt8(size.height >> 8), UInt8(size.height & 255), UInt8(size.width >> 8),
            UInt8(size.width & 255), 3,
        ] + [1, 0x22, 0] + [2, 0x11, 0] + [3, 0x11, 0]
    }

    private static func appendSegment(_ marker: UInt8, _ content: [UInt8], to file: inout [UInt8]) {
        let length = content.count + 2
        file += [0xFF, marker, UInt8(length >> 8), UInt8(length & 255)]
        file += content
    }

    private static func scan(_ picture: TestPatternPicture, rows: Int) -> [UInt8] {
        var bits = ScanBits()
        var luma = 0
        var blue = 0
        var red = 0
        for color in picture.blocks.prefix(rows * picture.columns) {
            let mean = fullRange(color)
            // Four luma blocks of one macroblock: the second to fourth are as the first.
            for _ in 0..<4 {
                bits.append(mean.luma - luma)
                luma = mean.luma
            }
            bits.append(mean.blue - blue)
            blue = mean.blue
            bits.append(mean.red - red)
            red = mean.red
        }
        return bits.finished()
    }

    /// JFIF has no head- and footroom; both channels are coded around 128.
    private static func fullRange(_ color: TestPatternPicture.Color) -> (luma: Int, blue: Int, red: Int) {
        func scaled(_ value: Int, _ range: Int) -> Int {
            let product = value * 255
            return (product + (product < 0 ? -range / 2 : range / 2)) / range
        }
        let luma = min(max(scaled(Int(color.luma) - 16, 219), 0), 255)
        func chroma(_ value: UInt8) -> Int { min(max(scaled(Int(value) - 128, 224), -128), 127) }
        return (luma - 128, chroma(color.blue), chroma(color.red))
    }
}

/// Table K.3 of T.81: codes for the number of bits of a difference, 0 to 11.
private enum MeanCode {
    static let lengths: [UInt8] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    static let symbols: [UInt8] = Array(0...11)

    /// Canonical codes in the order of ``symbols``.
    static let codes: [(code: UInt, count: Int)] = {
        var codes: [(UInt, Int)] = []
        var next: UInt = 0
        for (index, amount) in lengths.enumerated() {
            for _ in 0..<amount {
                codes.append((next, index + 1))
                next += 1
            }
            next <<= 1
        }
        return codes
    }()
}

/// Entropy-coded bytes (T.81 F.1.2): a difference of means, then "no detail".
private struct ScanBits {
    private var bytes: [UInt8] = []
    private var pending: UInt = 0
    private var count = 0

    /// -510 to 510.
    mutating func append(_ difference: Int) {
        let category = UInt.bitWidth - difference.magnitude.leadingZeroBitCount
        let (code, length) = MeanCode.codes[category]
        append(code, length)
        // Negative numbers travel as their complement.
        let value = difference < 0 ? difference + (1 << category) - 1 : difference
        append(UInt(value), category)
        append(0, 1)
    }

    private mutating func append(_ value: UInt, _ length: Int) {
        pending = pending << UInt(length) | value
        count += length
        while count >= 8 {
            let byte = UInt8(truncatingIfNeeded: pending >> UInt(count - 8))
            bytes.append(byte)
            // A byte that looks like a marker is followed by a zero.
            if byte == 0xFF { bytes.append(0) }
            count -= 8
        }
        pending &= (1 << UInt(count)) - 1
    }

    /// The rest is filled up with ones.
    mutating func finished() -> [UInt8] {
        if count > 0 { append((1 << UInt(8 - count)) - 1, 8 - count) }
        return bytes
    }
}
