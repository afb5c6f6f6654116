import Bus
import HSSModel
import ServerKit
import Vd
import Vr

// The bodies of calls that start and stop recording. Keys are written in snake case, lengths in seconds.

struct RecordingOrderBody: Decodable {
    /// Ten years: more is until it is stopped.
    private static let longest = 3650 * 86_400

    var segDuration: Int?
    var prerecordSeconds: Int?
    /// Either of them, or until it is stopped.
    var until: String?
    /// From now on, by the platform's clock.
    var durationSeconds: Int?

    func order(at now: WallTime) throws -> RecordingOrder {
        guard until == nil || durationSeconds == nil else {
            throw FieldError("until", "expected either until or duration_seconds")
        }
        var end = try RecordSeconds.duration(durationSeconds, "duration_seconds", from: 1, to: Self.longest)
            .map { now + $0 }
        if let until {
            end = WallTime(rfc3339: until)
            if end == nil {
                throw FieldError("until", "expected a time such as 2026-11-21T08:00:00Z")
            }
        }
        return RecordingOrder(
            segment: try RecordSeconds.duration(segDuration, "seg_duration"),
            prerecord: try RecordSeconds.duration(prerecordSeconds, "prerecord_seconds") ?? .zero,
            until: end
        )
    }
}

struct RecordingBody: Encodable {
    struct Command: Encodable {
        var user: String
        var begunAt: String
        var until: String?
        var prerecordSeconds: Int
    }

    struct Problem: Encodable {
        var at: String
        var detail: String
        var unitError: Int?
    }

    var state: String
    /// `command`, `plan`, `alarm`.
    var wantedBy: [String]
    var command: Command?
    var session: String?
    var since: String?
    var segDuration: Int
    var nextChange: String?
    var problem: Problem?
    /// Table I.3-5, of this session.
    var droppedNb: Int
    var droppedTime: Double

    init(_ status: RecordingStatus) {
        state = status.state.rawValue
        wantedBy = status.reasons.sorted { $0.rawValue < $1.rawValue }.map(\.word)
        command = status.command.map {
            Command(
                user: $0.user.rawValue,
                begunAt: $0.begunAt.rfc3339,
                until: $0.until?.rfc3339,
                prerecordSeconds: Int($0.prerecord.inSeconds)
            )
        }
        session = status.session?.rawValue
        since = status.since?.rfc3339
        segDuration = Int(status.segment.inSeconds)
        nextChange = status.nextChange?.rfc3339
        problem = status.problem.map {
            Problem(at: $0.at.rfc3339, detail: $0.text, unitError: $0.unitError)
        }
        droppedNb = status.droppedCount
        droppedTime = (status.droppedTime.inSeconds * 1000).rounded() / 1000
    }
}

/// A weekly plan as people write one: `{"zone":"Europe/Berlin","windows":[{"days":["mon","fri"],"from":"08:00","to":"18:00"}]}`.
struct RecordingPlanBody: Codable {
    struct Window: Codable {
        var days: [String]
        /// `00:00` to `23:59`.
        var from: String
        /// `00:01` to `24:00`; not after `from`: on the next day.
        var to: String
    }

    private static let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

    var zone: String
    var windows: [Window]
    var segDuration: Int?

    init(_ plan: RecordingWishes.Plan, segment: Duration?) {
        zone = plan.zone
        segDuration = segment.map { Int($0.inSeconds) }
        windows = Self.windows(of: plan)
    }

    /// Days with the same times together, in the order in which they were said.
    static func windows(of hours: WeeklyHours) -> [Window] {
        hours.windows.reduce(into: []) { windows, window in
            let (from, to) = (clock(window.from), clock(window.to))
            let day = days.indices.contains(window.weekday) ? days[window.weekday] : ""
            if let same = windows.firstIndex(where: {
                $0.from == from && $0.to == to && !$0.days.contains(day)
            }) {
                windows[same].days.append(day)
            } else {
                windows.append(Window(days: [day], from: from, to: to))
            }
        }
    }

    var plan: RecordingWishes.Plan { get throws { try Self.hours(zone, windows) } }

    static func hours(_ zone: String, _ windows: [Window]) throws(FieldError) -> WeeklyHours {
        guard windows.count <= RecordingPlan.mostWindows else {
            throw FieldError("windows", "expected at most \(RecordingPlan.mostWindows)")
        }
        var all: [WeeklyHours.Window] = []
        for window in windows {
            guard let from = minutes(window.from), from < 1440, let end = minutes(window.to) else {
                throw FieldError("windows", "expected times such as 08:00, the end up to 24:00")
            }
            guard !window.days.isEmpty else { throw FieldError("windows.days", "expected mon to sun") }
            for day in window.days.prefix(8) {
                guard let weekday = days.firstIndex(of: day) else {
                    throw FieldError("windows.days", "expected \(days.joined(separator: ", "))")
                }
                // Midnight as an end is that of the same day.
                all.append(WeeklyHours.Window(weekday: weekday, from: from, to: end == 0 ? 1440 : end))
            }
        }
        return WeeklyHours(zone: zone, windows: all)
    }

    /// `HH:MM` in minutes, up to 24:00.
    private static func minutes(_ text: String) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 && $0.allSatisfy(\.isNumber) }),
            let hours = Int(parts[0]), let minutes = Int(parts[1]), minutes < 60
        else { return nil }
        let all = hours * 60 + minutes
        return all <= 1440 ? all : nil
    }

    private static func clock(_ minutes: Int) -> String {
        let (hours, rest) = minutes.quotientAndRemainder(dividingBy: 60)
        return (hours < 10 ? "0" : "") + "\(hours):" + (rest < 10 ? "0" : "") + "\(rest)"
    }
}

/// What alarms record.
struct RecordingRuleBody: Codable {
    private static let usualPrerecord = 5
    private static let usualClip = 30
    private static let usualLongest = 600

    /// Names of the table of alarm types.
    var types: [String]
    var prerecordSeconds: Int?
    /// From the start of an alarm on.
    var clipSeconds: Int?
    /// However long an alarm lasts.
    var maxSeconds: Int?
    var segDuration: Int?

    init(_ rule: RecordingWishes.Rule, segment: Duration?) {
        types = rule.types.sorted().map { AlarmType(rawValue: $0)?.word ?? "\($0)" }
        prerecordSeconds = Int(rule.prerecord.inSeconds)
        clipSeconds = Int(rule.clip.inSeconds)
        maxSeconds = Int(rule.longest.inSeconds)
        segDuration = segment.map { Int($0.inSeconds) }
    }

    var rule: RecordingWishes.Rule {
        get throws {
            let numbers = try types.prefix(AlarmType.allCases.count + 1).map { word in
                guard let type = AlarmType(word: word) else {
                    let words = AlarmType.allCases.map(\.word).joined(separator: ", ")
                    throw FieldError("types", "expected some of \(words)")
                }
                return type.rawValue
            }
            let clip = clipSeconds ?? Self.usualClip
            let durations = [
                try RecordSeconds.duration(prerecordSeconds ?? Self.usualPrerecord, "prerecord_seconds"),
                try RecordSeconds.duration(clip, "clip_seconds"),
                try RecordSeconds.duration(maxSeconds ?? max(clip, Self.usualLongest), "max_seconds"),
            ].map { $0 ?? .zero }
            return RecordingWishes.Rule(
                types: Set(numbers),
                prerecord: durations[0],
                clip: durations[1],
                longest: durations[2]
            )
        }
    }
}

/// Seconds of outside, before anybody calculates with them.
private enum RecordSeconds {
    static func duration(
        _ seconds: Int?,
        _ field: String,
        from least: Int = 0,
        to most: Int = 86_400
    ) throws(FieldError) -> Duration? {
        guard let seconds else { return nil }
        guard (least...most).contains(seconds) else {
            throw FieldError(field, "expected a number of seconds, \(least) to \(most)")
        }
        return .seconds(seconds)
    }
}
