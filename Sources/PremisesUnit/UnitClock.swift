import HSSModel
import Vd

/// The unit's time: the host's and so much more, and the zone it is shown in (Tables I.2-9 and I.2-10).
struct UnitClock: Sendable, Equatable {
    /// Ahead of the host's.
    var offset: Duration = .zero
    /// Hours east of UTC.
    var zone = 0

    func time(_ host: WallTime) -> WallTime { host + offset }

    /// The new offset, where `order` differs by more than its tolerance. Its zone counts in any case; a time
    /// without one is meant in the unit's own.
    mutating func correction(for order: SetTime, host: WallTime) -> Duration? {
        zone = order.timeZone ?? zone
        let wanted = order.dateTime.wallTime(hoursEast: zone)
        let difference = wanted - time(host)
        let tolerated = Duration.seconds(max(0, order.tolerance))
        return difference > tolerated || difference < .zero - tolerated ? wanted - host : nil
    }

    func answer(host: WallTime) -> UnitTime {
        UnitTime(dateTime: UnitDateTime(time(host), hoursEast: zone), timeZone: zone)
    }
}
