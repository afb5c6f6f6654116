package import Bus
package import HSSModel
import HostClock
import Store

extension Registry: CameraGroupPoint {
    package func groups(of caller: Principal) async throws(ManagementError) -> [CameraGroup] {
        let groups = try await stored { try await $0.groups(of: caller.user) }
        var shown: [CameraGroup] = []
        for group in groups { shown.append(try await visible(group, to: caller)) }
        return shown
    }

    package func addGroup(_ name: String, by caller: Principal) async throws(ManagementError) -> CameraGroup {
        let group = CameraGroup(
            id: CameraGroupID(unchecked: "g-" + RandomText.hexadecimal(bits: 64)),
            user: caller.user,
            name: try Self.title(name),
            createdAt: .now
        )
        guard try await stored({ try await $0.add(group, limit: limits.groupsPerUser) }) else {
            throw .limit("\(limits.groupsPerUser) groups of one user")
        }
        return group
    }

    package func renameGroup(
        _ id: String,
        _ name: String,
        by caller: Principal
    ) async throws(ManagementError) -> CameraGroup {
        let group = try Self.group(id)
        let name = try Self.title(name)
        try await stored { try await $0.renameGroup(group, name, of: caller.user) }
        return try await shown(group, to: caller)
    }

    package func removeGroup(_ id: String, by caller: Principal) async throws(ManagementError) {
        let group = try Self.group(id)
        try await stored { try await $0.removeGroup(group, of: caller.user) }
    }

    package func addDevice(
        _ device: String,
        toGroup id: String,
        by caller: Principal
    ) async throws(ManagementError) -> CameraGroup {
        let group = try Self.group(id)
        let unit = try await self.device(device, visibleTo: caller).device.unit
        let isAdded = try await stored {
            try await $0.addDevice(unit, toGroup: group, of: caller.user, limit: limits.groupDevices)
        }
        guard isAdded else { throw .limit("\(limits.groupDevices) devices of one group") }
        return try await shown(group, to: caller)
    }

    package func removeDevice(
        _ device: String,
        fromGroup id: String,
        by caller: Principal
    ) async throws(ManagementError) {
        let group = try Self.group(id)
        guard let unit = UnitID(rawValue: device) else { throw .notFound("device \(device.prefix(64))") }
        try await stored { try await $0.removeDevice(unit, fromGroup: group, of: caller.user) }
    }

    private static func group(_ id: String) throws(ManagementError) -> CameraGroupID {
        guard let group = CameraGroupID(rawValue: id) else { throw .notFound("group \(id.prefix(64))") }
        return group
    }

    private func shown(
        _ id: CameraGroupID,
        to caller: Principal
    ) async throws(ManagementError) -> CameraGroup {
        let groups = try await stored { try await $0.groups(of: caller.user) }
        guard let group = groups.first(where: { $0.id == id }) else { throw .notFound("group \(id)") }
        return try await visible(group, to: caller)
    }

    private func visible(
        _ group: CameraGroup,
        to caller: Principal
    ) async throws(ManagementError) -> CameraGroup {
        var group = group
        var units: [UnitID] = []
        for unit in group.units {
            do {
                _ = try await device(unit.rawValue, visibleTo: caller)
                units.append(unit)
            } catch .notFound {
                // It is in the group still: a share may come back.
            }
        }
        group.units = units
        return group
    }
}
