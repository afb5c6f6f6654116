import Measurement
import MediaFormats
import TestSupport
import Testing

@Suite("What a viewer of fragments counts, ISO/IEC 14496-12 8.8") struct FragmentCountTests {
    private static let distance: UInt32 = 3600

    private static func fragment(_ number: Int, from first: Int, pictures: Int) throws -> [UInt8] {
        let samples = (0..<pictures).map { _ in
            MP4Fragment.Sample(
                duration: distance,
                compositionOffset: 0,
                isKeyFrame: false,
                octets: [1, 2, 3]
            )
        }
        let run = MP4Fragment.Run(track: 1, start: UInt64(first) * UInt64(distance), samples: samples)
        return try #require(MP4Fragment(number: UInt32(number), runs: [run]).bytes)
    }

    private static func count(_ octets: [UInt8], pieces: Int = .max) -> FragmentCount {
        var count = FragmentCount()
        var rest = octets[...]
        while !rest.isEmpty {
            rest.prefix(pieces).withUnsafeBytes { count.take($0) }
            rest = rest.dropFirst(min(pieces, rest.count))
        }
        return count
    }

    @Test(arguments: [1, 7, 100, Int.max]) func fragmentsInARowMissNothing(pieces: Int) throws {
        let octets = try (0..<8).flatMap { try Self.fragment($0 + 1, from: $0 * 6, pictures: 6) }
        let found = Self.count(octets, pieces: pieces)
        #expect(found.pictures == 48)
        #expect(found.missingPictures == 0)
        #expect(found.garbage == 0)
    }

    @Test func aFragmentThatIsNotThereIsMissed() throws {
        let octets = try [0, 1, 3].flatMap { try Self.fragment($0 + 1, from: $0 * 6, pictures: 6) }
        #expect(Self.count(octets).missingPictures == 6)
    }

    @Test func aFragmentThatComesTwiceIsAFault() throws {
        let octets = try [0, 1, 1].flatMap { try Self.fragment($0 + 1, from: $0 * 6, pictures: 6) }
        #expect(Self.count(octets).missingPictures == 1)
    }

    @Test func aNewHeaderBeginsANewCount() throws {
        let header: [UInt8] = [0, 0, 0, 8] + Array("moov".utf8)
        let octets =
            try Self.fragment(1, from: 0, pictures: 6) + header + Self.fragment(2, from: 90, pictures: 6)
        let found = Self.count(octets)
        #expect(found.missingPictures == 0)
        #expect(found.headers == 1)
    }

    @Test func whateverComesDoesNotTrap() {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            let octets = (0..<Int.random(in: 0...400, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            _ = Self.count([0, 0, 1, 0] + Array("moof".utf8) + octets, pieces: 37)
        }
    }
}
