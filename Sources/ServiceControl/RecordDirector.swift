import Bus
import HSSModel
import HostClock
import Logging
import ServerKit
import Store
import Vd
import Vr

/// Runs a ``RecordChannel`` for each channel of which a recording is wanted or reported, and carries out what it decides:
/// sessions at the storage, `StartRecord` and `StopRecord` to the unit (Tables I.2-14, I.2-15).
///
/// What is wanted is durable and read at the start; what runs is told by the storage, by answers and by heartbeats. The
/// rest of it: ``RecordOrders`` (what is sent), ``RecordWishDesk`` (what customers say).
actor RecordDirector {
    /// Channels of which something is wanted; more are refused.
    static let mostChannels = 100_000
    private static let sweepInterval = Duration.seconds(1)
    private static let startRetry = Duration.seconds(2)
    /// A clock that was set by more is looked at as another time.
    private static let clockJump = Duration.seconds(2)
    private static let zoneRefresh = Duration.seconds(86_400)
    /// A unit that sleeps on, or falls asleep again, is woken for a command after this.
    static let rouseAgain = Duration.seconds(60)
    /// A device that gets an owner has it within this; its next session is the owner's.
    private static let handOver = Duration.seconds(2)

    enum Line: Hashable {
        case session(ChannelAddress)
        case events(ChannelAddress)
        case wishes(UnitID)
    }

    struct Turn {
        var number: UInt64
        var isOver: Task<Void, Never>
    }

    struct Owed {
        var channel: ChannelAddress
        var at: WallTime
        var retryAt: Instant
    }

    struct Waiter {
        var channel: ChannelAddress
        var deadline: Instant
        var continuation: CheckedContinuation<Void, Never>
    }

    nonisolated let reports: RecordReports
    let parts: RecordParts
    let units: UnitRegistry
    let waker: UnitWaker
    let calls: UnitCalls
    let metrics: RecordMetrics
    let logger: Logger
    let turnstile: Turnstile
    private let news: UnitNewsFeed

    /// What runs and is wanted has been read: nothing is ordered before.
    private(set) var isReady = false
    private var isLoading = false
    private var loadAt = Instant(nanoseconds: 0)
    private var sweepAt = Instant(nanoseconds: 0)
    private var lastSweep: (instant: Instant, time: WallTime)?

    var desks: [ChannelAddress: RecordDesk] = [:]
    private var numbers: [UnitID: Set<Int>] = [:]
    /// The connection of which the machines of a unit know.
    private var epochs: [UnitID: Epoch] = [:]
    /// Disabled, removed or given up: nothing is recorded until they log in again.
    private var barred: Set<UnitID> = []
    /// Units that are getting an owner, until then.
    private var handedOver: [UnitID: Instant] = [:]
    private var zones: [String: ZoneOffsets] = [:]
    private var zonesReadAt = Instant(nanoseconds: 0)
    /// The last turn in each line.
    var lines: [Line: Turn] = [:]
    var lastTurn: UInt64 = 0
    /// Sessions whose end the storage could not take yet.
    var owed: [RecordSessionID: Owed] = [:]
    private var waiting: [Waiter] = []

    init(
        parts: RecordParts,
        units: UnitRegistry,
        waker: UnitWaker,
        calls: UnitCalls,
        reports: RecordReports,
        metrics: RecordMetrics,
        logger: Logger
    ) {
        self.parts = parts
        self.units = units
        self.waker = waker
        self.calls = calls
        self.reports = reports
        self.metrics = metrics
        self.logger = logger
        news = units.news()
        turnstile = Turnstile(max(1, parts.order.ordersAtOnce))
    }

    // MARK: Time

    /// Twenty times a second: what units did is heard at once, what the clock changes within a second.
    func tick(at now: Instant) {
        guard isReady else {
            if !isLoading, loadAt <= now {
                isLoading = true
                Task { await self.load() }
            }
            return
        }
        hear()
        let late = waiting.filter { $0.deadline <= now }
        if !late.isEmpty {
            waiting.removeAll { $0.deadline <= now }
            for waiter in late { waiter.continuation.resume() }
        }
        guard sweepAt <= now else { return }
        sweepAt = now + Self.sweepInterval
        sweep(at: now, .now)
    }

    private func sweep(at now: Instant, _ time: WallTime) {
        let hasJumped = lastSweep.map { last in
            let drift = (time - last.time) - (now - last.instant)
            return drift > Self.clockJump || drift < .zero - Self.clockJump
        }
        lastSweep = (now, time)
        if now - zonesReadAt > Self.zoneRefresh { refreshZones(at: now) }
        for (unit, at) in handedOver where at <= now {
            handedOver[unit] = nil
            for channel in channels(of: unit) { look(channel, at: time) }
        }
        for (channel, desk) in desks.filter({ hasJumped == true || $0.value.isDue(now, time) }) {
            if let wake = desk.wake, wake <= now { receive(.wake, on: channel) }
            if let at = desk.lookAt, at <= time {
                look(channel, at: time, over: RecordEnd(at: at, reason: .over))
            } else if hasJumped == true {
                look(channel, at: time)
            }
            if let due = desk.rouseAt, due <= now { rouse(channel) }
            if let due = desk.keepAwakeAt, due <= now { keepAwake(channel, at: now) }
        }
        payEnds(at: now)
    }

    // MARK: The start

    /// Before units connect. Where it fails it is tried again, and until then nothing is ordered.
    func load() async {
        isLoading = true
        do {
            let running = try await parts.storage.runningSessions()
            let wishes = try await storedWishes()
            let alarms = wishes.contains { $0.wishes.rule != nil } ? try await recentAlarms() : []
            takeUp(running, wishes, alarms)
        } catch {
            if loadAt.nanoseconds == 0 {
                logger.error("recordings cannot be taken up yet", metadata: ["reason": "\(error)"])
            }
            loadAt = .now + Self.startRetry
        }
        isLoading = false
    }

    private func takeUp(
        _ running: [RunningRecordSession],
        _ stored: [StoredRecordingWishes],
        _ alarms: [RecordAlarm]
    ) {
        isReady = true
        zonesReadAt = .now
        var sessions: [ChannelAddress: RunningRecordSession] = [:]
        for session in running.sorted(by: { $0.begunAt < $1.begunAt }) {
            // One session of a channel runs at a time: an older one was never ended.
            if let older = sessions.updateValue(session, forKey: session.channel) {
                owe(older.id, of: older.channel, at: session.begunAt)
            }
        }
        for row in stored.prefix(Self.mostChannels) {
            if row.isDisabled { barred.insert(row.channel.unit) }
            let running = sessions.removeValue(forKey: row.channel)
            add(row.channel, RecordDesk(wishes: row.wishes, running: running))
        }
        if stored.count > Self.mostChannels {
            let most: Logger.Metadata = ["most": "\(Self.mostChannels)"]
            logger.error("more channels are to be recorded than can be", metadata: most)
        }
        for (channel, session) in sessions { add(channel, RecordDesk(running: session)) }
        for alarm in alarms { _ = desks[alarm.channel]?.hear(alarm) }
        logger.info(
            "recordings are taken up",
            metadata: ["wanted": "\(stored.count)", "running": "\(running.count)"]
        )
        // What ended while nobody looked ended then, not now: what a unit recorded behind it is not wanted.
        for (channel, desk) in desks {
            let end = desk.since.flatMap { desk.demand.lastEnd(from: $0, to: .now) } ?? .now
            look(channel, at: .now, over: RecordEnd(at: end, reason: .over))
        }
    }

    // MARK: News

    /// Before anything newer is heard of a unit: a report from before a connection must not be taken for one from it.
    func hear() {
        let news = news.take()
        let heard = news.hasOverflowed ? Set(numbers.keys) : news.links
        for unit in heard where numbers[unit] != nil { self.heard(unit) }
        let reports = reports.take()
        for (channel, session) in reports.sessions {
            if desks[channel] == nil {
                guard session != nil, desks.count < 2 * Self.mostChannels else { continue }
                add(channel, RecordDesk())
            }
            receive(.reported(session), on: channel)
        }
        for alarm in reports.alarms where desks[alarm.channel]?.hear(alarm) ?? false {
            look(alarm.channel, at: .now)
        }
    }

    private func heard(_ unit: UnitID) {
        let link = units.connectedLink(unit)
        guard link?.epoch != epochs[unit] else {
            if link == nil { noteSleep(of: unit) }
            return
        }
        epochs[unit] = link?.epoch
        for channel in channels(of: unit) { receive(link == nil ? .disconnected : .connected, on: channel) }
        if link == nil { return noteSleep(of: unit) }
        // Whoever logs in is not disabled.
        guard barred.remove(unit) != nil else { return }
        for channel in channels(of: unit) { look(channel, at: .now) }
    }

    /// A command wakes the unit again, but not at once: some sleep whatever they are asked.
    private func noteSleep(of unit: UnitID) {
        guard units.link(of: unit) == .asleep else { return }
        for channel in channels(of: unit) {
            desks[channel]?.keepAwakeAt = nil
            guard desks[channel]?.wish?.reasons.contains(.command) ?? false else { continue }
            if desks[channel]?.rouseAt == nil { desks[channel]?.rouseAt = .now + Self.rouseAgain }
        }
    }

    // MARK: Devices

    /// The device was disabled, removed or given up: its recordings end, whoever wants them.
    func withdraw(_ unit: UnitID) {
        guard numbers[unit] != nil else { return }
        barred.insert(unit)
        for channel in channels(of: unit) {
            look(channel, at: .now, over: RecordEnd(at: .now, reason: .withdrawn))
        }
    }

    /// The device is about to get an owner, or to lose one. What was recorded while it had none is nobody's: the next
    /// session is its owner's.
    func ownerChanges(of unit: UnitID) async {
        for channel in channels(of: unit) {
            guard let session = desks[channel]?.begun,
                let stored = try? await parts.sessions.recordSession(session), stored.recorded.owner == nil
            else { continue }
            handedOver[unit] = .now + Self.handOver
        }
        guard handedOver[unit] != nil else { return }
        for channel in channels(of: unit) {
            look(channel, at: .now, over: RecordEnd(at: .now, reason: .ownerChanged))
        }
    }

    // MARK: One channel

    func channels(of unit: UnitID) -> [ChannelAddress] {
        (numbers[unit] ?? []).map { ChannelAddress(unit: unit, number: $0) }
    }

    func add(_ channel: ChannelAddress, _ desk: RecordDesk) {
        var desk = desk
        settle(&desk, channel)
        desks[channel] = desk
        numbers[channel.unit, default: []].insert(channel.number)
        reports.follow(channel, true)
        if desk.told != nil { metrics.running.add(1) }
        guard let link = units.connectedLink(channel.unit) else { return }
        // Its other channels may not know this connection yet: they hear of it too.
        if epochs[channel.unit] != link.epoch, numbers[channel.unit]?.count ?? 0 > 1 {
            heard(channel.unit)
        } else {
            epochs[channel.unit] = link.epoch
            receive(.connected, on: channel, keeps: true)
        }
    }

    private func forget(_ channel: ChannelAddress) {
        desks[channel] = nil
        numbers[channel.unit]?.remove(channel.number)
        reports.follow(channel, false)
        guard numbers[channel.unit]?.isEmpty ?? false else { return }
        numbers[channel.unit] = nil
        epochs[channel.unit] = nil
        barred.remove(channel.unit)
        handedOver[channel.unit] = nil
    }

    /// Makes values of what is wanted.
    func settle(_ desk: inout RecordDesk, _ channel: ChannelAddress) {
        guard !desk.settle(zone: { self.zone($0) }), let name = desk.wishes.plan?.zone else { return }
        let text = "the plan cannot be followed: this host knows no time zone \(name)"
        desk.problem = RecordingStatus.Problem(at: .now, text: text)
        logger.error("\(text)", metadata: ["channel": "\(channel)"])
    }

    func zone(_ name: String) -> ZoneOffsets? {
        if let known = zones[name] { return known }
        let read = parts.zones.offsets(of: name, at: .now)
        // As many as there are names of zones.
        zones[name] = read
        return read
    }

    /// The host's tables may be newer, and those that were read reach some years ahead only.
    private func refreshZones(at now: Instant) {
        zones = [:]
        zonesReadAt = now
        for (channel, desk) in desks where desk.wishes.plan != nil {
            var desk = desk
            settle(&desk, channel)
            desks[channel] = desk
            look(channel, at: .now)
        }
    }

    /// Asks what is wanted now. `over`: when what is wanted no longer ended, and why.
    func look(_ channel: ChannelAddress, at time: WallTime, over: RecordEnd? = nil) {
        guard var desk = desks[channel] else { return }
        let isBarred = barred.contains(channel.unit) || handedOver[channel.unit] != nil
        let wish = desk.look(at: time, isBarred: isBarred)
        if desk.wishes.command?.until.map({ $0 <= time }) ?? false { dropCommand(of: channel, at: time) }
        desks[channel] = desk
        receive(.wish(wish), on: channel, over: over)
        if wish?.reasons.contains(.command) ?? false, desk.rouseAt == nil { rouse(channel) }
    }

    /// `keeps`: also where nothing is left of it.
    func receive(
        _ input: RecordChannel.Input,
        on channel: ChannelAddress,
        over: RecordEnd? = nil,
        keeps: Bool = false
    ) {
        guard var desk = desks[channel] else { return }
        let fresh = RecordSessionID(unchecked: String(RandomName.make("r").prefix(16)))
        let actions = desk.machine.receive(input, fresh: fresh, at: .now)
        desk.wake = nil
        for action in actions {
            switch action {
            case .begin:
                desk.problem = nil
                desk.since = nil
            case .start, .stop: desk.orders += 1
            case .wake(let at): desk.wake = at
            case .end: break
            }
        }
        tell(channel, &desk, over)
        desks[channel] = desk
        for action in actions {
            perform(action, on: channel, over ?? RecordEnd(at: .now, reason: .withdrawn))
        }
        if desk.orders == 0 { release(channel) }
        if !keeps, desk.isIdle { forget(channel) }
    }

    // MARK: Waiting for the unit

    /// Returns when no order of the channel is under way, or after a while.
    func settled(_ channel: ChannelAddress) async {
        let deadline = Instant.now + parts.order.patience
        await withCheckedContinuation { continuation in
            guard desks[channel].map({ $0.orders > 0 || $0.isRousing }) ?? false else {
                return continuation.resume()
            }
            waiting.append(Waiter(channel: channel, deadline: deadline, continuation: continuation))
        }
    }

    func release(_ channel: ChannelAddress) {
        guard !waiting.isEmpty, !(desks[channel]?.isRousing ?? false) else { return }
        let free = waiting.filter { $0.channel == channel }
        waiting.removeAll { $0.channel == channel }
        for waiter in free { waiter.continuation.resume() }
    }
}
