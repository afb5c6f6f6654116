import Bus
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
                    try Self.demandRate(context, recordings)
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
                    try Self.demandRate(context, recordings)
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

    private static func demandRate(_ context: PlatformContext, _ recordings: any PlaybackPoint) throws {
        guard recordings.mayAsk(try context.caller().user) else {
            throw Problem(
                .tooManyRequests,
                type: "rate",
                detail: "You ask for recordings too often; slow down.",
                headers: [.retryAfter: "1"]
            )
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
        // One that lasts since before may have begun under a former owner.
        let own = alarms.filter { alarm in
            timeline.since.map { alarm.receivedAt + Self.alarmToSession >= $0 } ?? false
        }
        let types = AlarmSweep(own).types(within: timeline.ranges.map { $0.start..<$0.end })
        let ranges = zip(timeline.ranges, types).map { TimelineBody.Part($0, alarmTypes: $1) }
        return try JSONBody.answer(
            TimelineBody(
                items: ranges,
                lost: timeline.losses.map { TimelineBody.Loss($0) },
                alarmsComplete: hasAllAlarms,
                nextFrom: timeline.next?.rfc3339Exact
            )
        )
    }

    /// What an alarm orders begins after it.
    private static let alarmToSession: Duration = .seconds(5)

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
