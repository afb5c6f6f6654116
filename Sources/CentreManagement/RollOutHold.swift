package import HSSModel

extension RollOut {
    /// Why a unit is not further than it is.
    package enum Hold: Sendable, Hashable {
        case opens(WallTime)
        /// Its turn in the spread, or the pause after a failure.
        case turn(WallTime)
        /// It is its turn, and as many as may are being updated.
        case place
        case paused
        case stopped
        /// Told when it connects.
        case offline
        /// Told, and it says that it has not begun, or nothing yet.
        case notBegun
        /// The platform was busy and refused its download.
        case turnedAway
        /// Told, and not to be reached since.
        case unreachable
        /// Told, and it answers with an error or not at all.
        case unclear
        case working
    }
}

extension RollOut.Hold: CustomStringConvertible {
    package var description: String {
        switch self {
        case .opens: "the window has not opened yet"
        case .turn: "its turn comes later"
        case .place: "as many units as may are being updated"
        case .paused: "the roll-out is paused"
        case .stopped: "the roll-out stopped because too many units failed"
        case .offline: "the unit is offline; it is told when it connects"
        case .notBegun: "the unit was told and has not begun"
        case .turnedAway: "the platform was busy and refused the download; the unit may try again"
        case .unreachable: "the unit was told and is not to be reached"
        case .unclear: "the unit was told and does not say how far it is"
        case .working: "the unit is at work"
        }
    }

    /// When it ends by itself, where that is known.
    package var until: WallTime? {
        switch self {
        case .opens(let time), .turn(let time): time
        default: nil
        }
    }
}
