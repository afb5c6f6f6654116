import TestSupport
import Testing

@testable import MediaFormats

@Suite("Segments of a recording, H.627.2 §9.3.4.1") struct SegmentCutterTests {
    struct Cut {
        var segments: [MediaSegment] = []
        var oversizedUnits = 0

        /// In pieces that fit no packet; `arrival` counts them.
        init(_ stream: [UInt8], seconds: Double = 1, bytes: Int = 1 << 20, piece: Int = 1000) {
            var cutter = SegmentCutter(.init(duration: Int64(seconds * 90_000), bytes: bytes))
            for (number, start) in stride(from: 0, to: stream.count, by: piece).enumerated() {
                let part = Array(stream[start..<min(start + piece, stream.count)])
                cutter.append(part, arrival: Int64(number)) { segments.append($0) }
            }
            cutter.finish(endsWithUnit: true) { segments.append($0) }
            oversizedUnits = cutter.oversizedUnits
        }

        var joined: [UInt8] { segments.flatMap(\.bytes) }
        var durations: [Int64] { segments.map(\.duration) }
    }

    /// Packets by PID whose counter does not go on (H.222.0, 2.4.3.3).
    private func brokenCounters(_ bytes: [UInt8]) -> Int {
        var last: [Int: UInt8] = [:]
        var broken = 0
        for start in stride(from: 0, to: bytes.count, by: 188) where bytes[start + 3] & 0x10 != 0 {
            let pid = Int(bytes[start + 1] & 0x1F) << 8 | Int(bytes[start + 2])
            let counter = bytes[start + 3] & 0x0F
            if let last = last[pid], counter != (last + 1) & 0x0F { broken += 1 }
            last[pid] = counter
        }
        return broken
    }

    /// Put together again the segments are the stream: the same pictures, no counter that jumps, times without a gap.
    @Test(arguments: RealStream.allCases.filter { $0.hasVideo && $0 != .twoPrograms })
    func ffmpegDecodesTheSamePictures(_ stream: RealStream) throws {
        let source = try stream.make()
        let cut = Cut(try source.bytes(), bytes: 32 << 20)
        #expect(cut.segments.count == 3)
        #expect(cut.segments.allSatisfy { $0.beginsWithKeyFrame })
        #expect(cut.segments.map(\.isDiscontinuous) == [true, false, false])
        let found = try MediaFile(packets: cut.joined).pictureHashes()
        let expected = try source.pictureHashes()
        #expect(found == expected)
        #expect(brokenCounters(cut.joined) == 0)
        for (one, next) in zip(cut.segments, cut.segments.dropFirst()) {
            #expect(one.start + one.duration == next.start)
            #expect(one.arrival < next.arrival)
        }
    }

    /// "Segments that begin with PAT/PMT and a key frame": each can be decoded alone.
    @Test(arguments: [RealStream.h264, .h265, .h264WithReordering, .wrap])
    func eachSegmentStandsAlone(_ stream: RealStream) throws {
        let source = try stream.make()
        let expected = try source.pictureHashes()
        let packets = try source.packets(of: "v:0")
        var decoded: [String] = []
        for segment in Cut(try source.bytes()).segments {
            #expect(segment.bytes[1] & 0x1F == 0 && segment.bytes[2] == 0, "PAT first")
            let file = try MediaFile(packets: segment.bytes)
            let first = try file.packets(of: "v:0").first
            #expect(first?.isKeyFrame == true)
            decoded += try file.pictureHashes()
        }
        #expect(decoded == expected)
        let keys = packets.filter(\.isKeyFrame).map { $0.presentation & 0x1_FFFF_FFFF }
        let starts = Cut(try source.bytes()).segments.map { $0.start & 0x1_FFFF_FFFF }
        #expect(starts == keys)
    }

    /// The length of a segment is that of its timestamps, over the wrap of 33 bits, too.
    @Test(arguments: [
        (stream: RealStream.h264, ticks: Int64(90_000)), (stream: .wrap, ticks: 90_000),
        (stream: .oddRates, ticks: 93_844),
    ])
    func durationIsExact(stream: RealStream, ticks: Int64) throws {
        let cut = Cut(try stream.make().bytes())
        #expect(cut.durations.prefix(2).allSatisfy { abs($0 - ticks) <= 1 }, "\(cut.durations)")
    }

    @Test func aSegmentEndsWithTheFirstKeyFrameAtOrAfterItsDuration() throws {
        let stream = try RealStream.h264.make().bytes()
        #expect(Cut(stream, seconds: 1.5).durations == [180_000, 90_000])
        #expect(Cut(stream, seconds: 60).durations == [270_000])
    }

    @Test func whatLiesBeforeTheFirstKeyFrameIsLeftOut() throws {
        let stream = try RealStream.h264.make().bytes()
        let whole = Cut(stream)
        // Without the first second but for its tables.
        let tail = Array(stream[..<(3 * 188)]) + Array(stream[(40 * 188)...])
        let cut = Cut(tail)
        #expect(cut.segments.count == 2)
        #expect(cut.segments.first?.start == whole.segments[1].start)
    }

    @Test func aStreamOfSoundIsCutAtAnyUnit() throws {
        let source = try RealStream.soundOnly.make()
        let cut = Cut(try source.bytes())
        #expect(cut.segments.count == 3)
        #expect(cut.durations.prefix(2).allSatisfy { (85_500..<130_000).contains($0) }, "\(cut.durations)")
        let frames = try source.packets(of: "a:0").count
        let found = try MediaFile(packets: cut.joined).packets(of: "a:0").count
        #expect(found == frames)
    }

    /// One that marks no key frame begins after a while, and is cut at any picture when a segment is overdue.
    @Test func aStreamWithoutKeyFramesIsCutAllTheSame() {
        let stream = Self.pictures(0..<700, isKeyFrame: { _ in false })
        let cut = Cut(stream, seconds: 2)
        #expect(cut.segments.map(\.start) == [990_000, 990_000 + 1_080_000])
        #expect(cut.segments.allSatisfy { !$0.beginsWithKeyFrame })
        #expect(cut.durations == [1_080_000, 700 * 3600 - 900_000 - 1_080_000])
    }

    /// `seg_max_size`: a segment that would grow too large ends at its last key frame, else at its last picture.
    @Test func noSegmentIsLargerThanTold() {
        let cut = Cut(Self.pictures(0..<100, size: 9000) { $0 % 5 == 0 }, seconds: 60, bytes: 100_000)
        #expect(cut.segments.allSatisfy { $0.bytes.count <= 100_000 && $0.beginsWithKeyFrame })
        #expect(cut.segments.count > 5)
        #expect(cut.durations.reduce(0, +) == 100 * 3600)
        let long = Cut(Self.pictures(0..<100, size: 9000) { $0 % 50 == 0 }, seconds: 60, bytes: 100_000)
        #expect(long.segments.allSatisfy { $0.bytes.count <= 100_000 })
        #expect(long.segments.contains { !$0.beginsWithKeyFrame })
        #expect(long.durations.reduce(0, +) == 100 * 3600)
        #expect(brokenCounters(long.joined) == 0)
    }

    /// One picture that no segment can hold is left out, and what follows is said not to follow.
    @Test func aPictureThatFitsNowhereIsLeftOut() {
        let stream = Self.pictures(
            0..<75,
            sizes: { $0 == 25 ? 120_000 : 500 },
            isKeyFrame: { $0 % 25 == 0 }
        )
        let cut = Cut(stream, bytes: 64 << 10)
        #expect(cut.oversizedUnits == 1)
        #expect(cut.segments.map(\.isDiscontinuous) == [true, true])
        #expect(cut.durations == [90_000, 90_000])
    }

    /// `discontinue`: a jump of the timestamps ends the segment, and the next one says so.
    @Test(arguments: [Int64(3_000_000), -500_000]) func aJumpIsTold(ticks: Int64) {
        let stream =
            Self.pictures(0..<50, shift: 1_000_000) { $0 % 25 == 0 }
            + Self.pictures(50..<100, shift: 1_000_000 + ticks) { $0 % 25 == 0 }
        let cut = Cut(stream)
        #expect(cut.segments.map(\.isDiscontinuous) == [true, false, true, false])
        #expect(cut.durations == [90_000, 90_000, 90_000, 90_000])
    }

    /// H.222.0, 2.4.3.5: the sender says that its clock begins anew, though the times happen to be near.
    @Test func anAnnouncedJumpIsTold() {
        var second = Self.pictures(50..<75) { $0 % 25 == 0 }
        // Behind both tables: the first packet with the clock.
        second[2 * 188 + 5] |= 0x80
        let cut = Cut(Self.pictures(0..<50) { $0 % 25 == 0 } + second)
        #expect(cut.segments.map(\.isDiscontinuous) == [true, false, true])
    }

    /// Stopped in the midst of a picture: a segment ends with one that is whole.
    @Test func aPictureThatIsCutOffIsLeftOut() throws {
        let stream = Self.pictures(0..<40, size: 3000) { $0 % 25 == 0 }
        var cutter = SegmentCutter(.init(duration: 90_000, bytes: 1 << 20))
        var segments: [MediaSegment] = []
        cutter.append(Array(stream.dropLast(5 * 188)), arrival: 0) { segments.append($0) }
        cutter.finish { segments.append($0) }
        #expect(segments.map(\.duration) == [90_000, 14 * 3600])
    }

    /// Null packets are stuffing for a line of constant rate.
    @Test func stuffingIsNotKept() {
        var stream: [UInt8] = []
        let null = [0x47, 0x1F, 0xFF, 0x10] + [UInt8](repeating: 0xFF, count: 184)
        let pictures = Self.pictures(0..<30) { $0 % 25 == 0 }
        for start in stride(from: 0, to: pictures.count, by: 188) {
            stream += pictures[start..<start + 188] + null
        }
        #expect(Cut(stream).joined == Cut(pictures).joined)
    }

    /// Whatever comes: no trap, no segment that is too large, none without a length.
    @Test func hostileBytes() throws {
        let stream = try RealStream.h264WithReordering.make().bytes()
        for seed in UInt64(1)...40 {
            var random = SeededGenerator(seed: seed)
            var bytes = stream
            for _ in 0..<Int.random(in: 1...3000, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            let cut = Cut(
                bytes,
                seconds: 0.2,
                bytes: 64 << 10,
                piece: Int.random(in: 1...5000, using: &random)
            )
            for segment in cut.segments {
                #expect(segment.bytes.count <= 64 << 10 && segment.bytes.count % 188 == 0, "seed \(seed)")
                #expect(segment.duration >= 90, "seed \(seed)")
            }
        }
    }

    // MARK: Streams of known size

    static func pictures(
        _ frames: Range<Int>,
        size: Int = 500,
        shift: Int64 = 0,
        isKeyFrame: (Int) -> Bool
    ) -> [UInt8] {
        pictures(frames, sizes: { _ in size }, shift: shift, isKeyFrame: isKeyFrame)
    }

    /// 25 a second, as the SDK's own writer has them. No decoder has to like them.
    static func pictures(
        _ frames: Range<Int>,
        sizes: (Int) -> Int,
        shift: Int64 = 0,
        isKeyFrame: (Int) -> Bool
    ) -> [UInt8] {
        var writer = TransportStreamWriter(hasAudio: false)
        var packets: [UInt8] = []
        for frame in frames {
            let time = 90_000 + Int64(frame) * 3600 + shift
            writer.appendVideo(
                [0, 0, 0, 1, isKeyFrame(frame) ? 0x65 : 0x41] + [UInt8](repeating: 0x55, count: sizes(frame)),
                presentation: time,
                decoding: time,
                isKeyFrame: isKeyFrame(frame),
                to: &packets
            )
        }
        return packets
    }
}
