package import Blobs
package import HSSModel
import HostClock
package import Logging
package import ServerKit
import ServiceLifecycle
package import Store

/// Drops what has had its time, and mends what a crash left between database and blobs.
package struct ActivityUpkeep: Service {
    package struct Settings: Sendable {
        /// Of alarms and events (`alarms.retention`).
        package var retention: Duration
        /// Events kept (`limits.events`).
        package var events: Int
        package var interval = Duration.seconds(600)
        /// Younger blobs may be on their way to a row, and parts to a blob.
        package var settlingTime = Duration.seconds(3600)

        package init(retention: Duration = .seconds(30 * 86_400), events: Int = 1_000_000) {
            self.retention = retention
            self.events = events
        }
    }

    /// What one round did.
    package struct Report: Sendable, Equatable {
        package var expiredUploads = 0
        package var abandonedParts = 0
        /// Blobs that no row named.
        package var strayBlobs = 0
        /// Rows whose blob was gone.
        package var lostBlobs = 0
        package var alarms = 0
        package var events = 0

        package init() {}
    }

    /// Rows or files of one step: the database must not be held for long.
    private static let step = 500
    /// Steps of one kind in one round; what is left waits for the next.
    private static let mostSteps = 400

    private let uploads: any UploadStore
    private let alarms: any AlarmStore
    private let events: any EventStore
    private let blobs: any BlobStore
    private let hot: HotValue<Settings>
    private var settings: Settings { hot.current }
    private let swept: Counter
    private let lost: Counter
    private let logger: Logger

    package init(
        store: any ActivityStore,
        blobs: any BlobStore,
        settings: Settings = Settings(),
        metrics: MetricRegistry,
        logger: Logger
    ) {
        uploads = store
        alarms = store
        events = store
        self.blobs = blobs
        hot = HotValue(settings)
        self.logger = logger
        swept = metrics.counter("vedette_blobs_swept_total", "Blobs of uploads deleted.")
        lost = metrics.counter("vedette_blobs_lost_total", "Uploads whose blob was gone.")
    }

    /// A round at the start and then one each interval, until the graceful shutdown. The comparison of all blobs
    /// with all rows comes with the first and every 144th: once a day.
    package func run() async throws {
        var round = 0
        repeat {
            do {
                let report = try await sweep(at: .now, compare: round % 144 == 0)
                logger.debug("kept things swept", metadata: ["report": "\(report)"])
            } catch {
                logger.error("kept things cannot be swept", metadata: ["reason": "\(error)"])
            }
            round += 1
        } while await pause()
    }

    /// From the next round on.
    package func set(_ settings: Settings) { hot.current = settings }

    private func pause() async -> Bool {
        let interval = settings.interval
        return
            (try? await cancelWhenGracefulShutdown { try await Task.sleep(for: interval) }) != nil
    }

    package func sweep(at now: WallTime, compare: Bool) async throws -> Report {
        var report = Report()
        let old = now + (.zero - settings.retention)
        report.alarms = try await steps {
            try await alarms.dropAlarms(before: old, at: now, limit: Self.step)
        }
        report.events = try await steps {
            try await events.dropEvents(before: old, keeping: settings.events, limit: Self.step)
        }
        report.expiredUploads = try await steps {
            let expired = try await uploads.dropUploads(
                expiredAt: now + (.zero - UploadDesk.grace),
                limit: Self.step
            )
            for upload in expired { if let content = upload.content { try await delete(content.blob) } }
            return expired.count
        }
        let settled = now + (.zero - settings.settlingTime)
        report.abandonedParts = try await blobs.dropAbandoned(
            before: settled,
            limit: Self.step * Self.mostSteps
        )
        if compare { try await self.compare(before: settled, &report) }
        return report
    }

    /// Repeats `step` until it does less than it may.
    private func steps(_ step: () async throws -> Int) async throws -> Int {
        var done = 0
        for _ in 0..<Self.mostSteps {
            let now = try await step()
            done += now
            if now < Self.step { break }
        }
        return done
    }

    /// Walks rows and blobs side by side, both in the order of the blobs' names.
    private func compare(before settled: WallTime, _ report: inout Report) async throws {
        var last: BlobName?
        for _ in 0..<Self.mostSteps {
            let entries = try await blobs.list(.uploads, after: last, limit: Self.step)
            let isLastPage = entries.count < Self.step
            let rows = try await rows(
                after: last?.key ?? "",
                through: isLastPage ? nil : entries.last?.name.key
            )
            let known = Set(rows.compactMap { $0.content?.blob })
            for entry in entries where !known.contains(entry.name.key) && entry.writtenAt < settled {
                try await delete(entry.name.key)
                report.strayBlobs += 1
            }
            let there = Set(entries.map(\.name.key))
            for row in rows {
                guard let content = row.content, content.storedAt < settled,
                    !there.contains(content.blob)
                else { continue }
                try await uploads.dropUpload(row.id)
                lost.add()
                report.lostBlobs += 1
                logger.error("an upload is lost", metadata: ["unit": "\(row.unit)", "upload": "\(row.id)"])
            }
            guard !isLastPage else { return }
            last = entries.last?.name
        }
    }

    private func rows(after: String, through: String?) async throws -> [StoredUpload] {
        var rows: [StoredUpload] = []
        for _ in 0..<Self.mostSteps {
            let page = try await uploads.storedUploads(
                after: rows.last?.content?.blob ?? after,
                through: through,
                limit: Self.step
            )
            rows += page
            if page.count < Self.step { break }
        }
        return rows
    }

    private func delete(_ key: String) async throws {
        guard let name = BlobName(.uploads, key: key) else { return }
        try await blobs.delete(name)
        swept.add()
    }
}
