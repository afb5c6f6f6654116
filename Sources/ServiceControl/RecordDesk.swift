import Bus
import HSSModel
import Store
import Vr

/// One channel of ``RecordDirector``: what is wanted of it, and how far it has come.
struct RecordDesk {
    /// Spans of alarms that are held; an older one that has ended says nothing that a newer one does not.
    private static let mostAlarms = 64

    var wishes: RecordingWishes
    private(set) var demand = RecordingDemand()
    var machine: RecordChannel
    /// What was wanted when it was looked at last.
    private(set) var wish: RecordingDemand.Wish?
    /// When something else may be wanted.
    private(set) var lookAt: WallTime?
    /// The machine wants to be woken.
    var wake: Instant?
    /// An order is on its way to the unit.
    var orders = 0
    /// The session that the storage may know, and when it began.
    var begun: RecordSessionID?
    var since: WallTime?
    /// The session whose start stands in the event log.
    var told: RecordSessionID?
    var problem: RecordingStatus.Problem?
    /// The unit is being woken.
    var isRousing = false
    var rouseAt: Instant?
    /// The unit was woken for this channel, and would fall asleep by itself.
    var keepAwakeAt: Instant?

    init(
        wishes: RecordingWishes = RecordingWishes(),
        running: RunningRecordSession? = nil
    ) {
        self.wishes = wishes
        machine = RecordChannel(running: running?.id)
        begun = running?.id
        since = running?.begunAt
        told = running?.id
    }

    /// Nothing is wanted, and nothing is left to be told to the unit.
    var isIdle: Bool {
        wishes.isEmpty && machine.session == nil && orders == 0 && wake == nil && machine.recorded == nil
            && !isRousing
    }

    var isRecording: Bool { machine.session != nil && machine.recorded == machine.session }

    func isDue(_ now: Instant, _ time: WallTime) -> Bool {
        lookAt.map { $0 <= time } ?? false || wake.map { $0 <= now } ?? false
            || rouseAt.map { $0 <= now } ?? false || keepAwakeAt.map { $0 <= now } ?? false
    }

    /// Makes values of what is kept. False where the plan's zone is not known: there is no plan then.
    mutating func settle(zone: (String) -> ZoneOffsets?) -> Bool {
        var isWhole = true
        demand.command = wishes.command.map { command in
            let end = max(command.begunAt, command.until ?? SegmentName.latestStart)
            return command.begunAt..<end
        }
        demand.plan = wishes.plan.flatMap { plan in
            guard let zone = zone(plan.zone), let value = RecordingPlan(plan, zone: zone) else {
                isWhole = false
                return nil
            }
            return value
        }
        demand.rule = wishes.rule.flatMap { AlarmRule($0) }
        if demand.rule == nil { demand.alarms = [] }
        return isWhole
    }

    /// What is wanted now; `isBarred`: nothing may be.
    mutating func look(at now: WallTime, isBarred: Bool) -> RecordingDemand.Wish? {
        lookAt = demand.nextChange(after: now)
        wish = isBarred ? nil : demand.wish(at: now)
        // A command has its own; a plan begins when it begins.
        if let reasons = wish?.reasons, reasons.contains(.command), !reasons.contains(.plan) {
            let own = wishes.command?.prerecord ?? .zero
            wish?.prerecord = max(own, reasons.contains(.alarm) ? demand.rule?.prerecord ?? .zero : .zero)
        }
        return wish
    }

    /// False where no rule asks for it.
    mutating func hear(_ alarm: RecordAlarm) -> Bool {
        guard let rule = demand.rule, rule.types.contains(alarm.type) else { return false }
        let lasting = demand.alarms.lastIndex { $0.type == alarm.type && $0.end == nil }
        // "Start" ends one of which the end was never told.
        if let lasting { demand.alarms[lasting].end = alarm.at }
        guard alarm.change != .end else { return lasting != nil }
        let end: WallTime? = alarm.change == .pulse ? alarm.at : nil
        demand.alarms.append(AlarmSpan(type: alarm.type, start: alarm.at, end: end))
        demand.alarms.removeAll { span in
            span.end.map { max($0, span.start + rule.clip) < alarm.at } ?? false
        }
        while demand.alarms.count > Self.mostAlarms {
            demand.alarms.remove(at: demand.alarms.firstIndex { $0.end != nil } ?? 0)
        }
        return true
    }

    /// `link`: how the unit is reached.
    func state(_ link: LinkState) -> RecordingStatus.State {
        guard machine.session != nil else {
            return orders > 0 || wake != nil || machine.recorded != nil ? .stopping : .idle
        }
        if isRecording { return .recording }
        switch link {
        case .asleep: return .asleep
        case .offline, .disconnected: return .offline
        case .connected: return problem == nil || orders > 0 ? .starting : .refused
        }
    }
}

/// When what was wanted ended, and why.
struct RecordEnd {
    /// As the event log says it.
    enum Reason: String {
        /// Its time is over.
        case over
        case stopped
        case withdrawn
        case ownerChanged = "owner-changed"
    }

    var at: WallTime
    var reason: Reason
}

extension AlarmRule {
    init?(_ rule: RecordingWishes.Rule) {
        self.init(types: rule.types, prerecord: rule.prerecord, clip: rule.clip, longest: rule.longest)
    }
}
