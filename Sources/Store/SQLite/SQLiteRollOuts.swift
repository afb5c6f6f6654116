import GRDB
package import HSSModel

extension SQLiteStore: RollOutStore {
    private static let rollOutNamed = "SELECT * FROM roll_outs WHERE roll_out_id = ?"

    package func add(
        _ rollOut: RollOutRecord,
        for selection: RollOutSelection,
        mostUnits: Int,
        mostOpen: Int,
        keeping: Int
    ) async throws(StoreError) -> [UnitID] {
        try await write { database in
            guard let id = rollOut.firmware, try Self.firmware(id, database) != nil else {
                throw StoreError.notFound("this firmware")
            }
            let open = try database.count("SELECT count(*) FROM roll_outs WHERE ended_at IS NULL")
            guard open < mostOpen else {
                throw StoreError.conflict("\(open) roll-outs have not ended; wait for one, or cancel it")
            }
            let units = try database.units(of: selection, for: rollOut)
            guard !units.isEmpty else {
                throw StoreError.conflict("no unit is left for this roll-out")
            }
            guard units.count <= mostUnits else {
                throw StoreError.conflict("\(units.count) units are more than \(mostUnits)")
            }
            try database.run(
                """
                DELETE FROM roll_outs WHERE roll_out_id IN (SELECT roll_out_id FROM roll_outs
                WHERE ended_at IS NOT NULL ORDER BY roll_out_id DESC LIMIT -1 OFFSET ?)
                """,
                [max(0, keeping)]
            )
            try database.insert(rollOut)
            for unit in units {
                try database.run(
                    """
                    INSERT INTO roll_out_units (roll_out_id, device_id, state, attempts, changed_at)
                    VALUES (?, ?, 'waiting', 0, ?)
                    """,
                    [rollOut.id.rawValue, unit.rawValue, rollOut.createdAt.milliseconds]
                )
            }
            return units
        }
    }

    package func rollOut(_ id: RollOutID) async throws(StoreError) -> RollOutRecord? {
        try await read { database in
            try StoredRow.fetchOne(database, Self.rollOutNamed, [id.rawValue]).map {
                try RollOutRecord($0, database)
            }
        }
    }

    package func rollOuts(after: RollOutID?, limit: Int) async throws(StoreError) -> [RollOutRecord] {
        let rows = min(max(0, limit), pageLimit)
        return try await read { database in
            // Identifiers are ASCII: every one of them sorts before the last character of that.
            try StoredRow.fetchAll(
                database,
                "SELECT * FROM roll_outs WHERE roll_out_id < ? ORDER BY roll_out_id DESC LIMIT ?",
                [after?.rawValue ?? "\u{7F}", rows]
            ).map { try RollOutRecord($0, database) }
        }
    }

    package func openRollOuts() async throws(StoreError) -> [RollOutRecord] {
        try await read { database in
            try StoredRow.fetchAll(
                database,
                "SELECT * FROM roll_outs WHERE ended_at IS NULL ORDER BY roll_out_id"
            ).map { try RollOutRecord($0, database) }
        }
    }

    package func units(
        of rollOut: RollOutID,
        in states: [RollOutState],
        after: UnitID?,
        limit: Int
    ) async throws(StoreError) -> [RollOutUnit] {
        let rows = min(max(0, limit), pageLimit)
        // The words are those of an enumeration, not of a caller.
        let condition =
            states.isEmpty
            ? "" : "AND state IN (\(states.map { "'\($0.rawValue)'" }.joined(separator: ", ")))"
        return try await read { database in
            try StoredRow.fetchAll(
                database,
                """
                SELECT * FROM roll_out_units WHERE roll_out_id = ? AND device_id > ? \(condition)
                ORDER BY device_id LIMIT ?
                """,
                [rollOut.rawValue, after?.rawValue ?? "", rows]
            ).map(RollOutUnit.init)
        }
    }

    package func openRollOut(of unit: UnitID) async throws(StoreError) -> RollOutID? {
        try await read { database in
            try StoredRow.fetchOne(
                database,
                """
                SELECT roll_out_id FROM roll_out_units
                WHERE device_id = ? AND state IN ('waiting', 'updating')
                """,
                [unit.rawValue]
            ).map { try $0.identifier("roll_out_id") }
        }
    }

    package func openUnits(
        of rollOut: RollOutID,
        running version: String
    ) async throws(StoreError) -> [UnitID] {
        try await read { database in
            try StoredRow.fetchAll(
                database,
                """
                SELECT device_id FROM roll_out_units JOIN devices USING (device_id)
                WHERE roll_out_id = ? AND state IN ('waiting', 'updating') AND firmware_model = ?
                """,
                [rollOut.rawValue, version]
            ).map { try $0.identifier("device_id") }
        }
    }

    package func save(_ changes: [RollOutChange], at now: WallTime) async throws(StoreError) {
        try await write { database in
            for change in changes {
                try database.run(
                    """
                    UPDATE roll_outs SET phase = ?, forgiven_done = ?, forgiven_failed = ?, ended_at = ?
                    WHERE roll_out_id = ?
                    """,
                    [
                        change.phase.rawValue, change.forgiven.done, change.forgiven.failed,
                        change.endedAt?.milliseconds, change.id.rawValue,
                    ]
                )
                for (unit, progress) in change.units {
                    try database.update(unit, progress, of: change.id, at: now)
                }
            }
        }
    }
}

extension Database {
    fileprivate func units(of selection: RollOutSelection, for rollOut: RollOutRecord) throws -> [UnitID] {
        switch selection {
        case .these(let units):
            for unit in units { try check(unit, for: rollOut) }
            return units
        case .share(let percent):
            let candidates: [UnitID] = try StoredRow.fetchAll(
                self,
                """
                SELECT device_id FROM devices WHERE hardware_model = ? AND disabled = 0
                AND firmware_model IS NOT ? AND device_id NOT IN (SELECT device_id FROM roll_out_units
                WHERE state IN ('waiting', 'updating')) ORDER BY device_id
                """,
                [rollOut.hardwareModel, rollOut.plan.version]
            ).map { try $0.identifier("device_id") }
            return RollOutPlan.share(percent, of: candidates)
        }
    }

    private func check(_ unit: UnitID, for rollOut: RollOutRecord) throws {
        let device = try StoredRow.fetchOne(
            self,
            "SELECT hardware_model FROM devices WHERE device_id = ?",
            [unit.rawValue]
        )
        guard let device else { throw StoreError.notFound("device \(unit)") }
        let model = try device.optionalText("hardware_model")
        guard model == rollOut.hardwareModel else {
            let what = model.map { "is a \($0)" } ?? "has never logged in"
            throw StoreError.conflict("the firmware is for \(rollOut.hardwareModel); device \(unit) \(what)")
        }
        let other = "SELECT 1 FROM roll_out_units WHERE device_id = ? AND state IN ('waiting', 'updating')"
        guard try !finds(other, [unit.rawValue]) else {
            throw StoreError.conflict("device \(unit) is in another roll-out")
        }
    }

    fileprivate func insert(_ rollOut: RollOutRecord) throws {
        let plan = rollOut.plan
        try run(
            """
            INSERT INTO roll_outs (roll_out_id, firmware_id, hardware_model, version, opens_at, closes_at,
                spread, most_at_once, error_limit, error_sample, attempts, patience, phase, created_by,
                created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                rollOut.id.rawValue, rollOut.firmware?.rawValue, rollOut.hardwareModel, plan.version,
                plan.opens.milliseconds, plan.closes.milliseconds, plan.spread.wholeMilliseconds,
                plan.mostAtOnce, plan.errorLimit, plan.errorSample, plan.attempts,
                plan.patience.wholeMilliseconds, rollOut.phase.rawValue, rollOut.createdBy.rawValue,
                rollOut.createdAt.milliseconds,
            ]
        )
    }

    fileprivate func update(
        _ unit: UnitID,
        _ progress: RollOutProgress,
        of rollOut: RollOutID,
        at now: WallTime
    ) throws {
        var attempts: Int?
        var report: UpgradeReport?
        var reason: String?
        switch progress {
        case .waiting(let failures, let why):
            attempts = failures
            reason = why
        case .updating(let attempt, let answer):
            attempts = attempt
            report = answer
        case .failed(let why): reason = why
        case .done, .missed: break
        }
        try run(
            """
            UPDATE roll_out_units SET state = ?, attempts = coalesce(?, attempts), step = ?, percent = ?,
                running_version = ?, reason = ?, changed_at = ? WHERE roll_out_id = ? AND device_id = ?
            """,
            [
                progress.state.rawValue, attempts, report?.step.rawValue, report?.percent, report?.version,
                reason, now.milliseconds, rollOut.rawValue, unit.rawValue,
            ]
        )
    }
}

extension RollOutRecord {
    fileprivate init(_ row: StoredRow, _ database: Database) throws {
        let id: RollOutID = try row.identifier("roll_out_id")
        guard let phase = RollOutPhase(rawValue: try row.text("phase")) else {
            throw StoreError.corrupt("unexpected value in column phase")
        }
        var counts = RollOutCounts()
        let states = try StoredRow.fetchAll(
            database,
            "SELECT state, count(*) AS units FROM roll_out_units WHERE roll_out_id = ? GROUP BY state",
            [id.rawValue]
        )
        for state in states {
            let units = try state.integer("units")
            switch try state.rollOutState() {
            case .waiting: counts.waiting = units
            case .updating: counts.updating = units
            case .done: counts.done = units
            case .failed: counts.failed = units
            case .missed: counts.missed = units
            }
        }
        self.init(
            id: id,
            firmware: try row.optionalText("firmware_id") == nil ? nil : row.identifier("firmware_id"),
            hardwareModel: try row.text("hardware_model"),
            plan: RollOutPlan(
                version: try row.text("version"),
                opens: try row.time("opens_at"),
                closes: try row.time("closes_at"),
                spread: .milliseconds(try row.int64("spread")),
                mostAtOnce: try row.integer("most_at_once"),
                errorLimit: try row.integer("error_limit"),
                errorSample: try row.integer("error_sample"),
                attempts: try row.integer("attempts"),
                patience: .milliseconds(try row.int64("patience"))
            ),
            phase: phase,
            counts: counts,
            forgiven: RollOutCounts(
                done: try row.integer("forgiven_done"),
                failed: try row.integer("forgiven_failed")
            ),
            createdBy: try row.identifier("created_by"),
            createdAt: try row.time("created_at"),
            endedAt: try row.optionalInt64("ended_at").map(WallTime.init(milliseconds:))
        )
    }
}

extension RollOutUnit {
    fileprivate init(_ row: StoredRow) throws {
        let attempts = try row.integer("attempts")
        let reason = try row.optionalText("reason")
        let progress: RollOutProgress =
            switch try row.rollOutState() {
            case .waiting: .waiting(failures: attempts, reason: reason)
            case .updating: .updating(attempt: attempts, try UpgradeReport(row))
            case .done: .done
            case .failed: .failed(reason ?? "")
            case .missed: .missed
            }
        self.init(
            unit: try row.identifier("device_id"),
            progress: progress,
            changedAt: try row.time("changed_at")
        )
    }
}

extension UpgradeReport {
    /// Nil: the unit has not answered yet.
    fileprivate init?(_ row: StoredRow) throws {
        guard let text = try row.optionalText("step") else { return nil }
        guard let step = Step(rawValue: text) else {
            throw StoreError.corrupt("unexpected value in column step")
        }
        self.init(step: step, percent: try row.integer("percent"), version: try row.text("running_version"))
    }
}

extension StoredRow {
    fileprivate func rollOutState() throws -> RollOutState {
        guard let state = RollOutState(rawValue: try text("state")) else {
            throw StoreError.corrupt("unexpected value in column state")
        }
        return state
    }
}
