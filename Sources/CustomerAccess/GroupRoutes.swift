import Bus
import HSSModel
import Hummingbird
import ServerKit

extension CustomerAPI {
    /// `/groups`: how a user arranges cameras for itself.
    func addGroupRoutes(to api: RouterGroup<PlatformContext>, _ access: any AccessPoint) {
        let groups = api.group("groups")
        groups.get { _, context in
            let caller = try context.caller()
            return try await answering {
                let items = try await access.groups(of: caller).map { GroupBody($0) }
                return try JSONBody.answer(PageBody(items: items, nextCursor: nil))
            }
        }
        groups.post { request, context in
            let caller = try context.caller()
            let body = try await decode(TitleBody.self, from: request)
            return try await answering {
                try JSONBody.answer(GroupBody(try await access.addGroup(body.name, by: caller)), .created)
            }
        }
        let group = groups.group(":group")
        group.patch { request, context in
            let caller = try context.caller()
            let id = try context.parameters.require("group")
            let body = try await decode(TitleBody.self, from: request)
            return try await answering {
                try JSONBody.answer(GroupBody(try await access.renameGroup(id, body.name, by: caller)))
            }
        }
        group.delete { _, context in
            let caller = try context.caller()
            let id = try context.parameters.require("group")
            return try await answering {
                try await access.removeGroup(id, by: caller)
                return Response(status: .noContent)
            }
        }
        group.put("devices/:device") { _, context in
            let caller = try context.caller()
            let id = try context.parameters.require("group")
            let device = try context.parameters.require("device")
            return try await answering {
                let group = try await access.addDevice(device, toGroup: id, by: caller)
                return try JSONBody.answer(GroupBody(group))
            }
        }
        group.delete("devices/:device") { _, context in
            let caller = try context.caller()
            let id = try context.parameters.require("group")
            let device = try context.parameters.require("device")
            return try await answering {
                try await access.removeDevice(device, fromGroup: id, by: caller)
                return Response(status: .noContent)
            }
        }
    }
}

struct GroupBody: Encodable {
    var groupId: String
    var name: String
    var createdAt: String
    /// In the order in which they were put there.
    var devices: [String]

    init(_ group: CameraGroup) {
        groupId = group.id.rawValue
        name = group.name
        createdAt = group.createdAt.rfc3339
        devices = group.units.map(\.rawValue)
    }
}
