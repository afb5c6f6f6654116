package import Bus
package import HSSModel
import HostClock
package import Logging
package import ServerKit
import ServiceLifecycle
package import Store
import Synchronization

/// Keeps the accounts of what was carried for whom: takes what the media server counted and books it, many lines in one
/// transaction.
///
/// A report is settled when it is booked, and booked once, whatever is lost or repeated in between. What the media
/// server counted since the last report, ``Settings/interval`` at most, goes with a crash of the platform. A shutdown
/// loses nothing.
package actor UsageDesk {
    package struct Settings: Sendable {
        /// `usage.interval`
        package var interval: Duration
        /// `usage.retention`
        package var retention: Duration

        package init(interval: Duration = .seconds(10), retention: Duration = .seconds(400 * 86_400)) {
            self.interval = interval
            self.retention = retention
        }
    }

    /// Readers of accounts have them no older than this.
    private static let freshness = Duration.seconds(1)
    /// Rows of one kind that are deleted at once: the writer must not be held for long.
    private static let dropStep = 2000
    private static let mostDropSteps = 500
    private static let dropInterval = Duration.seconds(3600)

    private let media: any MediaAccounting
    private let store: any UsageStore
    private var settings: Settings
    private let holders = LeaseHolders()
    private let metrics: UsageMetrics
    private let logger: Logger
    /// Ends itself; whoever comes meanwhile waits for it, and then goes round itself.
    private var running: Task<Void, Never>?
    private var settledAt: Instant?
    private var settled: Int64?
    private var isFailing = false

    package init(
        media: any MediaAccounting,
        store: any UsageStore,
        settings: Settings = Settings(),
        metrics: MetricRegistry,
        logger: Logger
    ) {
        self.media = media
        self.store = store
        self.settings = settings
        self.metrics = UsageMetrics(metrics)
        self.logger = logger
    }

    /// From the next booking and dropping on.
    package func set(_ settings: Settings) { self.settings = settings }

    /// The lease has a viewer. Whoever asks later would not find it any more.
    nonisolated func watches(_ lease: LeaseID, _ user: UserName) {
        holders.note(lease, user, at: .now)
    }

    /// To be called before a device gets another owner, so that what it sent until now goes to the one it has.
    package func ownerChanges(of unit: UnitID) async {
        guard await media.hasUsage(of: unit) else { return }
        await book()
    }

    /// Books everything that is counted at this moment.
    func book() async {
        while let running { await running.value }
        let round = Task { await self.bookReports() }
        running = round
        await round.value
    }

    private func bookReports() async {
        let begunAt = Instant.now
        // A report that could not be booked comes again as it was: what was counted since then is in the next one.
        var isOld = isFailing
        var hasMore = true
        do throws(StoreError) {
            while hasMore {
                let report = await media.usage(settling: settled)
                (hasMore, isOld) = (report.hasMore || isOld, false)
                guard !report.lines.isEmpty else { break }
                try await book(report)
            }
            settledAt = begunAt
            isFailing = false
        } catch {
            metrics.failures.add()
            if !isFailing {
                logger.error(
                    "use cannot be booked; it is kept and tried again",
                    metadata: ["reason": "\(error)"]
                )
            }
            isFailing = true
        }
        running = nil
    }

    private func book(_ report: MediaUsage) async throws(StoreError) {
        let lines = report.lines.map { line in
            let side: UsageLine.Side =
                switch line.side {
                case .sent: .sent
                case .watched(let lease): .watched(lease.flatMap { holders.holder(of: $0) })
                }
            return UsageLine(channel: line.channel, side: side, bytes: line.bytes, time: line.time)
        }
        let booking = UsageBooking(
            run: report.run,
            number: report.number,
            day: CalendarDay(of: .now),
            lines: lines.filter { $0.bytes > 0 || $0.time > .zero }
        )
        if booking.lines.isEmpty {
            settled = report.number
        } else {
            if try await store.book(booking) { metrics.count(lines) }
            settled = report.number
        }
        for case .watched(let lease?) in report.lines.lazy.filter(\.isOver).map(\.side) {
            holders.forget(lease, notedBefore: report.takenAt)
        }
    }

    /// Deletes what is older than the retention.
    func drop(at now: WallTime) async throws(StoreError) {
        let day = CalendarDay(of: now + (.zero - settings.retention))
        for _ in 0..<Self.mostDropSteps {
            guard try await store.dropUsage(before: day, limit: Self.dropStep) >= Self.dropStep else {
                return
            }
        }
    }
}

extension UsageDesk: Service {
    /// Books once each interval, until the graceful shutdown; then once more. It has to be shut down after the media
    /// server.
    package func run() async throws {
        var droppedAt: Instant?
        repeat {
            await book()
            if droppedAt.map({ Instant.now - $0 >= Self.dropInterval }) ?? true {
                droppedAt = .now
                do throws(StoreError) { try await drop(at: .now) } catch {
                    logger.error("old accounts cannot be dropped", metadata: ["reason": "\(error)"])
                }
            }
        } while await pause()
        await book()
    }

    private func pause() async -> Bool {
        let interval = settings.interval
        return (try? await cancelWhenGracefulShutdown { try await Task.sleep(for: interval) }) != nil
    }
}

extension UsageDesk: UsagePoint {
    package func settle() async {
        if let settledAt, Instant.now - settledAt < Self.freshness { return }
        await book()
    }

    package func usage(
        ofOwner owner: UserName,
        in days: ClosedRange<CalendarDay>,
        after: ChannelUsage.Place?,
        limit: Int
    ) async throws(ActivityError) -> [ChannelUsage] {
        do throws(StoreError) {
            return try await store.usage(ofOwner: owner, in: days, after: after, limit: limit)
        } catch {
            throw ActivityError(error)
        }
    }

    package func usage(
        ofViewer user: UserName,
        in days: ClosedRange<CalendarDay>,
        after: ChannelUsage.Place?,
        limit: Int
    ) async throws(ActivityError) -> [ChannelUsage] {
        do throws(StoreError) {
            return try await store.usage(ofViewer: user, in: days, after: after, limit: limit)
        } catch {
            throw ActivityError(error)
        }
    }

    package func usageTotals(
        by grouping: UsageTotal.Grouping,
        user: UserName?,
        in days: ClosedRange<CalendarDay>,
        after: String?,
        limit: Int
    ) async throws(ActivityError) -> [UsageTotal] {
        do throws(StoreError) {
            return try await store.usageTotals(by: grouping, user: user, in: days, after: after, limit: limit)
        } catch {
            throw ActivityError(error)
        }
    }
}

/// Whose leases are, or were a moment ago, watched.
private final class LeaseHolders: Sendable {
    /// Beyond, viewers are on nobody's account; their owners' are right still.
    private static let most = 262_144

    private struct Holder {
        var user: UserName
        var notedAt: Instant
    }

    private let holders = Mutex<[LeaseID: Holder]>([:])

    func note(_ lease: LeaseID, _ user: UserName, at now: Instant) {
        holders.withLock {
            guard $0.count < Self.most || $0[lease] != nil else { return }
            $0[lease] = Holder(user: user, notedAt: now)
        }
    }

    func holder(of lease: LeaseID) -> UserName? { holders.withLock { $0[lease]?.user } }

    /// Unless it has a viewer again.
    func forget(_ lease: LeaseID, notedBefore moment: Instant) {
        holders.withLock {
            if let holder = $0[lease], holder.notedAt < moment { $0[lease] = nil }
        }
    }
}

private struct UsageMetrics {
    let failures: Counter
    private let ingest: Counter
    private let delivered: Counter
    private let unknown: Counter

    init(_ registry: MetricRegistry) {
        failures = registry.counter(
            "vedette_usage_failures_total",
            "Times that use could not be booked; it is kept and tried again."
        )
        (ingest, delivered) = (Self.counter("ingest", registry), Self.counter("delivered", registry))
        unknown = registry.counter(
            "vedette_usage_unknown_viewer_bytes_total",
            "Media delivered that is on no viewer's account."
        )
    }

    private static func counter(_ side: String, _ registry: MetricRegistry) -> Counter {
        registry.counter("vedette_usage_bytes_total", "Media on the accounts.", labels: [("side", side)])
    }

    func count(_ lines: [UsageLine]) {
        for line in lines {
            let bytes = Int(clamping: line.bytes)
            switch line.side {
            case .sent: ingest.add(bytes)
            case .watched(let user):
                delivered.add(bytes)
                if user == nil { unknown.add(bytes) }
            }
        }
    }
}
