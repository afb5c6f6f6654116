import Foundation
import TestSupport
import Testing

@testable import MediaFormats

@Suite("Key frames out of a stream") struct KeyPictureTests {
    private static let pictures: [RealStream] = [
        .h264, .h264WithReordering, .h265, .h265WithReordering, .pictureOnly, .slices, .oddRates,
    ]

    private static func find(_ bytes: some Sequence<UInt8>, ends: Bool = false) -> KeyPicture? {
        var finder = KeyPictureFinder()
        Array(bytes).withUnsafeBytes { finder.take($0) }
        if ends { finder.finish() }
        return finder.picture
    }

    /// A decoder that gets nothing else makes the stream's first picture of it, as it is.
    @Test(arguments: pictures) func aDecoderNeedsNothingElse(stream: RealStream) throws {
        let file = try stream.make()
        let picture = try #require(Self.find(try file.bytes()))
        let format = picture.coding == .h264 ? "h264" : "hevc"
        let alone = try MediaFile(packets: picture.bytes)
        func hash(_ input: [String]) throws -> String {
            let result = try MediaFile.run(
                ["ffmpeg", "-v", "error"] + input + [
                    "-map", "0:v:0", "-frames:v", "1", "-f", "framemd5", "-",
                ]
            )
            #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
            let line = String(decoding: result.output, as: UTF8.self).split(separator: "\n").last ?? ""
            return String(line.split(separator: " ").last ?? "")
        }
        let found = try hash(["-f", format, "-i", alone.path])
        #expect(found.count == 32)
        #expect(try hash(["-i", file.path]) == found)
    }

    /// Parameter sets and slices: no decoder has to read what is said beside them.
    @Test(arguments: [RealStream.h264, .h265]) func thereIsNothingElseInIt(stream: RealStream) throws {
        let picture = try #require(Self.find(try stream.make().bytes()))
        var kinds: [NALUnitKind] = []
        picture.bytes.withUnsafeBytes { octets in
            NALUnits.forEach(inByteStream: octets) { kinds.append(NALUnitKind($0, picture.coding)) }
        }
        let sets: [NALUnitKind] =
            stream == .h264
            ? [.sequenceParameters, .pictureParameters]
            : [.videoParameters, .sequenceParameters, .pictureParameters]
        #expect(Array(kinds.prefix(sets.count)) == sets)
        #expect(!kinds.dropFirst(sets.count).isEmpty)
        #expect(kinds.dropFirst(sets.count).allSatisfy { $0 == .keySlice || $0 == .slice })
    }

    @Test func halfAPictureIsNoneUntilTheStreamEnds() throws {
        let bytes = try RealStream.h264.make().bytes()
        let whole = try #require(Self.find(bytes))
        // Tables and the beginning of the first picture.
        #expect(Self.find(bytes.prefix(188 * 6)) == nil)
        // The last picture of a stream has nothing behind it.
        var single: [UInt8] = []
        for count in stride(from: 188, through: bytes.count, by: 188) {
            let part = Array(bytes.prefix(count))
            if Self.find(part) != nil { break }
            single = part
        }
        #expect(Self.find(single, ends: true)?.coding == whole.coding)
    }

    @Test func soundHasNoPicture() throws {
        #expect(Self.find(try RealStream.soundOnly.make().bytes(), ends: true) == nil)
    }

    @Test func brokenStreamsNeitherTrapNorGrow() throws {
        let bytes = Array(try RealStream.h265.make().bytes().prefix(188 * 400))
        for seed in UInt64(1)...60 {
            var random = SeededGenerator(seed: seed)
            var broken = bytes
            for _ in 0..<Int.random(in: 1...400, using: &random) {
                broken[Int.random(in: 0..<broken.count, using: &random)] = UInt8.random(
                    in: 0...255,
                    using: &random
                )
            }
            let picture = Self.find(broken, ends: true)
            #expect((picture?.bytes.count ?? 0) < broken.count + 65_536, "seed \(seed)")
        }
    }
}
