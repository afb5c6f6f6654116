import Bus
import HSSModel
import HostClock
import Logging
import ServerKit
import Testing
import Vm

@testable import MediaDistribution

/// Asking for figures must not hold up the media: the lock of the table is not held while connections are asked.
@Suite("A stream with thousands of viewers") struct ManyViewersTests {
    private static let stream = StreamID(unchecked: "cam1-0")

    private func table(viewers: Int) throws -> StreamTable {
        var random = SystemRandomNumberGenerator()
        let issuer = Ticket.Issuer(using: &random)
        let table = StreamTable(
            limits: {
                var limits = MediaLimits()
                limits.viewersPerStream = viewers
                return limits
            }(),
            issuer: issuer,
            renditions: RenditionWorkshop(
                RenditionSettings(),
                limits: MediaLimits(),
                metrics: MediaMetrics(MetricRegistry()),
                registry: MetricRegistry(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            ),
            metrics: MediaMetrics(MetricRegistry()),
            usage: UsageLedger(metrics: MetricRegistry()),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let publish = Ticket(
            publishing: Self.stream,
            epoch: Epoch(1),
            issuer: issuer,
            expiresAt: .now + .seconds(60),
            nonce: Ticket.Nonce(using: &random)
        )
        _ = try table.publish(publish, from: MediaPeer(tally: Tally(at: .now)), at: .now) { _ in }
        for number in 0..<viewers {
            let play = Ticket(
                playing: Self.stream,
                epoch: Epoch(1),
                lease: LeaseID(unchecked: "l\(number)"),
                expiresAt: .now + .seconds(60),
                nonce: Ticket.Nonce(using: &random)
            )
            var peer = MediaPeer(tally: Tally(at: .now))
            // An answer that asks the table again would wait for ever if the lock were held.
            peer.figures = { [weak table] in (table?.statuses(at: .now).count ?? 0, nil) }
            _ = try table.join(play, .ts, from: peer, at: .now) { _ in }
        }
        return table
    }

    @Test func aPageIsAskedWithoutTheLockAndNoMoreThanThePage() throws {
        let table = try table(viewers: 5000)
        let clock = ContinuousClock()
        var cursor: ViewerID?
        var seen = 0
        let whole = clock.measure {
            while let page = table.detail(of: Self.stream, viewersAfter: cursor, limit: 200, at: .now),
                !page.viewers.isEmpty
            {
                #expect(page.viewers.count == 200 && page.stream.viewers == 5000)
                #expect(page.viewers.allSatisfy { $0.queuedBytes == 1 })
                seen += page.viewers.count
                cursor = page.viewers.last?.id
            }
        }
        #expect(seen == 5000)
        let sweep = clock.measure { table.sweep(at: .now, wall: .now) }
        print("5,000 viewers: 25 pages of 200 in \(whole), one sweep in \(sweep)")
    }
}
