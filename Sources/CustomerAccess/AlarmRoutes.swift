import Bus
import HSSModel
import Hummingbird
import ServerKit
import Vd

extension CustomerAPI {
    /// Devices of one customer whose alarms are listed together.
    private static let mostDevices = 10_000

    func addAlarmRoutes(to api: RouterGroup<PlatformContext>) {
        api.get("alarms") { request, context in
            let caller = try context.caller()
            return try await answering {
                var query = try await alarmQuery(request, caller)
                return try await page(
                    request,
                    name: { $0.id.rawValue },
                    body: { AlarmBody($0) },
                    read: { after, limit in
                        query.after = after.flatMap { AlarmID(rawValue: $0) }
                        query.limit = limit
                        return try await activity.alarms.alarms(query)
                    }
                )
            }
        }
        api.get("alarms/:alarm") { _, context in
            try await answering { try JSONBody.answer(AlarmBody(try await visibleAlarm(context).alarm)) }
        }
        api.get("alarms/:alarm/picture") { _, context in
            try await answering {
                let (alarm, rights) = try await visibleAlarm(context)
                guard rights.contains(.playback) else {
                    throw Problem(
                        .forbidden,
                        type: "no-right",
                        detail: "You may see this device but not its pictures."
                    )
                }
                return Self.answer(try await activity.uploads.content(for: alarm.id.rawValue))
            }
        }
    }

    /// An alarm of a device that the caller may not see is answered like one that is not there.
    private func visibleAlarm(
        _ context: PlatformContext
    ) async throws -> (alarm: AlarmRecord, rights: Rights) {
        let caller = try context.caller()
        let text = try context.parameters.require("alarm")
        guard let id = AlarmID(rawValue: text) else {
            throw ManagementError.notFound("alarm \(text.prefix(8))")
        }
        let alarm = try await activity.alarms.alarm(id)
        do {
            let unit = alarm.channel.unit.rawValue
            return (alarm, try await devices.device(unit, visibleTo: caller).rights)
        } catch ManagementError.notFound {
            throw ActivityError.notFound("alarm \(id)")
        }
    }

    private func alarmQuery(_ request: Request, _ caller: Principal) async throws -> AlarmQuery {
        func parameter(_ name: String) -> String? { request.uri.queryParameters[name[...]].map(String.init) }
        func number<Value>(_ name: String, _ rule: String, _ read: (String) -> Value?) throws -> Value? {
            guard let text = parameter(name) else { return nil }
            guard let value = read(text) else { throw ManagementError.invalid(field: name, rule) }
            return value
        }
        let highest = ChannelAddress.highestNumber
        let time = "expected a time such as 2025-11-21T08:00:00Z"
        return AlarmQuery(
            units: try await units(parameter("device"), caller),
            channel: try number("channel", "expected 0 to \(highest)") {
                Int($0).flatMap { (0...highest).contains($0) ? $0 : nil }
            },
            type: try number("type", "expected 2 to 12 or a name such as motion") {
                (AlarmType(word: $0) ?? Int($0).flatMap { AlarmType(rawValue: $0) })?.rawValue
            },
            from: try number("from", time) { WallTime(rfc3339: $0) },
            to: try number("to", time) { WallTime(rfc3339: $0) }
        )
    }

    /// Of which units the caller hears; nil: of all.
    private func units(_ device: String?, _ caller: Principal) async throws -> [UnitID]? {
        if let device { return [try await devices.device(device, visibleTo: caller).device.unit] }
        guard caller.role != .operator else { return nil }
        var units: [UnitID] = []
        while units.count < Self.mostDevices {
            let page = try await devices.devices(after: units.last, limit: 200, visibleTo: caller)
            units += page.map(\.device.unit)
            if page.count < 200 { break }
        }
        return units
    }
}

struct AlarmBody: Encodable {
    var alarmId: String
    var deviceId: String
    var channel: Int
    /// Number of Table I.2-16, and its name here.
    var type: Int
    var name: String
    var description: String
    var active: Bool
    /// By the unit's clock.
    var startedAt: String
    var endedAt: String?
    /// By the platform's.
    var receivedAt: String
    var startInferred: Bool
    var endInferred: Bool
    /// Where the picture is; absent: there is none.
    var picture: String?

    init(_ alarm: AlarmRecord) {
        alarmId = alarm.id.rawValue
        deviceId = alarm.channel.unit.rawValue
        channel = alarm.channel.number
        type = alarm.type
        name = AlarmType(rawValue: alarm.type)?.word ?? String(alarm.type)
        description = alarm.description
        active = alarm.endedAt == nil
        startedAt = alarm.startedAt.rfc3339
        endedAt = alarm.endedAt?.rfc3339
        receivedAt = alarm.receivedAt.rfc3339
        startInferred = alarm.startInferred
        endInferred = alarm.endInferred
        picture = alarm.picture.map { _ in "/api/v1/alarms/\(alarm.id)/picture" }
    }
}
