import Bus
import Foundation
import HSSModel
import HostClock
import Logging
import ServerKit
import ServiceControl
import Store
import Testing
import Vm

@Suite("Presence in the event log") struct PresenceEventTests {
    private static let unit = UnitID(unchecked: "cam-1")

    /// A store with the devices of the bench.
    private struct Log {
        let store: SQLiteStore
        let feed: EventFeed
        let journal: PresenceJournal

        init(_ folder: String) async throws {
            store = try SQLiteStore(path: folder + "/db", at: .now)
            feed = EventFeed(store: store, metrics: MetricRegistry(), logger: Logger(label: "test"))
            journal = PresenceJournal(store: store, feed: feed)
        }

        func enrol() async throws {
            for (name, mac) in [("cam-1", SignallingBench.mac1), ("cam-2", SignallingBench.mac2)] {
                try await store.add(
                    StoredDevice(
                        unit: UnitID(unchecked: name),
                        macIdentity: MACIdentity(unchecked: mac),
                        name: name,
                        channels: [
                            0: ChannelID(unchecked: "\(name)-0"), 1: ChannelID(unchecked: "\(name)-1"),
                        ],
                        passwordHash: Secret("hash"),
                        createdAt: .now
                    )
                )
            }
        }

        /// As "kind detail", those of `cam-1`.
        var events: [String] {
            get async throws {
                try await store.events(after: .none, of: PresenceEventTests.unit, limit: 100).map {
                    $0.event.kind.rawValue + ($0.event.channel.map { "/\($0)" } ?? "") + " " + $0.event.detail
                }
            }
        }

        func says(_ count: Int) async -> Bool { await eventually { (try? await events.count) == count } }
    }

    private static func with(_ body: (Log, String) async throws -> Void) async throws {
        let folder = NSTemporaryDirectory() + "vedette-presence-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let log = try await Log(folder)
        try await log.enrol()
        try await body(log, folder)
        try log.store.close()
    }

    private static var settings: SignallingSettings {
        var settings = SignallingBench.settings
        settings.offlineAfter = .seconds(2)
        settings.returnTime = .zero
        return settings
    }

    @Test func comingAndGoingIsToldOnce() async throws {
        try await Self.with { log, _ in
            try await SignallingBench.run(settings: Self.settings, presence: log.journal) { bench in
                let bell = try log.feed.bell()
                let first = try await bench.unit()
                #expect(await log.says(1))
                for await _ in bell { break }
                await first.close()
                let second = try await bench.unit()
                try await second.send(SignallingBench.keepalive(1, state: 3))
                _ = await second.text()
                #expect(await log.says(2))
                await second.close()
                #expect(await log.says(3))
            }
            let expected = [
                #"online {"before":"offline"}"#, #"error/0 {"before":"online"}"#,
                #"offline {"before":"online","reason":"silent"}"#,
            ]
            #expect(try await log.events == expected)
        }
    }

    /// 20,000 units that come back after a restart must not fill the log; one that stays away is told.
    @Test func aRestartAloneTellsNothing() async throws {
        try await Self.with { log, folder in
            try await SignallingBench.run(settings: Self.settings, presence: log.journal) { bench in
                let units = [try await bench.unit(), try await bench.unit("cam-2")]
                #expect(
                    await eventually { (try? await log.store.presences(after: nil, limit: 9).count) == 2 }
                )
                for unit in units { await unit.close() }
            }
            let again = try await Log(folder)
            try await SignallingBench.run(settings: Self.settings, presence: again.journal) { bench in
                let unit = try await bench.unit()
                try await unit.send(SignallingBench.keepalive(1))
                _ = await unit.text()
                // The other one is given up; by then everything was looked at.
                #expect(
                    await eventually {
                        let all = try? await again.store.presences(after: nil, limit: 9)
                        return all?.map(\.condition) == [.online, .offline]
                    }
                )
                try await unit.send(SignallingBench.keepalive(2))
                _ = await unit.text()
                #expect(try await again.events == [#"online {"before":"offline"}"#])
            }
            try again.store.close()
        }
    }

    @Test func aPictureIsToldFromItsFirstPushToItsEnd() async throws {
        var settings = Self.settings
        settings.offlineAfter = .seconds(30)
        settings.live = LiveChannel.Timing(linger: .milliseconds(50))
        try await Self.with { log, folder in
            try await SignallingBench.run(settings: settings, presence: log.journal) { bench in
                let unit = try await bench.unit()
                let live = VdLiveTests.start(bench)
                let (_, push) = try await VdLiveTests.request(unit, "PushLive")
                try await VdLiveTests.agree(unit, push)
                let order = try #require(bench.media.orders.first)
                bench.media.emit(.published(order.stream, order.epoch))
                let lease = try await live.value.get()
                #expect(await log.says(2))
                // A push that breaks is renewed under the same name: no end, and no second start.
                bench.media.emit(.viewerJoined(order.stream, lease.lease, viewers: 1))
                bench.media.emit(.unpublished(order.stream, order.epoch, .silent))
                let (_, stop) = try await VdLiveTests.request(unit, "StopLive")
                try await VdLiveTests.agree(unit, stop)
                let (_, renewed) = try await VdLiveTests.request(unit, "PushLive")
                try await VdLiveTests.agree(unit, renewed)
                let second = try #require(bench.media.orders.last)
                #expect(second.stream == order.stream && second.epoch > order.epoch)
                bench.media.emit(.published(second.stream, second.epoch))
                bench.media.emit(.viewerLeft(order.stream, lease.lease, viewers: 0, .closedByPeer))
                #expect(await log.says(3))
                let name = order.stream.rawValue
                let expected = [
                    #"online {"before":"offline"}"#, #"live/0 {"state":"started","stream_id":"\#(name)"}"#,
                    #"live/0 {"state":"stopped","stream_id":"\#(name)","reason":"unwatched"}"#,
                ]
                #expect(try await log.events == expected)
                #expect(try await log.store.runningStreams().isEmpty)
            }
        }
    }

    /// A platform that is killed tells the end of its pictures when it is back.
    @Test func aRestartEndsThePicturesFromBefore() async throws {
        try await Self.with { log, _ in
            let stream = RunningStream(
                channel: ChannelAddress(unit: Self.unit, number: 1),
                stream: StreamID(unchecked: "s1")
            )
            let start = NewEvent(time: .now, unit: Self.unit, channel: 1, kind: .live)
            _ = try await log.store.note([.live(stream, runs: true, start)])
            try await SignallingBench.run(settings: Self.settings, presence: log.journal) { _ in
                #expect(await log.says(2))
                let end = #"live/1 {"state":"stopped","stream_id":"s1","reason":"restart of the platform"}"#
                let last = try await log.events.last
                #expect(last == end)
            }
        }
    }
}
