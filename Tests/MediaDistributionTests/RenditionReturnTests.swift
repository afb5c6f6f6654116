import Bus
import HSSModel
import HostClock
import Logging
import ServerKit
import Testing
import Vm

@testable import MediaDistribution

/// No process is run here: what the table hands to viewers is looked at.
@Suite("A rendition over a unit's absence") struct RenditionReturnTests {
    private let stream = StreamID(unchecked: "cam1-0")
    private let issuer: Ticket.Issuer
    private let limits = MediaLimits()
    private let table: StreamTable

    init() {
        var random = SystemRandomNumberGenerator()
        issuer = Ticket.Issuer(using: &random)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var settings = RenditionSettings()
        settings.ffmpeg = "/bin/false"
        let metrics = MediaMetrics(MetricRegistry())
        table = StreamTable(
            limits: limits,
            issuer: issuer,
            renditions: RenditionWorkshop(
                settings,
                limits: limits,
                metrics: metrics,
                registry: MetricRegistry(),
                logger: logger
            ),
            metrics: metrics,
            usage: UsageLedger(metrics: MetricRegistry()),
            logger: logger
        )
    }

    private func publish(_ epoch: Epoch) throws -> StreamTable.Place {
        var random = SystemRandomNumberGenerator()
        let ticket = Ticket(
            publishing: stream,
            epoch: epoch,
            issuer: issuer,
            expiresAt: .now + .seconds(60),
            nonce: Ticket.Nonce(using: &random)
        )
        return try table.publish(ticket, from: MediaPeer(tally: Tally(at: .now)), at: .now) { _ in }
    }

    private func join(_ epoch: Epoch) throws -> StreamTable.Place {
        var random = SystemRandomNumberGenerator()
        let ticket = Ticket(
            playing: stream,
            epoch: epoch,
            lease: LeaseID(unchecked: "lease"),
            rendition: .small,
            expiresAt: .now + .seconds(60),
            nonce: Ticket.Nonce(using: &random)
        )
        return try table.join(ticket, .ts, from: MediaPeer(tally: Tally(at: .now)), at: .now) { _ in }
    }

    private var running: RenditionStream? {
        table.withState { $0.streams[stream]?.renditions.running[.small]?.stream }
    }

    private func order(_ epoch: Epoch) throws {
        let source = ChannelAddress(unit: UnitID(unchecked: "cam-1"), number: 0)
        try table.order(.init(stream: stream, source: source, epoch: epoch, maxBitrate: 0), at: .now)
    }

    /// The one that was ended with the viewers of the first push is not handed to those of the second.
    @Test func whoComesAfterTheGraceGetsOneThatIsMade() throws {
        let publisher = try publish(Epoch(1))
        let before = try join(Epoch(1))
        let first = try #require(running)
        table.unpublish(stream, publisher: publisher.id, .closedByPeer, at: .now)
        try order(Epoch(2))
        table.sweep(at: .now, wall: .now + limits.grace + .seconds(1))
        #expect(first.isOver)
        _ = try publish(Epoch(2))
        let after = try join(Epoch(2))
        let second = try #require(running)
        #expect(!second.isOver && after.hub === second.hub && after.hub !== before.hub)
    }

    @Test func whatItSentStaysCounted() throws {
        _ = try publish(Epoch(1))
        let place = try join(Epoch(1))
        place.hub.begin(publisher: 1, at: .now)
        place.hub.add(HTTPViewer(limitInBytes: 1 << 20, at: .now))
        [UInt8](repeating: 0x47, count: 1316).withUnsafeBytes {
            place.hub.ingest($0, keyFrame: 0, from: 1, at: .now)
        }
        place.hub.finish(at: .now)
        let sent = try #require(table.statuses(at: .now).first).bytesSent
        #expect(sent > 0)
        table.leave(stream, viewer: place.id, .closedByPeer, at: .now)
        table.sweep(at: .now, wall: .now)
        table.sweep(at: .now, wall: .now + limits.renditionLinger + .seconds(1))
        #expect(running == nil)
        #expect(table.statuses(at: .now).first?.bytesSent == sent)
    }
}
