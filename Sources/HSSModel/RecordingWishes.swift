/// What people want recorded of one channel, as it is kept: plain values, so that neither a clock nor the table of a time
/// zone is needed to read them. `RecordingDemand` makes of it what is wanted at a time.
package struct RecordingWishes: Sendable, Hashable {
    /// From a customer's `record start` to its `stop`, or to the time that was given with it.
    package struct Command: Sendable, Hashable {
        package var begunAt: WallTime
        /// Nil: until somebody stops it.
        package var until: WallTime?
        /// Recorded before ``begunAt`` too, as far as the unit still has it; whole seconds (Table I.2-14).
        package var prerecord: Duration
        package var user: UserName

        package init(begunAt: WallTime, until: WallTime? = nil, prerecord: Duration = .zero, user: UserName) {
            self.begunAt = begunAt
            self.until = until
            self.prerecord = prerecord
            self.user = user
        }
    }

    package typealias Plan = WeeklyHours

    /// What alarms record.
    package struct Rule: Sendable, Hashable {
        /// Values of the table of alarm types.
        package var types: Set<Int>
        /// Before the alarm; whole seconds (Table I.2-14).
        package var prerecord: Duration
        /// From the start of an alarm on; an alarm that lasts longer is recorded to its end.
        package var clip: Duration
        /// However long an alarm lasts.
        package var longest: Duration

        package init(types: Set<Int>, prerecord: Duration, clip: Duration, longest: Duration) {
            self.types = types
            self.prerecord = prerecord
            self.clip = clip
            self.longest = longest
        }
    }

    package var command: Command?
    package var plan: Plan?
    package var rule: Rule?
    /// How long each segment is, as last said; whole seconds. Nil: as the platform likes it.
    package var segment: Duration?

    package init(
        command: Command? = nil,
        plan: Plan? = nil,
        rule: Rule? = nil,
        segment: Duration? = nil
    ) {
        self.command = command
        self.plan = plan
        self.rule = rule
        self.segment = segment
    }

    /// Nobody wants anything: there is nothing to keep.
    package var isEmpty: Bool { command == nil && plan == nil && rule == nil }
}
