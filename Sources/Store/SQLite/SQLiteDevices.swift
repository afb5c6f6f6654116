import GRDB
package import HSSModel

extension SQLiteStore: DeviceStore {
    package static let devicesAfter =
        "SELECT * FROM devices WHERE device_id > ? ORDER BY device_id LIMIT ?"
    package static let devicesOfOwnerAfter =
        "SELECT * FROM devices WHERE owner = ? AND device_id > ? ORDER BY device_id LIMIT ?"
    package static let deviceWithMAC = "SELECT * FROM devices WHERE mac_canonical = ?"
    private static let deviceWithID = "SELECT * FROM devices WHERE device_id = ?"

    package func add(_ device: StoredDevice) async throws(StoreError) {
        try await write { database in
            guard try !database.finds(Self.deviceWithID, [device.unit.rawValue]) else {
                throw StoreError.conflict("a device \(device.unit) exists already")
            }
            guard try !database.finds(Self.deviceWithMAC, [device.macIdentity.canonical]) else {
                throw StoreError.conflict("another device has the mac_id \(device.macIdentity)")
            }
            try database.run(
                """
                INSERT INTO devices (device_id, mac_id, mac_canonical, name, password_hash, disabled,
                    hardware_model, firmware_model, last_seen, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    device.unit.rawValue, device.macIdentity.rawValue, device.macIdentity.canonical,
                    device.name,
                    device.passwordHash.reveal(), device.disabled, device.hardwareModel,
                    device.firmwareModel, device.lastSeen?.milliseconds, device.createdAt.milliseconds,
                ]
            )
            for (number, channel) in device.channels {
                try database.run(
                    "INSERT INTO channels (device_id, number, channel_id) VALUES (?, ?, ?)",
                    [device.unit.rawValue, number, channel.rawValue]
                )
            }
        }
    }

    package func device(_ unit: UnitID) async throws(StoreError) -> StoredDevice? {
        try await read { database in try Self.device(unit, database) }
    }

    package func credential(of unit: UnitID) async throws(StoreError) -> DeviceCredential? {
        try await read { database in try Self.credential(of: unit, database) }
    }

    package func devices(
        _ units: [UnitID],
        where accepts: @escaping @Sendable (Int, DeviceCredential?) -> Bool
    ) async throws(StoreError) -> [Result<StoredDevice?, StoreError>] {
        try await read { database in
            units.enumerated().map { index, unit in
                do {
                    guard accepts(index, try Self.credential(of: unit, database)) else {
                        return .success(nil)
                    }
                    return .success(try Self.device(unit, database))
                } catch {
                    return .failure(StoreError(error))
                }
            }
        }
    }

    package func device(macIdentity: MACIdentity) async throws(StoreError) -> StoredDevice? {
        try await read { database in
            try StoredRow.fetchOne(database, Self.deviceWithMAC, [macIdentity.canonical]).map {
                try StoredDevice($0, database)
            }
        }
    }

    package func devices(
        after: UnitID?,
        limit: Int,
        owner: UserName?
    ) async throws(StoreError) -> [StoredDevice] {
        let rows = min(max(0, limit), pageLimit)
        let after = after?.rawValue ?? ""
        return try await read { database in
            let page =
                if let owner {
                    try StoredRow.fetchAll(
                        database,
                        Self.devicesOfOwnerAfter,
                        [owner.rawValue, after, rows]
                    )
                } else {
                    try StoredRow.fetchAll(database, Self.devicesAfter, [after, rows])
                }
            return try page.map { try StoredDevice($0, database) }
        }
    }

    package func setDevice(_ unit: UnitID, disabled: Bool) async throws(StoreError) -> StoredDevice {
        try await write { database in
            guard var device = try Self.device(unit, database) else {
                throw StoreError.notFound("device \(unit)")
            }
            try database.run(
                "UPDATE devices SET disabled = ? WHERE device_id = ?",
                [disabled, unit.rawValue]
            )
            device.disabled = disabled
            return device
        }
    }

    package func removeDevice(_ unit: UnitID) async throws(StoreError) {
        try await write { database in
            try database.run("DELETE FROM devices WHERE device_id = ?", [unit.rawValue])
            guard database.changesCount == 1 else { throw StoreError.notFound("device \(unit)") }
        }
    }

    package func note(_ sightings: [UnitSighting]) async throws(StoreError) {
        try await write { database in
            for sighting in sightings {
                try database.run(
                    """
                    UPDATE devices SET last_seen = ?, hardware_model = coalesce(?, hardware_model),
                        firmware_model = coalesce(?, firmware_model)
                    WHERE device_id = ? AND (last_seen IS NULL OR last_seen <= ?)
                    """,
                    [
                        sighting.time.milliseconds, sighting.hardwareModel, sighting.firmwareModel,
                        sighting.unit.rawValue, sighting.time.milliseconds,
                    ]
                )
            }
        }
    }

    package func deviceCount() async throws(StoreError) -> Int {
        try await read { database in try database.count("SELECT count(*) FROM devices") }
    }

    private static func credential(of unit: UnitID, _ database: Database) throws -> DeviceCredential? {
        try StoredRow.fetchOne(
            database,
            "SELECT password_hash, disabled FROM devices WHERE device_id = ?",
            [unit.rawValue]
        ).map {
            DeviceCredential(
                passwordHash: Secret(try $0.text("password_hash")),
                disabled: try $0.flag("disabled")
            )
        }
    }

    static func device(_ unit: UnitID, _ database: Database) throws -> StoredDevice? {
        try StoredRow.fetchOne(database, deviceWithID, [unit.rawValue]).map { try StoredDevice($0, database) }
    }
}

extension StoredDevice {
    init(_ row: StoredRow, _ database: Database) throws {
        let unit: UnitID = try row.identifier("device_id")
        var channels: [Int: ChannelID] = [:]
        let channelRows = try StoredRow.fetchAll(
            database,
            "SELECT number, channel_id FROM channels WHERE device_id = ?",
            [unit.rawValue]
        )
        for row in channelRows {
            channels[try row.integer("number")] = try row.identifier("channel_id")
        }
        self.init(
            unit: unit,
            macIdentity: try row.identifier("mac_id"),
            name: try row.text("name"),
            channels: channels,
            passwordHash: Secret(try row.text("password_hash")),
            disabled: try row.flag("disabled"),
            owner: try row.optionalText("owner") == nil ? nil : row.identifier("owner"),
            hardwareModel: try row.optionalText("hardware_model"),
            firmwareModel: try row.optionalText("firmware_model"),
            lastSeen: try row.optionalInt64("last_seen").map(WallTime.init(milliseconds:)),
            createdAt: try row.time("created_at")
        )
    }
}
