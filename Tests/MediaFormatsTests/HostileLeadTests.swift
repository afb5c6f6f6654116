import Testing

@testable import MediaFormats

/// A recording that lies about its times: key frames without end, all of them to be shown at one moment.
@Suite("What is decoded before a cut stays bounded") struct HostileLeadTests {
    private func recording(_ pictures: Int, sizeInBytes: Int) -> [UInt8] {
        var writer = TransportStreamWriter(hasAudio: false)
        var bytes: [UInt8] = []
        let slice = HandMade.keySlice + [UInt8](repeating: 0xA5, count: sizeInBytes)
        let picture = HandMade.stream([
            HandMade.delimiter, HandMade.sequence(0), HandMade.picture(0), slice,
        ])
        for number in 0..<pictures {
            writer.appendVideo(
                picture,
                presentation: 900_000,
                decoding: 90_000 + Int64(number),
                isKeyFrame: true,
                to: &bytes
            )
        }
        return bytes
    }

    /// So many small ones, and so much of few.
    @Test(arguments: [(3000, 40), (300, 100_000)]) func aLeadThatNeverEndsIsGivenUp(
        pictures: Int,
        sizeInBytes: Int
    ) throws {
        let bytes = recording(pictures, sizeInBytes: sizeInBytes)
        var search = KeyFrameSearch(lead: 9000, mayLead: true)
        bytes.withUnsafeBytes { search.take($0) }
        search.finish()
        var export = MP4Export(duration: 10_000)
        var output: [UInt8] = []
        var taken = 0
        let place = try #require(search.place)
        export.begin(ExportSegment(isContinuous: false, begin: place), &output)
        while taken < bytes.count, export.failure == nil {
            let end = min(taken + 188 * 1394, bytes.count)
            bytes[taken..<end].withUnsafeBytes { export.take($0, &output) }
            taken = end
        }
        #expect(export.failure == .tooMuchLead)
        #expect(output.isEmpty, "nothing of it was sent, so that it can be said")
        // What comes behind it is not kept either.
        bytes.withUnsafeBytes { export.take($0, &output) }
        export.endSegment(&output)
        export.finish(&output)
        #expect(output.isEmpty)
    }

    @Test func aLeadOfAnOrdinaryLengthIsNone() throws {
        let bytes = recording(200, sizeInBytes: 1000)
        var search = KeyFrameSearch(lead: 9000, mayLead: true)
        bytes.withUnsafeBytes { search.take($0) }
        search.finish()
        var export = MP4Export(duration: 10_000)
        var output: [UInt8] = []
        let place = try #require(search.place)
        export.begin(ExportSegment(isContinuous: false, begin: place), &output)
        bytes.withUnsafeBytes { export.take($0, &output) }
        export.endSegment(&output)
        export.finish(&output)
        #expect(export.failure == nil && output.count > 200_000)
    }
}
