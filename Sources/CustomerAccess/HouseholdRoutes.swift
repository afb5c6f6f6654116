import Bus
import HSSModel
import Hummingbird
import ServerKit

extension CustomerAPI {
    /// `/households`: people who share cameras with each other.
    func addHouseholdRoutes(to api: RouterGroup<PlatformContext>, _ access: any AccessPoint) {
        let households = api.group("households")
        households.get { request, context in
            let caller = try context.caller()
            return try await answering {
                try await page(
                    request,
                    name: { $0.id.rawValue },
                    body: { HouseholdBody($0) },
                    read: { after, limit in
                        try await access.households(
                            after: after.flatMap { HouseholdID(rawValue: $0) },
                            limit: limit,
                            by: caller
                        )
                    }
                )
            }
        }
        households.post { request, context in
            let caller = try context.caller()
            let body = try await decode(TitleBody.self, from: request)
            return try await answering {
                let made = try await access.addHousehold(body.name, by: caller)
                return try JSONBody.answer(HouseholdDetailBody(made), .created)
            }
        }
        let household = households.group(":household")
        household.get { _, context in
            let caller = try context.caller()
            let id = try context.parameters.require("household")
            return try await answering {
                try JSONBody.answer(HouseholdDetailBody(try await access.household(id, by: caller)))
            }
        }
        household.patch { request, context in
            let caller = try context.caller()
            let id = try context.parameters.require("household")
            let body = try await decode(TitleBody.self, from: request)
            return try await answering {
                let renamed = try await access.renameHousehold(id, body.name, by: caller)
                return try JSONBody.answer(HouseholdDetailBody(renamed))
            }
        }
        household.delete { _, context in
            let caller = try context.caller()
            let id = try context.parameters.require("household")
            return try await answering {
                try await access.removeHousehold(id, by: caller)
                return Response(status: .noContent)
            }
        }
        addMemberRoutes(to: household, access)
    }

    private func addMemberRoutes(to household: RouterGroup<PlatformContext>, _ access: any AccessPoint) {
        household.put("members/:user") { request, context in
            let caller = try context.caller()
            let id = try context.parameters.require("household")
            let user = try context.parameters.require("user")
            let body = try await decode(MemberBody.self, from: request)
            return try await answering {
                let made = try await access.setMember(
                    user,
                    try body.memberRole,
                    try RightWords.rights(body.rights),
                    of: id,
                    by: caller
                )
                return try JSONBody.answer(
                    HouseholdDetailBody(made.household),
                    made.isNew ? .created : .ok
                )
            }
        }
        household.delete("members/:user") { _, context in
            let caller = try context.caller()
            let id = try context.parameters.require("household")
            let user = try context.parameters.require("user")
            return try await answering {
                try await access.removeMember(user, of: id, by: caller)
                return Response(status: .noContent)
            }
        }
        household.put("devices/:device") { _, context in
            let caller = try context.caller()
            let id = try context.parameters.require("household")
            let device = try context.parameters.require("device")
            return try await answering {
                let household = try await access.addDevice(device, to: id, by: caller)
                return try JSONBody.answer(HouseholdDetailBody(household))
            }
        }
        household.delete("devices/:device") { _, context in
            let caller = try context.caller()
            let id = try context.parameters.require("household")
            let device = try context.parameters.require("device")
            return try await answering {
                try await access.removeDevice(device, from: id, by: caller)
                return Response(status: .noContent)
            }
        }
    }
}

/// What somebody calls something.
struct TitleBody: Decodable {
    var name: String
}

struct MemberBody: Decodable {
    var role: String
    var rights: [String]

    var memberRole: Household.MemberRole {
        get throws {
            guard let role = Household.MemberRole(rawValue: role) else {
                throw ManagementError.invalid(field: "role", "expected admin or member")
            }
            return role
        }
    }
}

struct HouseholdBody: Encodable {
    var householdId: String
    var name: String
    var createdAt: String

    init(_ household: Household) {
        householdId = household.id.rawValue
        name = household.name
        createdAt = household.createdAt.rfc3339
    }
}

struct HouseholdDetailBody: Encodable {
    struct Member: Encodable {
        var user: String
        var role: String
        var rights: [String]
        var joinedAt: String
    }

    struct Device: Encodable {
        var deviceId: String
        var owner: String
        var addedAt: String
    }

    var householdId: String
    var name: String
    var createdAt: String
    var members: [Member]
    var devices: [Device]

    init(_ household: Household) {
        householdId = household.id.rawValue
        name = household.name
        createdAt = household.createdAt.rfc3339
        members = household.members.map {
            Member(
                user: $0.user.rawValue,
                role: $0.role.rawValue,
                rights: $0.rights.words,
                joinedAt: $0.joinedAt.rfc3339
            )
        }
        devices = household.devices.map {
            Device(deviceId: $0.unit.rawValue, owner: $0.owner.rawValue, addedAt: $0.addedAt.rfc3339)
        }
    }
}
