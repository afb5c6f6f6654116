import HSSModel
import MediaFormats
import PremisesUnit
import Testing

@Suite("What a live encoder hands over") struct LiveBacklogTests {
    private static let start = Instant(nanoseconds: 0)

    /// The test pattern in its order: a key frame every 50 pictures, tables before it.
    private static func pictures(_ count: Int) -> [[UInt8]] {
        var stream = TestPatternStream()
        return (0..<count).map { _ in stream.next().packets }
    }

    /// A class, since `#expect` leaves values as they are.
    private final class Bench {
        private var backlog = LiveBacklog()

        func append(_ chunk: [UInt8], at now: Instant) -> Bool { backlog.append(chunk, at: now) }
        func next(at now: Instant) -> [UInt8]? { backlog.next(at: now) }

        func drain(at now: Instant) -> [UInt8] {
            var bytes: [UInt8] = []
            while let message = next(at: now) {
                #expect(message.count <= 7 * 188 && message.count % 188 == 0)
                bytes += message
            }
            return bytes
        }
    }

    @Test("leaves whole and in order, however it was cut", arguments: [1, 187, 188, 1000, 1316, 70_000])
    func anyChunks(size: Int) {
        let stream = Array(Self.pictures(60).joined())
        let backlog = Bench()
        var sent: [UInt8] = []
        for start in stride(from: 0, to: stream.count, by: size) {
            #expect(backlog.append(Array(stream[start..<min(start + size, stream.count)]), at: Self.start))
            if Bool.random() { sent += backlog.drain(at: Self.start) }
        }
        sent += backlog.drain(at: Self.start)
        // The last packet is certain only where another one follows.
        #expect(sent.count >= stream.count - 188 && sent == Array(stream.prefix(sent.count)))
    }

    @Test("single packets leave in full messages")
    func packetsAreGathered() {
        let stream = Array(Self.pictures(1).joined())
        let backlog = Bench()
        for start in stride(from: 0, to: stream.count, by: 188) {
            _ = backlog.append(Array(stream[start..<start + 188]), at: Self.start)
        }
        var sizes: [Int] = []
        while let message = backlog.next(at: Self.start) { sizes.append(message.count) }
        // One cut before the key frame, one at the end.
        #expect(sizes.count { $0 < 7 * 188 } <= 2, "\(sizes)")
    }

    @Test("after two seconds only what begins with a key frame goes on, behind its tables")
    func staleIsDropped() throws {
        let pictures = Self.pictures(150)
        let backlog = Bench()
        for (index, picture) in pictures.enumerated() {
            _ = backlog.append(picture, at: Self.start + .milliseconds(40) * index)
        }
        // The key frames are those of 0, 2 and 4 s.
        let sent = backlog.drain(at: Self.start + .milliseconds(5_960))
        let kept = Array(pictures[100...].joined())
        #expect(Self.isResumed(sent, at: kept, tables: pictures[0]))
    }

    /// Tables are those that came last, with the counters that they had then.
    private static func isResumed(_ sent: [UInt8], at kept: [UInt8], tables: [UInt8]) -> Bool {
        sent.prefix(2 * 188) == tables.prefix(2 * 188) && sent.dropFirst(2 * 188) == kept.dropFirst(2 * 188)
    }

    @Test("where no key frame is fresh enough, nothing leaves before the next one")
    func waitsForTheKeyFrame() {
        let pictures = Self.pictures(101)
        let backlog = Bench()
        _ = backlog.append(Array(pictures[..<49].joined()), at: Self.start)
        let later = Self.start + .seconds(3)
        #expect(backlog.drain(at: later).isEmpty)
        _ = backlog.append(pictures[49], at: later)
        #expect(backlog.drain(at: later).isEmpty)
        _ = backlog.append(pictures[50], at: later)
        #expect(Self.isResumed(backlog.drain(at: later), at: pictures[50], tables: pictures[0]))
    }

    @Test("holds 4 MB at most, and goes on after 10 s where the encoder marks nothing")
    func isBounded() {
        let packet: [UInt8] = [0x47, 0x1F, 0xFF, 0x10] + [UInt8](repeating: 0xFF, count: 184)
        let chunk = Array(repeatElement(packet, count: 300).joined())
        let backlog = Bench()
        for _ in 0..<200 { #expect(backlog.append(chunk, at: Self.start)) }
        #expect(backlog.drain(at: Self.start).count <= LiveBacklog.mostBytes)
        _ = backlog.append(chunk, at: Self.start + .seconds(9))
        #expect(backlog.drain(at: Self.start + .seconds(9)).isEmpty)
        _ = backlog.append(chunk, at: Self.start + .seconds(10))
        #expect(backlog.drain(at: Self.start + .seconds(10)) == chunk)
    }

    @Test("what is no transport stream is known as such")
    func garbage() {
        let backlog = Bench()
        var isGood = true
        for _ in 0..<20 { isGood = backlog.append([UInt8](repeating: 0, count: 10_000), at: Self.start) }
        #expect(!isGood && backlog.drain(at: Self.start).isEmpty)
    }
}
