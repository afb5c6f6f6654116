import Bus
import HSSModel
import Synchronization

/// Firmware and roll-outs as one API sees them: image `f1` for `cam-a`, roll-out `r1` of it over `cam-1` and `cam-2`.
final class FirmwareNeighbour: FirmwarePoint, RollOutPoint {
    private let state = Mutex((calls: [String](), failure: FirmwareError?.none, refusal: UpgradeError?.none))

    var calls: [String] { state.withLock { $0.calls } }
    func fail(_ failure: FirmwareError?) { state.withLock { $0.failure = failure } }
    func refuse(_ refusal: UpgradeError?) { state.withLock { $0.refusal = refusal } }

    private func note(_ call: String) { state.withLock { $0.calls.append(call) } }

    static let image = FirmwareRecord(
        id: FirmwareID(unchecked: "f1"),
        hardwareModel: "cam-a",
        version: "2.0",
        size: 3,
        sha256: "abc",
        addedAt: Neighbours.time
    )

    func addFirmware<Body: AsyncSequence>(
        _ new: NewFirmware,
        body: Body
    ) async throws(FirmwareError) -> FirmwareRecord where Body.Element == [UInt8] {
        var bytes: [UInt8] = []
        do { for try await chunk in body { bytes += chunk } } catch { throw .incomplete }
        note(
            "add \(new.version) for \(new.hardwareModel) sha256 \(new.sha256 ?? "-") size \(new.size ?? -1): "
                + String(decoding: bytes, as: UTF8.self)
        )
        if let failure = state.withLock({ $0.failure }) { throw failure }
        return Self.image
    }

    func firmware(_ id: FirmwareID) async throws(ManagementError) -> FirmwareRecord {
        guard id == Self.image.id else { throw .notFound("this firmware") }
        return Self.image
    }

    func firmwares(
        after: FirmwareID?,
        limit: Int,
        hardwareModel: String?
    ) async throws(ManagementError) -> [FirmwareRecord] {
        note("list for \(hardwareModel ?? "all")")
        return hardwareModel == nil || hardwareModel == "cam-a" ? [Self.image] : []
    }

    func removeFirmware(_ id: FirmwareID) async throws(ManagementError) {
        guard id == Self.image.id else { throw .notFound("this firmware") }
        throw .conflict("a roll-out uses firmware \(id)")
    }

    static func rollOut(_ plan: RollOutPlan? = nil) -> RollOutRecord {
        RollOutRecord(
            id: RollOutID(unchecked: "r1"),
            firmware: image.id,
            hardwareModel: "cam-a",
            plan: plan
                ?? RollOutPlan(
                    version: "2.0",
                    opens: Neighbours.time,
                    closes: Neighbours.time + .seconds(3600)
                ),
            counts: RollOutCounts(waiting: 1, updating: 1),
            createdBy: UserName(unchecked: "root"),
            createdAt: Neighbours.time
        )
    }

    func startRollOut(
        of firmware: FirmwareID,
        _ plan: RollOutPlan,
        for audience: RollOutAudience,
        by user: UserName
    ) async throws(ManagementError) -> RollOutRecord {
        note("start \(firmware) for \(audience) by \(user)")
        var plan = plan
        plan.version = Self.image.version
        if let objection = plan.objection { throw .invalid(field: objection.field, objection.rule) }
        return Self.rollOut(plan)
    }

    func rollOuts(after: RollOutID?, limit: Int) async throws(ManagementError) -> [RollOutRecord] {
        [Self.rollOut()]
    }

    func rollOut(_ id: RollOutID) async throws(ManagementError) -> RollOutRecord {
        guard id.rawValue == "r1" else { throw .notFound("this roll-out") }
        return Self.rollOut()
    }

    func units(
        of rollOut: RollOutID,
        in state: RollOutState?,
        after: UnitID?,
        limit: Int
    ) async throws(ManagementError) -> [RollOutStanding] {
        let report = UpgradeReport(step: .downloading, percent: 40, version: "1.0")
        let all: [(String, RollOutProgress, String, WallTime?)] = [
            ("cam-1", .updating(attempt: 2, report), "the unit is at work", nil),
            ("cam-2", .waiting(failures: 1, reason: "power"), "its turn comes later", Neighbours.time),
        ]
        return all.filter { state == nil || $0.1.state == state }.map { name, progress, hold, until in
            let unit = RollOutUnit(
                unit: UnitID(unchecked: name),
                progress: progress,
                changedAt: Neighbours.time
            )
            return RollOutStanding(unit: unit, hold: hold, holdsUntil: until)
        }
    }

    func steer(
        _ id: RollOutID,
        _ order: RollOutOrder,
        by user: UserName
    ) async throws(ManagementError) -> RollOutRecord {
        note("\(order) \(id) by \(user)")
        return Self.rollOut()
    }

    func upgrade(
        _ device: DeviceRecord,
        to firmware: FirmwareID,
        by user: UserName
    ) async throws(UpgradeError) {
        note("upgrade \(device.unit) to \(firmware) by \(user)")
        if let refusal = state.withLock({ $0.refusal }) { throw refusal }
    }
}
