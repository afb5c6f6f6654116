import Bus
import HSSModel
import Hummingbird
import ServerKit

/// Accounts of what was carried: of one's own channels and of what one watched, and of everybody for operators.
extension CustomerAPI {
    func addUsageRoutes(to api: RouterGroup<PlatformContext>, _ usage: any UsagePoint) {
        api.get("usage") { request, context in
            let user = try context.caller().user
            return try await answering {
                try await channelPage(request, usage, isWatched: false) { days, after, limit in
                    try await usage.usage(ofOwner: user, in: days, after: after, limit: limit)
                }
            }
        }
        api.get("usage/watched") { request, context in
            let user = try context.caller().user
            return try await answering {
                try await channelPage(request, usage, isWatched: true) { days, after, limit in
                    try await usage.usage(ofViewer: user, in: days, after: after, limit: limit)
                }
            }
        }
        api.get("admin/usage") { request, context in
            try Self.requireOperator(context)
            return try await answering { try await totals(request, usage) }
        }
    }

    private func channelPage(
        _ request: Request,
        _ usage: any UsagePoint,
        isWatched: Bool,
        read: (ClosedRange<CalendarDay>, ChannelUsage.Place?, Int) async throws -> [ChannelUsage]
    ) async throws -> Response {
        let (days, limit) = (try days(request), try limitOf(request))
        let after = try request.uri.queryParameters["cursor"].map { text in
            guard let place = ChannelUsage.Place(cursor: String(text)) else { throw Self.wrongCursor }
            return place
        }
        await usage.settle()
        let found = try await read(days, after, limit + 1)
        return try JSONBody.answer(
            PageBody(
                items: found.prefix(limit).map { ChannelUsageBody($0, isWatched: isWatched) },
                nextCursor: found.count > limit ? found[limit - 1].place.cursor : nil
            )
        )
    }

    private func totals(_ request: Request, _ usage: any UsagePoint) async throws -> Response {
        let (days, limit) = (try days(request), try limitOf(request))
        let query = request.uri.queryParameters
        let grouping = try query["by"].map { text in
            guard let grouping = UsageTotal.Grouping(rawValue: String(text)) else {
                throw ManagementError.invalid(field: "by", "expected user, device or day")
            }
            return grouping
        }
        let user = try query["user"].map { text in
            guard let user = UserName(rawValue: String(text)) else {
                throw ManagementError.notFound("user \(text.prefix(64))")
            }
            return user
        }
        let by = grouping ?? (user == nil ? .user : .device)
        let after = try query["cursor"].map { text in
            guard let name = UsageTotal.name(ofCursor: String(text)), by != .day || CalendarDay(name) != nil
            else { throw Self.wrongCursor }
            return name
        }
        await usage.settle()
        let found = try await usage.usageTotals(by: by, user: user, in: days, after: after, limit: limit + 1)
        return try JSONBody.answer(
            PageBody(
                items: found.prefix(limit).map { UsageTotalBody($0, by: by) },
                nextCursor: found.count > limit ? found[limit - 1].cursor : nil
            )
        )
    }

    /// `from` and `to`, both included; without them everything that is kept.
    private func days(_ request: Request) throws -> ClosedRange<CalendarDay> {
        let from = try day("from", request) ?? CalendarDay.range.lowerBound
        let to = try day("to", request) ?? CalendarDay.range.upperBound
        guard from <= to else {
            throw ManagementError.invalid(field: "to", "expected \(from) or a later day")
        }
        return from...to
    }

    private func day(_ name: String, _ request: Request) throws -> CalendarDay? {
        guard let text = request.uri.queryParameters[name[...]].map(String.init) else { return nil }
        guard let day = CalendarDay(text) else {
            throw ManagementError.invalid(field: name, "expected a day such as 2025-11-21")
        }
        return day
    }
}

/// One channel on one day.
struct ChannelUsageBody: Encodable {
    var day: String
    var deviceId: String
    var channel: Int
    /// What the unit sent is its owner's business only.
    var ingestBytes: Int64?
    var liveSeconds: Int64?
    var deliveredBytes: Int64
    var viewerSeconds: Int64

    init(_ usage: ChannelUsage, isWatched: Bool) {
        day = usage.day.description
        deviceId = usage.channel.unit.rawValue
        channel = usage.channel.number
        if !isWatched {
            ingestBytes = usage.amounts.ingestBytes
            liveSeconds = usage.amounts.liveTime.components.seconds
        }
        deliveredBytes = usage.amounts.deliveredBytes
        viewerSeconds = usage.amounts.viewerTime.components.seconds
    }
}

/// One user, device or day.
struct UsageTotalBody: Encodable {
    var user: String?
    var deviceId: String?
    var day: String?
    var ingestBytes: Int64
    var liveSeconds: Int64
    var deliveredBytes: Int64
    var viewerSeconds: Int64
    var watchedBytes: Int64?
    var watchedSeconds: Int64?

    init(_ total: UsageTotal, by grouping: UsageTotal.Grouping) {
        ingestBytes = total.amounts.ingestBytes
        liveSeconds = total.amounts.liveTime.components.seconds
        deliveredBytes = total.amounts.deliveredBytes
        viewerSeconds = total.amounts.viewerTime.components.seconds
        switch grouping {
        case .user:
            user = total.name
            watchedBytes = total.watchedBytes
            watchedSeconds = total.watchedTime.components.seconds
        case .device: deviceId = total.name
        case .day: day = total.name
        }
    }
}

extension ChannelUsage.Place {
    fileprivate var cursor: String { "\(day)~\(channel.number)~\(channel.unit)" }

    fileprivate init?(cursor: String) {
        let parts = cursor.split(separator: "~", maxSplits: 2)
        guard parts.count == 3, let day = CalendarDay(String(parts[0])), let number = Int(parts[1]),
            (0...ChannelAddress.highestNumber).contains(number), let unit = UnitID(rawValue: String(parts[2]))
        else { return nil }
        self.init(channel: ChannelAddress(unit: unit, number: number), day: day)
    }
}

extension UsageTotal {
    /// `~` before the name, so that nobody has one too.
    fileprivate var cursor: String { "~" + (name ?? "") }

    fileprivate static func name(ofCursor cursor: String) -> String? {
        let name = String(cursor.dropFirst())
        guard cursor.first == "~", name.isEmpty || UnitID.isValid(name) else { return nil }
        return name
    }
}
