/// Where a simulated camera looks, and when: what the test pattern shows besides its frame number.
package struct TestPatternScene: Sendable, Equatable {
    /// Bits of ``code``.
    package static let codeBits = 32

    /// 0 to 255.
    package var channel: Int
    /// Degrees to the right, -180 to 180.
    package var pan: Int
    /// Degrees upwards, -90 to 90.
    package var tilt: Int
    /// Percent of the way from the widest to the narrowest view.
    package var zoom: Int
    /// Seconds since midnight of the camera's clock.
    package var secondOfDay: Int

    package init(channel: Int, pan: Int, tilt: Int, zoom: Int, secondOfDay: Int) {
        self.channel = min(max(channel, 0), 255)
        self.pan = min(max(pan, -180), 180)
        self.tilt = min(max(tilt, -90), 90)
        self.zoom = min(max(zoom, 0), 100)
        self.secondOfDay = min(max(secondOfDay, 0), 86_399)
    }

    /// Channel, pan, tilt and zoom for programs: 8, 9, 8 and 7 bits, angles counted from their least value.
    package var code: UInt32 {
        UInt32(channel) << 24 | UInt32(pan + 180) << 15 | UInt32(tilt + 90) << 7 | UInt32(zoom)
    }

    /// What people read: the time, and channel, pan and tilt in degrees.
    package var lines: (time: String, position: String) {
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let clock = [secondOfDay / 3600, secondOfDay / 60 % 60, secondOfDay % 60]
        func signed(_ number: Int, _ width: Int) -> String {
            (number < 0 ? "-" : "+") + padded(abs(number), width)
        }
        return (
            clock.map { padded($0, 2) }.joined(separator: ":"),
            "\(channel % 10) \(signed(pan, 3)) \(signed(tilt, 2))"
        )
    }
}

/// Letters of three by five macroblocks.
enum TestPatternFont {
    static let rows = 5
    /// With the space behind a letter.
    static let advance = 4

    /// Five rows of three bits, the uppermost row in the most significant ones.
    private static let glyphs: [Character: UInt16] = [
        "0": 0b111_101_101_101_111, "1": 0b010_110_010_010_111, "2": 0b111_001_111_100_111,
        "3": 0b111_001_111_001_111, "4": 0b101_101_111_001_001, "5": 0b111_100_111_001_111,
        "6": 0b111_100_111_101_111, "7": 0b111_001_001_001_001, "8": 0b111_101_111_101_111,
        "9": 0b111_101_111_001_111, ":": 0b000_010_000_010_000, "+": 0b000_010_111_010_000,
        "-": 0b000_000_111_000_000,
    ]

    /// Columns and rows of the lit macroblocks of `text`, from its upper left corner.
    static func lit(_ text: String) -> [(column: Int, row: Int)] {
        text.enumerated().flatMap { index, character in
            let glyph = glyphs[character] ?? 0
            return (0..<rows * 3).compactMap { bit in
                glyph >> (14 - bit) & 1 == 1 ? (index * advance + bit % 3, bit / 3) : nil
            }
        }
    }
}
