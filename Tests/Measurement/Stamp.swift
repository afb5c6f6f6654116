/// A moment written into a picture: a row of black and white blocks that survives an encoder, the bits of a clock in
/// milliseconds and eight more that tell a stamp from whatever else is in the picture.
package struct Stamp: Sendable, Equatable {
    /// Width and height of a block in pixels: that of a macroblock, so that it costs an encoder next to nothing.
    package static let blockSize = 16
    /// 32 bits of the clock, the highest first, and 8 that check them.
    package static let blocks = 40
    /// Pixels of the row.
    package static let width = blocks * blockSize

    private static let black: UInt8 = 16
    private static let white: UInt8 = 235
    private static let seed: UInt8 = 0xA5

    /// Wraps after 49 days.
    package let milliseconds: UInt32

    package init(milliseconds: UInt32) {
        self.milliseconds = milliseconds
    }

    /// Luma of one line of the row, ``width`` pixels; the row has ``blockSize`` of them.
    package var line: [UInt8] {
        let bits = UInt64(milliseconds) << 8 | UInt64(Self.check(milliseconds))
        return (0..<Self.blocks).flatMap { block in
            let isSet = bits >> (Self.blocks - 1 - block) & 1 == 1
            return [UInt8](repeating: isSet ? Self.white : Self.black, count: Self.blockSize)
        }
    }

    /// Reads the row out of its luma, ``blockSize`` lines of ``width`` pixels. `nil` where it is no stamp.
    package init?(luma: some RandomAccessCollection<UInt8>) {
        guard luma.count == Self.width * Self.blockSize else { return nil }
        var bits: UInt64 = 0
        for block in 0..<Self.blocks {
            // The middle of a block: its edges blur.
            var sum = 0
            for row in 4..<12 {
                let start = row * Self.width + block * Self.blockSize
                for column in 4..<12 {
                    sum += Int(luma[luma.index(luma.startIndex, offsetBy: start + column)])
                }
            }
            bits = bits << 1 | (sum / 64 >= 128 ? 1 : 0)
        }
        let found = UInt32(truncatingIfNeeded: bits >> 8)
        guard UInt8(truncatingIfNeeded: bits) == Self.check(found) else { return nil }
        milliseconds = found
    }

    /// Since `earlier`, in milliseconds; negative where it is later.
    package func since(_ earlier: Stamp) -> Int {
        Int(Int32(bitPattern: milliseconds &- earlier.milliseconds))
    }

    private static func check(_ value: UInt32) -> UInt8 {
        (0..<4).reduce(seed) { $0 &* 31 ^ UInt8(truncatingIfNeeded: value >> ($1 * 8)) }
    }
}
