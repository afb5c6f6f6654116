import Foundation
import Measurement
import TestSupport
import Testing

@Suite("A moment burnt into a picture") struct StampTests {
    private static func row(_ stamp: Stamp) -> [UInt8] {
        (0..<Stamp.blockSize).flatMap { _ in stamp.line }
    }

    @Test func isReadAsItWasWritten() {
        var random = SeededGenerator(seed: 11)
        for value in [0, 1, UInt32.max]
            + (0..<200).map({ _ in UInt32.random(in: .min ... .max, using: &random) })
        {
            #expect(Stamp(luma: Self.row(Stamp(milliseconds: value)))?.milliseconds == value)
        }
    }

    /// An encoder at its worst: noise on each pixel, and levels off by some.
    @Test func survivesNoise() {
        var random = SeededGenerator(seed: 12)
        let row = Self.row(Stamp(milliseconds: 0x1234_5678)).map { pixel in
            UInt8(clamping: Int(pixel) + Int.random(in: -70...70, using: &random) + 9)
        }
        #expect(Stamp(luma: row)?.milliseconds == 0x1234_5678)
    }

    @Test func aPictureWithoutOneHasNone() {
        let count = Stamp.width * Stamp.blockSize
        for level in [UInt8(0), 16, 127, 128, 255] {
            #expect(Stamp(luma: [UInt8](repeating: level, count: count)) == nil)
        }
        #expect(Stamp(luma: [UInt8](repeating: 16, count: count - 1)) == nil)
    }

    @Test func timesAreTakenOverTheWrap() {
        #expect(Stamp(milliseconds: 5).since(Stamp(milliseconds: .max - 4)) == 10)
        #expect(Stamp(milliseconds: .max).since(Stamp(milliseconds: 1)) == -2)
    }
}
