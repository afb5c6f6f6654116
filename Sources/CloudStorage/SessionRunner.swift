import Blobs
import HSSModel
import HostClock
import Logging
import NIOCore
import ServerKit
import Store
import Vr

/// Runs one ``RecordSession``: gives it what units ask, carries its steps out one after the other, and tells the answers.
/// Decides nothing.
///
/// Steps run in tasks of their own: a unit whose connection breaks must not stop in the midst what others wait for.
actor SessionRunner {
    /// What the session's table has to know of it.
    struct News: Sendable {
        let tell: @Sendable (_ isIdle: Bool, _ wakeAt: Instant?) -> Void
    }

    /// The first word on a `PUT`.
    private enum Verdict: Sendable {
        case answered(RecordOutcome)
        case receive(UploadAttempt, after: UploadAttempt?, UploadRange, SegmentBlob)
    }

    private enum Ear {
        case request(CheckedContinuation<RecordOutcome, Never>)
        case put(CheckedContinuation<Verdict, Never>)
        /// The body is on its way; nobody listens yet.
        case body
    }

    /// Uploads of one session at a time: a unit sends one segment after the other, and one that does not may not take the
    /// places of all others.
    private static let mostUploads = 4

    nonisolated let id: RecordSessionID
    private let stores: RecordStores
    private let clock: RecordClock
    private let attempts: UploadNumbers
    private let metrics: RecordingMetrics
    private let logger: Logger
    private let news: News
    /// Whether something more may be recorded: quotas and the disk are somebody else's.
    private let room: @Sendable (Int64) async -> RecordFailure?
    private var machine: RecordSession
    private var wakeAt: Instant?
    private var lastRequest: UInt64 = 0
    private var running = 0
    private var ears: [RecordRequestID: Ear] = [:]
    /// Answers to bodies that came before somebody listened: an upload was displaced while it began.
    private var answers: [RecordRequestID: RecordOutcome] = [:]
    /// Uploads that count, with what came of them; nil: not begun yet.
    private var parts: [UploadAttempt: SegmentPart?] = [:]
    /// Of uploads that go on from another and have not begun: what they go on from.
    private var predecessors: [UploadAttempt: UploadAttempt] = [:]
    /// Of bytes that came in this run and are in place.
    private var checksums: [SegmentBlob: String] = [:]
    private var job: Task<Void, Never>?
    private var cleaning: [UploadAttempt: Task<Void, Never>] = [:]

    init(
        _ session: StoredRecordSession,
        unfinished: [StoredSegment],
        limits: RecordSession.Limits,
        stores: RecordStores,
        clock: RecordClock,
        attempts: UploadNumbers,
        metrics: RecordingMetrics,
        logger: Logger,
        news: News,
        room: @escaping @Sendable (Int64) async -> RecordFailure? = { _ in nil }
    ) {
        id = session.id
        self.stores = stores
        self.clock = clock
        self.attempts = attempts
        self.metrics = metrics
        self.logger = logger
        self.news = news
        self.room = room
        machine = RecordSession(
            session.id,
            of: session.channelID,
            limits: limits,
            unfinished: unfinished,
            at: clock.now()
        )
    }

    // MARK: What is asked

    /// `until`: what starts from then on is not wanted.
    func ask(_ request: SegmentRequest, until: WallTime?) async -> RecordOutcome {
        let id = nextRequest()
        return await withCheckedContinuation { ear in
            ears[id] = .request(ear)
            take(.request(id, request, until: until, fresh: .fresh()))
        }
    }

    /// Lets a segment go that a check found unfinished; false: somebody is at it. Returns when it is gone.
    func abandon(_ row: SegmentRow) async -> Bool {
        let id = nextRequest()
        let outcome: RecordOutcome = await withCheckedContinuation { ear in
            ears[id] = .request(ear)
            take(.abandon(id, row.name, row.blob))
        }
        guard outcome == .done else { return false }
        await rest()
        return true
    }

    /// One `PUT`, whose address is genuine. The body is not touched before it is taken.
    func put<Body: AsyncSequence & Sendable>(
        _ name: SegmentName,
        _ range: UploadRange,
        _ body: Body,
        within limit: Duration
    ) async -> RecordOutcome where Body.Element == ByteBuffer {
        guard running < Self.mostUploads else { return .failure(.busy) }
        running += 1
        defer { running -= 1 }
        let id = nextRequest()
        let attempt = attempts.next()
        let verdict: Verdict = await withCheckedContinuation { ear in
            ears[id] = .put(ear)
            take(.put(id, name, range, attempt: attempt))
        }
        switch verdict {
        case .answered(let outcome): return outcome
        case .receive(let attempt, let after, let range, let blob):
            return await receive(body, of: id, attempt, after: after, range, blob, within: limit)
        }
    }

    func wake() {
        guard let at = wakeAt, at <= clock.now().instant else { return tellNews() }
        wakeAt = nil
        take(.wake)
    }

    /// The first input of a session that has unfinished segments.
    func resume() { take(.wake) }

    /// Whether this segment is open here, or about to be: a check leaves it alone.
    func holds(_ name: SegmentName) -> Bool { machine.holds(name) }

    /// Returns when nothing is being made durable any more.
    func rest() async {
        while let job { await job.value }
        for task in cleaning.values { await task.value }
    }

    private func nextRequest() -> RecordRequestID {
        lastRequest += 1
        return RecordRequestID(lastRequest)
    }

    // MARK: Uploads

    private enum BodyEvent: Sendable {
        case ended(UploadEnd)
        case answered(RecordOutcome)
        case late
    }

    /// The body's end is told to the machine, and its answer waited for, whatever becomes of the connection.
    private func receive<Body: AsyncSequence & Sendable>(
        _ body: Body,
        of id: RecordRequestID,
        _ attempt: UploadAttempt,
        after: UploadAttempt?,
        _ range: UploadRange,
        _ blob: SegmentBlob,
        within limit: Duration
    ) async -> RecordOutcome where Body.Element == ByteBuffer {
        metrics.uploads.add(1)
        defer { metrics.uploads.add(-1) }
        return await withTaskGroup(of: BodyEvent.self) { group in
            group.addTask {
                guard let part = await self.begin(attempt, after: after, range, blob) else {
                    return .ended(.spoiled(.failed))
                }
                return .ended(await SegmentUpload(range, into: part).run(body))
            }
            group.addTask { .answered(await self.answer(to: id)) }
            group.addTask {
                try? await Task.sleep(for: limit)
                return .late
            }
            var outcome = RecordOutcome.failure(.storageFailed)
            var isTooLong = false
            for await event in group {
                switch event {
                case .ended(.received(let count)):
                    if count < range.count { await parts[attempt]??.rest() }
                    metrics.receivedBytes.add(Int(count))
                    take(.ended(attempt, received: range.offset + count))
                case .ended(.spoiled(let failure)): take(.spoiled(attempt, failure))
                case .ended(.tooLong):
                    isTooLong = true
                    take(.spoiled(attempt, .failed))
                case .answered(let answer):
                    outcome = isTooLong ? .failure(.segmentTooLarge(limit: range.size)) : answer
                    group.cancelAll()
                case .late: group.cancelAll()
                }
            }
            return outcome
        }
    }

    /// Nil: it could not be begun, or counts no more.
    private func begin(
        _ attempt: UploadAttempt,
        after: UploadAttempt?,
        _ range: UploadRange,
        _ blob: SegmentBlob
    ) async -> SegmentPart? {
        guard parts[attempt] != nil, let name = BlobName(blob) else { return nil }
        do {
            let part: SegmentPart
            if let after {
                predecessors[attempt] = nil
                guard let before = parts.removeValue(forKey: after) ?? nil else { return nil }
                part = try await before.continued(as: attempt.rawValue)
            } else {
                part = try await stores.files.begin(name, attempt: attempt.rawValue, size: range.size)
            }
            // Displaced or dropped in the meantime: what was just made goes with `part`.
            guard parts[attempt] != nil else { return nil }
            parts[attempt] = .some(part)
            return part
        } catch {
            note("an upload cannot be begun", error)
            take(.spoiled(attempt, RecordStepFailure(error)))
            return nil
        }
    }

    private func answer(to id: RecordRequestID) async -> RecordOutcome {
        if let answer = answers.removeValue(forKey: id) { return answer }
        return await withCheckedContinuation { ears[id] = .request($0) }
    }

    // MARK: The machine

    private func take(_ input: RecordSession.Input) {
        for action in machine.receive(input, at: clock.now()) {
            switch action {
            case .look(let names): start { await $0.look(names) }
            case .carryOut(let steps): start { await $0.carryOut(steps) }
            case .askForRoom(let size): start { .room(await $0.room(size)) }
            case .answer(let id, let outcome): tell(id, outcome)
            case .receive(let id, let attempt, let after, let range):
                guard case .put(let ear) = ears[id], let blob = machine.blob(of: attempt) else { break }
                ears[id] = .body
                parts.updateValue(nil, forKey: attempt)
                predecessors[attempt] = after
                ear.resume(returning: .receive(attempt, after: after, range, blob))
            case .abort(let attempt): drop(attempt)
            case .wake(let at): wakeAt = at
            }
        }
        tellNews()
    }

    private func tell(_ id: RecordRequestID, _ outcome: RecordOutcome) {
        switch ears.removeValue(forKey: id) {
        case .request(let ear): ear.resume(returning: outcome)
        case .put(let ear): ear.resume(returning: .answered(outcome))
        case .body: answers[id] = outcome
        case nil: break
        }
    }

    private func drop(_ attempt: UploadAttempt) {
        // It was displaced before it began: nobody else knows of what it was to go on from.
        if let before = predecessors.removeValue(forKey: attempt) { drop(before) }
        guard let part = parts.removeValue(forKey: attempt) ?? nil else { return }
        cleaning[attempt] = Task {
            await part.drop()
            cleaning[attempt] = nil
        }
    }

    private func tellNews() {
        let isIdle = machine.isIdle && job == nil
        if isIdle { checksums = [:] }
        news.tell(isIdle, wakeAt)
    }

    // MARK: Steps

    private func start(_ body: @escaping @Sendable (SessionRunner) async -> RecordSession.Input) {
        job = Task {
            let result = await body(self)
            job = nil
            take(result)
        }
    }

    private func look(_ names: [SegmentName]) async -> RecordSession.Input {
        do {
            var found: [StoredSegment] = []
            for row in try await stores.segments.segments(names, of: id) {
                found.append(try await stores.stored(row))
            }
            return .found(found)
        } catch {
            note("segments cannot be looked up", error)
            return .failed(RecordStepFailure(error))
        }
    }

    private func carryOut(_ steps: [RecordStep]) async -> RecordSession.Input {
        for step in steps {
            do { try await carryOut(step) } catch {
                note("a step of a recording failed", error)
                return .failed(RecordStepFailure(error))
            }
        }
        return .done
    }

    private func carryOut(_ step: RecordStep) async throws {
        switch step {
        case .writeRows(let rows): try await write(rows)
        case .deleteRows(let names):
            try await stores.segments.deleteSegments(names, of: id)
            metrics.dropped.add(names.count)
        case .addDropped(let dropped):
            try await stores.sessions.addDropped(dropped.count, dropped.time, to: id)
            metrics.lostByUnits.add(dropped.count)
        case .syncBytes(let attempt):
            guard let part = parts[attempt] ?? nil else { throw BlobError.ended }
            let begin = Instant.now
            try await part.sync()
            metrics.sync.observe((Instant.now - begin).inSeconds)
        case .putInPlace(let attempt, let blob):
            guard let part = parts[attempt] ?? nil else { throw BlobError.ended }
            checksums[blob] = try await part.putInPlace()
            parts[attempt] = nil
        case .syncFolder(let blob):
            if let name = BlobName(blob) { try await stores.files.syncFolder(of: name) }
        case .deleteBlob(let blob):
            checksums[blob] = nil
            if let name = BlobName(blob) { try await stores.files.delete(name) }
        }
    }

    private func write(_ rows: [SegmentRow]) async throws {
        var rows = rows
        for index in rows.indices where rows[index].state == .saved {
            rows[index].sha256 = try await checksum(of: rows[index].blob)
        }
        try await stores.segments.writeSegments(rows)
        for row in rows where row.state == .saved {
            checksums[row.blob] = nil
            metrics.saved.add()
            metrics.savedBytes.add(Int(row.size))
        }
    }

    /// Of bytes that came in an earlier run nobody has counted it: they are read once more.
    private func checksum(of blob: SegmentBlob) async throws -> String? {
        if let known = checksums[blob] { return known }
        guard let name = BlobName(blob) else { return nil }
        return try await stores.files.sha256(of: name)
    }

    private func note(_ what: Logger.Message, _ error: any Error) {
        metrics.failures.add()
        logger.error(what, metadata: ["session": "\(id)", "reason": "\(error)"])
    }
}

extension RecordStepFailure {
    init(_ error: any Error) {
        if case .noSpace = error as? BlobError { self = .noSpace } else { self = .failed }
    }
}
