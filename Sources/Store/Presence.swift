package import HSSModel

/// What was last told of units. It is written together with the events that tell it: a platform that dies between
/// two states says neither twice nor never.
package protocol PresenceStore: Sendable {
    /// Ordered by device ID, those after `after`; at most ``pageLimit``.
    func presences(after: UnitID?, limit: Int) async throws(StoreError) -> [PresenceRecord]

    /// Pictures whose end was not told.
    func runningStreams() async throws(StoreError) -> [RunningStream]

    /// One transaction for all, in their order. Units that are not enrolled are left out, and returned.
    func note(_ changes: [PresenceChange]) async throws(StoreError) -> Set<UnitID>
}

/// Batteries of units: the last figure of each, and the history as events.
package protocol BatteryStore: Sendable {
    /// The figure and its event, in one transaction. `notFound` for a unit that is not enrolled.
    func note(
        _ report: BatteryReport,
        of unit: UnitID,
        as event: NewEvent
    ) async throws(StoreError)

    /// The last figure of each of these units that ever told one.
    func batteries(of units: [UnitID]) async throws(StoreError) -> [UnitID: BatteryReport]

    /// Newest first; at most ``pageLimit``.
    func batteryEvents(_ query: BatteryQuery) async throws(StoreError) -> [PlatformEvent]
}
