import Bus
import FoundationEssentials
import HSSModel
import ServerKit

// The bodies of firmware and roll-outs. Keys are written in snake case.

struct FirmwareBody: Encodable {
    var firmwareId: String
    var hardwareModel: String
    var version: String
    /// In bytes.
    var size: Int64
    var sha256: String
    var addedAt: String

    init(_ firmware: FirmwareRecord) {
        firmwareId = firmware.id.rawValue
        hardwareModel = firmware.hardwareModel
        version = firmware.version
        size = firmware.size
        sha256 = firmware.sha256
        addedAt = firmware.addedAt.rfc3339
    }
}

struct UpgradeOrderBody: Decodable {
    var firmwareId: String
}

struct NewRollOutBody: Decodable {
    /// Units have a week for it unless the operator says otherwise.
    private static let usualWindow = Duration.seconds(7 * 86_400)

    var firmwareId: String
    var units: [String]?
    var percent: Int?
    var opensAt: String?
    var closesAt: String?
    var spreadSeconds: Int?
    var mostAtOnce: Int?
    var errorLimit: Int?
    var errorSample: Int?
    var attempts: Int?
    var patienceSeconds: Int?

    func audience() throws(ManagementError) -> RollOutAudience {
        switch (units, percent) {
        case (let names?, nil):
            var units: [UnitID] = []
            for name in names {
                guard let unit = UnitID(rawValue: name) else {
                    throw .invalid(field: "units", "expected device IDs")
                }
                units.append(unit)
            }
            return .units(units)
        case (nil, let percent?): return .share(percent: percent)
        default: throw .invalid(field: "percent", "expected either units or percent")
        }
    }

    func plan(at now: WallTime) throws(ManagementError) -> RollOutPlan {
        let opens = try Self.time(opensAt, "opens_at") ?? now
        let closes = try Self.time(closesAt, "closes_at") ?? opens + Self.usualWindow
        var plan = RollOutPlan(version: "", opens: opens, closes: closes)
        if let spreadSeconds { plan.spread = .seconds(spreadSeconds) }
        if let mostAtOnce { plan.mostAtOnce = mostAtOnce }
        if let errorLimit { plan.errorLimit = errorLimit }
        if let errorSample { plan.errorSample = errorSample }
        if let attempts { plan.attempts = attempts }
        if let patienceSeconds { plan.patience = .seconds(patienceSeconds) }
        return plan
    }

    private static func time(_ text: String?, _ field: String) throws(ManagementError) -> WallTime? {
        guard let text else { return nil }
        guard let time = WallTime(rfc3339: text) else {
            throw .invalid(field: field, "expected a time like 2026-01-31T02:00:00Z")
        }
        return time
    }
}

struct RollOutBody: Encodable {
    struct Counts: Encodable {
        var waiting: Int
        var updating: Int
        var done: Int
        var failed: Int
        var missed: Int
    }

    var rollOutId: String
    var firmwareId: String?
    var hardwareModel: String
    var version: String
    var phase: String
    var counts: Counts
    var opensAt: String
    var closesAt: String
    var spreadSeconds: Int
    var mostAtOnce: Int
    var errorLimit: Int
    var errorSample: Int
    var attempts: Int
    var patienceSeconds: Int
    var createdBy: String
    var createdAt: String
    var endedAt: String?

    init(_ rollOut: RollOutRecord) {
        let plan = rollOut.plan
        rollOutId = rollOut.id.rawValue
        firmwareId = rollOut.firmware?.rawValue
        hardwareModel = rollOut.hardwareModel
        version = plan.version
        phase = rollOut.phase.rawValue
        counts = Counts(
            waiting: rollOut.counts.waiting,
            updating: rollOut.counts.updating,
            done: rollOut.counts.done,
            failed: rollOut.counts.failed,
            missed: rollOut.counts.missed
        )
        opensAt = plan.opens.rfc3339
        closesAt = plan.closes.rfc3339
        spreadSeconds = Int(plan.spread.components.seconds)
        mostAtOnce = plan.mostAtOnce
        errorLimit = plan.errorLimit
        errorSample = plan.errorSample
        attempts = plan.attempts
        patienceSeconds = Int(plan.patience.components.seconds)
        createdBy = rollOut.createdBy.rawValue
        createdAt = rollOut.createdAt.rfc3339
        endedAt = rollOut.endedAt?.rfc3339
    }
}

/// One unit of a roll-out, and why it is not further.
struct RollOutUnitBody: Encodable {
    var deviceId: String
    var state: String
    /// Attempts that failed; of one that is being updated, with the present one.
    var attempts: Int?
    /// `upgrade_status`, `progress` and `firmware_model` as the unit last said (Table I.2-8).
    var step: String?
    var progress: Int?
    var firmwareModel: String?
    /// Why the last attempt failed.
    var reason: String?
    /// What it waits for.
    var hold: String?
    var holdsUntil: String?
    var changedAt: String

    init(_ standing: RollOutStanding) {
        let unit = standing.unit
        deviceId = unit.unit.rawValue
        state = unit.progress.state.rawValue
        switch unit.progress {
        case .waiting(let failures, let why):
            attempts = failures
            reason = why
        case .updating(let attempt, let report):
            attempts = attempt
            step = report?.step.rawValue
            progress = report?.percent
            firmwareModel = report?.version
        case .failed(let why): reason = why
        case .done, .missed: break
        }
        hold = standing.hold
        holdsUntil = standing.holdsUntil?.rfc3339
        changedAt = unit.changedAt.rfc3339
    }
}
