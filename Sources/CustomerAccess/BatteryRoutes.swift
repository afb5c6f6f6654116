import Bus
import HSSModel
import Hummingbird
import ServerKit

extension CustomerAPI {
    /// `GET /devices/{id}/battery`: what the device said of its battery (Table I.2-27), newest first.
    func addBatteryRoutes(to api: RouterGroup<PlatformContext>) {
        api.get("devices/:id/battery") { request, context in
            try await answering {
                var query = BatteryQuery(unit: try await unit(context))
                query.from = try time("from", request)
                query.to = try time("to", request)
                return try await page(
                    request,
                    name: { String($0.id.rawValue) },
                    body: { BatteryBody($0.report) },
                    read: { after, limit in
                        query.after = try after.map { cursor in
                            guard let number = Int64(cursor), number > 0 else {
                                throw ManagementError.invalid(
                                    field: "cursor",
                                    "expected the next_cursor of a page"
                                )
                            }
                            return EventID(number)
                        }
                        query.limit = limit
                        return try await activity.batteries.batteryHistory(query)
                    }
                )
            }
        }
    }

    private func time(_ name: String, _ request: Request) throws -> WallTime? {
        guard let text = request.uri.queryParameters[name[...]].map(String.init) else { return nil }
        guard let time = WallTime(rfc3339: text) else {
            throw ManagementError.invalid(field: name, "expected a time such as 2025-11-21T08:00:00Z")
        }
        return time
    }

    /// The devices of a page with what is known of each.
    func withBatteries<Device>(
        _ devices: [Device],
        _ unit: (Device) -> UnitID
    ) async throws -> [(device: Device, battery: BatteryReport?)] {
        let reports = try await activity.batteries.batteries(of: devices.map(unit))
        return devices.map { (device: $0, battery: reports[unit($0)]) }
    }
}

/// A figure of a battery and when the platform heard it.
struct BatteryBody: Encodable {
    var percent: Int
    var reportedAt: String

    init(_ report: BatteryReport) {
        percent = report.percent
        reportedAt = report.time.rfc3339
    }
}
