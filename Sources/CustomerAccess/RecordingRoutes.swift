import Bus
import FoundationEssentials
import HSSModel
import HTTPTypes
import HostClock
import Hummingbird
import ServerKit
import Vd

/// What is recorded of a channel, and tickets to play it. Only what was recorded for the owner of now: what a device recorded
/// for a former one is nobody's here.
extension CustomerAPI {
    func addRecordingRoutes(to api: RouterGroup<PlatformContext>, _ recordings: any PlaybackPoint) {
        for path in ["devices/:id", "devices/:id/channels/:n"] {
            let channel = api.group(RouterPath(path))
            channel.get("recordings") { request, context in
                try await answering {
                    let recorded = try await recorded(context)
                    let range = try listedRange(request)
                    return try await timeline(recorded, range, recordings)
                }
            }
            channel.get("recordings/span") { _, context in
                try await answering {
                    let amounts = try await recordings.amounts(of: try await recorded(context))
                    return try JSONBody.answer(RecordedSpanBody(amounts))
                }
            }
            channel.get("recordings/days") { request, context in
                try await answering {
                    let recorded = try await recorded(context)
                    return try await days(recorded, request, recordings)
                }
            }
            for method in [HTTPRequest.Method.get, .head] {
                channel.on("recordings/picture", method: method) { request, context in
                    try await answering { try await picture(request, context, recordings) }
                }
            }
            channel.post("playback") { request, context in
                let caller = try context.caller()
                let body = try await decode(PlaybackRequestBody.self, from: request)
                return try await answering {
                    let recorded = try await recorded(context)
                    let range = try body.range()
                    let grant = try await recordings.openPlayback(of: recorded, in: range, for: caller.user)
                    return try JSONBody.answer(PlaybackBody(grant, recorded.channel, range), .created)
                }
            }
        }
    }

    /// The channel of the path, for the owner that its device has at this moment.
    private func recorded(_ context: PlatformContext) async throws -> RecordedChannel {
        let channel = try await channel(context, needing: .playback)
        return RecordedChannel(channel, owner: try await visible(context).device.owner)
    }

    private func picture(
        _ request: Request,
        _ context: PlatformContext,
        _ recordings: any PlaybackPoint
    ) async throws -> Response {
        let recorded = try await recorded(context)
        let width = try PictureResponse.width(of: request)
        guard let at = try Self.time("at", of: request) else {
            throw ManagementError.invalid(field: "at", Self.timeRule)
        }
        let picture = try await recordings.picture(of: recorded, at: at, width: width)
        return PictureResponse.make(
            picture.jpeg,
            width: width,
            takenAt: picture.takenAt,
            at: .now,
            for: request
        )
    }

    // MARK: The timeline

    private func timeline(
        _ recorded: RecordedChannel,
        _ range: Range<WallTime>,
        _ recordings: any PlaybackPoint
    ) async throws -> Response {
        let timeline = try await recordings.timeline(of: recorded, in: range)
        let (alarms, hasAllAlarms) = try await alarms(of: recorded.channel, in: range)
        let ranges = timeline.ranges.map { part in
            let types = Set(alarms.filter { $0.overlaps(part.start..<part.end) }.map(\.type)).sorted()
            return TimelineBody.Part(part, alarmTypes: types)
        }
        return try JSONBody.answer(
            TimelineBody(
                items: ranges,
                lost: timeline.losses.map { TimelineBody.Loss($0) },
                alarmsComplete: hasAllAlarms,
                nextFrom: timeline.next?.rfc3339Exact
            )
        )
    }

    /// Alarms of some days: what is more is not looked at, and the answer says so.
    private static let mostAlarmPages = 10
    private static let alarmPage = 200
    /// A unit's clock, by which alarms and recordings are told, may be off by this.
    private static let clockDifference: Duration = .seconds(3600)

    private func alarms(
        of channel: ChannelAddress,
        in range: Range<WallTime>
    ) async throws -> (alarms: [AlarmRecord], areAll: Bool) {
        var query = AlarmQuery(
            units: [channel.unit],
            channel: channel.number,
            from: range.lowerBound + (.zero - Self.clockDifference),
            to: range.upperBound + Self.clockDifference,
            limit: Self.alarmPage
        )
        var alarms: [AlarmRecord] = []
        for _ in 0..<Self.mostAlarmPages {
            let page = try await activity.alarms.alarms(query)
            alarms += page
            if page.count < Self.alarmPage { return (alarms, true) }
            query.after = page.last?.id
        }
        return (alarms, false)
    }

    private func listedRange(_ request: Request) throws -> Range<WallTime> {
        guard let from = try Self.time("from", of: request) else {
            throw ManagementError.invalid(field: "from", Self.timeRule)
        }
        guard let to = try Self.time("to", of: request) else {
            throw ManagementError.invalid(field: "to", Self.timeRule)
        }
        return try PlaybackRequestBody.range(from, to, upTo: PlaybackLimits.longestListing, "7 days")
    }

    private static let timeRule = "expected a time such as 2026-11-21T08:00:00Z"

    static func time(_ name: String, of request: Request) throws -> WallTime? {
        guard let text = request.uri.queryParameters[name[...]] else { return nil }
        // A plus in a query may have become a space.
        guard let time = WallTime(rfc3339: String(text.replacing(" ", with: "+"))) else {
            throw ManagementError.invalid(field: name, timeRule)
        }
        return time
    }

    // MARK: Days

    private func days(
        _ recorded: RecordedChannel,
        _ request: Request,
        _ recordings: any PlaybackPoint
    ) async throws -> Response {
        let text = request.uri.queryParameters["month"].map(String.init) ?? ""
        guard let first = CalendarDay(text + "-01") else {
            throw ManagementError.invalid(field: "month", "expected a month such as 2026-11")
        }
        let zoneText = request.uri.queryParameters["zone"].map(String.init) ?? "UTC"
        guard let zone = DayZone(zoneText.replacing(" ", with: "+")) else {
            throw ManagementError.invalid(
                field: "zone",
                "expected a zone such as Europe/Berlin, or an offset such as +01:00"
            )
        }
        let numbers = (first.number..<(first.number + PlaybackLimits.mostDays)).filter {
            CalendarDay(number: $0).description.hasPrefix(text)
        }
        let days = numbers.map { CalendarDay(number: $0) }
        let found = try await recordings.recorded(
            recorded,
            on: numbers.map { zone.start(ofDay: $0)..<zone.start(ofDay: $0 + 1) }
        )
        let names = zip(days, found).filter(\.1).map(\.0.description)
        return try JSONBody.answer(RecordedDaysBody(month: text, zone: zoneText, days: names))
    }
}

/// When a day begins by the clocks of a place.
struct DayZone {
    private let zone: TimeZone

    /// A name of the time zone database, or `+01:00`.
    init?(_ text: String) {
        guard text.utf8.count <= 64 else { return nil }
        if let first = text.first, first == "+" || first == "-" {
            let parts = text.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }), let hours = Int(parts[0]),
                let minutes = Int(parts[1]), (0...14).contains(hours), (0..<60).contains(minutes),
                let zone = TimeZone(secondsFromGMT: (first == "-" ? -1 : 1) * (hours * 3600 + minutes * 60))
            else { return nil }
            self.zone = zone
            return
        }
        guard text.contains("/") || text == "UTC" || text == "GMT", let zone = TimeZone(identifier: text)
        else {
            return nil
        }
        self.zone = zone
    }

    /// `day` counts from 1970-01-01. Where midnight is skipped, the first moment behind it.
    func start(ofDay day: Int) -> WallTime {
        let midnight = Int64(day) * 86_400
        // The offset that is in force at the moment that it leads to.
        var time = midnight - offset(at: midnight)
        time = midnight - offset(at: time)
        return WallTime(milliseconds: time * 1000)
    }

    private func offset(at seconds: Int64) -> Int64 {
        Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds))))
    }
}

extension AlarmRecord {
    /// By the unit's clock, like recordings; one that lasts has no end yet.
    fileprivate func overlaps(_ range: Range<WallTime>) -> Bool {
        startedAt < range.upperBound
            && (endedAt.map { max($0, startedAt) } ?? range.upperBound) >= range.lowerBound
    }
}
