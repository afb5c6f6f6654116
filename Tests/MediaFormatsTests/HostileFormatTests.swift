import TestSupport
import Testing

@testable import MediaFormats

/// Parameter sets and access units of H.264, made by hand, so that there can be as many and as large as no encoder makes.
enum HandMade {
    /// `number` up to 31. `variant` makes sets differ that describe the same pictures.
    static func sequence(_ number: Int, variant: UInt8 = 1, length: Int = 32) -> [UInt8] {
        var bits = code(number) + code(0) + code(2) + code(0) + [0]
        // 320x240 in whole frames, neither cropped nor with usability information.
        bits += code(19) + code(14) + [1, 0, 0, 0, 1]
        return padded([0x67, 66, 0, 30] + octets(bits), variant, length)
    }

    static func picture(_ number: Int, variant: UInt8 = 1, length: Int = 16) -> [UInt8] {
        padded([0x68] + octets(code(number)), variant, length)
    }

    static let delimiter: [UInt8] = [0x09, 0xF0]
    static let keySlice: [UInt8] = [0x65, 0x88, 0x84, 0x21]
    static let slice: [UInt8] = [0x41, 0x9A, 0x21, 0x6C]

    static func stream(_ units: [[UInt8]]) -> [UInt8] { units.flatMap { [0, 0, 1] + $0 } }

    static func format(sequences: Int = 1, length: Int = 32) throws -> VideoFormat {
        var sets = ParameterSets(.h264)
        for number in 0..<sequences { _ = take(sequence(number, length: length), &sets) }
        _ = take(picture(0), &sets)
        return try #require(VideoFormat(sets))
    }

    static func take(_ unit: [UInt8], _ sets: inout ParameterSets) -> ParameterSets.Change {
        unit.withUnsafeBytes { sets.take($0, NALUnitKind($0, .h264)) }
    }

    /// ue(v), 9.1.
    private static func code(_ value: Int) -> [UInt8] {
        let digits = String(value + 1, radix: 2).map { $0 == "1" ? UInt8(1) : 0 }
        return [UInt8](repeating: 0, count: digits.count - 1) + digits
    }

    private static func octets(_ bits: [UInt8]) -> [UInt8] {
        stride(from: 0, to: bits.count, by: 8).map { start in
            (0..<8).reduce(0) { $0 << 1 | (start + $1 < bits.count ? bits[start + $1] : 1) }
        }
    }

    private static func padded(_ unit: [UInt8], _ variant: UInt8, _ length: Int) -> [UInt8] {
        unit + [UInt8](repeating: 0xAA, count: max(0, length - unit.count - 1)) + [variant]
    }
}

@Suite("Formats of senders that mean harm") struct HostileFormatTests {
    /// All that is kept goes into every header.
    @Test func parameterSetsAreBoundedTogether() throws {
        var sets = ParameterSets(.h264)
        for number in 0..<16 { _ = HandMade.take(HandMade.sequence(number, length: 4000), &sets) }
        for number in 0..<16 { _ = HandMade.take(HandMade.picture(number, length: 4000), &sets) }
        #expect(HandMade.take(HandMade.picture(20), &sets) == .new, "a small one has room")
        let format = try #require(VideoFormat(sets))
        #expect(format.configuration.count < 17 << 10)
        // The newest of its kind has room, at the cost of the oldest.
        let newest = HandMade.sequence(31, length: 4000)
        #expect(HandMade.take(newest, &sets) == .new)
        let renewed = try #require(VideoFormat(sets)?.configuration)
        #expect(renewed.count < 17 << 10)
        #expect(renewed.indices.contains { renewed[$0...].starts(with: newest) })
    }

    /// What is sent again and again, changed each time, does not add up.
    @Test func changedSetsTakeThePlaceOfTheirOlderForms() throws {
        var sets = ParameterSets(.h264)
        _ = HandMade.take(HandMade.picture(0), &sets)
        for variant in UInt8(1)...200 {
            #expect(HandMade.take(HandMade.sequence(3, variant: variant, length: 4000), &sets) == .new)
        }
        #expect(try #require(VideoFormat(sets)).configuration.count < 4100)
    }

    /// A thousand pictures in one packet, each with a set of its own.
    @Test func aPacketChangesTheFormatOnce() throws {
        var assembler = VideoAssembler(.h264)
        func feed(_ units: [[UInt8]], at time: Int64) -> (formats: Int, pictures: [AccessUnit]) {
            var (formats, pictures) = (0, [AccessUnit]())
            let keep = { (event: VideoAssembler.Event) in
                switch event {
                case .format: formats += 1
                case .unit(let unit): pictures.append(unit)
                }
            }
            HandMade.stream(units).withUnsafeBytes {
                assembler.begin(presentation: time, decoding: time, $0, keep)
            }
            assembler.flush(keep)
            return (formats, pictures)
        }
        let usual = [HandMade.delimiter, HandMade.sequence(0), HandMade.picture(0), HandMade.keySlice]
        #expect(feed(usual, at: 0).formats == 1)
        let many = (0..<1000).flatMap { number in
            [
                HandMade.delimiter, HandMade.sequence(0, variant: UInt8(2 + number % 200)), HandMade.keySlice,
                HandMade.delimiter, HandMade.slice,
            ]
        }
        let found = feed(many, at: 3600)
        // What is of a format that nobody was told is left out: each of 200 comes five times, with two pictures.
        #expect(found.formats == 1 && found.pictures.count == 5 * 2)
        let next = feed([HandMade.delimiter, HandMade.keySlice], at: 90_000_000)
        #expect(next.formats == 1, "the one that was put off")
        #expect(next.pictures.map(\.followsLoss) == [true])
        // The same sets once more change nothing, however many key frames a packet has.
        let repeated = feed(Array(repeating: usual, count: 20).flatMap(\.self), at: 180_000_000)
        #expect(repeated.formats == 1 && repeated.pictures.count == 20)
    }
}

@Suite("Times of senders that mean harm") struct HostileTimeTests {
    @Test(arguments: [0, 1, 89_999, 90_001, -1, -89_999, -90_001, 1 << 40, -(1 << 40)] as [Int64])
    func rescalingIsExact(time: Int64) {
        for rate in [8000, 44_100, 48_000, 96_000] as [Int64] {
            #expect(time.rescaled(from: 90_000, to: rate) == time * rate / 90_000)
        }
    }

    /// Sixty thousand packets, each half a period from the last, bring a sender there.
    @Test func soundFarFromTheBeginningIsTaken() {
        var queue = SoundQueue()
        queue.announce(.g711(.aLaw), isFirst: true)
        queue.append(AccessUnit(sound: [1, 2, 3], at: 1 << 58, followsLoss: false), at: 1 << 58)
        #expect(queue.take(before: 1 << 57) == nil)
        #expect(queue.take(before: 1 << 59)?.samples.map(\.octets) == [[1, 2, 3]])
    }

    @Test(arguments: [1, -1] as [Int64]) func theLineBeginsAnewFarFromItsBeginning(sign: Int64) {
        var line = ClockTimeLine()
        #expect(line.place(sign << 60) == sign << 60)
        let jump = (sign * (1 << 32 - 1)) & (ClockTimeLine.period - 1)
        #expect(line.place(jump) == jump)
        #expect(line.place(jump + 3600) == jump + 3600)
    }
}
