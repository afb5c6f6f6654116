import Bus
import HSSModel
import Testing

@testable import ServiceControl

@Suite("How the last push of a channel ended") struct LiveHistoryTests {
    private func channel(_ number: Int) -> ChannelAddress {
        ChannelAddress(unit: UnitID(unchecked: "cam"), number: number)
    }

    private func end(_ reason: MediaEnd, at seconds: Int) -> PublisherEnd {
        PublisherEnd(reason: reason, time: WallTime(milliseconds: Int64(seconds) * 1000))
    }

    @Test func theLastOneCounts() {
        var history = LiveHistory()
        history.note(end(.silent, at: 1), of: channel(0))
        history.note(end(.closedByPeer, at: 2), of: channel(0))
        #expect(history.lastEnd(of: channel(0)) == end(.closedByPeer, at: 2))
        #expect(history.lastEnd(of: channel(1)) == nil)
    }

    /// Whatever ends and however often: no more is kept, and what was noted last is.
    @Test func itIsBoundedAndForgetsTheOldest() {
        var history = LiveHistory(capacity: 20)
        for number in 0..<20 { history.note(end(.silent, at: number), of: channel(number)) }
        // Noted again: not the oldest any more.
        history.note(end(.displaced, at: 20), of: channel(0))
        for number in 20..<1000 {
            history.note(end(.silent, at: number), of: channel(number))
            #expect(history.lastEnd(of: channel(number)) != nil)
            #expect(history.count <= 20)
            if number == 20 { #expect(history.lastEnd(of: channel(0))?.reason == .displaced) }
        }
        #expect(history.lastEnd(of: channel(1)) == nil && history.lastEnd(of: channel(990)) != nil)
    }
}
