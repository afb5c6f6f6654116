import Foundation
import TestSupport
import Testing

@testable import MediaFormats

@Suite("Parameter sets, H.264 7.3.2.1 and H.265 7.3.2.2") struct ParameterSetTests {
    /// What an encoder of another hand writes, in the ways that move the fields about.
    @Test(
        arguments: [
            (
                ["-c:v", "libx264", "-profile:v", "high", "-s", "1918x1078", "-r", "50"], "avc1.64002A", 1918,
                1078, 50.0
            ),
            (
                ["-c:v", "libx264", "-profile:v", "main", "-s", "640x360", "-r", "15"], "avc1.4D4016", 640,
                360, 15
            ),
            (
                ["-c:v", "libx264", "-pix_fmt", "yuv444p", "-s", "322x242", "-r", "30"], "avc1.F4000D", 322,
                242, 30
            ),
            (
                ["-c:v", "libx264", "-pix_fmt", "yuv420p10le", "-s", "320x240", "-r", "25"], "avc1.6E000D",
                320, 240, 25
            ),
            (
                ["-c:v", "libx264", "-flags", "+ildct+ilme", "-s", "720x576", "-r", "25"], "avc1.64001E", 720,
                576, 25
            ),
            (
                ["-c:v", "libx264", "-x264-params", "cqm=jvt", "-s", "320x240", "-r", "25"], "avc1.64000D",
                320, 240, 25
            ),
            (["-c:v", "libx265", "-s", "1922x1082", "-r", "30"], "hvc1.1.6.L120.90", 1922, 1082, 30),
            (
                ["-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-s", "320x240", "-r", "25"],
                "hvc1.2.4.L60.90", 320, 240, 25
            ),
            (
                ["-c:v", "libx265", "-pix_fmt", "yuv444p", "-s", "320x240", "-r", "25"], "hvc1.4.10.L60.9E.8",
                320, 240, 25
            ),
            (
                [
                    "-c:v", "libx265", "-x265-params", "scaling-list=default:temporal-layers=2", "-s",
                    "320x240", "-r", "24",
                ],
                "hvc1.1.6.L60.90", 320, 240, 24
            ),
        ] as [([String], String, Int, Int, Double)]
    )
    func readsWhatEncodersWrite(
        options: [String],
        codecs: String,
        width: Int,
        height: Int,
        rate: Double
    ) throws {
        let file = MediaFile(path: MediaFile.temporaryPath())
        let result = try MediaFile.run(
            ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2"]
                + options + ["-frames:v", "3", "-preset", "veryfast", "-f", "mpegts", file.path]
        )
        try #require(result.status == 0, "\(result.errors)")
        let format = try #require(Demultiplexed(try file.bytes()).videoFormats.first)
        #expect(format.width == width && format.height == height)
        #expect(format.framesPerSecond == rate)
        #expect(format.codecs == codecs)
    }

    /// Whatever stands in a set: it is read to its end or refused.
    @Test func survivesAnything() throws {
        let sets = try [RealStream.h264, .h265].flatMap { stream in
            let units = Demultiplexed(try stream.make().bytes()).videoFormats
            return units.map(\.configuration)
        }
        for seed in UInt64(0)..<20_000 {
            var random = SeededGenerator(seed: seed)
            var unit = sets[Int(seed) % sets.count]
            unit = Array(unit.dropFirst(Int.random(in: 0..<unit.count, using: &random)))
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                unit[Int.random(in: 0..<unit.count, using: &random)] = UInt8.random(
                    in: 0...255,
                    using: &random
                )
            }
            if let h264 = H264Parameters([0x67] + unit) { #expect(h264.width > 0 && h264.height > 0) }
            if let h265 = H265Parameters([0x42, 0x01] + unit) { #expect(h265.width > 0 && h265.height > 0) }
        }
    }

    /// 9.1, table 9-2.
    @Test(arguments: [
        (UInt8(0b1000_0000), 0), (0b0100_0000, 1), (0b0110_0000, 2), (0b0010_0000, 3), (0b0001_1100, 13),
    ])
    func codesOfVariableLength(bits: UInt8, value: Int) {
        var reader = BitReader(unescaping: [bits])
        #expect(reader.unsigned() == value && !reader.isPastEnd)
    }

    /// 7.3.1: 00 00 03 stands for 00 00.
    @Test func emulationPreventionIsTakenOut() {
        var reader = BitReader(unescaping: [0, 0, 3, 1, 0, 0, 3] as [UInt8])
        #expect(reader.bits(24) == 1)
        #expect(reader.bits(16) == 0 && !reader.isPastEnd)
        #expect(reader.bits(8) == 0 && reader.isPastEnd)
    }

    @Test func startCodesAreFound() {
        let stream: [UInt8] = [9, 0, 0, 1, 5, 6, 0, 0, 0, 1, 7, 0, 0, 1, 0, 0, 1, 8, 0, 0]
        var units: [[UInt8]] = []
        stream.withUnsafeBytes { NALUnits.forEach(inByteStream: $0) { units.append(Array($0)) } }
        #expect(units == [[5, 6], [7], [8]])
        var sample: [UInt8] = []
        for unit in units { unit.withUnsafeBytes { NALUnits.append($0, to: &sample) } }
        #expect(NALUnits.ranges(inSample: sample).map { Array(sample[$0]) } == units)
    }
}
