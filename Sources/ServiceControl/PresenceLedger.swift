import HSSModel
import Vd

/// What was last told of each unit, and what there is to tell. Decides; ``PresenceDesk`` looks and writes.
///
/// Told is a change of state, not a connection: a unit that reconnects in time, or after a restart of the platform,
/// was never away. So the ledger begins with what the store knew last, and gives the units that were there as long to
/// come back as the longest wait of §9.3.1.3 takes them, before it says that they are not.
struct PresenceLedger {
    /// A unit as the registry sees it now.
    struct Sight: Equatable {
        var condition: UnitCondition
        /// States of channels in its last heartbeat; nil: none came since its login.
        var channels: [Int: ChannelState]?
    }

    private struct Told {
        var condition: UnitCondition
        var channels: [Int: ChannelState]
    }

    /// Units that are not here and whose channels all work are not in it.
    private var told: [UnitID: Told] = [:]
    /// Units that were here before the platform started, until when each may come.
    private var awaited: [UnitID: Instant] = [:]

    /// Takes up what was told in a run before this one.
    mutating func begin(with records: [PresenceRecord], awaitedUntil deadline: Instant) {
        for record in records {
            keep(record)
            if record.condition != .offline { awaited[record.unit] = deadline }
        }
    }

    /// Units that did not come back after a restart.
    func overdue(at now: Instant) -> [UnitID] {
        awaited.filter { $0.value <= now }.map(\.key)
    }

    /// Everybody of whom something else than `offline` was told.
    var present: [UnitID] { told.filter { $0.value.condition != .offline }.map(\.key) }

    /// What there is to tell, once ``noted(_:)`` says that it was. `sight` is nil where the unit is not here.
    func change(_ unit: UnitID, to sight: Sight?, at now: Instant, _ time: WallTime) -> PresenceChange? {
        let known = told[unit] ?? Told(condition: .offline, channels: [:])
        guard let sight else {
            if let deadline = awaited[unit], now < deadline { return nil }
            guard known.condition != .offline else { return nil }
            let reason = awaited[unit] == nil ? "silent" : "not back after a restart of the platform"
            let event = Self.event(
                .offline,
                unit,
                nil,
                before: known.condition.rawValue,
                reason: reason,
                time
            )
            let record = PresenceRecord(
                unit: unit,
                condition: .offline,
                channels: known.channels,
                since: time
            )
            return .became(record, [event])
        }
        let condition = Self.settled(sight, after: known.condition)
        var events: [NewEvent] = []
        if condition != known.condition {
            events.append(
                Self.event(condition.eventKind, unit, nil, before: known.condition.rawValue, time)
            )
        }
        var channels = known.channels
        for (number, state) in (sight.channels ?? [:]).sorted(by: { $0.key < $1.key }) {
            let before = known.channels[number] ?? .online
            guard state != before else { continue }
            channels[number] = state == .online ? nil : state
            events.append(Self.event(state.eventKind, unit, number, before: before.eventKind.rawValue, time))
        }
        guard !events.isEmpty else { return nil }
        return .became(
            PresenceRecord(unit: unit, condition: condition, channels: channels, since: time),
            events
        )
    }

    /// The unit was looked at and is here.
    mutating func returned(_ unit: UnitID) { awaited[unit] = nil }

    /// This is in the log now.
    mutating func noted(_ record: PresenceRecord) {
        awaited[record.unit] = nil
        keep(record)
    }

    /// The device was removed.
    mutating func forget(_ unit: UnitID) {
        told[unit] = nil
        awaited[unit] = nil
    }

    private mutating func keep(_ record: PresenceRecord) {
        let isPlain = record.condition == .offline && record.channels.isEmpty
        told[record.unit] = isPlain ? nil : Told(condition: record.condition, channels: record.channels)
    }

    /// A unit that has just logged in has not said how it is: until its first heartbeat it counts as what it was,
    /// so that an upgrade or an error is not interrupted by each reconnection.
    private static func settled(_ sight: Sight, after known: UnitCondition) -> UnitCondition {
        guard sight.condition != .asleep, sight.channels == nil else { return sight.condition }
        return known == .offline || known == .asleep ? .online : known
    }

    private static func event(
        _ kind: EventKind,
        _ unit: UnitID,
        _ channel: Int?,
        before: String,
        reason: String? = nil,
        _ time: WallTime
    ) -> NewEvent {
        let detail = JSONObject {
            $0.field("before", before)
            $0.field("reason", reason)
        }
        return NewEvent(time: time, unit: unit, channel: channel, kind: kind, detail: detail.text)
    }
}

extension UnitCondition {
    fileprivate var eventKind: EventKind {
        switch self {
        case .online: .online
        case .offline: .offline
        case .asleep: .asleep
        case .upgrading: .upgrading
        case .error: .error
        }
    }
}

extension ChannelState {
    fileprivate var eventKind: EventKind {
        switch self {
        case .offline: .offline
        case .online: .online
        case .error: .error
        case .disabled: .disabled
        }
    }
}
