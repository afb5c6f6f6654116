import Foundation
import MediaFormats
import TestSupport
import Testing

@Suite("Looping a transport stream file") struct TransportStreamLoopTests {
    /// H.264 with B-frames and AAC, 2.4 s, made by FFmpeg; `offset` in seconds moves its times.
    static func encodedFile(offset: Double = 0) throws -> MediaFile {
        let file = MediaFile(path: MediaFile.temporaryPath())
        let result = try file.run(
            "ffmpeg",
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=320x180:rate=25:duration=2.4",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:sample_rate=44100:duration=2.4",
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-bf",
            "2",
            "-g",
            "25",
            "-c:a",
            "aac",
            "-output_ts_offset",
            String(offset),
            "-y",
            "-f",
            "mpegts",
            file.path
        )
        try #require(result.status == 0, "\(result.errors)")
        return file
    }

    static func play(
        _ bytes: [UInt8],
        passes: Int,
        chunk: Int = 40_000
    ) throws -> [TransportStreamLoop.Message] {
        var loop = TransportStreamLoop()
        var messages: [TransportStreamLoop.Message] = []
        for _ in 0..<passes {
            for start in stride(from: 0, to: bytes.count, by: chunk) {
                try loop.append(bytes[start..<min(bytes.count, start + chunk)])
                while let message = loop.next() { messages.append(message) }
            }
            try loop.endOfFile()
        }
        return messages
    }

    /// Three times over the seam, also where the 33 bits of a time wrap: not one error of the decoder, every
    /// frame there, and the decoding times never stand still or jump.
    @Test(arguments: [0, 95_441.0])
    func framesDecodeOverTheSeam(offset: Double) throws {
        let file = try Self.encodedFile(offset: offset)
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: file.path)))
        let messages = try Self.play(bytes, passes: 4)
        let looped = try MediaFile(packets: messages.flatMap(\.packets))
        #expect(try looped.run("ffmpeg", "-v", "error", "-i", looped.path, "-f", "null", "-").errors == "")
        // The last packets wait for a clock reference of the fifth pass.
        #expect(try #require(try looped.videoFrames()) >= 4 * 60 - 3)
        for stream in ["v:0", "a:0"] {
            let times = try looped.decodingTimes(of: stream)
            #expect(times.count >= 230)
            for (earlier, later) in zip(times, times.dropFirst()) {
                #expect(later > earlier && later - earlier <= 3 * 3600, "\(stream): \(earlier), \(later)")
            }
        }
    }

    @Test func continuityCountersGoOnOverTheSeam() throws {
        let file = try Self.encodedFile()
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: file.path)))
        var counters: [Int: UInt8] = [:]
        let packets = TransportStreamWriterTests.packets(
            try Self.play(bytes, passes: 5).flatMap(\.packets)
        )
        for packet in packets where packet.pid != 0x1FFF {
            if let last = counters[packet.pid] {
                #expect(packet.counter == (last + (packet.hasPayload ? 1 : 0)) & 15, "PID \(packet.pid)")
            }
            counters[packet.pid] = packet.counter
        }
        #expect(counters.count >= 4)
    }

    @Test func messagesAreDueAtThePaceOfTheClock() throws {
        let file = try Self.encodedFile()
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: file.path)))
        let messages = try Self.play(bytes, passes: 10)
        #expect(messages.allSatisfy { (1...7).contains($0.packets.count / 188) })
        for (earlier, later) in zip(messages, messages.dropFirst()) {
            #expect(later.due >= earlier.due && later.due - earlier.due < .milliseconds(200))
        }
        // Ten times 2.4 s and the end of each sound frame.
        let last = try #require(messages.last).due
        #expect(last > .seconds(23) && last < .seconds(26))
        #expect(messages.filter(\.isRandomAccess).count >= 29)
        for message in messages where message.isRandomAccess {
            let first = try #require(TransportStreamWriterTests.packets(message.packets).first)
            #expect(first.isRandomAccess)
        }
    }

    @Test("chunks of any size give the same messages", arguments: [1, 187, 188, 189, 1 << 20])
    func chunksDoNotMatter(size: Int) throws {
        var stream = TestPatternStream(pattern: TestPattern(width: 256, height: 64))
        let bytes = (0..<60).flatMap { _ in stream.next().packets }
        let whole = try Self.play(bytes, passes: 3)
        #expect(try Self.play(bytes, passes: 3, chunk: size) == whole)
        #expect(!whole.isEmpty)
    }

    @Test func theMeanBitrateIsThatOfTheFile() throws {
        var stream = TestPatternStream(bitrate: 2_000_000)
        var loop = TransportStreamLoop()
        #expect(loop.meanBitrate == nil)
        for _ in 0..<250 { try loop.append(stream.next().packets) }
        let rate = try #require(loop.meanBitrate)
        #expect(abs(Double(rate) / 2e6 - 1) < 0.06, "\(rate)")
    }

    @Test("a jump of the clock inside the file is played without a pause")
    func jumpsAreLevelled() throws {
        var bytes: [UInt8] = []
        for start: Int64 in [900_000, 5_000_000, 100_000] {
            var writer = TransportStreamWriter(hasAudio: false)
            var pattern = TestPattern()
            for frame in 0..<50 {
                let time = start + Int64(frame) * 3600
                let unit = pattern.next()
                writer.appendVideo(
                    unit.bytes,
                    presentation: time,
                    decoding: time,
                    isKeyFrame: unit.isKeyFrame,
                    to: &bytes
                )
            }
        }
        let messages = try Self.play(bytes, passes: 3)
        let looped = try MediaFile(packets: messages.flatMap(\.packets))
        let times = try looped.decodingTimes(of: "v:0")
        #expect(times.count >= 448)
        for (earlier, later) in zip(times, times.dropFirst()) {
            #expect(later > earlier && later - earlier <= 2 * 3600)
        }
    }

    @Test func whatIsNoTransportStreamIsNamed() throws {
        #expect(throws: TransportStreamLoopError.notTransportStream(offset: 0)) {
            try Self.play(Array("RIFF".utf8) + [UInt8](repeating: 0, count: 400), passes: 1)
        }
        var stream = TestPatternStream()
        let good = stream.next().packets
        #expect(throws: TransportStreamLoopError.notTransportStream(offset: Int64(good.count))) {
            try Self.play(good + [UInt8](repeating: 0, count: 188), passes: 1)
        }
        #expect(throws: TransportStreamLoopError.noClock) { try Self.play([], passes: 1) }
        let null: [UInt8] = [0x47, 0x1F, 0xFF, 0x10] + [UInt8](repeating: 0, count: 184)
        #expect(throws: TransportStreamLoopError.noClock) { try Self.play(null, passes: 1) }
        let many = Array(repeatElement(null, count: 50_000).joined())
        #expect(throws: TransportStreamLoopError.noClockFor(bytes: 8_388_748)) {
            try Self.play(many, passes: 1)
        }
    }

    /// Whatever a file holds, the loop ends in messages or an error, and its times never run backwards.
    @Test func hostileFilesDoNoHarm() {
        for seed in UInt64(1)...60 {
            var random = SeededGenerator(seed: seed)
            var stream = TestPatternStream(pattern: TestPattern(width: 256, height: 64, framesPerSecond: 10))
            var bytes = (0..<30).flatMap { _ in stream.next().packets }
            for _ in 0..<Int.random(in: 0...300, using: &random) {
                let index = Int.random(in: bytes.indices, using: &random)
                // Mostly behind the sync byte, else all ends at the first packet.
                if index % 188 != 0 || seed % 7 == 0 {
                    bytes[index] = UInt8.random(in: 0...255, using: &random)
                }
            }
            var last = Duration.zero
            guard let messages = try? Self.play(bytes, passes: 3, chunk: 1000) else { continue }
            for message in messages {
                #expect(message.due >= last, "seed \(seed)")
                #expect(message.packets.count % 188 == 0, "seed \(seed)")
                last = message.due
            }
        }
    }
}
