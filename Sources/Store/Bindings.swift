package import HSSModel

/// What came of a bind code.
package enum Redemption: Sendable, Equatable {
    case bound(to: UserName)
    /// Never issued, used, expired, or its user is disabled.
    case unknownCode
    /// The device belongs to somebody else; the code remains good for another device.
    case boundToAnother
    case unknownDevice
}

/// Which device belongs to whom, and the codes by which that comes about.
package protocol BindingStore: Sendable {
    /// False where the user has `limit` codes open at `now`. `notFound` for a user who is gone or disabled.
    func addBindCode(
        hash: String,
        for user: UserName,
        expiresAt: WallTime,
        at now: WallTime,
        limit: Int
    ) async throws(StoreError) -> Bool

    /// Uses the code up and sets the owner, both or neither.
    func redeem(codeHash: String, for unit: UnitID, at now: WallTime) async throws(StoreError) -> Redemption

    /// Takes the owner away and returns it; nil where there was none. With `owner`, only where that is the owner:
    /// `notFound` otherwise. Its shares and its places in households go, the snapshots go with the owner (``UploadStore/forgetSnapshots(of:)``), and so does what was
    /// wanted of its recording (``RecordingSettingsStore``).
    func unbind(_ unit: UnitID, owner: UserName?) async throws(StoreError) -> UserName?

    /// Drops sessions and codes that can no longer be used, a bounded number in one transaction. Returns how
    /// many it dropped.
    func dropExpired(at now: WallTime) async throws(StoreError) -> Int
}

/// Everything that the centre keeps.
package typealias CentreStore = UserStore & SessionStore & DeviceStore & BindingStore & ShareStore
    & HouseholdStore & CameraGroupStore
