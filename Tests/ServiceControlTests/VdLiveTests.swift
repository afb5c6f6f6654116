import Bus
import HSSModel
import ServiceControl
import Testing
import Vd
import Vm

@Suite("Live pictures, Tables I.2-12 and I.2-13") struct VdLiveTests {
    static var settings: SignallingSettings {
        var settings = SignallingBench.settings
        settings.live = LiveChannel.Timing(
            publish: .seconds(15),
            request: .seconds(20),
            linger: .milliseconds(100),
            lease: .seconds(60)
        )
        return settings
    }

    /// Starts a live picture in a task of its own.
    static func start(
        _ bench: SignallingBench,
        _ channel: ChannelAddress = SignallingBench.channel
    ) -> Task<Result<LiveLease, LiveError>, Never> {
        let service = bench.service
        return Task {
            do throws(LiveError) {
                return .success(try await service.startLive(channel, for: SignallingBench.anna))
            } catch {
                return .failure(error)
            }
        }
    }

    /// The next message of the platform, which must be a request of this name.
    static func request(_ unit: RawClient, _ name: String) async throws -> (RPCRequest, seq: Int) {
        let text = try #require(await unit.text(), "\(name) is awaited")
        guard case .request(let request, let seq) = try RPCMessage(parsing: Array(text.utf8)) else {
            throw Unexpected(text: text)
        }
        #expect(request.method == name)
        return (request, seq)
    }

    struct Unexpected: Error { var text: String }

    static func agree(_ unit: RawClient, _ seq: Int) async throws {
        try await unit.send(#"{"seq":\#(seq),"resp":{}}"#)
    }

    @Test(arguments: [("/Vd", "PushLive", "StopLive"), ("/ovc", "LivePublish", "LiveStop")])
    func aPictureComesAndGoes(path: String, push: String, stop: String) async throws {
        try await SignallingBench.run(settings: Self.settings) { bench in
            let unit = try await bench.unit(path: path)
            let first = Self.start(bench)
            let (request, seq) = try await Self.request(unit, push)
            let asked = try PushLive(request.parameters)
            #expect(asked.channel == 0 && asked.url.reveal().hasPrefix("srt://127.0.0.1:8890?streamid="))
            let order = try #require(bench.media.orders.first)
            #expect(order.stream == asked.stream && order.source == SignallingBench.channel)
            try await Self.agree(unit, seq)
            bench.media.emit(.published(order.stream, order.epoch))
            let lease = try await first.value.get()
            #expect(lease.stream == asked.stream)
            // A second customer shares the stream: the unit is not asked again.
            let second = try await Self.start(bench).value.get()
            #expect(second.stream == lease.stream && second.lease != lease.lease)

            await bench.service.stopLive(SignallingBench.channel, lease: nil, for: SignallingBench.anna)
            let (stopRequest, stopSeq) = try await Self.request(unit, stop)
            #expect(try StopLive(stopRequest.parameters).stream == lease.stream)
            #expect(bench.media.orders.count == 1)
            try await Self.agree(unit, stopSeq)
            #expect(await eventually { bench.media.closed == [lease.stream] })
        }
    }

    /// Table I.2-12: what the unit says reaches the customer.
    @Test(arguments: [
        (1, "internal"), (11, "the code stream is too large"), (12, "url"), (102, "no channel"), (103, "off"),
    ]) func aRefusalReachesTheCustomer(code: Int, message: String) async throws {
        try await SignallingBench.run(settings: Self.settings) { bench in
            let unit = try await bench.unit()
            let live = Self.start(bench)
            let (_, seq) = try await Self.request(unit, "PushLive")
            try await unit.send(#"{"seq":\#(seq),"err":{"code":\#(code),"msg":"\#(message)"}}"#)
            #expect(await live.value == .failure(.refusedByUnit(code: code, message: message)))
        }
    }

    /// Table I.2-12, `max_bitrate`: the unit is told the limit; where it sends more all the same, the media server ends it,
    /// and whoever asks next hears why.
    @Test func aStreamThatIsTooLargeIsNotAskedForAgain() async throws {
        var settings = Self.settings
        settings.maxBitrate = 4_000_000
        try await SignallingBench.run(settings: settings) { bench in
            let unit = try await bench.unit()
            let live = Self.start(bench)
            let (request, seq) = try await Self.request(unit, "PushLive")
            #expect(try PushLive(request.parameters).maxBitrate == 4_000_000)
            try await Self.agree(unit, seq)
            let order = try #require(bench.media.orders.first)
            #expect(order.maxBitrate == 4_000_000)
            bench.media.emit(.published(order.stream, order.epoch))
            _ = try await live.value.get()
            bench.media.emit(.unpublished(order.stream, order.epoch, .overBitrate))
            let (_, stopSeq) = try await Self.request(unit, "StopLive")
            let expected = LiveError.overBitrate(SignallingBench.channel, limit: 4_000_000)
            #expect(await Self.start(bench).value == .failure(expected))
            try await Self.agree(unit, stopSeq)
            #expect(await eventually { bench.media.closed == [order.stream] })
            #expect(bench.media.orders.count == 1)
        }
    }

    /// What the media server finds in the stream reaches whoever waits for it, and the next one who asks.
    @Test(arguments: [MediaEnd.noProgramme, .noMedia, .unsupportedCodec])
    func aStreamThatCannotBeShownIsNamed(reason: MediaEnd) async throws {
        try await SignallingBench.run(settings: Self.settings) { bench in
            let unit = try await bench.unit()
            let live = Self.start(bench)
            let (_, seq) = try await Self.request(unit, "PushLive")
            try await Self.agree(unit, seq)
            let order = try #require(bench.media.orders.first)
            bench.media.emit(.unpublished(order.stream, order.epoch, reason))
            let expected = LiveError.unusable(SignallingBench.channel, reason)
            #expect(await live.value == .failure(expected))
            let (_, stopSeq) = try await Self.request(unit, "StopLive")
            #expect(await Self.start(bench).value == .failure(expected))
            try await Self.agree(unit, stopSeq)
            #expect(await eventually { bench.media.closed.contains(order.stream) })
            let status = await bench.service.liveStatus(of: SignallingBench.channel)
            #expect(status.lastEnd?.reason == reason && status.stream == nil)
        }
    }

    /// `limits.viewers_per_user`: counted where a lease is granted, and again where one address is opened many times.
    @Test func aUserWatchesNoMoreThanOneMay() async throws {
        var settings = Self.settings
        settings.viewersPerUser = 2
        try await SignallingBench.run(settings: settings) { bench in
            let unit = try await bench.unit()
            let live = Self.start(bench)
            let (_, seq) = try await Self.request(unit, "PushLive")
            try await Self.agree(unit, seq)
            let order = try #require(bench.media.orders.first)
            bench.media.emit(.published(order.stream, order.epoch))
            let first = try await live.value.get()
            let second = try await Self.start(bench).value.get()
            #expect(await Self.start(bench).value == .failure(.userLimit(2)))
            await bench.service.stopLive(
                SignallingBench.channel,
                lease: second.lease,
                for: SignallingBench.anna
            )
            for count in 1...3 {
                bench.media.emit(.viewerJoined(order.stream, first.lease, viewers: count))
            }
            #expect(await eventually { bench.media.trims == ["\(first.lease) 2"] })
            let status = await bench.service.liveStatus(of: SignallingBench.channel)
            #expect(status.activity == .live && status.audience == [SignallingBench.anna: 3])
            #expect(status.since != nil && status.stream == order.stream)
            let holders = await bench.service.holders(of: [first.lease, second.lease], on: order.stream)
            #expect(holders[first.lease] == SignallingBench.anna)
            bench.media.emit(.viewerLeft(order.stream, first.lease, viewers: 2, .userLimit))
            bench.media.emit(.viewerLeft(order.stream, first.lease, viewers: 1, .closedByPeer))
            #expect(await eventually { await Self.start(bench).value != .failure(.userLimit(2)) })
            // The owner ends what the user watches, whatever it was opened with.
            let channel = SignallingBench.channel
            #expect(await bench.service.dismiss(SignallingBench.anna, from: channel))
            #expect(await bench.service.dismiss(SignallingBench.anna, from: channel) == false)
            #expect(await eventually { bench.media.dismissed.contains(first.lease) })
        }
    }

    @Test func aUnitThatSendsNoStreamIsNamedWithTheTimeThatItHad() async throws {
        var settings = Self.settings
        settings.live.publish = .milliseconds(400)
        try await SignallingBench.run(settings: settings) { bench in
            let unit = try await bench.unit()
            let live = Self.start(bench)
            let (_, seq) = try await Self.request(unit, "PushLive")
            try await Self.agree(unit, seq)
            let expected = LiveError.noPublish(SignallingBench.channel.unit, after: .milliseconds(400))
            #expect(await live.value == .failure(expected))
        }
    }

    @Test func aUnitThatDoesNotAnswerLosesItsConnection() async throws {
        var settings = Self.settings
        settings.sessionLimits.answerTime = .milliseconds(500)
        try await SignallingBench.run(settings: settings) { bench in
            let unit = try await bench.unit()
            let live = Self.start(bench)
            _ = try await Self.request(unit, "PushLive")
            #expect(await live.value == .failure(.unitSilent(SignallingBench.channel.unit)))
            #expect(await unit.end() == 1008)
        }
    }

    @Test func whatCannotBeIsSaidAtOnce() async throws {
        var settings = Self.settings
        settings.liveWaiting = 1
        try await SignallingBench.run(settings: settings) { bench in
            #expect(await Self.start(bench).value == .failure(.unitOffline(SignallingBench.channel.unit)))
            let unit = try await bench.unit()
            let missing = ChannelAddress(unit: SignallingBench.channel.unit, number: 7)
            #expect(await Self.start(bench, missing).value == .failure(.noSuchChannel(missing)))
            try await unit.send(SignallingBench.keepalive(1, state: 4))
            _ = await unit.text()
            let disabled = LiveError.channelUnavailable(SignallingBench.channel, .disabled)
            #expect(await Self.start(bench).value == .failure(disabled))
            try await unit.send(SignallingBench.keepalive(2, state: 1))
            _ = await unit.text()
            let waiting = Self.start(bench)
            _ = try await Self.request(unit, "PushLive")
            guard case .failure(.busy) = await Self.start(bench).value else {
                Issue.record("limits.live_waiting is not kept")
                return
            }
            waiting.cancel()
            _ = await waiting.value
        }
    }

    /// Disabling a user ends what this user watches; the unit and others go on.
    @Test func aDisabledUserWatchesNothing() async throws {
        try await SignallingBench.run(settings: Self.settings) { bench in
            let unit = try await bench.unit()
            let live = Self.start(bench)
            let (_, seq) = try await Self.request(unit, "PushLive")
            try await Self.agree(unit, seq)
            let order = try #require(bench.media.orders.first)
            bench.media.emit(.published(order.stream, order.epoch))
            let lease = try await live.value.get()
            bench.media.emit(.viewerJoined(lease.stream, lease.lease, viewers: 1))
            let bert = UserName(unchecked: "bert")
            let other = try await bench.service.startLive(SignallingBench.channel, for: bert)
            await bench.service.withdraw(SignallingBench.anna)
            #expect(await eventually { bench.media.dismissed == [lease.lease] })
            await bench.service.withdraw(bert)
            #expect(await eventually { bench.media.dismissed == [lease.lease, other.lease] })
            #expect(bench.media.closed == [], "the push lingers for whoever may come")
        }
    }

    @Test func aMediaServerAtItsLimitIsSaid() async throws {
        try await SignallingBench.run(settings: Self.settings) { bench in
            let unit = try await bench.unit()
            bench.media.failAll(with: .busy("streams"))
            #expect(
                await Self.start(bench).value == .failure(.media("the media server is at its limit: streams"))
            )
            await unit.close()
        }
    }

    /// A unit that comes back while a customer waits is asked again, with a newer epoch.
    @Test func aReconnectionIsNoFailure() async throws {
        try await SignallingBench.run(settings: Self.settings) { bench in
            let old = try await bench.unit()
            let live = Self.start(bench)
            _ = try await Self.request(old, "PushLive")
            let new = try await bench.unit()
            // Nobody knows whether the lost request took effect: it is taken back first.
            let (_, stopSeq) = try await Self.request(new, "StopLive")
            try await Self.agree(new, stopSeq)
            let (_, seq) = try await Self.request(new, "PushLive")
            try await Self.agree(new, seq)
            let orders = bench.media.orders
            try #require(orders.count == 2)
            #expect(orders[0].stream == orders[1].stream && orders[0].epoch < orders[1].epoch)
            bench.media.emit(.published(orders[1].stream, orders[1].epoch))
            #expect(try await live.value.get().stream == orders[1].stream)
        }
    }

    /// Stream IDs are known to those who watch; one of them may own a unit and let it lie.
    @Test func aUnitCannotTakeTheStreamOfAnother() async throws {
        try await SignallingBench.run(settings: Self.settings) { bench in
            let unit = try await bench.unit()
            let live = Self.start(bench)
            let (_, seq) = try await Self.request(unit, "PushLive")
            try await Self.agree(unit, seq)
            let order = try #require(bench.media.orders.first)
            bench.media.emit(.published(order.stream, order.epoch))
            _ = try await live.value.get()

            let liar = try await bench.unit("cam-2")
            let claim = SignallingBench.keepalive(1, mac: SignallingBench.mac2, stream: order.stream.rawValue)
            try await liar.send(claim)
            #expect(await liar.text() == #"{"seq":1,"resp":{}}"#)
            let (_, stopSeq) = try await Self.request(liar, "StopLive")
            bench.media.emit(.published(order.stream, order.epoch))
            try await Self.agree(liar, stopSeq)

            #expect(try await Self.start(bench).value.get().stream == order.stream)
            #expect(bench.media.closed == [], "the stream goes on")
        }
    }

    /// After a restart of the platform a unit still pushes what nobody asked for.
    @Test func aStreamThatNobodyWantsIsStopped() async throws {
        try await SignallingBench.run(settings: Self.settings) { bench in
            let unit = try await bench.unit()
            try await unit.send(SignallingBench.keepalive(1, stream: "old"))
            #expect(await unit.text() == #"{"seq":1,"resp":{}}"#)
            let (request, seq) = try await Self.request(unit, "StopLive")
            #expect(try StopLive(request.parameters).stream.rawValue == "old")
            try await Self.agree(unit, seq)
            bench.media.emit(.published(StreamID(unchecked: "unknown"), Epoch(1)))
            #expect(await eventually { bench.media.closed == [StreamID(unchecked: "unknown")] })
        }
    }
}
