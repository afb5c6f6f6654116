import Bus
import Foundation
import HSSModel
import Testing

@testable import MediaDistribution

/// Table I.2-12: "bit/s, 0 = no limit". What the unit does not keep, the media server does.
@Suite("max_bitrate at the media server, Table I.2-12", .timeLimit(.minutes(4))) struct BitrateTests {
    /// FFmpeg as the unit, for longer than the span over which bits are counted: a stream that keeps its limit goes on to
    /// its end, one half as large again is closed, and its viewer is told.
    @Test func aStreamThatIsLargerThanItsLimitIsClosed() async throws {
        let clip = try await Clip.shared.value
        let seconds = 4
        let rate = try Data(contentsOf: clip).count * 8 / seconds
        try await RunningMedia.run { platform in
            let (small, large) = (StreamID(unchecked: "small"), StreamID(unchecked: "large"))
            let kept = try platform.publish(
                clip,
                to: try await platform.order(small, maxBitrate: rate),
                loops: 2
            )
            let refused = try platform.publish(
                clip,
                to: try await platform.order(large, maxBitrate: rate * 2 / 3),
                loops: -1
            )
            #expect(await platform.events.wait(for: .published(large, Epoch(1))))
            #expect(await platform.events.wait(for: .unpublished(large, Epoch(1), .overBitrate)))
            #expect(await refused.waitForExit() != 0)
            #expect(await kept.waitForExit() == 0, "\(kept.output)")
            #expect(await platform.events.wait(for: .unpublished(small, Epoch(1), .closedByPeer)))
        }
    }
}
