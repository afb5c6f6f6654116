import Bus
import HSSModel
import HostClock
import Logging
import ServerKit
import Vd
import Vm

/// Runs a ``LiveChannel`` for each channel that somebody watches, and carries out what it decides: tickets
/// from the media server (Sm), `PushLive` and `StopLive` to the unit (Vd), answers to customers (Cs).
actor LiveDirector {
    /// Channels with live business at once; more customers are turned away.
    private static let mostChannels = 100_000

    /// A unit that was woken is asked to stay awake for so long, again and again while its picture is wanted.
    private static let keepAwake = Duration.seconds(60)

    private let units: UnitRegistry
    private let waker: UnitWaker
    private let news: UnitNewsFeed
    private let media: any MediaDistributor
    private let records: LiveRecords
    var timing: LiveChannel.Timing
    private let mostWaiters: Int
    private let maxBitrate: Int
    private let mostPerUser: Int
    private let logger: Logger
    private let metrics: LiveMetrics

    private struct Busy {
        var machine: LiveChannel
        var wake: Instant?
        /// Names under which the media server may speak of this channel.
        var streams: [StreamID] = []
        /// Who asked for it; some may have left.
        var users: Set<UserName> = []
        /// When the push began that runs now.
        var liveSince: WallTime?
        /// The unit was woken for this channel and would fall asleep by itself.
        var keepAwakeAt: Instant?
        /// The picture whose start was told.
        var told: StreamID?
        /// Why the last push ended, while there is no other.
        var lastEnd: MediaEnd?
    }

    private var channels: [ChannelAddress: Busy] = [:]
    private var numbers: [UnitID: Set<Int>] = [:]
    private var streams: [StreamID: ChannelAddress] = [:]
    private var waiting: [LiveRequestID: CheckedContinuation<Result<LiveLease, LiveFailure>, Never>] = [:]
    private var lastRequest: UInt64 = 0
    /// Where each user may hold something, as in ``Busy/users``.
    private var busyFor: [UserName: Set<ChannelAddress>] = [:]
    private var history = LiveHistory()

    init(
        units: UnitRegistry,
        waker: UnitWaker,
        media: any MediaDistributor,
        records: LiveRecords,
        timing: LiveChannel.Timing,
        mostWaiters: Int,
        maxBitrate: Int,
        mostPerUser: Int,
        metrics: MetricRegistry,
        logger: Logger
    ) {
        self.units = units
        self.waker = waker
        news = units.news()
        self.media = media
        self.records = records
        self.timing = timing
        self.mostWaiters = mostWaiters
        self.maxBitrate = maxBitrate
        self.mostPerUser = mostPerUser
        self.logger = logger
        self.metrics = LiveMetrics(metrics)
    }

    // MARK: Customers

    func start(_ channel: ChannelAddress, for user: UserName) async throws(LiveFailure) -> LiveLease {
        guard channels[channel] != nil || channels.count < Self.mostChannels else { throw .busy }
        hearUnits()
        guard places(of: user) < mostPerUser else { throw .userLimit }
        lastRequest += 1
        let request = LiveRequestID(lastRequest)
        let lease = LeaseID(unchecked: RandomName.make("l"))
        let fresh = StreamID(unchecked: RandomName.make("s"))
        let asked = Instant.now
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                waiting[request] = continuation
                receive(.request(request, lease, holder: user, fresh: fresh), on: channel)
                note(user, on: channel)
            }
        } onCancel: {
            Task { await self.cancel(request, on: channel) }
        }
        switch result {
        case .success(let lease):
            metrics.granted.add()
            metrics.startTime.observe((Instant.now - asked).inSeconds)
            return lease
        case .failure(let failure):
            metrics.failed.add()
            logger.info("no live picture", metadata: ["channel": "\(channel)", "reason": "\(failure)"])
            throw failure
        }
    }

    func stop(_ channel: ChannelAddress, lease: LeaseID?, for user: UserName) {
        guard channels[channel] != nil else { return }
        receive(.release(lease, holder: user), on: channel)
    }

    /// Ends every live picture of a unit that was disabled, removed or given up.
    func withdraw(_ unit: UnitID) {
        for number in numbers[unit] ?? [] {
            receive(.withdraw, on: ChannelAddress(unit: unit, number: number))
        }
    }

    /// Ends whatever a user watches or waits for, on every channel: the user was disabled.
    func withdraw(_ user: UserName) {
        for channel in channels.keys { receive(.dismiss(holder: user), on: channel) }
    }

    /// The same on one channel. False where it is nothing.
    func dismiss(_ user: UserName, from channel: ChannelAddress) -> Bool {
        guard let busy = channels[channel], busy.machine.places(of: user) > 0 else { return false }
        receive(.dismiss(holder: user), on: channel)
        return true
    }

    /// Ends what one lease has opened, and may yet.
    func revoke(_ lease: LeaseID, of channel: ChannelAddress) { receive(.revoke(lease), on: channel) }

    /// Whoever has asked for a picture that runs, some of whom may have left.
    func watches() -> [LiveWatch] {
        busyFor.flatMap { user, all in all.map { .init(user: user, channel: $0) } }
    }

    func status(of channel: ChannelAddress) -> LiveStatus {
        guard let busy = channels[channel] else {
            return LiveStatus(lastEnd: history.lastEnd(of: channel))
        }
        let stream = busy.machine.liveStream
        return LiveStatus(
            activity: LiveStatus.Activity(busy.machine.activity),
            stream: stream,
            since: stream == nil ? nil : busy.liveSince,
            viewers: busy.machine.viewerCount,
            audience: busy.machine.audience,
            lastEnd: history.lastEnd(of: channel)
        )
    }

    func holders(of leases: [LeaseID], on stream: StreamID) -> [LeaseID: UserName] {
        guard let machine = streams[stream].flatMap({ channels[$0]?.machine }) else { return [:] }
        return leases.reduce(into: [:]) { $0[$1] = machine.holder(of: $1) }
    }

    // MARK: What one user has

    private func note(_ user: UserName, on channel: ChannelAddress) {
        guard channels[channel] != nil else { return }
        channels[channel]?.users.insert(user)
        busyFor[user, default: []].insert(channel)
    }

    private func places(of user: UserName) -> Int {
        (busyFor[user] ?? []).reduce(0) { $0 + (channels[$1]?.machine.places(of: user) ?? 0) }
    }

    /// One address may be opened many times: what goes beyond the limit is ended, the newest first.
    private func trim(_ lease: LeaseID, of stream: StreamID, on channel: ChannelAddress) {
        guard let machine = channels[channel]?.machine, let user = machine.holder(of: lease) else { return }
        let excess = places(of: user) - mostPerUser
        guard excess > 0 else { return }
        logger.info(
            "a user watches too many pictures",
            metadata: ["user": "\(user)", "channel": "\(channel)"]
        )
        let count = max(0, machine.viewers(of: lease) - excess)
        Task { await media.trim(lease, of: stream, to: count) }
    }

    private func cancel(_ request: LiveRequestID, on channel: ChannelAddress) {
        guard let continuation = waiting.removeValue(forKey: request) else { return }
        continuation.resume(returning: .failure(.unitSilent))
        receive(.cancel(request), on: channel)
    }

    // MARK: News

    /// Twenty times a second, and before anything newer is heard of a unit: a report from before a stop must not be
    /// taken for one from after it.
    private func hearUnits() {
        let news = news.take()
        if news.hasOverflowed { reconcile() }
        // Most units that come and go have no live business.
        for unit in news.links {
            guard let busy = numbers[unit] else { continue }
            let link = LiveChannel.Link(units.link(of: unit))
            for number in busy { receive(.link(link), on: ChannelAddress(unit: unit, number: number)) }
        }
        for (channel, stream) in news.reports where stream != nil || channels[channel] != nil {
            receive(.reported(stream), on: channel)
        }
    }

    func heard(_ event: MediaEvent) async {
        switch event {
        case .published(let stream, let epoch):
            guard let channel = streams[stream] else { return await media.close(stream) }
            logger.info("live stream started", metadata: ["channel": "\(channel)", "stream": "\(stream)"])
            channels[channel]?.liveSince = .now
            receive(.published(stream, epoch), on: channel)
        case .unpublished(let stream, let epoch, let end):
            guard let channel = streams[stream] else { return }
            history.note(PublisherEnd(reason: end, time: .now), of: channel)
            let rejection = LiveFailure(rejection: end)
            channels[channel]?.lastEnd = end
            logger.log(
                level: rejection == nil ? .info : .notice,
                "live stream ended",
                metadata: ["channel": "\(channel)", "stream": "\(stream)", "reason": "\(end.rawValue)"]
            )
            receive(
                rejection.map { .rejected(stream, epoch, $0) } ?? .unpublished(stream, epoch),
                on: channel
            )
        case .viewerJoined(let stream, let lease, let viewers):
            guard let channel = streams[stream] else { return }
            receive(.viewerJoined(stream, lease, viewers: viewers), on: channel)
            if let user = channels[channel]?.machine.holder(of: lease) { records.usage?.watches(lease, user) }
            trim(lease, of: stream, on: channel)
        case .viewerLeft(let stream, let lease, let viewers, _):
            guard let channel = streams[stream] else { return }
            receive(.viewerLeft(stream, lease, viewers: viewers), on: channel)
        }
    }

    /// Hears what became of units, and wakes whoever is due.
    func tick(at now: Instant) {
        hearUnits()
        for (channel, busy) in channels {
            if let wake = busy.wake, wake <= now { receive(.wake, on: channel) }
            if let due = busy.keepAwakeAt, due <= now { keepAwake(channel, at: now) }
        }
    }

    /// Compares every busy channel with the registry.
    private func reconcile() {
        for channel in channels.keys {
            receive(.link(LiveChannel.Link(units.link(of: channel.unit))), on: channel)
        }
    }

    // MARK: The machine

    private func receive(_ input: LiveChannel.Input, on channel: ChannelAddress) {
        var busy =
            channels[channel]
            ?? Busy(
                machine: LiveChannel(
                    link: LiveChannel.Link(units.link(of: channel.unit)),
                    after: .following(nil, at: .now),
                    timing: timing,
                    mostWaiters: mostWaiters
                )
            )
        busy.wake = nil
        let actions = busy.machine.receive(input, at: .now)
        for action in actions {
            switch action {
            // Only names made here: one that a unit merely reports may be the stream of another unit.
            case .push(let stream, _): if !busy.streams.contains(stream) { busy.streams.append(stream) }
            case .wake(let instant): busy.wake = instant
            case .rouse, .stop, .close, .dismiss, .grant, .fail: break
            }
        }
        tell(channel, &busy, after: input)
        if busy.machine.isIdle {
            forget(channel, busy)
        } else {
            remember(channel, busy)
        }
        for action in actions { perform(action, on: channel) }
    }

    /// A picture starts with its first push and ends when nothing is left of it: a push that is renewed in between is
    /// the same picture.
    private func tell(_ channel: ChannelAddress, _ busy: inout Busy, after input: LiveChannel.Input) {
        if let stream = busy.told, busy.machine.current != stream {
            let running = RunningStream(channel: channel, stream: stream)
            records.journal?.stopped(running, because: Self.reason(busy.lastEnd, input), at: .now)
            busy.told = nil
        }
        guard let stream = busy.machine.liveStream else { return }
        busy.lastEnd = nil
        guard busy.told != stream else { return }
        busy.told = stream
        records.journal?.started(RunningStream(channel: channel, stream: stream), at: .now)
    }

    private static func reason(_ end: MediaEnd?, _ input: LiveChannel.Input) -> String {
        input == .withdraw ? "withdrawn" : end?.rawValue ?? "unwatched"
    }

    private func remember(_ channel: ChannelAddress, _ busy: Busy) {
        for stream in busy.streams { streams[stream] = channel }
        channels[channel] = busy
        numbers[channel.unit, default: []].insert(channel.number)
    }

    private func forget(_ channel: ChannelAddress, _ busy: Busy) {
        for stream in busy.streams { streams[stream] = nil }
        for user in busy.users {
            busyFor[user]?.remove(channel)
            if busyFor[user]?.isEmpty ?? false { busyFor[user] = nil }
        }
        channels[channel] = nil
        numbers[channel.unit]?.remove(channel.number)
        if numbers[channel.unit]?.isEmpty ?? false { numbers[channel.unit] = nil }
    }

    private func perform(_ action: LiveChannel.Action, on channel: ChannelAddress) {
        switch action {
        case .push(let stream, let epoch):
            Task {
                let outcome = await self.push(stream, epoch, channel)
                self.hearUnits()
                self.receive(.pushed(stream, epoch, outcome), on: channel)
            }
        case .stop(let stream):
            Task {
                _ = await units.call(
                    StopLive(stream: stream, channel: channel.number).request,
                    on: channel.unit
                )
                self.hearUnits()
                self.receive(.stopped(stream), on: channel)
            }
        case .rouse:
            Task {
                let isAwake = await waker.wake(channel.unit) == .awake
                if isAwake { self.keepAwake(channel, at: .now) }
                self.hearUnits()
                self.receive(.roused(isAwake), on: channel)
            }
        case .close(let stream):
            Task { await media.close(stream) }
        case .dismiss(let stream, let leases):
            Task { await media.dismiss(leases, of: stream) }
        case .grant(let request, let grant):
            waiting.removeValue(forKey: request)?
                .resume(returning: .success(LiveLease(stream: grant.stream, lease: grant.lease)))
        case .fail(let request, let failure):
            waiting.removeValue(forKey: request)?.resume(returning: .failure(failure))
        case .wake:
            break
        }
    }

    /// Whether the unit knows `KeepAwaken` (Table I.2-26) or not changes nothing here.
    private func keepAwake(_ channel: ChannelAddress, at now: Instant) {
        guard channels[channel] != nil else { return }
        channels[channel]?.keepAwakeAt = now + Self.keepAwake / 2
        let request = KeepAwaken(channel: channel.number, seconds: Int(Self.keepAwake.inSeconds)).request
        Task { _ = await units.call(request, on: channel.unit) }
    }

    private func push(
        _ stream: StreamID,
        _ epoch: Epoch,
        _ channel: ChannelAddress
    ) async -> LiveChannel.PushOutcome {
        let order = IngestOrder(
            stream: stream,
            source: channel,
            epoch: epoch,
            maxBitrate: maxBitrate,
            latency: await records.latency(of: channel, logger)
        )
        let address: IngestAddress
        do { address = try await media.openIngest(order) } catch { return .noIngest("\(error)") }
        let push = PushLive(
            channel: channel.number,
            url: address.url,
            stream: stream,
            maxBitrate: order.maxBitrate
        )
        metrics.pushes.add()
        return .init(await units.call(push.request, on: channel.unit), of: channel.unit)
    }
}
