package import Vd

/// What `Keepalive` says of one channel's alarms, beside what is known of them.
///
/// A difference counts when two heartbeats in a row show it: a report may be on its way, and heartbeats and
/// reports are served apart. Alarms that only happen have no state to compare.
package struct AlarmBits: Equatable {
    private static let lasting = AlarmType.allCases.filter { !$0.isSingle }.reduce(UInt32(0)) { $0 | $1.bit }

    /// Alarms that last, as far as is known.
    private var active: UInt32 = 0
    /// What differed at the last heartbeat.
    private var suspected: UInt32 = 0

    package init() {}

    /// Nothing has to be remembered of it.
    package var isEmpty: Bool { active == 0 && suspected == 0 }

    package mutating func began(_ type: AlarmType) {
        active |= type.bit & Self.lasting
        suspected &= ~type.bit
    }

    package mutating func ended(_ type: AlarmType) {
        active &= ~type.bit
        suspected &= ~type.bit
    }

    /// What began and what ended without a report. Told once; where nothing comes of it, two more heartbeats
    /// tell again.
    package mutating func heard(_ bits: UInt32) -> (begun: [AlarmType], ended: [AlarmType]) {
        let different = (bits ^ active) & Self.lasting
        let certain = different & suspected
        suspected = different & ~certain
        return (AlarmType.all(in: certain & bits), AlarmType.all(in: certain & ~bits))
    }
}
