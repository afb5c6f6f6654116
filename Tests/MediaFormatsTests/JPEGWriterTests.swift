import Foundation
import MediaFormats
import TestSupport
import Testing

@Suite("JPEG, ITU-T T.81 baseline") struct JPEGWriterTests {
    /// Decoded by FFmpeg: every pixel of every macroblock has the colour that was drawn.
    @Test(arguments: [(640, 360), (320, 180), (256, 64), (720, 576)])
    func everyColourDecodes(width: Int, height: Int) throws {
        let columns = width / TestPatternPicture.blockSize
        let rows = (height + 15) / TestPatternPicture.blockSize
        let scene = TestPatternScene(channel: 3, pan: -123, tilt: 45, zoom: 70, secondOfDay: 45_296)
        let picture = TestPatternPicture(frame: 4711, columns: columns, rows: rows, scene: scene)
        let file = try MediaFile(packets: JPEGWriter.encode(picture, height: height))
        let probed = try file.run(
            "ffprobe",
            "-v",
            "error",
            "-f",
            "jpeg_pipe",
            "-show_entries",
            "stream=codec_name,width,height,pix_fmt",
            "-of",
            "csv=p=0",
            file.path
        )
        #expect(
            String(decoding: probed.output, as: UTF8.self).hasPrefix("mjpeg,\(width),\(height),yuvj420p"),
            "\(probed.errors)"
        )
        let raw = try file.run(
            "ffmpeg",
            "-v",
            "error",
            "-f",
            "jpeg_pipe",
            "-i",
            file.path,
            "-pix_fmt",
            "yuvj420p",
            "-f",
            "rawvideo",
            "-"
        )
        #expect(raw.errors == "")
        let bytes = [UInt8](raw.output)
        try #require(bytes.count == width * height * 3 / 2)
        let blue = bytes[(width * height)...]
        let red = blue[(blue.startIndex + width * height / 4)...]
        for row in 0..<height / 16 {
            for column in 0..<columns {
                let color = picture.blocks[row * columns + column]
                let luma = Self.fullRange(color.luma, from: 16, of: 219)
                let first = row * 16 * width + column * 16
                let last = (row * 16 + 15) * width + column * 16 + 15
                #expect(bytes[first] == luma && bytes[last] == luma, "\(column), \(row)")
                let chroma = (row * 8 + 4) * (width / 2) + column * 8 + 4
                #expect(blue[blue.startIndex + chroma] == Self.fullRange(color.blue, from: 128, of: 224))
                #expect(red[red.startIndex + chroma] == Self.fullRange(color.red, from: 128, of: 224))
            }
        }
        #expect(TestPatternPicture.frameNumber(luma: bytes, width: width) == 4711)
        if columns >= TestPatternScene.codeBits {
            #expect(TestPatternPicture.sceneCode(luma: bytes, width: width) == scene.code)
        }
    }

    private static func fullRange(_ value: UInt8, from zero: Int, of range: Int) -> UInt8 {
        let scaled = (Double(Int(value) - zero) * 255 / Double(range)).rounded()
        return UInt8(min(max(scaled + (zero == 128 ? 128 : 0), 0), 255))
    }

    /// The scene travels in the video as in the picture, for people and for programs.
    @Test func theVideoShowsTheScene() throws {
        var stream = TestPatternStream()
        var codes: [UInt32] = []
        var packets: [UInt8] = []
        for frame in 0..<30 {
            let scene = TestPatternScene(
                channel: 7,
                pan: frame * 12 - 180,
                tilt: 90 - frame * 6,
                zoom: frame * 3,
                secondOfDay: frame * 2000
            )
            codes.append(scene.code)
            packets += stream.next(showing: scene).packets
        }
        let file = try MediaFile(packets: packets)
        let raw = try file.run("ffmpeg", "-v", "error", "-i", file.path, "-map", "0:v", "-f", "rawvideo", "-")
        #expect(raw.errors == "")
        let size = 640 * 360 * 3 / 2
        try #require(raw.output.count == 30 * size)
        for frame in 0..<30 {
            let luma = [UInt8](raw.output[frame * size..<frame * size + 640 * 360])
            #expect(TestPatternPicture.sceneCode(luma: luma, width: 640) == codes[frame])
            #expect(TestPatternPicture.frameNumber(luma: luma, width: 640) == frame)
        }
    }

    @Test(
        "values beyond the picture's bits are brought within them",
        arguments: [Int.min / 2, -1, Int.max / 2]
    )
    func scenesStayWithinTheirBits(value: Int) {
        let scene = TestPatternScene(channel: value, pan: value, tilt: value, zoom: value, secondOfDay: value)
        #expect((0...255).contains(Int(scene.code >> 24)))
        #expect(scene.lines.time.count == 8 && scene.lines.position.count == 10)
    }
}
