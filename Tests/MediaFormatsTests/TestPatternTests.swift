import Foundation
import MediaFormats
import TestSupport
import Testing

@Suite("Test pattern") struct TestPatternTests {
    /// Every pixel comes back as drawn: the counter of each picture tells that none is lost, doubled or moved.
    @Test(arguments: [(320, 180), (640, 360), (256, 64), (720, 576)])
    func everyPictureDecodesToItsNumber(width: Int, height: Int) throws {
        var stream = TestPatternStream(
            pattern: TestPattern(width: width, height: height, framesPerSecond: 25, keyFrameInterval: 30)
        )
        let frames = 100
        let file = try MediaFile(packets: (0..<frames).flatMap { _ in stream.next().packets })
        let raw = try file.run("ffmpeg", "-v", "error", "-i", file.path, "-map", "0:v", "-f", "rawvideo", "-")
        #expect(raw.errors == "")
        let pictureSize = width * height * 3 / 2
        #expect(raw.output.count == frames * pictureSize)
        let columns = width / TestPatternPicture.blockSize
        let rows = (height + 15) / TestPatternPicture.blockSize
        for frame in 0..<min(frames, raw.output.count / pictureSize) {
            let luma = [UInt8](raw.output[frame * pictureSize..<frame * pictureSize + width * height])
            #expect(TestPatternPicture.frameNumber(luma: luma, width: width) == frame)
            let picture = TestPatternPicture(frame: frame, columns: columns, rows: rows)
            // Compared row by row: a closure for each pixel takes a minute in a debug build.
            let rowsDrawn = (0..<rows).map { row in
                picture.blocks[row * columns..<(row + 1) * columns].flatMap {
                    repeatElement($0.luma, count: 16)
                }
            }
            let mismatch = (0..<height).first { line in
                luma[line * width..<(line + 1) * width] != rowsDrawn[line / 16][...]
            }
            #expect(mismatch == nil, "frame \(frame)")
        }
    }

    @Test func silenceDecodes() throws {
        var stream = TestPatternStream()
        let file = try MediaFile(packets: (0..<50).flatMap { _ in stream.next().packets })
        let raw = try file.run("ffmpeg", "-v", "error", "-i", file.path, "-map", "0:a", "-f", "s16le", "-")
        #expect(raw.errors == "")
        // 16 packets of 6 frames of 1,024 samples of 2 bytes.
        #expect(raw.output.count == 16 * 6 * 1024 * 2)
        #expect(raw.output.allSatisfy { $0 == 0 })
    }

    @Test(arguments: [500_000, 2_000_000, 8_000_000]) func fillerReachesTheBitrate(_ bitrate: Int) throws {
        var stream = TestPatternStream(bitrate: bitrate)
        let packets = (0..<250).flatMap { _ in stream.next().packets }
        let measured = Double(packets.count) * 8 / 10
        #expect(abs(measured / Double(bitrate) - 1) < 0.05, "\(Int(measured)) bit/s")
        let file = try MediaFile(packets: packets)
        #expect(try file.run("ffmpeg", "-v", "error", "-i", file.path, "-f", "null", "-").errors == "")
        #expect(try file.videoFrames() == 250)
    }

    @Test func keyFramesComeInTheirInterval() {
        var stream = TestPatternStream(pattern: TestPattern(keyFrameInterval: 7))
        #expect((0..<15).filter { _ in stream.next().isKeyFrame } == [0, 7, 14])
    }

    @Test func picturesAreDueAtTheirRate() {
        var stream = TestPatternStream(pattern: TestPattern(framesPerSecond: 8))
        let due = (0..<4).map { _ in stream.next().due }
        #expect(due == [.zero, .milliseconds(125), .milliseconds(250), .milliseconds(375)])
    }
}
