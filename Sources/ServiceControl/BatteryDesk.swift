package import Bus
package import HSSModel
import HostClock
import ServerKit
package import Store
import Synchronization
package import Vd

/// What units say of their batteries (`BatteryChange`, Table I.2-27): the last figure of each, kept over restarts, and
/// the history in the event log.
package final class BatteryDesk: Sendable {
    private struct State {
        /// One entry for each unit that has a battery and was heard since the start.
        var reports: [UnitID: BatteryReport] = [:]
        /// A unit that reports for every second of sun must not fill the log.
        var rates = RateLimiter<UnitID>(perSecond: 1 / 60, burst: 20, capacity: 100_000)
    }

    private static let unitsRemembered = 1_000_000

    private let store: any BatteryStore
    private let feed: EventFeed
    private let state = Mutex(State())

    package init(store: any BatteryStore, feed: EventFeed) {
        self.store = store
        self.feed = feed
    }

    /// Its device is removed: one that is enrolled anew under this name begins with nothing.
    package func forget(_ unit: UnitID) {
        state.withLock { $0.reports[unit] = nil }
    }

    package func changed(_ change: BatteryChange, of unit: UnitID) async {
        let report = BatteryReport(percent: change.percent, time: .now)
        let isNews = state.withLock {
            let known = $0.reports[unit]
            guard known != nil || $0.reports.count < Self.unitsRemembered else { return false }
            $0.reports[unit] = report
            return known?.percent != report.percent && $0.rates.admit(unit, at: .now)
        }
        guard isNews else { return }
        let event = NewEvent(
            time: report.time,
            unit: unit,
            kind: .battery,
            detail: JSONObject { $0.field("percent", report.percent) }.text
        )
        do throws(StoreError) {
            try await store.note(report, of: unit, as: event)
            feed.ring()
        } catch {
            feed.lose(event, because: error)
        }
    }
}

extension BatteryDesk: BatteryPoint {
    package func batteries(
        of units: [UnitID]
    ) async throws(ActivityError) -> [UnitID: BatteryReport] {
        var reports = state.withLock { state in
            Dictionary(units.compactMap { unit in state.reports[unit].map { (unit, $0) } }) { first, _ in
                first
            }
        }
        let others = units.filter { reports[$0] == nil }
        guard !others.isEmpty else { return reports }
        do throws(StoreError) {
            reports.merge(try await store.batteries(of: others)) { heard, _ in heard }
        } catch {
            throw ActivityError(error)
        }
        return reports
    }

    package func batteryHistory(
        _ query: BatteryQuery
    ) async throws(ActivityError) -> [BatteryEntry] {
        do throws(StoreError) {
            return try await store.batteryEvents(query).compactMap { event in
                let detail = try? JSONObject(parsing: Array(event.event.detail.utf8))
                return (try? detail?.integer("percent", 0...100)).map {
                    BatteryEntry(id: event.id, report: BatteryReport(percent: $0, time: event.event.time))
                }
            }
        } catch {
            throw ActivityError(error)
        }
    }
}

extension BatteryDesk: UnitRequestServer {
    package func register(in table: inout UnitRequestTable) {
        table.take(BatteryChange.self) { [self] change, unit in await changed(change, of: unit.unit) }
    }
}
