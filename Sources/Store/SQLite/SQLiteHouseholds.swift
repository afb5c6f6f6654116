import GRDB
package import HSSModel

extension SQLiteStore: HouseholdStore {
    package static let householdsAfter =
        "SELECT * FROM households WHERE household_id > ? ORDER BY household_id LIMIT ?"
    package static let householdsOfMemberAfter = """
        SELECT households.* FROM household_members
        JOIN households ON households.household_id = household_members.household_id
        WHERE household_members.user_name = ? AND household_members.household_id > ?
        ORDER BY household_members.household_id LIMIT ?
        """
    package static let householdDevices = """
        SELECT household_devices.device_id, household_devices.added_at, devices.owner FROM household_devices
        JOIN devices ON devices.device_id = household_devices.device_id
        WHERE household_devices.household_id = ? ORDER BY household_devices.device_id
        """

    package func households(
        of member: UserName?,
        after: HouseholdID?,
        limit: Int
    ) async throws(StoreError) -> [Household] {
        let rows = min(max(0, limit), pageLimit)
        let after = after?.rawValue ?? ""
        return try await read { database in
            let page =
                if let member {
                    try StoredRow.fetchAll(
                        database,
                        Self.householdsOfMemberAfter,
                        [member.rawValue, after, rows]
                    )
                } else {
                    try StoredRow.fetchAll(database, Self.householdsAfter, [after, rows])
                }
            return try page.map(Household.init)
        }
    }

    package func household(_ id: HouseholdID) async throws(StoreError) -> Household? {
        try await read { database in
            let row = try StoredRow.fetchOne(
                database,
                "SELECT * FROM households WHERE household_id = ?",
                [id.rawValue]
            )
            guard let row else { return nil }
            var household = try Household(row)
            household.members = try StoredRow.fetchAll(
                database,
                "SELECT * FROM household_members WHERE household_id = ? ORDER BY user_name",
                [id.rawValue]
            ).map(Household.Member.init)
            household.devices = try StoredRow.fetchAll(database, Self.householdDevices, [id.rawValue]).map {
                Household.Device(
                    unit: try $0.identifier("device_id"),
                    owner: try $0.identifier("owner"),
                    addedAt: try $0.time("added_at")
                )
            }
            return household
        }
    }

    package func add(
        _ household: Household,
        admin: UserName,
        limit: Int
    ) async throws(StoreError) -> Bool {
        try await write { database in
            let count = try database.count(
                "SELECT count(*) FROM household_members WHERE user_name = ?",
                [admin.rawValue]
            )
            guard count < limit else { return false }
            try database.run(
                "INSERT INTO households VALUES (?, ?, ?)",
                [household.id.rawValue, household.name, household.createdAt.milliseconds]
            )
            for member in household.members { try database.write(member, of: household.id) }
            return true
        }
    }

    package func renameHousehold(_ id: HouseholdID, _ name: String) async throws(StoreError) {
        try await write { database in
            try database.run("UPDATE households SET name = ? WHERE household_id = ?", [name, id.rawValue])
            guard database.changesCount == 1 else { throw StoreError.notFound("household \(id)") }
        }
    }

    package func removeHousehold(_ id: HouseholdID) async throws(StoreError) {
        try await write { database in
            try database.run("DELETE FROM households WHERE household_id = ?", [id.rawValue])
            guard database.changesCount == 1 else { throw StoreError.notFound("household \(id)") }
        }
    }

    package func setMember(
        _ member: Household.Member,
        of id: HouseholdID,
        limit: Int
    ) async throws(StoreError) -> Bool? {
        try await write { database in
            guard try database.finds("SELECT 1 FROM households WHERE household_id = ?", [id.rawValue]) else {
                throw StoreError.notFound("household \(id)")
            }
            let user = member.user.rawValue
            guard try database.finds("SELECT 1 FROM users WHERE name = ? AND disabled = 0", [user]) else {
                throw StoreError.notFound("user \(member.user)")
            }
            let former = try StoredRow.fetchOne(
                database,
                "SELECT * FROM household_members WHERE household_id = ? AND user_name = ?",
                [id.rawValue, user]
            ).map(Household.Member.init)
            var member = member
            if let former {
                member.joinedAt = former.joinedAt
            } else {
                let count = try database.count(
                    "SELECT count(*) FROM household_members WHERE household_id = ?",
                    [id.rawValue]
                )
                guard count < limit else { return nil }
            }
            try database.write(member, of: id)
            try database.demandAdmin(of: id)
            return former == nil
        }
    }

    package func removeMember(_ user: UserName, of id: HouseholdID) async throws(StoreError) {
        try await write { database in
            try database.removeMember(user, of: id)
            try database.demandAdmin(of: id)
        }
    }

    package func addDevice(
        _ unit: UnitID,
        of owner: UserName,
        to id: HouseholdID,
        at now: WallTime,
        limit: Int
    ) async throws(StoreError) -> Bool {
        try await write { database in
            guard
                try database.finds(
                    "SELECT 1 FROM household_members WHERE household_id = ? AND user_name = ?",
                    [id.rawValue, owner.rawValue]
                )
            else { throw StoreError.notFound("household \(id)") }
            guard
                try database.finds(
                    "SELECT 1 FROM devices WHERE device_id = ? AND owner = ?",
                    [unit.rawValue, owner.rawValue]
                )
            else { throw StoreError.notFound("device \(unit)") }
            let others = try database.count(
                "SELECT count(*) FROM household_devices WHERE household_id = ? AND device_id <> ?",
                [id.rawValue, unit.rawValue]
            )
            guard others < limit else { return false }
            try database.run(
                "INSERT OR IGNORE INTO household_devices VALUES (?, ?, ?)",
                [id.rawValue, unit.rawValue, now.milliseconds]
            )
            return true
        }
    }

    package func removeDevice(_ unit: UnitID, from id: HouseholdID) async throws(StoreError) {
        try await write { database in
            try database.run(
                "DELETE FROM household_devices WHERE household_id = ? AND device_id = ?",
                [id.rawValue, unit.rawValue]
            )
            guard database.changesCount == 1 else {
                throw StoreError.notFound("device \(unit) in household \(id)")
            }
        }
    }
}

extension Database {
    fileprivate func write(_ member: Household.Member, of id: HouseholdID) throws {
        try run(
            "INSERT OR REPLACE INTO household_members VALUES (?, ?, ?, ?, ?)",
            [
                id.rawValue, member.user.rawValue, member.role.rawValue, member.rights.rawValue,
                member.joinedAt.milliseconds,
            ]
        )
    }

    fileprivate func removeMember(_ user: UserName, of id: HouseholdID) throws {
        try run(
            "DELETE FROM household_members WHERE household_id = ? AND user_name = ?",
            [id.rawValue, user.rawValue]
        )
        guard changesCount == 1 else { throw StoreError.notFound("user \(user) in household \(id)") }
        try run(
            """
            DELETE FROM household_devices WHERE household_id = ?
                AND device_id IN (SELECT device_id FROM devices WHERE owner = ?)
            """,
            [id.rawValue, user.rawValue]
        )
        try run(
            """
            DELETE FROM households WHERE household_id = ?1
                AND NOT EXISTS (SELECT 1 FROM household_members WHERE household_id = ?1)
            """,
            [id.rawValue]
        )
    }

    private func hasAdmin(_ id: HouseholdID) throws -> Bool {
        try finds(
            "SELECT 1 FROM household_members WHERE household_id = ? AND role = 'admin'",
            [id.rawValue]
        )
    }

    /// A household whose last member went is gone and needs none.
    fileprivate func demandAdmin(of id: HouseholdID) throws {
        guard try finds("SELECT 1 FROM households WHERE household_id = ?", [id.rawValue]) else { return }
        guard try hasAdmin(id) else {
            throw StoreError.conflict("a household needs an admin; make somebody else one first")
        }
    }

    /// A user who is disabled leaves all households; where that was the only admin, whoever is there longest becomes one.
    func leaveHouseholds(_ user: UserName) throws {
        let rows = try StoredRow.fetchAll(
            self,
            "SELECT household_id FROM household_members WHERE user_name = ?",
            [user.rawValue]
        )
        for row in rows {
            let id: HouseholdID = try row.identifier("household_id")
            try removeMember(user, of: id)
            guard try !hasAdmin(id) else { continue }
            try run(
                """
                UPDATE household_members SET role = 'admin' WHERE household_id = ?1 AND user_name = (
                    SELECT user_name FROM household_members WHERE household_id = ?1
                    ORDER BY joined_at, user_name LIMIT 1
                )
                """,
                [id.rawValue]
            )
        }
    }
}

extension Household {
    fileprivate init(_ row: StoredRow) throws {
        self.init(
            id: try row.identifier("household_id"),
            name: try row.text("name"),
            createdAt: try row.time("created_at")
        )
    }
}

extension Household.Member {
    fileprivate init(_ row: StoredRow) throws {
        guard let role = Household.MemberRole(rawValue: try row.text("role")) else {
            throw StoreError.corrupt("unexpected value in column role")
        }
        self.init(
            user: try row.identifier("user_name"),
            role: role,
            rights: try row.rights("rights"),
            joinedAt: try row.time("joined_at")
        )
    }
}
