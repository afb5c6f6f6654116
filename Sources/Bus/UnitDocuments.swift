package import HSSModel
package import Vd

/// Reference point Cs, pan, tilt and zoom. Whoever calls has checked the right to do so.
package protocol PTZPoint: Sendable {
    /// Sends one operation of Table I.2-17. A continuous move ends by itself unless it is repeated: a lost
    /// `stop` must not leave a camera turning.
    func control(_ command: CtrlPTZ, of unit: UnitID, by user: UserName) async throws(UnitCallError)
}

/// Reference point Cs, the documents that a unit keeps about itself. Whoever calls has checked the right to do so.
package protocol UnitDocumentPoint: Sendable {
    /// What the unit can do: asked now, or as last known where it cannot be asked.
    func capabilities(of unit: UnitID) async throws(UnitCallError) -> Capabilities

    /// As last known, without asking; nil: not known.
    func knownCapabilities(of unit: UnitID) -> Capabilities?
}
