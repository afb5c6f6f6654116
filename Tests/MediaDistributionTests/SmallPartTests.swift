import Bus
import HSSModel
import NIOCore
import ServerKit
import Testing

@testable import MediaDistribution

@Suite("The queue of an HTTP viewer") struct HTTPViewerTests {
    private let tables = ByteBuffer(string: "T")
    private let now = Instant(nanoseconds: 0)

    private func batch(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    private func taken(_ viewer: HTTPViewer) async -> [String]? {
        var bell = viewer.makeBell()
        return await viewer.next(&bell)?.map { String(buffer: $0) }
    }

    @Test func itBeginsAtAKeyFrame() async {
        let viewer = HTTPViewer(limitInBytes: 100, at: now)
        #expect(!viewer.push(batch("a"), isKeyFrame: false, tables: tables))
        #expect(viewer.push(batch("K"), isKeyFrame: true, tables: tables))
        #expect(viewer.push(batch("b"), isKeyFrame: false, tables: tables))
        #expect(await taken(viewer) == ["T", "K", "b"])
    }

    @Test func atItsBoundItSkipsToTheNextKeyFrame() async {
        let viewer = HTTPViewer(limitInBytes: 8, at: now)
        #expect(viewer.push(batch("KKKK"), isKeyFrame: true, tables: tables))
        #expect(!viewer.push(batch("bbbb"), isKeyFrame: false, tables: tables))
        #expect(!viewer.push(batch("c"), isKeyFrame: false, tables: tables))
        #expect(viewer.push(batch("K2"), isKeyFrame: true, tables: tables))
        #expect(await taken(viewer) == ["T", "K2"])
    }

    @Test func whatIsEndedByThePlatformIsShownFirst() async {
        let viewer = HTTPViewer(limitInBytes: 100, at: now)
        #expect(viewer.push(batch("K"), isKeyFrame: true, tables: tables))
        viewer.end(.closedByPlatform)
        viewer.end(.tooSlow)
        #expect(viewer.endReason == .closedByPlatform)
        #expect(!viewer.push(batch("late"), isKeyFrame: true, tables: tables))
        #expect(await taken(viewer) == ["T", "K"])
        #expect(await taken(viewer) == nil)
    }

    @Test func onlyOneThatWritesCanBeStuck() async {
        let viewer = HTTPViewer(limitInBytes: 100, at: now)
        let late = Instant(nanoseconds: .max)
        #expect(!viewer.isStuck(at: late, limit: .seconds(10)))
        #expect(viewer.push(batch("K"), isKeyFrame: true, tables: tables))
        _ = await taken(viewer)
        #expect(viewer.isStuck(at: late, limit: .seconds(10)))
        viewer.end(.closedByPeer)
        #expect(!viewer.isStuck(at: late, limit: .seconds(10)))
    }
}

@Suite("Feeds of events") struct EventFeedsTests {
    /// A feed without gaps or none.
    @Test func whoFallsTooFarBehindIsCutOff() async {
        let metrics = MediaMetrics(MetricRegistry())
        var feeds = EventFeeds()
        let event = MediaEvent.published(StreamID(unchecked: "a"), Epoch(1))
        let feed = feeds.open([event])
        for _ in 0..<EventFeeds.longestBacklog { feeds.send(event, metrics) }
        var count = 0
        for await _ in feed { count += 1 }
        #expect(count == EventFeeds.longestBacklog)
        #expect(metrics.eventFeedsDropped.current == 1)
    }
}

@Suite("Drops of the kernel") struct UDPDropsTests {
    @Test func onlyThePortCounts() {
        let table = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
             100: 0100007F:22BA 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 17
             101: 00000000:22BA 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 5
             102: 00000000:22BB 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 9
            """
        #expect(UDPDrops.count(port: 8890, inTable: table) == 22)
        #expect(UDPDrops.count(port: 8891, inTable: table) == 9)
        #expect(UDPDrops.count(port: 1, inTable: "") == 0)
    }
}
