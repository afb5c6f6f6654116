import GRDB
package import HSSModel

extension SQLiteStore: LogTaskStore {
    package static let logTasksOfUnit =
        "SELECT * FROM log_tasks WHERE device_id = ? ORDER BY created_at DESC, task_id DESC LIMIT ?"

    package func add(_ task: LogTask, keeping limit: Int) async throws(StoreError) {
        try await write { database in
            guard try database.finds("SELECT 1 FROM devices WHERE device_id = ?", [task.unit.rawValue]) else {
                throw StoreError.notFound("device \(task.unit)")
            }
            try database.run(
                """
                INSERT INTO log_tasks (task_id, device_id, wanted_start, wanted_end, created_at, state)
                VALUES (?, ?, ?, ?, ?, ?)
                """,
                [
                    task.id.rawValue, task.unit.rawValue, task.start, task.end,
                    task.createdAt.milliseconds,
                    task.state.rawValue,
                ]
            )
            try database.run(
                """
                DELETE FROM log_tasks WHERE device_id = ? AND task_id NOT IN (
                    SELECT task_id FROM log_tasks WHERE device_id = ?
                    ORDER BY created_at DESC, task_id DESC LIMIT ?
                )
                """,
                [task.unit.rawValue, task.unit.rawValue, limit]
            )
        }
    }

    package func logTask(_ id: LogTaskID) async throws(StoreError) -> LogTask? {
        try await read { database in
            try StoredRow.fetchOne(
                database,
                "SELECT * FROM log_tasks WHERE task_id = ?",
                [id.rawValue]
            ).map { try LogTask($0) }
        }
    }

    package func logTasks(of unit: UnitID, limit: Int) async throws(StoreError) -> [LogTask] {
        let rows = min(max(0, limit), pageLimit)
        return try await read { database in
            try StoredRow.fetchAll(database, Self.logTasksOfUnit, [unit.rawValue, rows]).map {
                try LogTask($0)
            }
        }
    }

    package func end(
        _ id: LogTaskID,
        of unit: UnitID,
        as state: LogTask.State,
        covers: (start: String, end: String)?,
        at time: WallTime
    ) async throws(StoreError) -> Bool {
        try await write { database in
            try database.run(
                """
                UPDATE log_tasks SET state = ?, covers_start = ?, covers_end = ?, ended_at = ?
                WHERE task_id = ? AND device_id = ? AND ended_at IS NULL
                """,
                [
                    state.rawValue, covers?.start, covers?.end, time.milliseconds, id.rawValue, unit.rawValue,
                ]
            )
            return database.changesCount == 1
        }
    }
}

extension LogTask {
    fileprivate init(_ row: StoredRow) throws {
        guard let state = State(rawValue: try row.text("state")) else {
            throw StoreError.corrupt("unexpected value in column state")
        }
        self.init(
            id: try row.identifier("task_id"),
            unit: try row.identifier("device_id"),
            start: try row.text("wanted_start"),
            end: try row.text("wanted_end"),
            createdAt: try row.time("created_at"),
            state: state,
            coversStart: try row.optionalText("covers_start"),
            coversEnd: try row.optionalText("covers_end"),
            endedAt: try row.optionalInt64("ended_at").map(WallTime.init(milliseconds:))
        )
    }
}
