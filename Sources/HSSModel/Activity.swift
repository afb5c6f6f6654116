// What units report and send: alarms, uploads and the events made of them.

/// An alarm as the platform names it.
package struct AlarmID: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

/// An address for an upload, and what came through it.
package struct UploadID: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

/// A place of somebody else that hears events.
package struct WebhookID: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

/// The place of an event in the log: later events have greater ones.
package struct EventID: Hashable, Comparable, Sendable {
    /// Before the first event.
    package static let none = EventID(0)

    package let rawValue: Int64

    package init(_ rawValue: Int64) { self.rawValue = rawValue }

    package static func < (left: EventID, right: EventID) -> Bool { left.rawValue < right.rawValue }
}

/// One alarm of one channel, from its start to its end (Table I.2-16).
package struct AlarmRecord: Sendable, Equatable {
    package var id: AlarmID
    package var channel: ChannelAddress
    /// Value of the table of alarm types, 2 to 12.
    package var type: Int
    package var description: String
    /// As the unit's clock says, which may be far off.
    package var startedAt: WallTime
    /// When the platform heard of it.
    package var receivedAt: WallTime
    /// Nil while it lasts. That of an alarm that only happens (`pulse`) is its start.
    package var endedAt: WallTime?
    /// The unit never reported the start: it showed in `Keepalive`, or the end came alone.
    package var startInferred: Bool
    /// The unit never reported the end: it was gone from `Keepalive`, or the next start came.
    package var endInferred: Bool
    /// The picture that came with it.
    package var picture: UploadID?

    package init(
        id: AlarmID,
        channel: ChannelAddress,
        type: Int,
        description: String,
        startedAt: WallTime,
        receivedAt: WallTime,
        endedAt: WallTime? = nil,
        startInferred: Bool = false,
        endInferred: Bool = false,
        picture: UploadID? = nil
    ) {
        self.id = id
        self.channel = channel
        self.type = type
        self.description = description
        self.startedAt = startedAt
        self.receivedAt = receivedAt
        self.endedAt = endedAt
        self.startInferred = startInferred
        self.endInferred = endInferred
        self.picture = picture
    }
}

/// What happened to a unit.
package enum EventKind: String, Sendable, CaseIterable {
    /// What a unit is now, or with a channel that channel.
    case online, offline, asleep, upgrading, error, disabled
    case alarm, battery, recording, live, upgrade
    /// Somebody was given a right on it, or lost one; for the owner and for whom it is about.
    case share
}

/// Something to be written into the event log.
package struct NewEvent: Sendable, Equatable {
    package var time: WallTime
    package var unit: UnitID
    /// Nil: it concerns the whole unit.
    package var channel: Int?
    package var kind: EventKind
    /// The text of one JSON object, at most ``longestDetail`` bytes.
    package var detail: String

    package static let longestDetail = 4096

    package init(time: WallTime, unit: UnitID, channel: Int? = nil, kind: EventKind, detail: String = "{}") {
        self.time = time
        self.unit = unit
        self.channel = channel
        self.kind = kind
        self.detail = detail
    }
}

/// An entry of the event log.
package struct PlatformEvent: Sendable, Equatable {
    package var id: EventID
    package var event: NewEvent

    package init(id: EventID, event: NewEvent) {
        self.id = id
        self.event = event
    }
}

/// What a unit is to send.
package enum UploadPurpose: String, Sendable, CaseIterable {
    case snapshot, alarm, log
}

/// Which alarms somebody asks for. Times are those at which the platform heard of them.
package struct AlarmQuery: Sendable, Equatable {
    /// Nil: of all units.
    package var units: [UnitID]?
    package var channel: Int?
    package var type: Int?
    package var from: WallTime?
    package var to: WallTime?
    /// Newest first; nil: from the newest on.
    package var after: AlarmID?
    package var limit: Int

    package init(
        units: [UnitID]?,
        channel: Int? = nil,
        type: Int? = nil,
        from: WallTime? = nil,
        to: WallTime? = nil,
        after: AlarmID? = nil,
        limit: Int = 50
    ) {
        self.units = units
        self.channel = channel
        self.type = type
        self.from = from
        self.to = to
        self.after = after
        self.limit = limit
    }
}
