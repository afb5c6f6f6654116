import CodecProtocol
import Foundation
import TestSupport
import Testing

/// JPEGs of `vedette-codec pictures` beside FFmpeg's own decoding of the same key frames. A wrong picture, a wrong colour
/// or a shift of one line is below 25 dB here.
@Suite("Pictures") struct PictureTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var name: String
        var size: String
        var coding: PictureRequest.Coding
        var options: [String]
        var testDescription: String { name }
    }

    private static let x265 = ["-c:v", "libx265", "-x265-params", "log-level=none"]
    static let cases = [
        Case(name: "H.264", size: "1280x720", coding: .h264, options: ["-c:v", "libx264"]),
        Case(
            name: "H.264 baseline",
            size: "640x360",
            coding: .h264,
            options: ["-c:v", "libx264", "-profile:v", "baseline"]
        ),
        Case(
            name: "H.264 of many slices",
            size: "640x480",
            coding: .h264,
            options: ["-c:v", "libx264", "-slices", "8"]
        ),
        Case(
            name: "H.264 in fields",
            size: "720x576",
            coding: .h264,
            options: ["-c:v", "libx264", "-flags", "+ildct+ilme"]
        ),
        Case(
            name: "H.264 of 10 bits",
            size: "640x360",
            coding: .h264,
            options: ["-c:v", "libx264", "-pix_fmt", "yuv420p10le"]
        ),
        Case(name: "H.264 cropped", size: "638x358", coding: .h264, options: ["-c:v", "libx264"]),
        Case(
            name: "H.264 in full range",
            size: "640x360",
            coding: .h264,
            options: ["-c:v", "libx264", "-pix_fmt", "yuvj420p"]
        ),
        Case(
            name: "H.264 in BT.709",
            size: "1920x1080",
            coding: .h264,
            options: [
                "-vf", "scale=out_color_matrix=bt709", "-c:v", "libx264", "-colorspace", "bt709",
                "-color_primaries", "bt709", "-color_trc", "bt709",
            ]
        ),
        Case(name: "H.265", size: "1280x720", coding: .h265, options: x265),
        Case(
            name: "H.265 of 10 bits",
            size: "1280x720",
            coding: .h265,
            options: x265 + ["-pix_fmt", "yuv420p10le"]
        ),
        Case(name: "H.265 cropped", size: "702x396", coding: .h265, options: x265),
        Case(name: "the smallest", size: "16x16", coding: .h264, options: ["-c:v", "libx264"]),
        Case(name: "a JPEG", size: "640x360", coding: .jpeg, options: ["-c:v", "mjpeg", "-q:v", "2"]),
    ]

    @Test(arguments: cases) func theJPEGShowsWhatFFmpegSees(_ item: Case) throws {
        let picture = try CodedPicture(item.size, item.coding, item.options)
        let codec = try CodecProcess()
        let found = try #require(try codec.ask(picture.bytes, item.coding)).get()
        #expect("\(found.width)x\(found.height)" == item.size)
        let likeness = try picture.similarity(to: found)
        #expect(likeness > 27, "\(likeness) dB")
        #expect(codec.end() == 0)
    }

    @Test(arguments: [(320, 180), (16, 9), (641, 361), (1280, 720), (8192, 720)])
    func smallerKeepsItsShapeAndLargerIsNotMade(width: Int, height: Int) throws {
        let picture = try CodedPicture("1280x720", .h264, ["-c:v", "libx264"])
        let found = try #require(try CodecProcess().ask(picture.bytes, .h264, width: width)).get()
        #expect((found.width, found.height) == (min(width, 1280), height))
        let likeness = try picture.similarity(to: found)
        // Of 16 pixels and 8 of colour little is left.
        #expect(likeness > (width == 16 ? 15 : 25), "\(likeness) dB")
    }

    /// Nothing is enlarged: wide pixels make the picture flatter, narrow ones less wide.
    @Test(arguments: [("16/11", 720, 396), ("1/2", 360, 576), ("100/1", 720, 576)])
    func pixelsAreSquareInAJPEG(ratio: String, width: Int, height: Int) throws {
        let picture = try CodedPicture("720x576", .h264, ["-vf", "setsar=\(ratio)", "-c:v", "libx264"])
        let found = try #require(try CodecProcess().ask(picture.bytes, .h264)).get()
        #expect((found.width, found.height) == (width, height))
        #expect(try picture.similarity(to: found) > 25)
    }

    @Test func aBetterQualityTakesMoreRoom() throws {
        let picture = try CodedPicture("640x360", .h264, ["-c:v", "libx264"])
        let codec = try CodecProcess()
        let best = try #require(try codec.ask(picture.bytes, .h264, quality: 2)).get()
        let worst = try #require(try codec.ask(picture.bytes, .h264, quality: 31)).get()
        #expect(best.jpeg.count > 2 * worst.jpeg.count)
    }

    /// A picture of which half is missing is none: neither grey nor smeared.
    @Test(arguments: [PictureRequest.Coding.h264, .h265]) func halfAPictureIsDamaged(
        coding: PictureRequest.Coding
    ) throws {
        let options = coding == .h264 ? ["-c:v", "libx264"] : Self.x265
        let picture = try CodedPicture("1280x720", coding, options)
        let codec = try CodecProcess()
        let half = Array(picture.bytes.prefix(picture.bytes.count / 2))
        #expect(try codec.ask(half, coding) == .failure(.damaged))
        #expect(try codec.ask([0, 0, 1, 0x65], coding) == .failure(.damaged))
        // Without what its parameter sets say.
        #expect(
            try codec.ask(Array(picture.bytes.suffix(picture.bytes.count / 2)), coding) == .failure(.damaged)
        )
        #expect(try #require(try codec.ask(picture.bytes, coding)).get().width == 1280)
    }

    /// Real key frames with mistakes in them. The worker may refuse or die, never answer nonsense or hang; the next one works.
    @Test(arguments: [PictureRequest.Coding.h264, .h265]) func brokenPicturesHarmNobody(
        coding: PictureRequest.Coding
    ) throws {
        let options = coding == .h264 ? ["-c:v", "libx264"] : Self.x265
        let picture = try CodedPicture("320x180", coding, options)
        var codec = try CodecProcess()
        var outcomes = (pictures: 0, failures: 0, deaths: 0)
        for seed in UInt64(1)...150 {
            var random = SeededGenerator(seed: seed)
            var broken = picture.bytes
            for _ in 0...Int.random(in: 0...12, using: &random) {
                // Every second one in the parameter sets and slice headers, where the worst mistakes are.
                let end = Bool.random(using: &random) ? min(120, broken.count) : broken.count
                broken[Int.random(in: 0..<end, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            switch try codec.ask(broken, coding, width: 160) {
            case .success(let found):
                #expect(found.width <= 160, "seed \(seed)")
                outcomes.pictures += 1
            case .failure: outcomes.failures += 1
            case nil:
                outcomes.deaths += 1
                codec = try CodecProcess()
            }
        }
        #expect(outcomes.failures > 20, "\(outcomes)")
        #expect(try #require(try codec.ask(picture.bytes, coding)).get().width == 320)
    }

    @Test func whatBreaksTheProtocolEndsIt() throws {
        let codec = try CodecProcess()
        codec.send([0xFF, 0xFF, 0xFF, 0xFF])
        #expect(codec.end() == 65)
        let other = try CodecProcess()
        other.send([0, 0, 0, 11] + [9, 1, 0, 0, 4, 0, 0, 0, 0, 1, 0])
        #expect(other.end() == 65)
    }

    /// It ends with the platform, however that ended: its input is closed.
    @Test func endsWithItsInput() throws {
        #expect(try CodecProcess().end() == 0)
    }
}
