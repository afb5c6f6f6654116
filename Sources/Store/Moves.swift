package import HSSModel

/// Heads of cameras that may be turning: a mark is there from before a move is told until its stop has surely arrived.
/// What is found after a kill is owed a stop.
package protocol MoveStore: Sendable {
    /// Nothing happens for a unit that is not enrolled, or where the mark is there.
    func beginMove(_ channel: ChannelAddress, at now: WallTime) async throws(StoreError)

    /// Nothing of the unit turns.
    func endMoves(of unit: UnitID) async throws(StoreError)

    func openMoves() async throws(StoreError) -> [ChannelAddress]
}
