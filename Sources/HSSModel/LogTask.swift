/// A log that a unit was asked for, as the platform names it (`trans_id`, Table I.2-29).
package struct LogTaskID: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

/// A log that a unit was asked for (Table I.2-29).
package struct LogTask: Sendable, Equatable {
    package enum State: String, Sendable {
        case asked, done, failed
    }

    /// The `trans_id` of the message.
    package var id: LogTaskID
    package var unit: UnitID
    /// By the unit's clock, `YYYY-MM-DDThh:mm:ss`.
    package var start: String
    package var end: String
    package var createdAt: WallTime
    package var state: State
    /// What the log really covers, as the unit said.
    package var coversStart: String?
    package var coversEnd: String?
    package var endedAt: WallTime?

    package init(
        id: LogTaskID,
        unit: UnitID,
        start: String,
        end: String,
        createdAt: WallTime,
        state: State = .asked,
        coversStart: String? = nil,
        coversEnd: String? = nil,
        endedAt: WallTime? = nil
    ) {
        self.id = id
        self.unit = unit
        self.start = start
        self.end = end
        self.createdAt = createdAt
        self.state = state
        self.coversStart = coversStart
        self.coversEnd = coversEnd
        self.endedAt = endedAt
    }
}
