import GRDB
package import HSSModel

extension SQLiteStore: ShareStore {
    private static let sweepLimit = 1000

    /// What was given to a user on one device, by an owner who is not disabled.
    package static let grants = """
        SELECT shares.rights, shares.zone, shares.windows, shares.expires_at FROM shares
        JOIN devices ON devices.device_id = shares.device_id
        JOIN users ON users.name = devices.owner AND users.disabled = 0
        WHERE shares.device_id = ?1 AND shares.user_name = ?2
        UNION ALL
        SELECT household_members.rights, NULL, NULL, NULL FROM household_devices
        JOIN household_members ON household_members.household_id = household_devices.household_id
            AND household_members.user_name = ?2
        JOIN devices ON devices.device_id = household_devices.device_id
        JOIN users ON users.name = devices.owner AND users.disabled = 0
        WHERE household_devices.device_id = ?1
        """

    /// Names of devices that a user may see at some time: the indexes give each part in order.
    package static let accessibleAfter = """
        SELECT device_id FROM devices WHERE owner = ?1 AND device_id > ?2
        UNION SELECT device_id FROM shares WHERE user_name = ?1 AND device_id > ?2
        UNION SELECT household_devices.device_id FROM household_members
            CROSS JOIN household_devices ON household_devices.household_id = household_members.household_id
            WHERE household_members.user_name = ?1 AND household_devices.device_id > ?2
        ORDER BY device_id LIMIT ?3
        """

    /// What was given to a user on the devices of a page, from the first to the last.
    package static let grantsBetween = """
        SELECT shares.device_id, shares.rights, shares.zone, shares.windows, shares.expires_at FROM shares
        CROSS JOIN devices ON devices.device_id = shares.device_id
        JOIN users ON users.name = devices.owner AND users.disabled = 0
        WHERE shares.user_name = ?1 AND shares.device_id BETWEEN ?2 AND ?3
        UNION ALL
        SELECT household_devices.device_id, household_members.rights, NULL, NULL, NULL
        FROM household_members
        CROSS JOIN household_devices ON household_devices.household_id = household_members.household_id
            AND household_devices.device_id BETWEEN ?2 AND ?3
        CROSS JOIN devices ON devices.device_id = household_devices.device_id
        JOIN users ON users.name = devices.owner AND users.disabled = 0
        WHERE household_members.user_name = ?1
        """

    package func access(of user: UserName, to unit: UnitID) async throws(StoreError) -> StoredAccess? {
        try await read { database in
            guard let device = try Self.device(unit, database) else { return nil }
            guard device.owner != user else { return StoredAccess(device: device, grants: []) }
            let rows = try StoredRow.fetchAll(database, Self.grants, [unit.rawValue, user.rawValue])
            return StoredAccess(device: device, grants: try rows.map(DeviceGrant.init))
        }
    }

    package func accesses(
        of user: UserName,
        after: UnitID?,
        limit: Int
    ) async throws(StoreError) -> [StoredAccess] {
        let rows = min(max(0, limit), pageLimit)
        return try await read { database in
            let page = try StoredRow.fetchAll(
                database,
                "SELECT * FROM devices WHERE device_id IN (\(Self.accessibleAfter)) ORDER BY device_id",
                [user.rawValue, after?.rawValue ?? "", rows]
            ).map { try StoredDevice($0, database) }
            guard let first = page.first, let last = page.last else { return [] }
            var grants: [UnitID: [DeviceGrant]] = [:]
            let found = try StoredRow.fetchAll(
                database,
                Self.grantsBetween,
                [user.rawValue, first.unit.rawValue, last.unit.rawValue]
            )
            for row in found {
                grants[try row.identifier("device_id"), default: []].append(try DeviceGrant(row))
            }
            return page.map {
                StoredAccess(device: $0, grants: $0.owner == user ? [] : grants[$0.unit] ?? [])
            }
        }
    }

    package func shares(of unit: UnitID) async throws(StoreError) -> [Share] {
        try await read { database in
            try StoredRow.fetchAll(
                database,
                "SELECT * FROM shares WHERE device_id = ? ORDER BY user_name",
                [unit.rawValue]
            ).map(Share.init)
        }
    }

    package func share(of unit: UnitID, with user: UserName) async throws(StoreError) -> Share? {
        try await read { database in try database.share(of: unit, with: user) }
    }

    package func setShare(
        _ share: Share,
        owner: UserName,
        perDevice: Int,
        perUser: Int
    ) async throws(StoreError) -> Sharing {
        try await write { database in
            let (unit, user) = (share.unit.rawValue, share.user.rawValue)
            guard
                try database.finds(
                    "SELECT 1 FROM devices WHERE device_id = ? AND owner = ?",
                    [unit, owner.rawValue]
                )
            else { throw StoreError.notFound("device \(share.unit)") }
            guard try database.finds("SELECT 1 FROM users WHERE name = ? AND disabled = 0", [user]) else {
                throw StoreError.notFound("user \(share.user)")
            }
            let former = try database.share(of: share.unit, with: share.user)
            if former == nil {
                let guests = try database.count("SELECT count(*) FROM shares WHERE device_id = ?", [unit])
                guard guests < perDevice else { return .deviceIsFull }
                let devices = try database.count("SELECT count(*) FROM shares WHERE user_name = ?", [user])
                guard devices < perUser else { return .userIsFull }
            }
            var share = share
            share.createdAt = former?.createdAt ?? share.createdAt
            try database.run(
                "INSERT OR REPLACE INTO shares VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    unit, user, share.grant.rights.rawValue, share.grant.hours?.zone,
                    share.grant.hours?.windowText, share.grant.expiresAt?.milliseconds,
                    share.createdAt.milliseconds,
                ]
            )
            return former == nil ? .made(share) : .changed(share)
        }
    }

    package func removeShare(of unit: UnitID, with user: UserName) async throws(StoreError) -> Share? {
        try await write { database in
            guard let share = try database.share(of: unit, with: user) else { return nil }
            try database.run(
                "DELETE FROM shares WHERE device_id = ? AND user_name = ?",
                [unit.rawValue, user.rawValue]
            )
            return share
        }
    }

    package func dropExpiredShares(at now: WallTime) async throws(StoreError) -> [Share] {
        try await write { database in
            let expired = try StoredRow.fetchAll(
                database,
                "SELECT * FROM shares WHERE expires_at <= ? LIMIT ?",
                [now.milliseconds, Self.sweepLimit]
            ).map(Share.init)
            for share in expired {
                try database.run(
                    "DELETE FROM shares WHERE device_id = ? AND user_name = ?",
                    [share.unit.rawValue, share.user.rawValue]
                )
            }
            return expired
        }
    }
}

extension Database {
    fileprivate func share(of unit: UnitID, with user: UserName) throws -> Share? {
        try StoredRow.fetchOne(
            self,
            "SELECT * FROM shares WHERE device_id = ? AND user_name = ?",
            [unit.rawValue, user.rawValue]
        ).map(Share.init)
    }
}

extension Share {
    fileprivate init(_ row: StoredRow) throws {
        self.init(
            unit: try row.identifier("device_id"),
            user: try row.identifier("user_name"),
            grant: try DeviceGrant(row),
            createdAt: try row.time("created_at")
        )
    }
}

extension DeviceGrant {
    fileprivate init(_ row: StoredRow) throws {
        let hours = try row.optionalText("zone").map {
            WeeklyHours(
                zone: $0,
                windows: try WeeklyHours.windows(try row.text("windows"), column: "windows")
            )
        }
        self.init(
            rights: try row.rights("rights"),
            hours: hours,
            expiresAt: try row.optionalTime("expires_at")
        )
    }
}
