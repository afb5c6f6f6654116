package import Bus
package import HSSModel
import HostClock
import Store

extension Registry: HouseholdPoint {
    package func households(
        after: HouseholdID?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [Household] {
        let member = caller.role == .operator ? nil : caller.user
        return try await stored { try await $0.households(of: member, after: after, limit: limit) }
    }

    package func household(_ id: String, by caller: Principal) async throws(ManagementError) -> Household {
        guard let name = HouseholdID(rawValue: id),
            let household = try await stored({ try await $0.household(name) }),
            caller.role == .operator || household.member(caller.user) != nil
        else { throw Self.unknown(id) }
        return household
    }

    /// Whoever makes it is its first admin.
    package func addHousehold(
        _ name: String,
        by caller: Principal
    ) async throws(ManagementError) -> Household {
        let now = WallTime.now
        let founder = Household.Member(user: caller.user, role: .admin, rights: .owner, joinedAt: now)
        let household = Household(
            id: HouseholdID(unchecked: "h-" + RandomText.hexadecimal(bits: 64)),
            name: try Self.title(name),
            createdAt: now,
            members: [founder]
        )
        let isAdded = try await stored {
            try await $0.add(household, admin: caller.user, limit: limits.householdsPerUser)
        }
        guard isAdded else { throw .limit("\(limits.householdsPerUser) households of one user") }
        return household
    }

    package func renameHousehold(
        _ id: String,
        _ name: String,
        by caller: Principal
    ) async throws(ManagementError) -> Household {
        var household = try await administered(id, by: caller)
        household.name = try Self.title(name)
        try await stored { try await $0.renameHousehold(household.id, household.name) }
        return household
    }

    package func removeHousehold(_ id: String, by caller: Principal) async throws(ManagementError) {
        let household = try await administered(id, by: caller)
        try await stored { try await $0.removeHousehold(household.id) }
        await announce(AccessChange(household.members.flatMap { household.news(of: $0, .ended) }))
    }

    // MARK: Members

    package func setMember(
        _ user: String,
        _ role: Household.MemberRole,
        _ rights: Rights,
        of id: String,
        by caller: Principal
    ) async throws(ManagementError) -> (household: Household, isNew: Bool) {
        let household = try await administered(id, by: caller)
        try Self.demandRights(rights)
        let former = household.members.first { $0.user.rawValue == user }
        let name = try person(user, or: former?.user, for: caller)
        let member = Household.Member(user: name, role: role, rights: rights, joinedAt: .now)
        let isNew = try await stored {
            try await $0.setMember(member, of: household.id, limit: limits.householdMembers)
        }
        guard let isNew else { throw .limit("\(limits.householdMembers) members of one household") }
        await announce(AccessChange(household.news(of: member, isNew ? .shared : .changed)))
        return (try await self.household(id, by: caller), isNew)
    }

    package func removeMember(
        _ user: String,
        of id: String,
        by caller: Principal
    ) async throws(ManagementError) {
        let household =
            user == caller.user.rawValue
            ? try await household(id, by: caller) : try await administered(id, by: caller)
        guard let member = household.members.first(where: { $0.user.rawValue == user }) else {
            throw .notFound("user \(user.prefix(64)) in household \(household.id)")
        }
        try await stored { try await $0.removeMember(member.user, of: household.id) }
        // What the member had put there goes along, and with it the rights of all others.
        var rest = household
        rest.devices = household.devices.filter { $0.owner == member.user }
        let others = household.members.filter { $0.user != member.user }
        await announce(
            AccessChange(
                household.news(of: member, user == caller.user.rawValue ? .left : .ended)
                    + others.flatMap { rest.news(of: $0, .ended) }
            )
        )
    }

    // MARK: Devices

    package func addDevice(
        _ device: String,
        to id: String,
        by caller: Principal
    ) async throws(ManagementError) -> Household {
        let household = try await household(id, by: caller)
        let record = try await owned(device, by: caller, to: "put this device into a household")
        guard let owner = record.owner, household.member(owner) != nil else {
            throw .conflict("the owner of the device is no member of this household")
        }
        let isAdded = try await stored {
            try await $0.addDevice(
                record.unit,
                of: owner,
                to: household.id,
                at: .now,
                limit: limits.householdDevices
            )
        }
        guard isAdded else { throw .limit("\(limits.householdDevices) devices of one household") }
        let isNew = !household.devices.contains { $0.unit == record.unit }
        if isNew { await announce(household.change(of: record.unit, owner, .shared)) }
        return try await self.household(id, by: caller)
    }

    package func removeDevice(
        _ device: String,
        from id: String,
        by caller: Principal
    ) async throws(ManagementError) {
        let household = try await household(id, by: caller)
        guard let found = household.devices.first(where: { $0.unit.rawValue == device }) else {
            throw .notFound("device \(device.prefix(64)) in household \(household.id)")
        }
        if found.owner != caller.user { try Self.demandAdmin(of: household, caller) }
        try await stored { try await $0.removeDevice(found.unit, from: household.id) }
        await announce(household.change(of: found.unit, found.owner, .ended))
    }

    // MARK: Who may

    private static func unknown(_ id: String) -> ManagementError { .notFound("household \(id.prefix(64))") }

    private func administered(_ id: String, by caller: Principal) async throws(ManagementError) -> Household {
        let household = try await household(id, by: caller)
        try Self.demandAdmin(of: household, caller)
        return household
    }

    private static func demandAdmin(
        of household: Household,
        _ caller: Principal
    ) throws(ManagementError) {
        guard caller.role == .operator || household.member(caller.user)?.role == .admin else {
            throw .noRight("Only an admin of the household may do this.")
        }
    }
}

extension Household {
    /// Of each device that was somebody else's.
    fileprivate func news(of member: Member, _ change: ShareNews.Change) -> [ShareNews] {
        devices.filter { $0.owner != member.user }.map {
            ShareNews(unit: $0.unit, user: member.user, change: change, rights: member.rights)
        }
    }

    fileprivate func change(
        of unit: UnitID,
        _ owner: UserName,
        _ change: ShareNews.Change
    ) -> AccessChange {
        AccessChange(
            units: [unit],
            news: members.filter { $0.user != owner }.map {
                ShareNews(unit: unit, user: $0.user, change: change, rights: $0.rights)
            }
        )
    }
}
