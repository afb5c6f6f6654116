import HSSModel
import Testing

@testable import ServiceControl

@Suite("News of units") struct UnitNewsFeedTests {
    private let first = UnitID(unchecked: "cam-1")
    private let second = UnitID(unchecked: "cam-2")
    private let third = UnitID(unchecked: "cam-3")

    private func channel(_ unit: UnitID) -> ChannelAddress { ChannelAddress(unit: unit, number: 0) }

    @Test func coalesceAndAreTakenOnce() {
        let feed = UnitNewsFeed(bound: 10)
        #expect(feed.take().isEmpty)
        for _ in 0..<1000 { feed.changed(first) }
        feed.changed(second)
        feed.reported(channel(first), StreamID(unchecked: "s1"))
        feed.reported(channel(first), nil)
        let news = feed.take()
        #expect(news.links == [first, second])
        #expect(news.reports == [channel(first): nil], "the last report counts, also that there is no stream")
        #expect(!news.hasOverflowed)
        #expect(feed.take().isEmpty)
    }

    /// Nothing is dropped silently: who listens is told to look at everything.
    @Test func sayWhenThereWereTooMany() {
        let feed = UnitNewsFeed(bound: 2)
        for unit in [first, second, first] { feed.changed(unit) }
        #expect(!feed.take().hasOverflowed, "known ones take no more room")
        for unit in [first, second, third] { feed.changed(unit) }
        #expect(feed.take() == .init(links: [first, second], hasOverflowed: true))
        for unit in [first, second, third] { feed.reported(channel(unit), nil) }
        #expect(feed.take().hasOverflowed)
        #expect(feed.take().isEmpty, "an overflow is told once")
    }

    @Test func goToEveryListener() {
        let registry = UnitRegistry(node: NodeName(unchecked: "test"), offlineAfter: .seconds(60))
        let (one, other) = (registry.news(), registry.news())
        registry.reported(channel(first), StreamID(unchecked: "s1"))
        #expect(one.take().reports == [channel(first): StreamID(unchecked: "s1")])
        #expect(other.take().reports == [channel(first): StreamID(unchecked: "s1")])
    }
}
