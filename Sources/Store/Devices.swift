package import HSSModel

/// A premises unit as enrolled, and to whom it is bound.
package struct StoredDevice: Sendable, Equatable {
    package var unit: UnitID
    package var macIdentity: MACIdentity
    package var name: String
    package var channels: [Int: ChannelID]
    /// Scheme, salt and hash in one text; the store does not look into it.
    package var passwordHash: Secret
    package var disabled: Bool
    package var owner: UserName?
    package var hardwareModel: String?
    package var firmwareModel: String?
    package var lastSeen: WallTime?
    package var createdAt: WallTime

    package init(
        unit: UnitID,
        macIdentity: MACIdentity,
        name: String,
        channels: [Int: ChannelID],
        passwordHash: Secret,
        disabled: Bool = false,
        owner: UserName? = nil,
        hardwareModel: String? = nil,
        firmwareModel: String? = nil,
        lastSeen: WallTime? = nil,
        createdAt: WallTime
    ) {
        self.unit = unit
        self.macIdentity = macIdentity
        self.name = name
        self.channels = channels
        self.passwordHash = passwordHash
        self.disabled = disabled
        self.owner = owner
        self.hardwareModel = hardwareModel
        self.firmwareModel = firmwareModel
        self.lastSeen = lastSeen
        self.createdAt = createdAt
    }
}

/// What a login of a unit is checked against.
package struct DeviceCredential: Sendable, Equatable {
    package var passwordHash: Secret
    package var disabled: Bool

    package init(passwordHash: Secret, disabled: Bool) {
        self.passwordHash = passwordHash
        self.disabled = disabled
    }
}

/// News of one unit, for `last seen`.
package struct UnitSighting: Sendable, Equatable {
    package var unit: UnitID
    /// Nil: not told, what is stored stays.
    package var hardwareModel: String?
    package var firmwareModel: String?
    package var time: WallTime

    package init(unit: UnitID, hardwareModel: String? = nil, firmwareModel: String?, time: WallTime) {
        self.unit = unit
        self.hardwareModel = hardwareModel
        self.firmwareModel = firmwareModel
        self.time = time
    }
}

/// The device registry. Every call is one transaction; what it returned from is durable.
package protocol DeviceStore: Sendable {
    /// `conflict` where the device ID or a spelling of the MAC identity is taken; says which. Adding never
    /// sets an owner: only a bind code does.
    func add(_ device: StoredDevice) async throws(StoreError)

    func device(_ unit: UnitID) async throws(StoreError) -> StoredDevice?

    /// One row and nothing else: a login that will be refused must not take longer where the device exists.
    func credential(of unit: UnitID) async throws(StoreError) -> DeviceCredential?

    /// Of each of these units its device, where `accepts` takes its credential; in their order. Many logins in one
    /// view: as an outage ends they come by the thousand, and a view for each costs more than the look-up.
    ///
    /// `accepts` is asked once for each index, with nil where there is no such device; it must not wait. Nothing else is
    /// read of a unit that it turns down. A damaged row fails its own unit only.
    func devices(
        _ units: [UnitID],
        where accepts: @escaping @Sendable (Int, DeviceCredential?) -> Bool
    ) async throws(StoreError) -> [Result<StoredDevice?, StoreError>]

    /// The unit with this MAC identity, in whichever spelling.
    func device(macIdentity: MACIdentity) async throws(StoreError) -> StoredDevice?

    /// Ordered by device ID, those after `after`; at most ``pageLimit``. With `owner`, those bound to it.
    func devices(
        after: UnitID?,
        limit: Int,
        owner: UserName?
    ) async throws(StoreError) -> [StoredDevice]

    func setDevice(_ unit: UnitID, disabled: Bool) async throws(StoreError) -> StoredDevice

    func removeDevice(_ unit: UnitID) async throws(StoreError)

    /// One transaction for all. Units that are no longer there and news older than what is stored change nothing.
    func note(_ sightings: [UnitSighting]) async throws(StoreError)

    func deviceCount() async throws(StoreError) -> Int
}
