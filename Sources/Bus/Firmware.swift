package import HSSModel

/// A firmware image to be added. Outside text: whoever receives it checks it.
package struct NewFirmware: Sendable {
    package var hardwareModel: String
    package var version: String
    /// What the sender says that it is, hexadecimal; nil: it does not say.
    package var sha256: String?
    /// Announced size in bytes; nil: none was announced.
    package var size: Int64?

    package init(hardwareModel: String, version: String, sha256: String?, size: Int64?) {
        self.hardwareModel = hardwareModel
        self.version = version
        self.sha256 = sha256
        self.size = size
    }
}

package enum FirmwareError: Error, Equatable, CustomStringConvertible {
    case management(ManagementError)
    case tooLarge(limit: Int64)
    /// What came is not what the sender said that it is.
    case otherChecksum(found: String)
    /// Fewer bytes came than were announced, or the connection broke off.
    case incomplete
    /// As many images as may are being received.
    case busy
    case noSpace

    package var description: String {
        switch self {
        case .management(let error): error.description
        case .tooLarge(let limit): "an image may have at most \(limit) bytes (limits.firmware)"
        case .otherChecksum(let found): "the image has the SHA-256 \(found), not the one that was announced"
        case .incomplete: "fewer bytes came than were announced"
        case .busy: "as many images as may are being received"
        case .noSpace: "no space is left for the image"
        }
    }
}

/// Reference point Cc, firmware images. Whoever calls has checked the right to do so.
package protocol FirmwarePoint: Sendable {
    /// Returns when the image is durable. `conflict` where there is one of that hardware and version already.
    func addFirmware<Body: AsyncSequence>(
        _ new: NewFirmware,
        body: Body
    ) async throws(FirmwareError) -> FirmwareRecord where Body.Element == [UInt8]

    func firmware(_ id: FirmwareID) async throws(ManagementError) -> FirmwareRecord

    /// Ordered by name; with `hardwareModel`, those made for it.
    func firmwares(
        after: FirmwareID?,
        limit: Int,
        hardwareModel: String?
    ) async throws(ManagementError) -> [FirmwareRecord]

    /// `conflict` while a roll-out uses it.
    func removeFirmware(_ id: FirmwareID) async throws(ManagementError)
}

/// Which units a roll-out is for.
package enum RollOutAudience: Sendable, Equatable {
    case units([UnitID])
    /// So many percent of all units of the hardware.
    case share(percent: Int)
}

/// What an operator does to a roll-out that runs.
package enum RollOutOrder: String, Sendable, CaseIterable {
    case pause, resume, cancel
}

/// One unit of a roll-out, and why it is not further than it is.
package struct RollOutStanding: Sendable, Equatable {
    package var unit: RollOutUnit
    /// Nil for a unit that has ended.
    package var hold: String?
    /// When that ends by itself, where it is known.
    package var holdsUntil: WallTime?

    package init(unit: RollOutUnit, hold: String?, holdsUntil: WallTime?) {
        self.unit = unit
        self.hold = hold
        self.holdsUntil = holdsUntil
    }
}

package enum UpgradeError: Error, Equatable, CustomStringConvertible {
    case management(ManagementError)
    case unit(UnitCallError)

    package var description: String {
        switch self {
        case .management(let error): error.description
        case .unit(let error): error.description
        }
    }
}

/// Reference point Cc, roll-outs of firmware (Tables I.2-7 and I.2-8). Whoever calls has checked the right to do so.
package protocol RollOutPoint: Sendable {
    /// `plan.version` is that of the firmware, whatever it says.
    func startRollOut(
        of firmware: FirmwareID,
        _ plan: RollOutPlan,
        for audience: RollOutAudience,
        by user: UserName
    ) async throws(ManagementError) -> RollOutRecord

    /// Newest first.
    func rollOuts(after: RollOutID?, limit: Int) async throws(ManagementError) -> [RollOutRecord]

    func rollOut(_ id: RollOutID) async throws(ManagementError) -> RollOutRecord

    /// Ordered by device ID; with `state`, those in it.
    func units(
        of rollOut: RollOutID,
        in state: RollOutState?,
        after: UnitID?,
        limit: Int
    ) async throws(ManagementError) -> [RollOutStanding]

    /// `conflict` in a phase that does not allow it. Returns when it is durable.
    func steer(
        _ id: RollOutID,
        _ order: RollOutOrder,
        by user: UserName
    ) async throws(ManagementError) -> RollOutRecord

    /// Tells one unit, once and now. `conflict` where the image is for other hardware, or the unit is in a roll-out.
    func upgrade(
        _ device: DeviceRecord,
        to firmware: FirmwareID,
        by user: UserName
    ) async throws(UpgradeError)
}
