package import HSSModel

/// A device, and what one user was given on it.
package struct StoredAccess: Sendable, Equatable {
    package var device: StoredDevice
    /// Empty for the owner, and where the owner is disabled: what was given rests as long.
    package var grants: [DeviceGrant]

    package init(device: StoredDevice, grants: [DeviceGrant]) {
        self.device = device
        self.grants = grants
    }
}

/// What came of sharing a device.
package enum Sharing: Sendable, Equatable {
    case made(Share)
    /// The user had a share before.
    case changed(Share)
    /// The device, or the user, has as many as one may.
    case deviceIsFull, userIsFull
}

/// Who may do what with a device. Every call is one transaction; what it returned from is durable.
package protocol ShareStore: Sendable {
    /// Nil: there is no such device.
    func access(of user: UserName, to unit: UnitID) async throws(StoreError) -> StoredAccess?

    /// Devices of the user and those on which it was given anything, whether it counts now or not, by device ID, those
    /// after `after`; at most ``pageLimit``.
    func accesses(of user: UserName, after: UnitID?, limit: Int) async throws(StoreError) -> [StoredAccess]

    /// By user name.
    func shares(of unit: UnitID) async throws(StoreError) -> [Share]

    /// Of this device with this user; nil: none.
    func share(of unit: UnitID, with user: UserName) async throws(StoreError) -> Share?

    /// `notFound` where the device is not (any more) of `owner`, or the user is not there or disabled. One that is replaced
    /// keeps the time of its making.
    func setShare(
        _ share: Share,
        owner: UserName,
        perDevice: Int,
        perUser: Int
    ) async throws(StoreError) -> Sharing

    /// What there was; nil: nothing.
    func removeShare(of unit: UnitID, with user: UserName) async throws(StoreError) -> Share?

    /// Drops those that have run out and returns them, a bounded number.
    func dropExpiredShares(at now: WallTime) async throws(StoreError) -> [Share]
}

/// Households. Every call is one transaction. `notFound` where the household is not there.
package protocol HouseholdStore: Sendable {
    /// By ID, without members and devices. With `member`, those of this user.
    func households(
        of member: UserName?,
        after: HouseholdID?,
        limit: Int
    ) async throws(StoreError) -> [Household]

    /// With members and devices.
    func household(_ id: HouseholdID) async throws(StoreError) -> Household?

    /// With its members. False where `admin` is a member of `limit` of them.
    func add(_ household: Household, admin: UserName, limit: Int) async throws(StoreError) -> Bool

    func renameHousehold(_ id: HouseholdID, _ name: String) async throws(StoreError)

    func removeHousehold(_ id: HouseholdID) async throws(StoreError)

    /// `notFound` also for a user who is not there or disabled; `conflict` where no admin would be left. Nil: the household
    /// has `limit` members, else whether the member is new.
    func setMember(
        _ member: Household.Member,
        of id: HouseholdID,
        limit: Int
    ) async throws(StoreError) -> Bool?

    /// With the member's devices. `conflict` where members, but no admin would be left. The last one takes the household
    /// along.
    func removeMember(_ user: UserName, of id: HouseholdID) async throws(StoreError)

    /// `notFound` where the device is not (any more) of `owner`, or the owner no member. False: it has `limit` devices.
    func addDevice(
        _ unit: UnitID,
        of owner: UserName,
        to id: HouseholdID,
        at now: WallTime,
        limit: Int
    ) async throws(StoreError) -> Bool

    func removeDevice(_ unit: UnitID, from id: HouseholdID) async throws(StoreError)
}

/// Groups of cameras. Every call is one transaction. `notFound` where the user has no such group.
package protocol CameraGroupStore: Sendable {
    /// By ID.
    func groups(of user: UserName) async throws(StoreError) -> [CameraGroup]

    /// False where the user has `limit` groups.
    func add(_ group: CameraGroup, limit: Int) async throws(StoreError) -> Bool

    func renameGroup(_ id: CameraGroupID, _ name: String, of user: UserName) async throws(StoreError)

    func removeGroup(_ id: CameraGroupID, of user: UserName) async throws(StoreError)

    /// Behind the others; one that is there stays where it is. False: it has `limit` devices.
    func addDevice(
        _ unit: UnitID,
        toGroup id: CameraGroupID,
        of user: UserName,
        limit: Int
    ) async throws(StoreError) -> Bool

    func removeDevice(_ unit: UnitID, fromGroup id: CameraGroupID, of user: UserName) async throws(StoreError)
}
