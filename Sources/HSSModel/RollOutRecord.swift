/// A roll-out as the platform names it. Later ones have greater names.
package struct RollOutID: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

package enum RollOutPhase: String, Sendable, CaseIterable {
    case running
    case paused
    /// Too many units failed; nobody new is told until an operator resumes it.
    case stopped
    case cancelled
    case finished
}

/// How many units stand where.
package struct RollOutCounts: Sendable, Equatable {
    package var waiting = 0
    package var updating = 0
    package var done = 0
    package var failed = 0
    package var missed = 0

    package init(waiting: Int = 0, updating: Int = 0, done: Int = 0, failed: Int = 0, missed: Int = 0) {
        self.waiting = waiting
        self.updating = updating
        self.done = done
        self.failed = failed
        self.missed = missed
    }
}

/// A roll-out as it is kept and shown.
package struct RollOutRecord: Sendable, Equatable {
    package var id: RollOutID
    /// Nil once the image was removed.
    package var firmware: FirmwareID?
    package var hardwareModel: String
    package var plan: RollOutPlan
    package var phase: RollOutPhase
    package var counts: RollOutCounts
    /// What had finished when an operator resumed a stopped roll-out: failures count from there.
    package var forgiven: RollOutCounts
    package var createdBy: UserName
    package var createdAt: WallTime
    /// Nil while units are told or followed.
    package var endedAt: WallTime?

    package init(
        id: RollOutID,
        firmware: FirmwareID?,
        hardwareModel: String,
        plan: RollOutPlan,
        phase: RollOutPhase = .running,
        counts: RollOutCounts = RollOutCounts(),
        forgiven: RollOutCounts = RollOutCounts(),
        createdBy: UserName,
        createdAt: WallTime,
        endedAt: WallTime? = nil
    ) {
        self.id = id
        self.firmware = firmware
        self.hardwareModel = hardwareModel
        self.plan = plan
        self.phase = phase
        self.counts = counts
        self.forgiven = forgiven
        self.createdBy = createdBy
        self.createdAt = createdAt
        self.endedAt = endedAt
    }
}

/// Where one unit stands in a roll-out, without what belongs to that state.
package enum RollOutState: String, Sendable, CaseIterable {
    case waiting, updating, done, failed, missed
}

/// Where one unit stands in a roll-out.
package enum RollOutProgress: Sendable, Equatable {
    /// So many attempts failed, and why the last one did.
    case waiting(failures: Int = 0, reason: String? = nil)
    /// Told for the `attempt`th time, and what the unit last answered to `QueryUpgrade`.
    case updating(attempt: Int, UpgradeReport?)
    /// Runs the new version.
    case done
    case failed(String)
    /// The window closed first.
    case missed

    package var state: RollOutState {
        switch self {
        case .waiting: .waiting
        case .updating: .updating
        case .done: .done
        case .failed: .failed
        case .missed: .missed
        }
    }
}

/// What `QueryUpgrade` answers (Table I.2-8), as far as a roll-out cares.
package struct UpgradeReport: Sendable, Equatable {
    package enum Step: String, Sendable, Equatable {
        case notStarted = "notstart"
        case downloading, installing, upgrading, done, error
    }

    package var step: Step
    package var percent: Int
    /// The version that runs now.
    package var version: String

    package init(step: Step, percent: Int, version: String) {
        self.step = step
        self.percent = percent
        self.version = version
    }
}

/// One unit of a roll-out as it is kept.
package struct RollOutUnit: Sendable, Equatable {
    package var unit: UnitID
    package var progress: RollOutProgress
    package var changedAt: WallTime

    package init(unit: UnitID, progress: RollOutProgress, changedAt: WallTime) {
        self.unit = unit
        self.progress = progress
        self.changedAt = changedAt
    }
}
