import Foundation
import Measurement
import TestSupport
import Testing

@Suite("What a viewer counts") struct PictureCountTests {
    private static func packet(_ counter: UInt8, time: Int64? = nil, discontinuity: Bool = false) -> [UInt8] {
        var packet: [UInt8] = [0x47, time == nil ? 1 : 0x41, 0, 0x10 | counter & 15]
        if discontinuity { packet = [0x47, 1, 0, 0x20 | counter & 15, 183, 0x80] }
        if let time {
            packet += [0, 0, 1, 0xE0, 0, 0, 0x80, 0x80, 5]
            packet += [
                0x21 | UInt8(time >> 29 & 0x0E), UInt8(time >> 22 & 0xFF), 1 | UInt8(time >> 14 & 0xFE),
                UInt8(time >> 7 & 0xFF), 1 | UInt8(time << 1 & 0xFE),
            ]
        }
        return packet + [UInt8](repeating: 0xFF, count: 188 - packet.count)
    }

    private static func count(_ packets: [[UInt8]]) -> PictureCount {
        var count = PictureCount()
        for packet in packets { packet.withUnsafeBytes { count.take($0) } }
        return count
    }

    @Test func aWholeStreamHasNoHole() {
        let packets = (0..<100).map { Self.packet(UInt8($0 & 15), time: Int64($0) * 3600) }
        let found = Self.count(packets)
        #expect(found.pictures == 100)
        #expect(found.missingPictures == 0)
        #expect(found.holes == 0)
    }

    @Test("A counter that steps by more than one, H.222.0 2.4.3.3") func aMissingPacketIsAHole() {
        var packets = (0..<20).map { Self.packet(UInt8($0 & 15), time: $0 == 0 ? 0 : nil) }
        packets.remove(at: 7)
        #expect(Self.count(packets).holes == 1)
    }

    /// Sixteen packets bring the counter back to where it was; the times tell.
    @Test func aMissingPictureShowsInItsTime() {
        let packets = [0, 1, 4, 5].map { Self.packet(UInt8($0), time: Int64($0) * 3600) }
        #expect(Self.count(packets).missingPictures == 2)
    }

    @Test("The time wraps at 33 bits, H.222.0 2.4.3.7") func theWrapIsNoHole() {
        let last = Int64(1) << 33
        let packets = [last - 3600, 0, 3600].enumerated().map {
            Self.packet(UInt8($0.offset), time: $0.element)
        }
        #expect(Self.count(packets).missingPictures == 0)
    }

    @Test("discontinuity_indicator, H.222.0 2.4.3.5") func whatIsAnnouncedIsNoLoss() {
        let found = Self.count([
            Self.packet(0, time: 0), Self.packet(1, time: 3600), Self.packet(8, discontinuity: true),
            Self.packet(9, time: 1_000_000),
        ])
        #expect(found.missingPictures == 0)
        #expect(found.holes == 0)
        #expect(found.discontinuities == 1)
    }

    @Test func anyPiecesCountAlike() {
        let octets = (0..<50).flatMap { Self.packet(UInt8($0 & 15), time: Int64($0) * 3600) }
        var random = SeededGenerator(seed: 7)
        var count = PictureCount()
        var rest = octets[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...500, using: &random))
            piece.withUnsafeBytes { count.take($0) }
            rest = rest.dropFirst(piece.count)
        }
        #expect(count.pictures == 50)
        #expect(count.holes == 0)
    }

    @Test func ofARealEncoderToo() throws {
        let file = MediaFile(path: FileManager.default.temporaryDirectory.path + "/pictures-\(UUID()).ts")
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-t",
            "4",
            "-c:v", "libx264", "-f", "mpegts", file.path,
        ]
        try process.run()
        process.waitUntilExit()
        let found = Self.count([[UInt8](try Data(contentsOf: URL(filePath: file.path)))])
        #expect(found.pictures == 100)
        #expect(found.missingPictures == 0)
        #expect(found.holes == 0)
    }
}

@Suite("A trend") struct TrendTests {
    @Test func isTheSlopeOfALine() {
        let trend = Trend((0..<10).map { (Double($0), 3 + 2 * Double($0)) })
        #expect(abs(trend.slope - 2) < 1e-9)
        #expect(abs(trend.mean - 12) < 1e-9)
    }

    @Test func ofOnePlaceIsFlat() {
        #expect(Trend([(1, 5), (1, 9)]).slope == 0)
        #expect(Trend([]).slope == 0)
    }
}
