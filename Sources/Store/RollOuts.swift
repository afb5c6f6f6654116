package import HSSModel

/// Which units a roll-out is for.
package enum RollOutSelection: Sendable, Equatable {
    /// Every one must be of the hardware and in no other roll-out.
    case these([UnitID])
    /// Those of the hardware, so many percent of them (``RollOutPlan/share(_:of:)``), without those that are disabled,
    /// run the version already or are in another roll-out.
    case share(percent: Int)
}

/// What became of a roll-out since it was last written.
package struct RollOutChange: Sendable, Equatable {
    package var id: RollOutID
    package var phase: RollOutPhase
    package var forgiven: RollOutCounts
    package var endedAt: WallTime?
    package var units: [UnitID: RollOutProgress]

    package init(
        id: RollOutID,
        phase: RollOutPhase,
        forgiven: RollOutCounts,
        endedAt: WallTime?,
        units: [UnitID: RollOutProgress]
    ) {
        self.id = id
        self.phase = phase
        self.forgiven = forgiven
        self.endedAt = endedAt
        self.units = units
    }
}

/// Roll-outs of firmware. Every call is one transaction; what it returned from is durable.
package protocol RollOutStore: Sendable {
    /// Returns its units. `notFound` of a firmware or unit that is not there; `conflict` where one of `these` is of
    /// other hardware or in another roll-out, where nobody is left, beyond `mostUnits`, or beyond `mostOpen` roll-outs
    /// that have not ended. Of those that have, the newest `keeping` stay.
    func add(
        _ rollOut: RollOutRecord,
        for selection: RollOutSelection,
        mostUnits: Int,
        mostOpen: Int,
        keeping: Int
    ) async throws(StoreError) -> [UnitID]

    /// With its counts.
    func rollOut(_ id: RollOutID) async throws(StoreError) -> RollOutRecord?

    /// Newest first, those older than `after`.
    func rollOuts(after: RollOutID?, limit: Int) async throws(StoreError) -> [RollOutRecord]

    /// Those that have not ended.
    func openRollOuts() async throws(StoreError) -> [RollOutRecord]

    /// Ordered by device ID, those after `after`; with `states`, only those.
    func units(
        of rollOut: RollOutID,
        in states: [RollOutState],
        after: UnitID?,
        limit: Int
    ) async throws(StoreError) -> [RollOutUnit]

    /// The roll-out that is to update this unit.
    func openRollOut(of unit: UnitID) async throws(StoreError) -> RollOutID?

    /// Those of the open units of a roll-out that run `version` already.
    func openUnits(of rollOut: RollOutID, running version: String) async throws(StoreError) -> [UnitID]

    /// All of them or none. Units and roll-outs that are gone change nothing.
    func save(_ changes: [RollOutChange], at now: WallTime) async throws(StoreError)
}

/// What is kept of the firmware of units.
package typealias FleetStore = FirmwareStore & RollOutStore
