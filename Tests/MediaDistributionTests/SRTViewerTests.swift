import HSSModel
import NIOCore
import SRTTransport
import Synchronization
import TestSupport
import Testing

@testable import MediaDistribution

@Suite("What is kept of a stream") struct RecentMediaTests {
    @Test func aGroupThatGrowsTooLargeIsNoGroup() {
        var media = RecentMedia(limitInBytes: 2 * 188)
        media.append(packets(0..<1))
        #expect(!media.isWhole && media.sizeInBytes == 188)
        media.discard()
        #expect(media.chunks.isEmpty && media.sizeInBytes == 0 && media.start == 188)
        media.begin()
        media.append(packets(1..<3))
        media.discard()
        #expect(media.isWhole && media.sizeInBytes == 376)
        media.append(packets(3..<4))
        // Whoever follows the stream still gets it.
        #expect(!media.isWhole && media.sizeInBytes == 564)
        media.discard()
        #expect(media.sizeInBytes == 0)
        media.begin()
        #expect(media.isWhole && media.start == media.end && media.end == 4 * 188)
    }

    /// Read from any place, in messages as large as may be, it is what was written, over the bounds of its chunks.
    @Test func itIsReadAsItWasWritten() {
        let count = RecentMedia.chunkInBytes / 188 * 2 + 5
        var random = SeededGenerator(seed: 1)
        var media = RecentMedia(limitInBytes: 1 << 20)
        media.append(packets(0..<3))
        media.begin()
        var written = 3
        while written < count {
            let run = min(Int.random(in: 1...7, using: &random), count - written)
            media.append(packets(written..<written + run))
            written += run
        }
        var place = media.start + 188
        var read: [Int] = []
        while place < media.end {
            place += media.withMessage(at: place) { message in
                #expect(message.count <= SRTSocket.usualMessage)
                read += numbers(in: message)
                return message.count
            }
        }
        #expect(read == Array(4..<count))
        #expect(media.withMessage(at: media.end) { $0.count } == 0)
        #expect(media.withMessage(at: 0) { $0.count } == 0)
        #expect(media.chunks.dropLast().allSatisfy { $0.readableBytes == RecentMedia.chunkInBytes })
    }
}

@Suite("How a viewer over SRT moves through a stream") struct SRTViewerTests {
    private let tables = ByteBuffer(repeating: 0xFF, count: 376)
    private let start = Instant(nanoseconds: 0)

    private func tick(_ number: Int) -> Instant { start + .milliseconds(5 * number) }

    private func group(of range: Range<Int>) -> RecentMedia {
        var media = RecentMedia(limitInBytes: 8 << 20)
        media.begin()
        media.append(packets(range))
        return media
    }

    /// The beginning comes at once, a little of it; the rest as it is acknowledged; and then everything as it comes.
    @Test func itCatchesUpWithoutFillingItsBuffer() {
        let link = Link(capacity: 2000)
        var viewer = SRTViewer(id: 1, link, stop: { _ in })
        var media = group(of: 0..<2800)
        var most = 0
        var ticks = 0
        repeat {
            _ = viewer.advance(through: media, tables: tables, beginsAnywhere: false, at: tick(ticks))
            most = max(most, link.sendQueue.messages)
            if ticks == 0 { #expect(link.sendQueue.messages == SRTViewer.messagesAhead + 1) }
            link.acknowledge(20)
            ticks += 1
        } while viewer.isBehind
        #expect(ticks <= 20)
        #expect(most <= SRTViewer.messagesAhead + 1)
        media.append(packets(2800..<2807))
        _ = viewer.advance(through: media, tables: tables, beginsAnywhere: false, at: tick(ticks))
        #expect(link.packets == [nil, nil] + (0..<2807).map { $0 })
    }

    /// A far viewer, 60 messages in 300 ms, would never catch up with 4 Mbit/s: more is sent ahead.
    @Test func aFarViewerIsSentMoreAhead() {
        let link = Link(capacity: 2390)
        var viewer = SRTViewer(id: 1, link, stop: { _ in })
        var media = group(of: 0..<2800)
        var inFlight: [Int] = []
        var written = 2800
        var ticks = 0
        repeat {
            let before = link.sendQueue.messages
            _ = viewer.advance(through: media, tables: tables, beginsAnywhere: false, at: tick(ticks))
            inFlight.append(link.sendQueue.messages - before)
            if inFlight.count > 60 { link.acknowledge(inFlight.removeFirst()) }
            media.append(packets(written..<written + 14))
            written += 14
            ticks += 1
        } while viewer.isBehind && ticks < 1000
        #expect(ticks < 400)
        #expect(link.packets == [nil, nil] + (0..<written - 14).map { $0 })
    }

    @Test func whoHasNotCaughtUpGoesOnAtTheNextKeyFrame() {
        let link = Link(capacity: 30)
        var viewer = SRTViewer(id: 1, link, stop: { _ in })
        var media = group(of: 0..<700)
        _ = viewer.advance(through: media, tables: tables, beginsAnywhere: false, at: tick(0))
        #expect(viewer.isBehind && viewer.stuckSince == nil)
        _ = viewer.advance(through: media, tables: tables, beginsAnywhere: false, at: tick(1))
        #expect(viewer.stuckSince == tick(1))
        media.begin()
        media.append(packets(700..<707))
        link.acknowledge(30)
        let progress = viewer.advance(through: media, tables: tables, beginsAnywhere: false, at: tick(2))
        #expect(progress.skipped == 71)
        #expect(!viewer.isBehind && viewer.stuckSince == nil)
        #expect(link.packets == [nil, nil] + (0..<203).map { $0 } + [nil, nil] + (700..<707).map { $0 })
    }

    @Test func itWaitsForAKeyFrameUnlessThereIsNone() {
        let link = Link(capacity: 100)
        var viewer = SRTViewer(id: 1, link, stop: { _ in })
        var media = RecentMedia(limitInBytes: 1 << 20)
        media.append(packets(0..<7))
        let idle = viewer.advance(through: media, tables: tables, beginsAnywhere: false, at: tick(0))
        #expect(idle == SRTViewer.Progress() && link.packets.isEmpty && !viewer.isBehind)
        _ = viewer.advance(through: media, tables: tables, beginsAnywhere: true, at: tick(0))
        #expect(link.packets == [nil, nil] + (0..<7).map { $0 })
    }

    /// Unpaced everything goes out that fits, as when the publisher has gone.
    @Test func theEndIsNotPaced() {
        let link = Link(capacity: 2000)
        var viewer = SRTViewer(id: 1, link, stop: { _ in })
        _ = viewer.advance(
            through: group(of: 0..<2800),
            tables: tables,
            beginsAnywhere: false,
            isPaced: false,
            at: tick(0)
        )
        #expect(link.packets == [nil, nil] + (0..<2800).map { $0 })
    }

    /// Over any link, whenever it comes: in order, nothing twice, and where something is missing the stream goes on with
    /// its tables at a key frame. A link that is fast enough misses nothing.
    @Test(arguments: 0..<200) func nothingIsLostWithinAGroup(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let link = Link(capacity: Int.random(in: 20...400, using: &random))
        let messagesPerTick = Int.random(in: 1...6, using: &random)
        let isFast = Bool.random(using: &random)
        var viewer = SRTViewer(id: 1, link, stop: { _ in })
        var media = RecentMedia(limitInBytes: Int.random(in: 100_000...1_000_000, using: &random))
        var keyFrames: Set<Int> = []
        var written = 0
        var skipped = 0
        for number in 0..<600 {
            if Int.random(in: 0..<60, using: &random) == 0 {
                // As the hub does it: what belongs to the last group first.
                skipped +=
                    viewer.advance(
                        through: media,
                        tables: tables,
                        beginsAnywhere: false,
                        at: tick(number)
                    ).skipped
                media.begin()
                keyFrames.insert(written)
            }
            let run = 7 * Int.random(in: 0...messagesPerTick, using: &random)
            media.append(packets(written..<written + run))
            written += run
            skipped +=
                viewer.advance(
                    through: media,
                    tables: tables,
                    beginsAnywhere: false,
                    at: tick(number)
                ).skipped
            media.discard()
            link.acknowledge(isFast ? .max : Int.random(in: 0...messagesPerTick, using: &random))
        }
        var expected: Int?
        var followsTables = false
        var gaps = 0
        for packet in link.packets {
            guard let packet else {
                followsTables = true
                continue
            }
            if packet != expected {
                #expect(
                    followsTables && keyFrames.contains(packet) && packet > expected ?? -1,
                    "seed \(seed)"
                )
                gaps += expected == nil ? 0 : 1
            }
            followsTables = false
            expected = packet + 1
        }
        if isFast { #expect(gaps == 0 && skipped == 0 && expected ?? written == written, "seed \(seed)") }
        if gaps > 0 { #expect(skipped > 0, "seed \(seed)") }
    }
}

/// Transport stream packets that carry their number.
private func packets(_ numbers: Range<Int>) -> UnsafeRawBufferPointer {
    // Lives as long as the process: tests are short.
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: numbers.count * 188, alignment: 8)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    for (index, number) in numbers.enumerated() {
        bytes.storeBytes(of: number, toByteOffset: index * 188, as: Int.self)
    }
    return UnsafeRawBufferPointer(bytes)
}

private func numbers(in message: UnsafeRawBufferPointer) -> [Int] {
    stride(from: 0, to: message.count, by: 188).map {
        message.loadUnaligned(fromByteOffset: $0, as: Int.self)
    }
}

/// A connection with a send buffer, whose peer acknowledges when it is told to.
private final class Link: SRTViewer.Connection {
    private struct State {
        var messages: [[Int]] = []
        var waiting = 0
    }

    private let capacity: Int
    private let state = Mutex(State())

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// What was sent; `nil` for a packet of the tables.
    var packets: [Int?] { state.withLock { $0.messages.flatMap { $0 } }.map { $0 < 0 ? nil : $0 } }

    var sendQueue: (messages: Int, bytes: Int) {
        state.withLock { ($0.waiting, $0.waiting * SRTSocket.usualMessage) }
    }

    func acknowledge(_ messages: Int) {
        state.withLock { $0.waiting = max(0, $0.waiting - min(messages, $0.waiting)) }
    }

    func send(_ message: UnsafeRawBufferPointer) throws(SRTError) -> Bool {
        state.withLock { state in
            guard state.waiting < capacity else { return false }
            state.waiting += 1
            state.messages.append(numbers(in: message))
            return true
        }
    }
}
