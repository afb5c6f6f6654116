package import Bus
package import HSSModel
import HostClock
import ServerKit
import Synchronization
package import Vd

/// What units say of their batteries (`BatteryChange`, Table I.2-27): the last figure of each, and the history in
/// the event log.
package final class BatteryDesk: Sendable {
    private struct State {
        /// One entry for each unit that has a battery and was heard since the start.
        var percents: [UnitID: Int] = [:]
        /// A unit that reports for every second of sun must not fill the log.
        var rates = RateLimiter<UnitID>(perSecond: 1 / 60, burst: 20, capacity: 100_000)
    }

    private static let unitsRemembered = 1_000_000

    private let events: any EventSink
    private let state = Mutex(State())

    package init(events: any EventSink) {
        self.events = events
    }

    /// In percent; nil: not heard since the start.
    package func percent(of unit: UnitID) -> Int? {
        state.withLock { $0.percents[unit] }
    }

    package func changed(_ change: BatteryChange, of unit: UnitID) async {
        let isNews = state.withLock {
            guard $0.percents[unit] != change.percent else { return false }
            guard $0.percents[unit] != nil || $0.percents.count < Self.unitsRemembered else { return false }
            $0.percents[unit] = change.percent
            return $0.rates.admit(unit, at: .now)
        }
        guard isNews else { return }
        let detail = JSONObject { $0.field("percent", change.percent) }.text
        await events.record(NewEvent(time: .now, unit: unit, kind: .battery, detail: detail))
    }
}

extension BatteryDesk: UnitRequestServer {
    package func register(in table: inout UnitRequestTable) {
        table.take(BatteryChange.self) { [self] change, unit in await changed(change, of: unit.unit) }
    }
}
