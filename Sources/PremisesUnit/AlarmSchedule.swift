import HSSModel
package import Vd

/// One `--alarm`: an alarm that comes again and again.
package struct AlarmPlan: Sendable, Equatable {
    package var type: AlarmType
    package var channel: Int
    package var every: Duration

    package init(type: AlarmType, channel: Int, every: Duration) {
        self.type = type
        self.channel = channel
        self.every = every
    }

    /// `TYPE@TIME` or `TYPE/CHANNEL@TIME`, as `motion@30s`.
    package init(parsing text: String, channels: Int) throws(UnitSetupError) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        let names = parts.first?.split(separator: "/", omittingEmptySubsequences: false) ?? []
        guard parts.count == 2, (1...2).contains(names.count) else {
            throw .option("alarm", "expected TYPE@TIME or TYPE/CHANNEL@TIME, found \(text)")
        }
        guard let type = AlarmType(word: String(names[0])) else {
            throw .option("alarm", "expected one of \(AlarmType.words), found \(names[0])")
        }
        let channel = names.count == 2 ? Int(names[1]) ?? -1 : 0
        guard (0..<channels).contains(channel) else {
            throw .option(
                "alarm",
                "expected a channel of 0 to \(channels - 1), found \(names[names.count - 1])"
            )
        }
        let every = try FaultPlan.duration(String(parts[1]), option: "alarm")
        guard every >= .milliseconds(100) else {
            throw .option("alarm", "expected 100ms or more, found \(parts[1])")
        }
        self.init(type: type, channel: channel, every: every)
    }
}

/// When the alarms of a plan happen. An alarm with a state starts, and ends half way to the next.
struct AlarmSchedule: Sendable {
    private struct Entry: Sendable {
        var plan: AlarmPlan
        var next: Instant
        var isActive = false
    }

    private var entries: [Entry]

    init(_ plans: [AlarmPlan], at now: Instant) {
        entries = plans.map { Entry(plan: $0, next: now + $0.every) }
    }

    var nextWake: Instant? { entries.map(\.next).min() }

    /// At most one of each plan: what was slept through is not caught up with.
    mutating func due(at now: Instant) -> [DeviceNews] {
        entries.indices.compactMap { index in
            let entry = entries[index]
            guard entry.next <= now else { return nil }
            let phase: AlarmPhase
            if !entry.plan.type.isSingle {
                phase = entry.isActive ? .end : .start
                entries[index].isActive.toggle()
                entries[index].next = now + entry.plan.every / 2
            } else {
                phase = .pulse
                entries[index].next = now + entry.plan.every
            }
            return .alarm(channel: entry.plan.channel, entry.plan.type, phase, "scheduled")
        }
    }
}
