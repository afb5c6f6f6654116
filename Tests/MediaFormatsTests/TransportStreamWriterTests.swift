import Foundation
import MediaFormats
import TestSupport
import Testing

@Suite("MPEG-TS writer, ISO/IEC 13818-1") struct TransportStreamWriterTests {
    /// Enough of a parser to check the writer with; the independent judge is FFmpeg in the other tests.
    struct Packet {
        var bytes: ArraySlice<UInt8>
        var pid: Int { Int(at(1) & 0x1F) << 8 | Int(at(2)) }
        var counter: UInt8 { at(3) & 0x0F }
        var hasPayload: Bool { at(3) & 0x10 != 0 }
        var hasField: Bool { at(3) & 0x20 != 0 && at(4) > 0 }
        var isRandomAccess: Bool { hasField && at(5) & 0x40 != 0 }
        var clock: Int64? {
            guard hasField, at(5) & 0x10 != 0 else { return nil }
            let base = (6...9).reduce(Int64(0)) { $0 << 8 | Int64(at($1)) }
            return base << 1 | Int64(at(10) >> 7)
        }
        func at(_ index: Int) -> UInt8 { bytes[bytes.startIndex + index] }
    }

    static func packets(_ bytes: [UInt8]) -> [Packet] {
        stride(from: 0, to: bytes.count, by: 188).map { Packet(bytes: bytes[$0..<$0 + 188]) }
    }

    @Test func everyPacketStartsAndCountsAsItMust() {
        var stream = TestPatternStream(pattern: TestPattern(framesPerSecond: 5))
        let bytes = (0..<40).flatMap { _ in stream.next().packets }
        #expect(bytes.count % 188 == 0)
        var counters: [Int: UInt8] = [:]
        for packet in Self.packets(bytes) {
            #expect(packet.at(0) == 0x47)
            if let last = counters[packet.pid] {
                #expect(packet.counter == (last + (packet.hasPayload ? 1 : 0)) & 15, "PID \(packet.pid)")
            }
            counters[packet.pid] = packet.counter
        }
        #expect(Set(counters.keys) == [0, 0x1000, 0x100, 0x101])
    }

    @Test("a clock reference every 40 ms also at five pictures a second, §2.7.2")
    func clockReferencesAreDense() {
        var stream = TestPatternStream(pattern: TestPattern(framesPerSecond: 5))
        let clocks = Self.packets((0..<40).flatMap { _ in stream.next().packets }).compactMap(\.clock)
        #expect(clocks.count >= 195)
        for (earlier, later) in zip(clocks, clocks.dropFirst()) {
            #expect(later > earlier && later - earlier <= 3600)
        }
    }

    @Test func tablesStandBeforeEveryKeyFrame() {
        var stream = TestPatternStream(pattern: TestPattern(keyFrameInterval: 10))
        for _ in 0..<30 {
            let chunk = stream.next()
            guard chunk.isKeyFrame else { continue }
            let packets = Self.packets(chunk.packets)
            #expect(packets[0].pid == 0)
            #expect(packets[1].pid == 0x1000)
            #expect(packets[2].isRandomAccess)
        }
    }

    @Test("times wrap at 33 bits and FFmpeg follows", arguments: [1 << 33 - 90_000, 1 << 34, 0])
    func timesWrap(_ start: Int) throws {
        var writer = TransportStreamWriter(hasAudio: false)
        var pattern = TestPattern()
        var bytes: [UInt8] = []
        for frame in 0..<100 {
            let unit = pattern.next()
            let time = Int64(start + frame * 3600)
            writer.appendVideo(
                unit.bytes,
                presentation: time,
                decoding: time,
                isKeyFrame: unit.isKeyFrame,
                to: &bytes
            )
        }
        let file = try MediaFile(packets: bytes)
        let times = try file.decodingTimes(of: "v:0")
        #expect(times.count == 100)
        for (earlier, later) in zip(times, times.dropFirst()) { #expect(later - earlier == 3600) }
    }

    /// Every length from one byte to several packets: the stuffing must fit to the byte.
    @Test func everyLengthComesBack() throws {
        for length in 1...600 {
            var writer = TransportStreamWriter(hasAudio: true)
            var bytes: [UInt8] = []
            let payload = (0..<length).map { UInt8($0 & 0x7F) }
            writer.appendVideo(
                payload,
                presentation: 900,
                decoding: 0,
                isKeyFrame: length % 2 == 0,
                to: &bytes
            )
            writer.appendAudio(payload, presentation: 0, to: &bytes)
            let packets = Self.packets(bytes)
            for (pid, overhead) in [(0x100, 9 + 10 + 6), (0x101, 9 + 5)] {
                let carried = packets.filter { $0.pid == pid }.flatMap { packet in
                    packet.bytes.dropFirst(packet.at(3) & 0x20 != 0 ? 5 + Int(packet.at(4)) : 4)
                }
                #expect(carried.count == length + overhead)
                #expect(Array(carried.suffix(length)) == payload)
            }
        }
    }
}
