import Bus
import Foundation
import HSSModel
import HostClock
import Logging
import ServerKit
import Store
import Synchronization
import Testing

@testable import ServiceControl

/// Issue 4, "accounting of bytes per owner": the keeper of accounts between a media server and a store that may fail.
@Suite("Accounts of what was carried") struct UsageDeskTests {
    private static let channel = ChannelAddress(unit: UnitID(unchecked: "cam-1"), number: 0)
    private static let (anna, lease) = (UserName(unchecked: "anna"), LeaseID(unchecked: "l1"))

    /// A media server that counts what the test tells it, and keeps a report until it is settled.
    private final class Meter: MediaAccounting {
        private struct State {
            var waiting: [MediaUsage.Line] = []
            var report: MediaUsage?
            var number: Int64 = 0
        }

        private let state = Mutex(State())

        func count(_ side: MediaUsage.Side, _ bytes: Int64, isOver: Bool = false) {
            let line = MediaUsage.Line(
                channel: UsageDeskTests.channel,
                side: side,
                bytes: bytes,
                time: .seconds(1),
                isOver: isOver
            )
            state.withLock { $0.waiting.append(line) }
        }

        func usage(settling settled: Int64?) async -> MediaUsage {
            state.withLock { state in
                if let report = state.report, report.number != settled { return report }
                state.report = nil
                guard !state.waiting.isEmpty else {
                    return MediaUsage(
                        run: "run",
                        number: state.number,
                        lines: [],
                        hasMore: false,
                        takenAt: .now
                    )
                }
                state.number += 1
                let lines = [state.waiting.removeFirst()]
                let report = MediaUsage(
                    run: "run",
                    number: state.number,
                    lines: lines,
                    hasMore: !state.waiting.isEmpty,
                    takenAt: .now
                )
                state.report = report
                return report
            }
        }

        func hasUsage(of unit: UnitID) async -> Bool { unit == UsageDeskTests.channel.unit }
    }

    /// Books, and may then say that it did not: the answer was lost.
    private final class Ledger: UsageStore {
        enum Fault { case none, before, after }

        private struct State {
            var fault = Fault.none
            var number: Int64 = 0
            var lines: [UsageLine] = []
            var drops: [CalendarDay] = []
        }

        private let state = Mutex(State())

        func fail(_ fault: Fault) { state.withLock { $0.fault = fault } }
        var lines: [UsageLine] { state.withLock { $0.lines } }
        var bytes: [Int64] { lines.map(\.bytes) }
        var drops: [CalendarDay] { state.withLock { $0.drops } }

        func book(_ booking: UsageBooking) async throws(StoreError) -> Bool {
            let (fault, isNew) = state.withLock { state in
                guard state.fault != .before, booking.number > state.number else {
                    return (state.fault, false)
                }
                state.number = booking.number
                state.lines += booking.lines
                return (state.fault, true)
            }
            guard fault == .none else { throw .unavailable("a test") }
            return isNew
        }

        func usage(
            ofOwner owner: UserName,
            in days: ClosedRange<CalendarDay>,
            after: ChannelUsage.Place?,
            limit: Int
        ) async throws(StoreError) -> [ChannelUsage] { [] }

        func usage(
            ofViewer user: UserName,
            in days: ClosedRange<CalendarDay>,
            after: ChannelUsage.Place?,
            limit: Int
        ) async throws(StoreError) -> [ChannelUsage] { [] }

        func usageTotals(
            by grouping: UsageTotal.Grouping,
            user: UserName?,
            in days: ClosedRange<CalendarDay>,
            after: String?,
            limit: Int
        ) async throws(StoreError) -> [UsageTotal] { [] }

        /// A full step of rows, then nothing more.
        func dropUsage(before day: CalendarDay, limit: Int) async throws(StoreError) -> Int {
            state.withLock {
                $0.drops.append(day)
                return $0.drops.count == 1 ? limit : 0
            }
        }
    }

    private let meter = Meter()
    private let ledger = Ledger()
    private let metrics = MetricRegistry()
    private let desk: UsageDesk

    init() {
        desk = UsageDesk(
            media: meter,
            store: ledger,
            settings: .init(interval: .seconds(10), retention: .seconds(86_400)),
            metrics: metrics,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    @Test func everyReportIsBookedOnceWhateverIsLost() async {
        meter.count(.sent, 10)
        meter.count(.sent, 20)
        ledger.fail(.before)
        await desk.book()
        #expect(ledger.bytes.isEmpty)
        ledger.fail(.after)
        await desk.book()
        #expect(ledger.bytes == [10], "booked, and not known to be")
        meter.count(.sent, 300)
        ledger.fail(.none)
        await desk.book()
        #expect(ledger.bytes == [10, 20, 300])
        await desk.book()
        #expect(ledger.bytes == [10, 20, 300])
        let exposition = metrics.exposition()
        #expect(exposition.contains("vedette_usage_failures_total 2"))
    }

    @Test func aLeaseIsOnItsHoldersAccountUntilItIsOver() async {
        desk.watches(Self.lease, Self.anna)
        meter.count(.watched(Self.lease), 5)
        meter.count(.watched(LeaseID(unchecked: "l2")), 6)
        meter.count(.watched(nil), 7)
        meter.count(.watched(Self.lease), 8, isOver: true)
        meter.count(.watched(Self.lease), 9)
        await desk.book()
        let (anna, nobody) = (UsageLine.Side.watched(Self.anna), UsageLine.Side.watched(nil))
        #expect(ledger.lines.map(\.side) == [anna, nobody, nobody, anna, nobody])
        #expect(metrics.exposition().contains("vedette_usage_unknown_viewer_bytes_total 22"))
        #expect(metrics.exposition().contains(#"vedette_usage_bytes_total{side="delivered"} 35"#))
    }

    /// What was counted until now belongs to the owner that the device has now.
    @Test func aChangeOfOwnerIsBookedFirst() async {
        meter.count(.sent, 10)
        ledger.fail(.before)
        await desk.book()
        meter.count(.sent, 20)
        ledger.fail(.none)
        await desk.ownerChanges(of: UnitID(unchecked: "cam-2"))
        #expect(ledger.bytes.isEmpty, "it has sent nothing")
        await desk.ownerChanges(of: Self.channel.unit)
        #expect(ledger.bytes == [10, 20], "what waits from before, and what came since")
    }

    @Test func manyAtOnceBookOnce() async {
        for number in 1...50 { meter.count(.sent, Int64(number)) }
        await withDiscardingTaskGroup { group in
            for _ in 0..<20 { group.addTask { await desk.book() } }
            for _ in 0..<20 { group.addTask { await desk.settle() } }
        }
        #expect(ledger.bytes == Array(1...50))
    }

    @Test func whatIsOldIsDroppedStepByStep() async throws {
        let now = WallTime(milliseconds: 86_400_000 * 400 + 5)
        try await desk.drop(at: now)
        #expect(ledger.drops == [CalendarDay(number: 399), CalendarDay(number: 399)])
    }
}
