package import HSSModel
import HostClock
package import Logging
package import ServerKit
import ServiceLifecycle
package import Store
import Synchronization
package import Vr

/// Makes recordings go when their time, or the room for them, is up: too old, of a former owner, over the quota of the
/// channel, of its owner, of the platform, or needed for free space on the disk. The oldest go first; kept clips stay.
///
/// A walk each minute takes what is over a limit. A `create` that would go over one has to wait for room and is refused
/// only where there is none to be made: because what is left is kept, because one segment is larger than the limit, or
/// because nothing can be dropped now (``refusal(of:_:)``). What is announced counts from then on, so that what is stored
/// stays within each quota.
package actor RetentionKeeper: Service {
    package typealias Stores = SegmentStore & RetentionStore & RecordSessionStore

    private enum Visit { case exhausted, goesOn, hasRoom, spent }

    /// Segments of one walk: the writer of the database is shared, and a shutdown must not wait.
    private static let mostDropped = 5000
    private static let page = 128
    /// Segments that are marked before their bytes go: blobs lie in 256 folders, and each is synced once for all of these.
    private static let batch = 1024
    /// Channels take turns of this much time, not of one segment: each turn is one look into the database.
    private static let turn = Duration.seconds(600)
    /// Kept clips that are looked at with a page; an owner has no more.
    private static let mostClips = 1000
    private static let mostAdmitted = 10_000
    /// Sessions without a segment stay for a while: late segments, and what their units could not upload.
    private static let emptySessionTime = Duration.seconds(86_400)

    private let store: any Stores
    private let files: any RetentionFiles
    private let dropper: SegmentDropper
    private let settings: RetentionSettings
    private let metrics: RetentionMetrics
    private let logger: Logger
    private var pass = RetentionPass(RetentionRules(), usage: RetentionUsage(), at: .now)
    private var channels: [RecordedChannel: RetainedChannel] = [:]
    private var isKnown = false
    /// What was admitted a moment ago and may have no row yet, the oldest first.
    private var admitted: [(recorded: RecordedChannel, bytes: Int64, at: Instant)] = []
    /// Those for whom no room could be made; asked anew after the next walk.
    private var stuck: Set<RecordedChannel> = []
    private var isPlatformStuck = false
    private var isFailing = false
    /// One walk at a time; whoever comes meanwhile waits.
    private var running: Task<Void, Never>?
    /// Marked by this walk; their bytes go when there are enough of them, and with its end.
    private var marked: [SegmentRow] = []
    /// The platform ends: a walk stops with the page that it is at.
    private nonisolated let isEnding = Atomic<Bool>(false)

    package init(
        store: any Stores,
        files: any RetentionFiles,
        settings: RetentionSettings,
        metrics: MetricRegistry,
        logger: Logger
    ) {
        self.store = store
        self.files = files
        dropper = SegmentDropper(store: store, files: files)
        self.settings = settings
        self.metrics = RetentionMetrics(metrics)
        self.logger = logger
    }

    /// A walk at the start and then one each interval, until the graceful shutdown.
    package func run() async throws {
        await withGracefulShutdownHandler {
            var isComplete = true
            repeat {
                isComplete = await walkOnce()
            } while await pause(
                isComplete ? settings.interval : .milliseconds(50)
            )
        } onGracefulShutdown: {
            self.stop()
        }
    }

    /// What is being dropped is finished; nothing more is.
    nonisolated func stop() { isEnding.store(true, ordering: .relaxed) }

    /// False: there is more to go.
    private func walkOnce() async -> Bool {
        do {
            let report = try await sweep(at: .now)
            isFailing = false
            if !report.dropped.isEmpty {
                logger.info("recordings dropped", metadata: ["segments": "\(report.dropped)"])
            }
            return report.isComplete
        } catch {
            note(error)
            return true
        }
    }

    private func pause(_ time: Duration) async -> Bool {
        (try? await cancelWhenGracefulShutdown { try await Task.sleep(for: time) }) != nil
    }

    private func note(_ error: any Error) {
        metrics.failures.add()
        if !isFailing {
            logger.error("recordings cannot be dropped", metadata: ["reason": "\(error)"])
        }
        isFailing = true
    }

    // MARK: Whoever wants room

    /// Whether a channel may begin a segment of `size` bytes; nil: it may. Makes room where it can.
    package func refusal(of recorded: RecordedChannel, _ size: Int64) async -> RecordFailure? {
        var hasSought = false
        do {
            if !isKnown { try await alone { try await self.readUsage(at: .now) } }
            if !pass.admits(size, to: recorded), mayFindRoom(for: size, recorded) {
                hasSought = true
                try await alone { try await self.makeRoom(for: size, recorded) }
            }
        } catch {
            // What is known decides.
            note(error)
        }
        guard pass.admits(size, to: recorded) else {
            if hasSought {
                stuck.insert(recorded)
                // An owner who announces too much has filled nothing but an own share.
                isPlatformStuck =
                    pass.isWithinShare(size, of: recorded) && pass.isPlatformFull(for: size)
            }
            metrics.refused.add()
            return pass.usage.shortage > 0 ? .noSpace : .overQuota
        }
        // It counts from now on; when accounts are read again, by its row.
        pass.admit(size, to: recorded)
        if admitted.count < Self.mostAdmitted { admitted.append((recorded, size, .now)) }
        return nil
    }

    private func mayFindRoom(for size: Int64, _ recorded: RecordedChannel) -> Bool {
        !stuck.contains(recorded) && !(isPlatformStuck && pass.isPlatformFull(for: size))
            && pass.couldAdmit(size, to: recorded)
    }

    /// The accounts are read first: segments may have failed that were admitted, or gone.
    private func makeRoom(for size: Int64, _ recorded: RecordedChannel) async throws {
        // Somebody else may have made it meanwhile.
        guard !pass.admits(size, to: recorded) else { return }
        try await readUsage(at: .now)
        // For an owner who announces too much nothing of others goes.
        guard pass.isWithinShare(size, of: recorded) else { return }
        let room = pass.room(for: size, in: recorded, batch: settings.reserve / 16)
        pass.announce(room, to: recorded)
        defer { pass.announce(-room, to: recorded) }
        var report = Report()
        try await walk(&report)
    }

    /// One after the other; whoever comes meanwhile waits.
    private func alone<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        while let running { await running.value }
        let work = Task { () async throws -> Value in
            defer { running = nil }
            return try await body()
        }
        running = Task { _ = await work.result }
        return try await work.value
    }

    // MARK: Walks

    /// Drops what has to go, up to a bound.
    package func sweep(at now: WallTime) async throws -> Report {
        try await alone { try await self.sweepAlone(at: now) }
    }

    private func sweepAlone(at now: WallTime) async throws -> Report {
        var report = Report()
        let (finished, failure) = try await finishDropping()
        report.finished = finished
        try await readUsage(at: now)
        try await walk(&report)
        report.isComplete = report.droppedCount < Self.mostDropped
        report.sessions = try await store.dropRecordSessions(
            endedBefore: now + (.zero - Self.emptySessionTime),
            limit: Self.mostDropped
        )
        stuck = []
        isPlatformStuck = false
        if let failure { throw failure }
        return report
    }

    /// Drops what has to go. Also where it fails, what it has marked goes as far as it can: the account has it as gone.
    private func walk(_ report: inout Report) async throws {
        do { try await mark(&report) } catch {
            try? await finishMarked()
            throw error
        }
        try await finishMarked()
    }

    private func finishMarked() async throws {
        // What fails here is found, and finished, by the next walk.
        defer { marked = [] }
        if !marked.isEmpty { try await dropper.finish(marked) }
    }

    /// First each channel for its own sake, then those of owners who have too much, then all of them.
    private func mark(_ report: inout Report) async throws {
        for channel in channels.values where wants(channel) {
            var queue = RetentionQueue([RetentionCursor(channel)])
            try await take(from: &queue, along: .channel, &report)
        }
        for owner in pass.usage.owners.keys where pass.isFull(owner) {
            let own = channels.values.filter { $0.recorded.owner == owner }
            var queue = RetentionQueue(own.map(RetentionCursor.init))
            try await take(from: &queue, along: .owner, &report)
        }
        if pass.isPlatformFull() {
            var queue = RetentionQueue(channels.values.map(RetentionCursor.init))
            try await take(from: &queue, along: .platform, &report)
        }
    }

    /// Whether something of it may have to go for its own sake.
    private func wants(_ channel: RetainedChannel) -> Bool {
        guard let oldest = channel.amounts.span?.lowerBound else { return false }
        return channel.isFormer || pass.isTooOld(oldest, in: channel.recorded)
            || pass.isFull(channel.recorded)
    }

    private func take(
        from queue: inout RetentionQueue,
        along scope: RetentionPass.Scope,
        _ report: inout Report
    ) async throws {
        while !isEnding.load(ordering: .relaxed), var cursor = queue.popOldest() {
            let limit = queue.oldest.map { $0 + Self.turn } ?? SegmentName.latestStart
            switch try await visit(&cursor, until: limit, along: scope, &report) {
            case .goesOn: queue.insert(cursor)
            case .exhausted: break
            case .hasRoom, .spent: return
            }
        }
    }

    /// One page of one channel.
    private func visit(
        _ cursor: inout RetentionCursor,
        until limit: WallTime,
        along scope: RetentionPass.Scope,
        _ report: inout Report
    ) async throws -> Visit {
        let recorded = cursor.recorded
        let budget = Self.mostDropped - report.droppedCount
        guard budget > 0 else { return .spent }
        let page = try await store.savedSegments(
            of: recorded,
            in: WallTime(milliseconds: 0)..<WallTime(milliseconds: .max),
            after: cursor.place,
            limit: min(Self.page, budget),
            newestFirst: false
        )
        guard let first = page.first else { return .exhausted }
        let kept = KeptRanges(
            try await store.keptRanges(of: recorded, endingAfter: first.start, limit: Self.mostClips)
        )
        var going: [(row: SegmentRow, reason: RetentionPass.Reason)] = []
        var outcome = Visit.goesOn
        for row in page {
            guard row.start <= limit else {
                cursor.stop(before: row)
                break
            }
            let keptUntil = kept.end(covering: row)
            let candidate = RetentionCandidate(
                recorded,
                end: row.end,
                bytes: row.size,
                isKept: keptUntil != nil,
                isFormer: cursor.isFormer
            )
            if let reason = pass.judge(candidate, along: scope) {
                going.append((row, reason))
            } else if keptUntil == nil {
                cursor.stop(before: row)
                outcome = .hasRoom
                break
            }
            cursor.pass(row)
            if row == page.last, let keptUntil { cursor.skip(to: keptUntil) }
        }
        try await drop(going, of: recorded, &report)
        return outcome
    }

    private func drop(
        _ going: [(row: SegmentRow, reason: RetentionPass.Reason)],
        of recorded: RecordedChannel,
        _ report: inout Report
    ) async throws {
        guard !going.isEmpty else { return }
        let gone = try await dropper.mark(going.map(\.row))
        marked += gone
        let blobs = Set(gone.map(\.blob))
        for (row, reason) in going {
            guard blobs.contains(row.blob) else {
                // It is kept since a moment ago, or was gone.
                pass.announce(row.size, to: recorded)
                continue
            }
            report.dropped[reason, default: 0] += 1
            metrics.count(reason, bytes: row.size)
        }
        if marked.count >= Self.batch { try await finishMarked() }
    }

    /// What a crash or a failing disk left half done.
    private func finishDropping() async throws -> (count: Int, failure: (any Error)?) {
        var count = 0
        var failure: (any Error)?
        var place: UnfinishedPlace?
        repeat {
            let page = try await store.unfinishedSegments(after: place, limit: Self.batch)
            let left = page.rows.filter { $0.state == .dropping }
            if !left.isEmpty { failure = await finish(left) ?? failure }
            count += left.count
            place = page.next
        } while place != nil && count < Self.mostDropped && !isEnding.load(ordering: .relaxed)
        return (count, failure)
    }

    /// One that cannot be deleted must not keep the others, nor what is too old: the last error is told when they are gone.
    private func finish(_ left: [SegmentRow]) async -> (any Error)? {
        do { try await dropper.finish(left) } catch {
            var last: (any Error)? = error
            for row in left {
                do { try await dropper.finish([row]) } catch { last = error }
            }
            return last
        }
        return nil
    }

    // MARK: Accounts

    private func readUsage(at now: WallTime) async throws {
        var channels: [RecordedChannel: RetainedChannel] = [:]
        var usage = RetentionUsage()
        var segments = 0
        var last: RecordedChannel?
        repeat {
            let page = try await store.retainedChannels(after: last, limit: pageLimit)
            last = page.count == pageLimit ? page.last?.recorded : nil
            for channel in page {
                channels[channel.recorded] = channel
                usage.add(channel.amounts.bytes, of: channel.recorded)
                segments += channel.amounts.segments
            }
        } while last != nil
        for (recorded, bytes) in try await store.announcedBytes() { usage.announce(bytes, of: recorded) }
        let free = try await files.freeSpace()
        usage.shortage = settings.reserve - free
        let rules = RetentionRules(
            settings,
            try await store.recordingLimits(),
            channels: Array(channels.keys)
        )
        // Nothing is admitted between here and the end.
        let unsettled = Instant.now + (.zero - settings.settling)
        admitted.removeAll { $0.at <= unsettled }
        for (recorded, bytes, _) in admitted { usage.announce(bytes, of: recorded) }
        // What is only announced takes no disk yet: nobody's recordings go for it.
        usage.shortage = settings.reserve - free
        self.channels = channels
        pass = RetentionPass(rules, usage: usage, at: now)
        isKnown = true
        metrics.show(usage, segments: segments, free: free)
    }
}
