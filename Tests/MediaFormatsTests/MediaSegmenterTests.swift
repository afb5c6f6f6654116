import Foundation
import TestSupport
import Testing

@testable import MediaFormats

@Suite("Fragments and segments, ISO/IEC 14496-12 and RFC 8216bis") struct MediaSegmenterTests {
    struct Cut {
        var headers: [MP4Header] = []
        var parts: [MediaSegmenter.Part] = []
        var partTarget: Int64 = 0
        var bytes: [UInt8] = []

        init(_ stream: [UInt8], _ settings: MediaSegmenter.Settings = .init()) {
            var demultiplexer = TransportStreamDemultiplexer()
            var segmenter = MediaSegmenter(settings)
            var (headers, parts) = ([MP4Header](), [MediaSegmenter.Part]())
            var bytes: [UInt8] = []
            let keep = { (output: MediaSegmenter.Output) in
                switch output {
                case .header(let header):
                    headers.append(header)
                    bytes += header.bytes
                case .part(let part):
                    parts.append(part)
                    bytes += part.bytes
                }
            }
            stream.withUnsafeBytes { demultiplexer.take($0) { segmenter.take($0, keep) } }
            demultiplexer.finish { segmenter.take($0, keep) }
            segmenter.breakOff(keep)
            (self.headers, self.parts, self.bytes) = (headers, parts, bytes)
            partTarget = segmenter.partTarget ?? 0
        }

        var segments: [[MediaSegmenter.Part]] {
            parts.reduce(into: []) { segments, part in
                if part.beginsSegment { segments.append([]) }
                segments[segments.count - 1].append(part)
            }
        }
    }

    /// What FFmpeg decodes of our file is what it decodes of the stream, picture by picture, without a complaint.
    @Test(arguments: RealStream.allCases.filter(\.hasVideo))
    func ffmpegDecodesTheSamePictures(_ stream: RealStream) throws {
        let source = try stream.make()
        var settings = MediaSegmenter.Settings()
        settings.includesG711 = true
        let cut = Cut(try source.bytes(), settings)
        let file = try MediaFile(packets: cut.bytes)
        let expected = try source.pictureHashes()
        let found = try file.pictureHashes()
        #expect(expected.count == 75 || expected.count == 72)
        #expect(found == expected)
        #expect(try complaints(about: file) == [])
        #expect(cut.headers.count == 1)
    }

    /// What FFmpeg says while it decodes. G.711 has nowhere to say how its channels lie, and a busy machine is no fault.
    private func complaints(about file: MediaFile) throws -> [String] {
        try file.run("ffmpeg", "-nostdin", "-v", "warning", "-i", file.path, "-f", "null", "-").errors
            .split(whereSeparator: \.isNewline).map(String.init)
            .filter {
                !$0.hasPrefix("Guessed Channel Layout") && !$0.contains("Thread message queue blocking")
            }
    }

    /// Times and marks of every picture, shifted alike; a sound that is nowhere interrupted.
    @Test(arguments: [RealStream.h264WithReordering, .h265WithReordering, .oddRates, .wrap])
    func timesAreThoseOfTheStream(_ stream: RealStream) throws {
        let source = try stream.make()
        let file = try MediaFile(packets: Cut(try source.bytes()).bytes)
        let expected = try source.packets(of: "v:0", seconds: true)
        let found = try file.packets(of: "v:0", seconds: true)
        let shift = try #require(found.first).decoding - (try #require(expected.first)).decoding
        #expect(found.count == expected.count)
        for (found, expected) in zip(found, expected) {
            #expect(abs(found.presentation - shift - expected.presentation) <= 2)
            #expect(abs(found.decoding - shift - expected.decoding) <= 2)
            #expect(found.isKeyFrame == expected.isKeyFrame)
        }
        let sound = try file.packets(of: "a:0", seconds: true).map(\.decoding)
        let frame = 1024 * 90_000 / (stream == .oddRates ? 44_100 : 48_000)
        #expect(sound.count > 110)
        for (time, next) in zip(sound, sound.dropFirst()) { #expect(abs(Int(next - time) - frame) <= 2) }
        // Pictures and sound keep their distance: that of the stream, within half a frame of sound.
        let soundOfStream = try source.packets(of: "a:0", seconds: true).map(\.decoding)
        let last = try #require(sound.last)
        #expect(abs(last - shift - (try #require(soundOfStream.last))) <= Int64(frame))
    }

    /// The frames of sound are taken over octet by octet.
    @Test(arguments: [RealStream.h264, .soundOnly]) func soundIsTakenOver(_ stream: RealStream) throws {
        let source = try stream.make()
        let file = try MediaFile(packets: Cut(try source.bytes()).bytes)
        func frames(_ file: MediaFile) throws -> Data {
            try file.run(
                "ffmpeg",
                "-nostdin",
                "-v",
                "error",
                "-i",
                file.path,
                "-map",
                "0:a",
                "-c",
                "copy",
                "-f",
                "adts",
                "-"
            ).output
        }
        let (expected, found) = (try frames(source), try frames(file))
        #expect(found.count > expected.count * 9 / 10)
        #expect(expected.range(of: found) != nil)
    }

    /// As a WebSocket has it: nothing breaks off, and each key frame begins a part.
    @Test(arguments: [RealStream.h264, .soundOnly]) func aPartMayBeOneFrame(_ stream: RealStream) throws {
        var settings = MediaSegmenter.Settings()
        settings.part = 1
        settings.shortestSegment = 1
        let cut = Cut(try stream.make().bytes(), settings)
        #expect(cut.parts.count { $0.isDiscontinuity } == 0)
        #expect(cut.parts.count >= (stream == .h264 ? 75 : 130))
        if stream == .h264 { #expect(cut.parts.count { $0.isIndependent } == 3) }
    }

    @Test(arguments: [RealStream.aLaw, .uLaw]) func g711GoesInWhereItIsWanted(_ stream: RealStream) throws {
        let bytes = try stream.make().bytes()
        #expect(Cut(bytes).headers.map(\.audio) == [nil])
        var settings = MediaSegmenter.Settings()
        settings.includesG711 = true
        let cut = Cut(bytes, settings)
        #expect(cut.headers.map(\.codecs) == ["avc1.42C00D,\(stream == .aLaw ? "alaw" : "ulaw")"])
        let file = try MediaFile(packets: cut.bytes)
        let result = try file.run(
            "ffprobe",
            "-v",
            "error",
            "-select_streams",
            "a",
            "-show_entries",
            "stream=codec_name,sample_rate",
            "-of",
            "csv=p=0",
            file.path
        )
        let name = stream == .aLaw ? "pcm_alaw" : "pcm_mulaw"
        #expect(String(decoding: result.output, as: UTF8.self).hasPrefix("\(name),8000"))
    }

    /// RFC 8216bis, 4.4.4.9: a part is at most the part target, and at least 85 % of it unless it is the last of its
    /// segment. 3: a segment begins with a key frame.
    @Test(arguments: RealStream.allCases) func partsKeepTheirTarget(_ stream: RealStream) throws {
        let cut = Cut(try stream.make().bytes())
        #expect((9000...45_000).contains(cut.partTarget))
        for part in cut.parts {
            #expect(part.duration <= cut.partTarget + 10)
            // Large pictures end a part early.
            guard part.bytes.count < 2 << 20 else { continue }
            #expect(part.endsSegment || Double(part.duration) >= 0.85 * Double(cut.partTarget))
        }
        #expect(cut.segments.count >= 2)
        for (number, segment) in cut.segments.enumerated() {
            #expect(segment.dropLast().allSatisfy { !$0.endsSegment } && segment.last?.endsSegment ?? false)
            // The first one ends early, for somebody waits, and large ones for their size.
            let endedEarly =
                number == 1
                || number > 0 && cut.segments[number - 1].reduce(0) { $0 + $1.bytes.count } > 8 << 20
            #expect(segment.first?.isIndependent ?? false || endedEarly)
            #expect(!(segment.first?.isDiscontinuity ?? true))
        }
        for (part, next) in zip(cut.parts, cut.parts.dropFirst()) {
            #expect(next.start == part.start + part.duration)
        }
    }

    /// 4.4.3.1: no segment is longer than the target duration, rounded, whatever the distance of key frames.
    @Test func aLongGroupIsCut() throws {
        let source = MediaFile(path: MediaFile.temporaryPath())
        _ = try MediaFile.run([
            "ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10", "-t",
            "9", "-c:v",
            "libx264",
            "-g", "600", "-pix_fmt", "yuv420p", "-f", "mpegts", source.path,
        ])
        let cut = Cut(try source.bytes())
        #expect(cut.segments.count >= 4)
        for segment in cut.segments { #expect(segment.reduce(0) { $0 + $1.duration } < 225_000) }
        #expect(cut.parts.filter(\.isIndependent).count == 1)
        #expect(try MediaFile(packets: cut.bytes).videoFrames() == 90)
    }

    /// 6.2.1: where the coding changes, a new header and a discontinuity; times go on.
    @Test func anotherSizeGetsAnotherHeader() throws {
        let (small, large) = (
            try RealStream.pictureOnly.make().bytes(), try RealStream.oddRates.make().bytes()
        )
        let cut = Cut(small + large)
        #expect(cut.headers.map { $0.video?.width } == [320, 322])
        #expect(cut.segments.count { $0[0].isDiscontinuity } >= 1)
        for (part, next) in zip(cut.parts, cut.parts.dropFirst()) {
            #expect(next.start >= part.start + part.duration - 10)
        }
    }

    /// A sender's clock that jumps back, and a hole left by a loss, are discontinuities on a line that goes on.
    @Test func jumpsAreDiscontinuities() throws {
        let bytes = try RealStream.h264.make().bytes()
        let cut = Cut(bytes + bytes)
        #expect(cut.segments.count { $0[0].isDiscontinuity } == 1)
        for (part, next) in zip(cut.parts, cut.parts.dropFirst()) {
            #expect(next.start == part.start + part.duration)
        }
        let file = try MediaFile(packets: cut.bytes)
        #expect((try file.videoFrames() ?? 0) >= 149)
        #expect(try complaints(about: file) == [])
    }

    /// H.222.0, 2.4.3.5: discontinuity_indicator in the packets of the clock says that another time begins, though it be
    /// near to the old one.
    @Test func aClockThatBeginsAnewIsADiscontinuity() throws {
        let bytes = try RealStream.pictureOnly.make().bytes()
        // The group in the middle, as if another sender had made it.
        var marked = bytes
        let begins = stride(from: 0, to: bytes.count, by: 188).filter {
            bytes[$0 + 1] & 0x5F == 0x41 && bytes[$0 + 2] == 0
        }
        let place = begins[50]
        try #require(
            bytes[place + 3] & 0x20 != 0 && bytes[place + 5] & 0x40 != 0,
            "a key frame with its flags"
        )
        marked[place + 5] |= 0x80
        let cut = Cut(marked)
        #expect(Cut(bytes).segments.count { $0[0].isDiscontinuity } == 0)
        #expect(cut.segments.count { $0[0].isDiscontinuity } == 1)
        #expect(try MediaFile(packets: cut.bytes).videoFrames() == 75)
    }
}
