import Testing

@testable import MediaFormats

/// H.222.0, 2.4.4.9: the programme map, and table 2-34: stream types.
@Suite("What a programme map says is in it, H.222.0") struct ProgramSummaryTests {
    /// A section without its checksum.
    private func section(_ streams: [(type: UInt8, pid: UInt16)], descriptors: [UInt8] = []) -> [UInt8] {
        var section: [UInt8] = [0x02, 0xB0, 0, 0, 1, 0xC1, 0, 0, 0xE1, 0x00, 0xF0, UInt8(descriptors.count)]
        section += descriptors
        for stream in streams {
            section += [
                stream.type, 0xE0 | UInt8(stream.pid >> 8), UInt8(stream.pid & 0xFF), 0xF0, 2, 0x0A, 0,
            ]
        }
        return section
    }

    @Test(
        arguments: [
            ([0x1B, 0x0F], "h264", "aac"), ([0x24, 0x91], "h265", "g711"), ([0x02, 0x03], "mpeg2", "mpeg"),
            ([0x0F], nil, "aac"), ([0x06, 0x1B], "h264", nil),
        ] as [([UInt8], String?, String?)]
    ) func namesWhatPeopleKnow(types: [UInt8], video: String?, audio: String?) throws {
        let streams = types.enumerated().map { (type: $0.element, pid: UInt16(0x100 + $0.offset)) }
        let summary = try #require(ProgramSummary(section(streams, descriptors: [5, 2, 1, 2])))
        #expect(summary.video == video && summary.audio == audio && summary.hasMedia)
        #expect(summary.clockPID == 0x100 && summary.streams.map(\.pid) == streams.map(\.pid))
    }

    @Test func privateTypesMayBeSoundAndSectionsAreNot() {
        #expect(ProgramSummary(section([(0x06, 0x100)]))?.hasMedia == true)
        #expect(ProgramSummary(section([(0x05, 0x100)]))?.hasMedia == false)
        #expect(ProgramSummary(section([]))?.hasMedia == false)
    }

    /// None may trap.
    @Test func everyPrefixAndLyingLengthIsSurvived() {
        let whole = section([(0x1B, 0x100), (0x0F, 0x101)], descriptors: [5, 4, 1, 2, 3, 4])
        for length in 0..<whole.count { _ = ProgramSummary(Array(whole.prefix(length))) }
        for position in whole.indices {
            var lying = whole
            lying[position] = 0xFF
            _ = ProgramSummary(lying)
        }
    }
}
