import Bus
import HSSModel
import Hummingbird
import ServerKit
import Vd

extension CustomerAPI {
    /// `/devices/{id}/shares`: what an owner lets others do.
    func addShareRoutes(to api: RouterGroup<PlatformContext>, _ access: any AccessPoint) {
        let shares = api.group("devices/:id/shares")
        shares.get { request, context in
            let caller = try context.caller()
            let id = try context.parameters.require("id")
            return try await answering {
                let all = try await access.shares(of: id, by: caller)
                return try await page(
                    request,
                    name: { $0.user.rawValue },
                    body: { ShareBody($0) },
                    read: { after, limit in
                        Array(all.filter { $0.user.rawValue > after ?? "" }.prefix(limit))
                    }
                )
            }
        }
        shares.put(":user") { request, context in
            let caller = try context.caller()
            let (id, user) = (try context.parameters.require("id"), try context.parameters.require("user"))
            let body = try await decode(NewShareBody.self, from: request)
            return try await answering {
                let made = try await access.share(id, with: user, try body.grant, by: caller)
                return try JSONBody.answer(ShareBody(made.share), made.isNew ? .created : .ok)
            }
        }
        shares.delete(":user") { _, context in
            let caller = try context.caller()
            let (id, user) = (try context.parameters.require("id"), try context.parameters.require("user"))
            return try await answering {
                try await access.unshare(id, from: user, by: caller)
                return Response(status: .noContent)
            }
        }
    }
}

/// Names of rights, as bodies have them.
enum RightWords {
    static func rights(_ words: [String]) throws -> Rights {
        try words.prefix(Rights.words.count + 1).reduce(into: Rights()) { rights, word in
            guard let right = Rights(word: word) else {
                throw ManagementError.invalid(
                    field: "rights",
                    "expected some of \(Rights.words.joined(separator: ", "))"
                )
            }
            rights.insert(right)
        }
    }
}

struct ScheduleBody: Codable {
    var timeZone: String
    var periods: [RecordingPlanBody.Window]
}

struct NewShareBody: Decodable {
    var rights: [String]
    var schedule: ScheduleBody?
    var expiresAt: String?

    var grant: DeviceGrant {
        get throws {
            var grant = DeviceGrant(rights: try RightWords.rights(rights))
            if let schedule {
                do throws(FieldError) {
                    grant.hours = try RecordingPlanBody.hours(schedule.timeZone, schedule.periods)
                } catch {
                    let field = error.field.replacing("windows", with: "schedule.periods")
                    throw ManagementError.invalid(field: field, error.rule)
                }
            }
            if let expiresAt { grant.expiresAt = try TimeText.time(expiresAt, "expires_at") }
            return grant
        }
    }
}

/// Times of bodies.
enum TimeText {
    static func time(_ text: String, _ field: String) throws -> WallTime {
        guard let time = WallTime(rfc3339: text) else {
            throw ManagementError.invalid(field: field, "expected a time such as 2026-11-21T08:00:00Z")
        }
        return time
    }
}

struct ShareBody: Encodable {
    var deviceId: String
    var user: String
    var rights: [String]
    var schedule: ScheduleBody?
    var expiresAt: String?
    var createdAt: String

    init(_ share: Share) {
        deviceId = share.unit.rawValue
        user = share.user.rawValue
        rights = share.grant.rights.words
        schedule = share.grant.hours.map {
            ScheduleBody(timeZone: $0.zone, periods: RecordingPlanBody.windows(of: $0))
        }
        expiresAt = share.grant.expiresAt?.rfc3339
        createdAt = share.createdAt.rfc3339
    }
}
