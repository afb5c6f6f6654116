import Foundation
import TestSupport
import Testing

@testable import MediaFormats

@Suite("Taking a transport stream apart, H.222.0") struct TransportStreamDemultiplexerTests {
    /// Every picture with its times and its mark, as ffprobe sees them.
    @Test(arguments: RealStream.allCases.filter(\.hasVideo))
    func picturesAreThoseOfFFprobe(_ stream: RealStream) throws {
        let file = try stream.make()
        let expected = try file.packets(of: "v:0")
        let found = Demultiplexed(try file.bytes())
        let pictures = found.units(.video)
        // ffprobe unwraps as well, but begins below 0 where the wrap is near.
        let shift = stream == .wrap ? pictures[0].decoding - expected[0].decoding : 0
        #expect(shift % (1 << 33) == 0)
        #expect(expected.count >= 70)
        #expect(
            pictures.map {
                RealStream.Packet(
                    presentation: $0.presentation - shift,
                    decoding: $0.decoding - shift,
                    isKeyFrame: $0.isKeyFrame
                )
            } == expected
        )
        #expect(found.losses == 0 && found.droppedPictures == 0)
        #expect(pictures.map(\.followsLoss) == [true] + Array(repeating: false, count: pictures.count - 1))
        #expect(pictures.allSatisfy { !NALUnits.ranges(inSample: $0.sample).isEmpty })
    }

    /// 2.4.3.7: the time of a packet is that of the first frame that begins in it; the others follow by their length.
    @Test(arguments: RealStream.allCases.filter { $0 != .pictureOnly && $0 != .aLaw && $0 != .uLaw })
    func framesOfSoundAreThoseOfFFprobe(_ stream: RealStream) throws {
        let file = try stream.make()
        let expected = try file.packets(of: "a:0").map(\.presentation)
        let found = Demultiplexed(try file.bytes())
        let times = found.units(.audio).map(\.presentation)
        let shift = stream == .wrap ? 1 << 33 : Int64(0)
        #expect(expected.count > 120)
        #expect(times.count == expected.count)
        for (time, expected) in zip(times, expected) {
            // ffprobe rounds each frame, we round their sum.
            let distance = (time - expected) % max(shift, 1 << 40)
            #expect(abs(distance) <= 1 || abs(abs(distance) - shift) <= 1)
        }
        let rate = stream == .oddRates ? 44_100 : 48_000
        #expect(found.audioFormats.map(\.samplingRate) == [rate])
        #expect(found.audioFormats.map(\.codecs) == ["mp4a.40.2"])
    }

    @Test(arguments: [RealStream.aLaw, .uLaw]) func g711KeepsEveryOctet(_ stream: RealStream) throws {
        let file = try stream.make()
        let found = Demultiplexed(try file.bytes())
        #expect(found.audioFormats == [.g711(stream == .aLaw ? .aLaw : .uLaw)])
        let pieces = found.units(.audio)
        #expect(pieces.reduce(0) { $0 + $1.sample.count } == 24_000)
        for (piece, next) in zip(pieces, pieces.dropFirst()) {
            let length = Int64(piece.sample.count) * 90_000 / 8000
            #expect(abs(next.presentation - piece.presentation - length) <= 1)
        }
    }

    /// Times go on where the 33 bits begin anew (2.4.3.7).
    @Test func timesGoOnThroughTheWrap() throws {
        let found = Demultiplexed(try RealStream.wrap.make().bytes())
        for track in [AccessUnit.Track.video, .audio] {
            let times = found.units(track).map(\.decoding)
            #expect(times.first.map { $0 < 1 << 33 } ?? false)
            #expect(times.last.map { $0 > 1 << 33 } ?? false)
            for (time, next) in zip(times, times.dropFirst()) { #expect((1...4000).contains(next - time)) }
        }
    }

    /// Sizes, rates and names, as FFmpeg made them.
    @Test func formatsAreRead() throws {
        let h264 = try #require(Demultiplexed(try RealStream.oddRates.make().bytes()).videoFormats.first)
        #expect(h264.width == 322 && h264.height == 182)
        #expect(abs((h264.framesPerSecond ?? 0) - 24_000.0 / 1001) < 0.001)
        // Constrained Baseline, level 1.3.
        #expect(h264.codecs == "avc1.42C00D")
        let h265 = try #require(
            Demultiplexed(try RealStream.h265WithReordering.make().bytes()).videoFormats.first
        )
        #expect(h265.width == 320 && h265.height == 240 && h265.framesPerSecond == 25)
        #expect(h265.codecs == "hvc1.1.6.L60.90")
    }

    /// A table that is not for us, and what cannot be read, is said with a reason.
    @Test(arguments: [
        (type: UInt8(0x11), word: "LATM"), (type: 0x03, word: "MPEG audio"), (type: 0x81, word: "AC-3"),
    ]) func whatCannotBeReadIsRefused(type: UInt8, word: String) throws {
        let bytes = RealStream.replaceType(0x0F, type, in: try RealStream.h264.make().bytes())
        let found = Demultiplexed(bytes)
        #expect(found.refusals.map(\.type) == [type])
        #expect(found.refusals.first?.reason.contains(word) ?? false)
        #expect(found.units(.audio).isEmpty && found.units(.video).count == 75)
    }

    // MARK: Loss

    /// One packet is missing from the middle of a group: nothing of it is shown from there on, the next one whole. The
    /// picture before the hole may lack its end.
    @Test func picturesAfterALossWaitForAKeyFrame() throws {
        let bytes = try RealStream.pictureOnly.make().bytes()
        let whole = Demultiplexed(bytes).units(.video)
        // The packet in which the 41st picture begins.
        var begins: [Int] = []
        for start in stride(from: 0, to: bytes.count, by: 188)
        where bytes[start + 1] & 0x5F == 0x41 && bytes[start + 2] == 0 { begins.append(start) }
        try #require(begins.count == whole.count)
        let found = Demultiplexed(Array(bytes[..<begins[40]] + bytes[(begins[40] + 188)...]))
        let expected = whole.indices.filter { $0 < 39 || $0 >= 50 }.map { whole[$0].decoding }
        #expect(found.units(.video).map(\.decoding) == expected)
        #expect(found.losses == 1)
        #expect(
            found.units(.video).filter(\.followsLoss).map(\.decoding) == [
                whole[0].decoding, whole[50].decoding,
            ]
        )
    }

    /// 2.4.3.3: a packet may come twice.
    @Test func repeatedPacketsCountOnce() throws {
        let bytes = try RealStream.h264.make().bytes()
        var twice: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 188) {
            let packet = bytes[start..<(start + 188)]
            twice += packet
            if start / 188 % 3 == 0, packet[start + 3] & 0x10 != 0 { twice += packet }
        }
        let found = Demultiplexed(twice)
        #expect(found.units(.video) == Demultiplexed(bytes).units(.video))
        #expect(found.units(.audio) == Demultiplexed(bytes).units(.audio))
        #expect(found.losses == 0)
    }

    /// Cut, flipped, doubled, swapped: nothing traps, nothing is invented, what is kept stays within its bounds.
    @Test func survivesAnything() throws {
        let sources = try [RealStream.h264WithReordering, .h265, .aLaw].map { try $0.make().bytes() }
        for seed in UInt64(0)..<60 {
            var random = SeededGenerator(seed: seed)
            var bytes = sources[Int(seed) % sources.count]
            let packets = bytes.count / 188
            for _ in 0..<Int.random(in: 1...200, using: &random) {
                let place = Int.random(in: 0..<packets, using: &random) * 188
                let other = Int.random(in: 0..<packets, using: &random) * 188
                switch Int.random(in: 0..<4, using: &random) {
                case 0:
                    bytes[place + Int.random(in: 0..<188, using: &random)] ^= UInt8.random(
                        in: 1...255,
                        using: &random
                    )
                case 1: for index in 0..<188 { bytes.swapAt(place + index, other + index) }
                case 2: for index in 0..<188 { bytes[place + index] = bytes[other + index] }
                default:
                    for index in 4..<188 { bytes[place + index] = UInt8.random(in: 0...255, using: &random) }
                }
            }
            let found = Demultiplexed(bytes)
            let size = (found.units(.video) + found.units(.audio)).reduce(0) { $0 + $1.sample.count }
            #expect(size <= bytes.count * 2, "seed \(seed)")
            var segmenter = MediaSegmenter(.init())
            for event in found.events { segmenter.take(event) { _ in } }
            segmenter.breakOff { _ in }
        }
    }

    /// A picture without an end is given up at 4 MiB.
    @Test func aPictureWithoutEndIsGivenUp() throws {
        var bytes = try RealStream.pictureOnly.make().bytes()
        var counter: UInt8 = bytes[(bytes.count - 188)...].reduce(0) { _, _ in 0 }
        for start in stride(from: 0, to: bytes.count, by: 188)
        where bytes[start + 1] & 0x1F == 1 && bytes[start + 2] == 0 { counter = bytes[start + 3] & 0x0F }
        let packet = { (counter: UInt8) in
            [0x47, 0x01, 0x00, 0x10 | counter & 0x0F] + [UInt8](repeating: 0x55, count: 184)
        }
        let before = Demultiplexed(bytes).units(.video).count
        for _ in 0..<30_000 {
            counter &+= 1
            bytes += packet(counter)
        }
        let found = Demultiplexed(bytes)
        #expect(found.units(.video).count == before - 1)
        #expect(found.droppedPictures == 1)
    }
}
