import Bus
import HSSModel
import HostClock
import Logging
import Store
import Vd
import Vr

// What customers want recorded, and what is kept of it.

extension RecordDirector {
    private static let mostAlarmsRead = 10_000
    /// The longest clip: an alarm that ended longer ago says nothing any more.
    private static let longestClip = Duration.seconds(600)

    // MARK: Commands

    func start(
        _ channel: ChannelAddress,
        _ order: RecordingOrder,
        by user: UserName
    ) async throws(RecordControlError) -> RecordingStatus {
        try check(channel, needsUnit: true)
        try Self.check(segment: order.segment, prerecord: order.prerecord)
        let now = WallTime.now
        if let until = order.until, until <= now {
            throw .invalid("until", "expected a time that is to come")
        }
        _ = try await change(channel) { wishes in
            wishes.segment = order.segment ?? wishes.segment
            wishes.command = RecordingWishes.Command(
                begunAt: wishes.command.map { min($0.begunAt, now) } ?? now,
                until: order.until,
                prerecord: order.prerecord,
                user: user
            )
        }
        if desks[channel]?.isRecording == false { rouse(channel) }
        await settled(channel)
        return await status(of: channel)
    }

    func stop(_ channel: ChannelAddress) async throws(RecordControlError) -> RecordingStatus {
        try check(channel, needsUnit: false)
        _ = try await change(channel) { $0.command = nil }
        await settled(channel)
        return await status(of: channel)
    }

    /// The time of a command is over: nothing of it has to be kept.
    func dropCommand(of channel: ChannelAddress, at time: WallTime) {
        Task {
            _ = try? await self.change(channel) { wishes in
                if let until = wishes.command?.until, until <= time { wishes.command = nil }
            }
        }
    }

    // MARK: Plans and rules

    func setPlan(
        _ plan: RecordingWishes.Plan?,
        segment: Duration?,
        of channel: ChannelAddress
    ) async throws(RecordControlError) -> RecordingWishes {
        try check(channel, needsUnit: plan != nil)
        try Self.check(segment: segment)
        if let plan {
            guard (1...RecordingPlan.mostWindows).contains(plan.windows.count) else {
                throw .invalid("windows", "expected 1 to \(RecordingPlan.mostWindows)")
            }
            guard let zone = zone(plan.zone) else {
                throw .invalid(
                    "zone",
                    "expected a time zone that this host knows, such as Europe/Berlin or UTC"
                )
            }
            guard RecordingPlan(plan, zone: zone) != nil else {
                throw .invalid(
                    "windows",
                    "expected a weekday and times from 00:00 to 24:00, the end not at 00:00"
                )
            }
        }
        return try await change(channel) { wishes in
            wishes.plan = plan
            wishes.segment = segment ?? wishes.segment
        }
    }

    func setRule(
        _ rule: RecordingWishes.Rule?,
        segment: Duration?,
        of channel: ChannelAddress
    ) async throws(RecordControlError) -> RecordingWishes {
        try check(channel, needsUnit: rule != nil)
        try Self.check(segment: segment, prerecord: rule?.prerecord ?? .zero)
        if let rule {
            guard !rule.types.isEmpty, rule.types.allSatisfy(AlarmRule.types.contains) else {
                throw .invalid("types", "expected one or more types of alarms")
            }
            guard AlarmRule(rule) != nil else {
                throw .invalid("clip_seconds", "expected 1 to 600, and max_seconds from that to 86400")
            }
        }
        let isNew = rule != nil && desks[channel]?.demand.rule == nil
        let wishes = try await change(channel) { wishes in
            wishes.rule = rule
            wishes.segment = segment ?? wishes.segment
        }
        if isNew { await hearAlarms(of: channel) }
        return wishes
    }

    func wishes(of channel: ChannelAddress) throws(RecordControlError) -> RecordingWishes {
        try check(channel, needsUnit: false)
        return desks[channel]?.wishes ?? RecordingWishes()
    }

    // MARK: Devices

    /// The device was given up or removed: what its owner wanted goes with the owner.
    func forget(_ unit: UnitID) async {
        withdraw(unit)
        let settings = parts.settings
        let failure = await inOrder(.wishes(unit)) { () async -> StoreError? in
            do throws(StoreError) {
                try await settings.dropRecordingWishes(of: unit)
            } catch {
                return error
            }
            await self.clear(unit)
            return nil
        }
        guard let failure else { return }
        logger.error(
            "what is wanted of a device cannot be dropped",
            metadata: ["unit": "\(unit)", "reason": "\(failure)"]
        )
    }

    private func clear(_ unit: UnitID) {
        for channel in channels(of: unit) { set(RecordingWishes(), of: channel, because: .withdrawn) }
    }

    // MARK: How it stands

    func status(of channel: ChannelAddress) async -> RecordingStatus {
        var stored: StoredRecordSession?
        if let session = desks[channel]?.begun { stored = try? await parts.sessions.recordSession(session) }
        if stored?.id != desks[channel]?.machine.session { stored = nil }
        guard let desk = desks[channel] else { return RecordingStatus(segment: parts.order.segment) }
        return RecordingStatus(
            state: desk.state(units.link(of: channel.unit)),
            reasons: desk.wish?.reasons ?? [],
            command: desk.wishes.command,
            session: desk.machine.session,
            since: desk.since,
            segment: desk.wishes.segment ?? parts.order.segment,
            nextChange: desk.lookAt.flatMap { $0 < SegmentName.latestStart ? $0 : nil },
            problem: desk.problem,
            droppedCount: stored?.droppedCount ?? 0,
            droppedTime: stored?.droppedTime ?? .zero
        )
    }

    /// Channels that are recorded in the session that is wanted: what units say of others is not ours.
    func recording(on units: some Sequence<UnitID>) -> Set<ChannelAddress> {
        Set(units.flatMap { channels(of: $0) }.filter { desks[$0]?.isRecording ?? false })
    }

    // MARK: Rules

    private func check(_ channel: ChannelAddress, needsUnit: Bool) throws(RecordControlError) {
        guard isReady else { throw .unavailable("what runs is still being read; try again") }
        if let registration = units.registration(of: channel.unit),
            registration.channels[channel.number] == nil
        {
            throw .noSuchChannel(channel)
        }
        guard needsUnit else { return }
        if calls.abilities.known(of: channel.unit)?.supports(.cloudRecord) == false {
            throw .unit(.unsupported(capability: Capability.cloudRecord.rawValue))
        }
        guard desks[channel] != nil || desks.count < Self.mostChannels else {
            throw .busy("channels that are recorded")
        }
    }

    private static func check(
        segment: Duration?,
        prerecord: Duration = .zero
    ) throws(RecordControlError) {
        let segments = RecordSettings.segments
        if let segment, !segments.contains(segment) || !segment.isWholeSeconds {
            throw .invalid(
                "seg_duration",
                "expected \(Int(segments.lowerBound.inSeconds)) to \(Int(segments.upperBound.inSeconds)) seconds"
            )
        }
        guard RecordSettings.prerecords.contains(prerecord), prerecord.isWholeSeconds else {
            throw .invalid(
                "prerecord_seconds",
                "expected 0 to \(Int(RecordSettings.prerecords.upperBound.inSeconds)) seconds"
            )
        }
    }

    // MARK: Keeping

    /// Durable, then carried out. Changes of one unit come after each other.
    private func change(
        _ channel: ChannelAddress,
        _ body: @escaping @Sendable (inout RecordingWishes) -> Void
    ) async throws(RecordControlError) -> RecordingWishes {
        let outcome = await inOrder(.wishes(channel.unit)) { await self.keep(channel, body) }
        switch outcome {
        case .success(let wishes): return wishes
        case .failure(.notFound): throw .noSuchChannel(channel)
        case .failure(let error): throw .unavailable(error.description)
        }
    }

    private func keep(
        _ channel: ChannelAddress,
        _ body: @Sendable (inout RecordingWishes) -> Void
    ) async -> Result<RecordingWishes, StoreError> {
        let known = desks[channel]?.wishes ?? RecordingWishes()
        var wishes = known
        body(&wishes)
        if wishes.isEmpty { wishes.segment = nil }
        guard wishes != known else { return .success(wishes) }
        do throws(StoreError) {
            try await parts.settings.keep(wishes, of: channel)
        } catch {
            return .failure(error)
        }
        set(wishes, of: channel, because: .stopped)
        return .success(wishes)
    }

    private func set(_ wishes: RecordingWishes, of channel: ChannelAddress, because reason: RecordEnd.Reason)
    {
        if var desk = desks[channel] {
            desk.wishes = wishes
            settle(&desk, channel)
            desks[channel] = desk
        } else if !wishes.isEmpty {
            add(channel, RecordDesk(wishes: wishes))
        }
        look(channel, at: .now, over: RecordEnd(at: .now, reason: reason))
    }

    // MARK: Reading

    func storedWishes() async throws(StoreError) -> [StoredRecordingWishes] {
        var all: [StoredRecordingWishes] = []
        while true {
            let page = try await parts.settings.recordingWishes(after: all.last?.channel, limit: pageLimit)
            all += page
            guard page.count == pageLimit, all.count <= Self.mostChannels else { return all }
        }
    }

    /// Those that last, and those that ended so little ago that their clip may not be over.
    func recentAlarms() async throws(StoreError) -> [RecordAlarm] {
        let lasting = try await parts.alarms.activeAlarms(limit: Self.mostAlarmsRead)
        var recent: [AlarmRecord] = []
        while recent.count < Self.mostAlarmsRead {
            let query = AlarmQuery(
                units: nil,
                from: WallTime(milliseconds: WallTime.now.milliseconds - Self.longestClip.wholeMilliseconds),
                after: recent.last?.id,
                limit: pageLimit
            )
            let page = try await parts.alarms.alarms(query)
            recent += page
            guard page.count == pageLimit else { break }
        }
        return Self.reports(lasting + recent.filter { $0.endedAt != nil })
    }

    /// A rule is new: what lasts on its channel counts.
    private func hearAlarms(of channel: ChannelAddress) async {
        guard let lasting = try? await parts.alarms.activeAlarms(limit: Self.mostAlarmsRead) else { return }
        for alarm in Self.reports(lasting.filter { $0.channel == channel }) {
            if desks[channel]?.hear(alarm) ?? false { look(channel, at: .now) }
        }
    }

    private static func reports(_ records: [AlarmRecord]) -> [RecordAlarm] {
        records.sorted { $0.receivedAt < $1.receivedAt }.map { record in
            RecordAlarm(
                channel: record.channel,
                type: record.type,
                change: record.endedAt == nil ? .start : .pulse,
                at: record.receivedAt
            )
        }
    }
}

extension Duration {
    fileprivate var isWholeSeconds: Bool { components.attoseconds == 0 }
}
