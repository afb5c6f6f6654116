import GRDB
package import HSSModel

extension SQLiteStore: CameraGroupStore {
    package static let groupsOfUser =
        "SELECT * FROM camera_groups WHERE user_name = ? ORDER BY group_id"

    package func groups(of user: UserName) async throws(StoreError) -> [CameraGroup] {
        try await read { database in
            try StoredRow.fetchAll(database, Self.groupsOfUser, [user.rawValue]).map { row in
                let id: CameraGroupID = try row.identifier("group_id")
                let units = try StoredRow.fetchAll(
                    database,
                    "SELECT device_id FROM camera_group_devices WHERE group_id = ? ORDER BY place, device_id",
                    [id.rawValue]
                )
                return CameraGroup(
                    id: id,
                    user: user,
                    name: try row.text("name"),
                    createdAt: try row.time("created_at"),
                    units: try units.map { try $0.identifier("device_id") }
                )
            }
        }
    }

    package func add(_ group: CameraGroup, limit: Int) async throws(StoreError) -> Bool {
        try await write { database in
            let count = try database.count(
                "SELECT count(*) FROM camera_groups WHERE user_name = ?",
                [group.user.rawValue]
            )
            guard count < limit else { return false }
            try database.run(
                "INSERT INTO camera_groups VALUES (?, ?, ?, ?)",
                [group.id.rawValue, group.user.rawValue, group.name, group.createdAt.milliseconds]
            )
            return true
        }
    }

    package func renameGroup(
        _ id: CameraGroupID,
        _ name: String,
        of user: UserName
    ) async throws(StoreError) {
        try await write { database in
            try database.run(
                "UPDATE camera_groups SET name = ? WHERE group_id = ? AND user_name = ?",
                [name, id.rawValue, user.rawValue]
            )
            guard database.changesCount == 1 else { throw StoreError.notFound("group \(id)") }
        }
    }

    package func removeGroup(_ id: CameraGroupID, of user: UserName) async throws(StoreError) {
        try await write { database in
            try database.run(
                "DELETE FROM camera_groups WHERE group_id = ? AND user_name = ?",
                [id.rawValue, user.rawValue]
            )
            guard database.changesCount == 1 else { throw StoreError.notFound("group \(id)") }
        }
    }

    package func addDevice(
        _ unit: UnitID,
        toGroup id: CameraGroupID,
        of user: UserName,
        limit: Int
    ) async throws(StoreError) -> Bool {
        try await write { database in
            try database.demandGroup(id, of: user)
            guard
                try !database.finds(
                    "SELECT 1 FROM camera_group_devices WHERE group_id = ? AND device_id = ?",
                    [id.rawValue, unit.rawValue]
                )
            else { return true }
            let count = try database.count(
                "SELECT count(*) FROM camera_group_devices WHERE group_id = ?",
                [id.rawValue]
            )
            guard count < limit else { return false }
            try database.run(
                """
                INSERT INTO camera_group_devices
                SELECT ?1, device_id,
                    (SELECT coalesce(max(place), 0) + 1 FROM camera_group_devices WHERE group_id = ?1)
                FROM devices WHERE device_id = ?2
                """,
                [id.rawValue, unit.rawValue]
            )
            guard database.changesCount == 1 else { throw StoreError.notFound("device \(unit)") }
            return true
        }
    }

    package func removeDevice(
        _ unit: UnitID,
        fromGroup id: CameraGroupID,
        of user: UserName
    ) async throws(StoreError) {
        try await write { database in
            try database.demandGroup(id, of: user)
            try database.run(
                "DELETE FROM camera_group_devices WHERE group_id = ? AND device_id = ?",
                [id.rawValue, unit.rawValue]
            )
            guard database.changesCount == 1 else {
                throw StoreError.notFound("device \(unit) in group \(id)")
            }
        }
    }
}

extension Database {
    fileprivate func demandGroup(_ id: CameraGroupID, of user: UserName) throws {
        guard
            try finds(
                "SELECT 1 FROM camera_groups WHERE group_id = ? AND user_name = ?",
                [id.rawValue, user.rawValue]
            )
        else { throw StoreError.notFound("group \(id)") }
    }
}
