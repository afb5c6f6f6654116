package import HSSModel

/// What an alarm of a channel records.
package struct AlarmRule: Sendable, Hashable {
    package static let types = 2...12

    /// Values of the table of alarm types.
    package let types: Set<Int>
    /// Before the alarm (`prerecord_seconds`, Table I.2-14).
    package let prerecord: Duration
    /// From the start of an alarm on; an alarm that lasts longer is recorded to its end.
    package let clip: Duration
    /// However long an alarm lasts.
    package let longest: Duration

    /// Nil: a value out of its range. `prerecord` 0 to 60 s, `clip` 1 s to 10 min, `longest` from `clip` to one day.
    package init?(types: Set<Int>, prerecord: Duration, clip: Duration, longest: Duration) {
        guard types.allSatisfy(Self.types.contains), (.zero ... .seconds(60)).contains(prerecord),
            (.seconds(1) ... .seconds(600)).contains(clip), (clip ... .seconds(86_400)).contains(longest)
        else { return nil }
        self.types = types
        self.prerecord = prerecord
        self.clip = clip
        self.longest = longest
    }

    /// When alarms want a recording: without overlaps, in order. `alarms` in any order.
    package func clips(for alarms: some Sequence<AlarmSpan>) -> [Range<WallTime>] {
        var clips: [Range<WallTime>] = []
        for alarm in alarms.filter({ types.contains($0.type) }).sorted(by: { $0.start < $1.start }) {
            let end = max(alarm.start + clip, min(alarm.end ?? alarm.start + longest, alarm.start + longest))
            if let last = clips.last, alarm.start <= last.upperBound {
                clips[clips.count - 1] = last.lowerBound..<max(end, last.upperBound)
            } else {
                clips.append(alarm.start..<end)
            }
        }
        return clips
    }
}

/// One alarm, as far as it has come.
package struct AlarmSpan: Sendable, Hashable {
    /// Value of the table of alarm types.
    package var type: Int
    /// When the platform heard of it: a unit's clock may be far off.
    package var start: WallTime
    /// Nil while it lasts.
    package var end: WallTime?

    package init(type: Int, start: WallTime, end: WallTime? = nil) {
        self.type = type
        self.start = start
        self.end = end
    }
}

/// Everything that wants a channel recorded. One record session serves all of it (Table I.2-14: "One record session per
/// channel").
package struct RecordingDemand: Sendable, Hashable {
    /// What is wanted at one time.
    package struct Wish: Sendable, Hashable {
        package enum Reason: Int, Sendable, Hashable, CaseIterable { case command, plan, alarm }

        package var reasons: Set<Reason>
        /// Only where an alarm alone wants it: what records already has what came before.
        package var prerecord: Duration

        package init(reasons: Set<Reason>, prerecord: Duration = .zero) {
            self.reasons = reasons
            self.prerecord = prerecord
        }
    }

    /// From a customer's `record start` to its `stop`, or to the time that was given with it.
    package var command: Range<WallTime>?
    package var plan: RecordingPlan?
    package var rule: AlarmRule?
    /// Recent ones; those that ended longer ago than a clip lasts say nothing any more.
    package var alarms: [AlarmSpan]

    package init(
        command: Range<WallTime>? = nil,
        plan: RecordingPlan? = nil,
        rule: AlarmRule? = nil,
        alarms: [AlarmSpan] = []
    ) {
        self.command = command
        self.plan = plan
        self.rule = rule
        self.alarms = alarms
    }

    /// Nil: nothing is to be recorded.
    package func wish(at time: WallTime) -> Wish? {
        var reasons: Set<Wish.Reason> = []
        if command?.contains(time) ?? false { reasons.insert(.command) }
        if plan?.isWanted(at: time) ?? false { reasons.insert(.plan) }
        if clips.contains(where: { $0.contains(time) }) { reasons.insert(.alarm) }
        guard !reasons.isEmpty else { return nil }
        return Wish(reasons: reasons, prerecord: reasons == [.alarm] ? rule?.prerecord ?? .zero : .zero)
    }

    /// When to look again: the next time at which ``wish(at:)`` may be another one; nil: it stays as it is.
    package func nextChange(after time: WallTime) -> WallTime? {
        let spans = clips + [command].compactMap(\.self)
        let edges = spans.flatMap { [$0.lowerBound, $0.upperBound] }.filter { $0 > time }
        return (edges + [plan?.nextChange(after: time)].compactMap(\.self)).min()
    }

    /// When the last that was wanted ended, of what began behind `start`: nil while something is wanted, or where nothing
    /// was. A plan says the same each week, so more than that is looked back at for a command only.
    package func lastEnd(from start: WallTime, to now: WallTime) -> WallTime? {
        guard wish(at: now) == nil else { return nil }
        var time = max(start, now + (.zero - Self.longestLook))
        var isWanted = wish(at: time) != nil
        var end = command.map(\.upperBound).flatMap { $0 > start && $0 <= now ? $0 : nil }
        while let next = nextChange(after: time), next <= now {
            let isWantedNext = wish(at: next) != nil
            if isWanted, !isWantedNext { end = max(end ?? next, next) }
            (time, isWanted) = (next, isWantedNext)
        }
        return end
    }

    private static let longestLook: Duration = .seconds(9 * 86_400)

    private var clips: [Range<WallTime>] { rule?.clips(for: alarms) ?? [] }
}
