package import HSSModel
package import Vr

/// Brings the segments of one recording to the storage, one after the other: create, upload, confirm (§9.3.4.1).
///
/// A segment is held until the platform has said that it counts. What is held is bounded; of too much the oldest that is
/// not under way is dropped, counted, and told with `stat`. Confirmations travel with the next `create`, or alone when
/// there is none for a while (§9.3.4.1.3). The connection to the signalling server plays no part in it.
///
/// Asks one thing at a time. The answers: `RecordUploaderReplies.swift`.
package struct RecordUploader: Sendable {
    package struct Limits: Sendable, Equatable {
        /// `seg_max_count`; at least two, the one under way and the one that follows.
        package var mostSegments: Int
        /// Of all that is held.
        package var mostBytes = 64 << 20
        /// How long an uploaded segment waits for the next one to be confirmed with.
        package var confirmAfter: Duration = .seconds(15)
        /// Uploads of one segment that fail while the platform answers; then it is given up with `fail`.
        package var mostFailures = 6
        package var firstRetry: Duration = .seconds(1)
        package var longestRetry: Duration = .seconds(60)
        /// After the end of the recording; then what is held is dropped.
        package var drainWithin: Duration = .seconds(300)
        package var statEvery: Duration = .seconds(60)
        package var requestLimit: Duration = .seconds(20)
        package var uploadLimit: Duration = .seconds(600)
        /// A shorter upload is repeated rather than resumed.
        package var smallestResumed = 256 << 10

        package init(mostSegments: Int) {
            self.mostSegments = max(2, mostSegments)
        }
    }

    package enum Input: Sendable {
        case segment(RecordedSegment)
        case reply(number: UInt64, VrReply)
        /// No more segments come.
        case stop
        /// What is held is not worth keeping any more.
        case abandon
        /// The platform told the Vr address once more: what was refused there may be tried at once.
        case address(Secret)
        case wake
    }

    package enum Action: Equatable, Sendable {
        case ask(number: UInt64, SegmentRequest)
        case put(number: UInt64, SegmentUpload)
        /// The platform says that its clock is another: to be answered with ``clockMoved(by:)`` where it is far off.
        case clock(platform: WallTime, host: WallTime)
        case saved(RecordedSpan)
        /// The platform has it already, or wants no more.
        case unwanted(RecordedSpan)
        case dropped(RecordedSpan, String)
        /// It is tried again, after a while.
        case interrupted(String)
        /// The last action.
        case ended
    }

    struct Held: Sendable {
        var segment: RecordedSegment
        /// The same in each `create`: it names the segment.
        var announcement: SegmentAnnouncement?
        /// Where it goes; nil: to be asked for (again).
        var place: UploadPlace?
        /// The last that it was given.
        var name: String?
        var failures = 0
        /// An upload broke: the platform may have some of it.
        var mayResume = false
        /// Bytes that the platform said it has.
        var offset: Int64?
        /// The clock was asked for because of it.
        var hasAskedTime = false
        /// The platform did not have it when it was to be confirmed.
        var wasUnknown = false
        /// Its `create` was sent twice, on purpose.
        var isRepeated = false
    }

    enum Work: Equatable {
        case create(confirms: Bool)
        case put(UploadRange)
        case save
        case fail
        case time
        case stat(DroppedSegments)
    }

    enum Stage {
        case idle
        case waiting(until: Instant)
        case out(UInt64, Work)
    }

    struct Failing: Sendable {
        var name: String
        var span: RecordedSpan
        var tries = 0
    }

    /// The platform drops what it hears nothing of by itself.
    private static let mostFailing = 16

    private(set) var limits: Limits
    /// The unit can upload by https (`https`, Table I.3-1).
    private let isSecure: Bool
    /// The Vr address of the channel.
    private var address: VrAddress?
    var faults: RecordFaults
    /// Oldest first; the first is the one under way.
    var queue: [Held] = []
    /// Uploaded, and not confirmed yet.
    var unconfirmed: Held?
    var uploadedAt: Instant?
    /// The platform did not take a confirmation that travelled with `create`.
    var confirmsAlone = false
    /// To be told of with `fail`.
    var failing: [Failing] = []
    var dropped = DroppedSegments()
    var statAt: Instant?
    var asksTime = false
    var stage = Stage.idle
    var retries = 0
    private var nextIsBroken = false
    private var lastNumber: UInt64 = 0
    private var drainEnd: Instant?
    var hasToldAll = false
    private(set) var hasEnded = false
    private var random: UnitRandom

    package init(
        _ limits: Limits,
        url: Secret,
        isSecure: Bool = true,
        faults: RecordFaultPlan = RecordFaultPlan(),
        seed: UInt64
    ) {
        self.limits = limits
        self.isSecure = isSecure
        address = VrAddress(url)
        self.faults = RecordFaults(faults, seed: seed ^ 0xfa17)
        random = UnitRandom(seed: seed)
    }

    /// Segments that the platform has not acknowledged.
    package var held: Int { queue.count + (unconfirmed == nil ? 0 : 1) }
    /// What they take up.
    package var heldBytes: Int {
        queue.reduce(unconfirmed?.segment.bytes.count ?? 0) { $0 + $1.segment.bytes.count }
    }

    /// How much may be held from now on, in bytes: a segment that comes pushes out what is more.
    package mutating func bound(to bytes: Int) { limits.mostBytes = bytes }

    package var isDraining: Bool { drainEnd != nil }

    /// When ``Input/wake`` is next needed.
    package var nextWake: Instant? {
        guard !hasEnded else { return nil }
        let own: Instant? =
            switch stage {
            case .out: nil
            case .waiting(let until): until
            case .idle: unconfirmed == nil ? statDue : uploadedAt.map { $0 + confirmAfter }
            }
        return [own, drainEnd].compactMap(\.self).min()
    }

    private var statDue: Instant? { dropped.count > 0 && retries == 0 ? statAt : nil }
    var confirmAfter: Duration { faults.plan.lateSave ?? limits.confirmAfter }

    package mutating func receive(_ input: Input, at now: Instant) -> [Action] {
        guard !hasEnded else { return [] }
        var actions: [Action] = []
        switch input {
        case .segment(let segment):
            guard !isDraining || !hasToldAll else { break }
            actions += take(segment)
        case .reply(let number, let reply):
            guard case .out(number, let work) = stage else { return [] }
            stage = .idle
            actions += hear(reply, to: work, at: now)
        case .stop:
            if drainEnd == nil { drainEnd = now + limits.drainWithin }
        case .abandon: return giveAllUp("the recording was given up")
        case .address(let url):
            address = VrAddress(url)
            if case .waiting = stage { stage = .idle }
        case .wake: break
        }
        if let drainEnd, drainEnd <= now { return actions + giveAllUp("it was not uploaded in time") }
        return actions + proceed(at: now)
    }

    /// Everything that was not announced yet moves with the unit's clock.
    package mutating func clockMoved(by correction: Duration) {
        for index in queue.indices where queue[index].place == nil {
            queue[index].segment.start = queue[index].segment.start + correction
            queue[index].announcement = nil
        }
    }

    // MARK: The cache

    private mutating func take(_ segment: RecordedSegment) -> [Action] {
        var segment = segment
        if nextIsBroken { segment.isDiscontinuous = true }
        nextIsBroken = false
        if let offset = faults.plan.clockOffset { segment.start = segment.start + offset }
        queue.append(Held(segment: segment))
        var actions: [Action] = []
        while queue.count > 1, isFull {
            actions += drop(at: isUnderWay ? 1 : 0, "the cache is full")
        }
        return actions
    }

    private var isFull: Bool {
        held > limits.mostSegments || heldBytes > limits.mostBytes
    }

    /// The first of the queue is being worked on: what has been done for it would be lost.
    private var isUnderWay: Bool {
        if case .out(_, .create) = stage { return true }
        return queue.first?.place != nil
    }

    /// What follows does not follow what the platform has any more; what the platform has of it is cleaned up (§9.3.4.1.2).
    mutating func drop(at index: Int, _ reason: String) -> [Action] {
        let gone = queue.remove(at: index)
        let span = gone.segment.span
        if let name = gone.name {
            if failing.count >= Self.mostFailing { failing.removeFirst() }
            failing.append(Failing(name: name, span: span))
        }
        if index < queue.count {
            queue[index].segment.isDiscontinuous = true
            queue[index].announcement = nil
        } else {
            nextIsBroken = true
        }
        count(span)
        return [.dropped(span, reason)]
    }

    private mutating func count(_ span: RecordedSpan) {
        dropped.count = min(dropped.count + 1, Int(Int32.max))
        dropped.time = min(dropped.time + span.duration, DroppedSegments.mostTime)
    }

    private mutating func giveAllUp(_ reason: String) -> [Action] {
        if let last = unconfirmed { queue.insert(last, at: 0) }
        unconfirmed = nil
        var actions: [Action] = []
        while !queue.isEmpty { actions += drop(at: 0, reason) }
        hasEnded = true
        return actions + [.ended]
    }

    // MARK: What is next

    private mutating func proceed(at now: Instant) -> [Action] {
        switch stage {
        case .out: return []
        case .waiting(let until):
            guard until <= now else { return [] }
            stage = .idle
        case .idle: break
        }
        guard let work = nextWork(at: now) else {
            guard isDraining, held == 0, failing.isEmpty else { return [] }
            hasEnded = true
            return [.ended]
        }
        lastNumber += 1
        stage = .out(lastNumber, work)
        return [action(for: work, number: lastNumber)]
    }

    private mutating func nextWork(at now: Instant) -> Work? {
        if !failing.isEmpty { return .fail }
        if asksTime { return .time }
        if unconfirmed != nil, mustSave(at: now) { return .save }
        let isLast = isDraining && queue.isEmpty
        if dropped.count > 0, !hasToldAll, let statAt, isLast || retries == 0 && statAt <= now {
            return .stat(dropped)
        }
        guard let head = queue.first else { return nil }
        guard head.place != nil else {
            return .create(confirms: unconfirmed != nil && !confirmsAlone && faults.plan.lateSave == nil)
        }
        return .put(range(of: head))
    }

    private func mustSave(at now: Instant) -> Bool {
        guard let uploadedAt else { return true }
        return now >= uploadedAt + confirmAfter || confirmsAlone || isDraining && queue.isEmpty
            || unconfirmed?.wasUnknown == true
    }

    /// One byte asks where to go on, where the platform may have some of it.
    private func range(of head: Held) -> UploadRange {
        let size = Int64(head.segment.bytes.count)
        if let offset = head.offset, (0..<size).contains(offset) {
            return UploadRange(offset: offset, size: size)
        }
        let asks = head.mayResume && size > limits.smallestResumed && isOwnHost(head.place?.url)
        return UploadRange(offset: asks ? size - 1 : 0, size: size)
    }

    /// Only there uploads are resumed: others may take a part for the whole.
    private func isOwnHost(_ url: Secret?) -> Bool {
        guard let address, let url else { return false }
        return VrAddress(url)?.authority == address.authority
    }

    func mayUpload(to url: Secret) -> Bool {
        guard let address, let target = VrAddress(url) else { return false }
        return address.leads(to: target) || !isSecure || faults.plan.isPlain
    }

    private mutating func action(for work: Work, number: UInt64) -> Action {
        switch work {
        case .create(let confirms): return .ask(number: number, create(confirms: confirms))
        case .put(let range):
            let head = queue[0]
            return .put(
                number: number,
                SegmentUpload(
                    url: head.place?.url ?? Secret(""),
                    content: head.segment.bytes,
                    range: range,
                    breaksAfter: faults.breakUpload(of: Int(range.count))
                )
            )
        case .save: return .ask(number: number, .save(name: unconfirmed?.name ?? ""))
        case .fail: return .ask(number: number, .fail(name: failing[0].name))
        case .time: return .ask(number: number, .currentTime)
        case .stat(let dropped):
            hasToldAll = isDraining
            return .ask(number: number, .statistics(dropped))
        }
    }

    private mutating func create(confirms: Bool) -> SegmentRequest {
        let segment = queue[0].segment
        let announcement =
            queue[0].announcement
            ?? SegmentAnnouncement(
                size: Int64(segment.bytes.count) + faults.wrongSize(),
                start: segment.start,
                duration: segment.duration,
                discontinue: segment.isDiscontinuous
            )
        queue[0].announcement = announcement
        return .create(
            announcement,
            secure: isSecure && !faults.plan.isPlain,
            confirming: confirms ? unconfirmed?.name : nil
        )
    }

    // MARK: Waiting

    /// Doubled each time, spread by a quarter: cameras of one house lose the network together.
    mutating func wait(_ reason: String, atLeast: Duration? = nil, at now: Instant) -> [Action] {
        let isNews = retries == 0
        var delay = limits.firstRetry
        for _ in 0..<min(retries, 16) { delay = min(delay * 2, limits.longestRetry) }
        retries += 1
        let spread = Double.random(in: 0.75...1.25, using: &random)
        let asked = min(atLeast ?? .zero, .seconds(600))
        stage = .waiting(until: now + max(delay * spread, asked))
        return isNews ? [.interrupted(reason)] : []
    }
}
