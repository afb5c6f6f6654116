import Bus
import HSSModel
import HostClock
import Synchronization
import Vr

/// The hours of shares by the clocks of their zones. Tables of zones are files of the host: each is looked up once an hour.
final class WeeklyPlans: Sendable {
    private static let validity: Duration = .seconds(3600)
    /// More kinds of hours than these at a time are looked up anew each time.
    private static let most = 4096

    private struct Known {
        var plan: RecordingPlan
        var since: Instant
    }

    private let zone: @Sendable (String) -> ZoneOffsets?
    private let known = Mutex<[WeeklyHours: Known]>([:])

    init(zone: @escaping @Sendable (String) -> ZoneOffsets?) {
        self.zone = zone
    }

    /// Nil: the host knows no such zone, or the hours are none.
    func plan(_ hours: WeeklyHours) -> RecordingPlan? {
        let now = Instant.now
        if let found = known.withLock({ $0[hours] }), now - found.since < Self.validity { return found.plan }
        guard let offsets = zone(hours.zone), let plan = RecordingPlan(hours, zone: offsets) else {
            return nil
        }
        known.withLock { known in
            if known.count >= Self.most { known = known.filter { now - $0.value.since < Self.validity } }
            guard known.count < Self.most else { return }
            known[hours] = Known(plan: plan, since: now)
        }
        return plan
    }
}
