/// What a unit is, for whoever looks after it: its own word (Table I.2-1), or that it cannot be heard.
package enum UnitCondition: String, Sendable, CaseIterable {
    case online, offline, asleep, upgrading, error

    package init(_ state: UnitState) {
        self =
            switch state {
            case .online: .online
            case .upgrading: .upgrading
            case .error: .error
            }
    }
}

/// What was last told of a unit.
package struct PresenceRecord: Sendable, Equatable {
    package var unit: UnitID
    package var condition: UnitCondition
    /// Those that are not online.
    package var channels: [Int: ChannelState]
    package var since: WallTime

    package init(
        unit: UnitID,
        condition: UnitCondition,
        channels: [Int: ChannelState] = [:],
        since: WallTime
    ) {
        self.unit = unit
        self.condition = condition
        self.channels = channels
        self.since = since
    }
}

/// A picture whose start was told and whose end was not.
package struct RunningStream: Sendable, Equatable {
    package var channel: ChannelAddress
    package var stream: StreamID

    package init(channel: ChannelAddress, stream: StreamID) {
        self.channel = channel
        self.stream = stream
    }
}

/// Something that became of a unit, with what the event log says of it.
package enum PresenceChange: Sendable, Equatable {
    case became(PresenceRecord, [NewEvent])
    case live(RunningStream, runs: Bool, NewEvent)

    package var unit: UnitID {
        switch self {
        case .became(let record, _): record.unit
        case .live(let stream, _, _): stream.channel.unit
        }
    }

    package var events: [NewEvent] {
        switch self {
        case .became(_, let events): events
        case .live(_, _, let event): [event]
        }
    }
}

/// What a unit said of its battery.
package struct BatteryReport: Sendable, Equatable {
    /// 0 to 100.
    package var percent: Int
    /// When the platform heard it.
    package var time: WallTime

    package init(percent: Int, time: WallTime) {
        self.percent = percent
        self.time = time
    }
}

/// Which reports of one unit somebody asks for. Newest first.
package struct BatteryQuery: Sendable, Equatable {
    package var unit: UnitID
    package var from: WallTime?
    /// Before this time.
    package var to: WallTime?
    /// Those that came before this one; nil: from the newest on.
    package var after: EventID?
    package var limit: Int

    package init(
        unit: UnitID,
        from: WallTime? = nil,
        to: WallTime? = nil,
        after: EventID? = nil,
        limit: Int = 50
    ) {
        self.unit = unit
        self.from = from
        self.to = to
        self.after = after
        self.limit = limit
    }
}
