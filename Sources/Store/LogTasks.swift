package import HSSModel

/// Logs that units were asked for. Every call is one transaction; what it returned from is durable.
package protocol LogTaskStore: Sendable {
    /// Keeps the newest `limit` tasks of the unit, this one among them. `notFound` where the device is gone.
    func add(_ task: LogTask, keeping limit: Int) async throws(StoreError)

    func logTask(_ id: LogTaskID) async throws(StoreError) -> LogTask?

    /// The newest first; at most ``pageLimit``.
    func logTasks(of unit: UnitID, limit: Int) async throws(StoreError) -> [LogTask]

    /// Notes the end of a task that has none. False: there is no such task of this unit, or it has ended.
    func end(
        _ id: LogTaskID,
        of unit: UnitID,
        as state: LogTask.State,
        covers: (start: String, end: String)?,
        at time: WallTime
    ) async throws(StoreError) -> Bool
}
