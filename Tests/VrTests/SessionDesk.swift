import HSSModel
import Vr

/// One session, with an edge at which everything happens at once and a database that is a dictionary.
struct Desk {
    var session: RecordSession
    var now = RecordMoment(
        instant: Instant(nanoseconds: 0),
        clock: WallTime(milliseconds: 1_574_322_200_000)
    )
    var rows: [SegmentName: SegmentRow] = [:]
    var blobs: [SegmentBlob: Int64] = [:]
    /// What the edge was told to do, one line for each list of steps.
    var log: [[RecordStep]] = []
    var outcomes: [UInt64: RecordOutcome] = [:]
    var actions: [RecordSession.Action] = []
    var count: UInt64 = 0
    /// The next list of steps fails so.
    var failure: RecordStepFailure?
    /// What quotas and the disk say, and what they were asked.
    var shortage: RecordFailure?
    var asked: [Int64] = []
    /// Recording was stopped then.
    var until: WallTime?
    /// Steps wait for ``resume()``.
    var isHeld = false

    init(_ change: (inout RecordSession.Limits) -> Void = { _ in }) {
        var limits = RecordSession.Limits()
        change(&limits)
        session = RecordSession(
            RecordSessionID(unchecked: "s1"),
            of: ChannelID(unchecked: "cam1-0"),
            limits: limits,
            at: now
        )
    }

    mutating func take(_ input: RecordSession.Input) {
        for action in session.receive(input, at: now) {
            actions.append(action)
            switch action {
            case .look where failure != nil: resume()
            case .look(let names):
                let found = names.compactMap { rows[$0] }.map {
                    StoredSegment(row: $0, blobSize: blobs[$0.blob])
                }
                take(.found(found))
            case .askForRoom(let size):
                asked.append(size)
                if !isHeld { take(.room(shortage)) }
            case .carryOut(let steps):
                log.append(steps)
                if !isHeld { resume() }
            case .answer(let id, let outcome): outcomes[id.rawValue] = outcome
            case .receive, .abort, .wake: break
            }
        }
    }

    mutating func resume() {
        if let failed = failure {
            failure = nil
            return take(.failed(failed))
        }
        for step in log.last ?? [] {
            switch step {
            case .writeRows(let changed): for row in changed { rows[row.name] = row }
            case .deleteRows(let names): for name in names { rows[name] = nil }
            case .putInPlace(let attempt, let blob): blobs[blob] = sizes[attempt]
            case .deleteBlob(let blob): blobs[blob] = nil
            case .addDropped, .syncBytes, .syncFolder: break
            }
        }
        take(.done)
    }

    var sizes: [UploadAttempt: Int64] = [:]

    @discardableResult mutating func ask(_ request: SegmentRequest) -> RecordOutcome? {
        count += 1
        let fresh = SegmentBlob(unchecked: "b\(count)")
        take(.request(RecordRequestID(count), request, until: until, fresh: fresh))
        return outcomes[count]
    }

    mutating func abandon(_ row: SegmentRow) -> RecordOutcome? {
        count += 1
        take(.abandon(RecordRequestID(count), row.name, row.blob))
        return outcomes[count]
    }

    @discardableResult mutating func create(
        _ second: Int64,
        confirming: String? = nil,
        size: Int64 = 100
    )
        -> RecordOutcome?
    {
        let announcement = SegmentAnnouncement(
            size: size,
            start: WallTime(milliseconds: 1_574_322_100_000 + second * 1000),
            duration: .seconds(10)
        )
        return ask(.create(announcement, secure: true, confirming: confirming))
    }

    /// A `PUT` that ends after `received` bytes.
    @discardableResult mutating func put(
        _ second: Int64,
        offset: Int64 = 0,
        received: Int64? = 100
    )
        -> RecordOutcome?
    {
        count += 1
        guard let name = Self.name(second) else { return nil }
        let attempt = UploadAttempt(count)
        sizes[attempt] = 100
        take(.put(RecordRequestID(count), name, UploadRange(offset: offset, size: 100), attempt: attempt))
        let id = count
        if let received, outcomes[id] == nil { take(.ended(attempt, received: received)) }
        return outcomes[id]
    }

    static func name(_ second: Int64) -> SegmentName? {
        SegmentName(start: WallTime(milliseconds: 1_574_322_100_000 + second * 1000))
    }

    static func text(_ second: Int64) -> String { name(second)?.description ?? "" }

    func state(_ second: Int64) -> SegmentRowState? { Self.name(second).flatMap { rows[$0]?.state } }
}
