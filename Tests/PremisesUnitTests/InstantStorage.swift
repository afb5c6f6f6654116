import HSSModel
import Testing
import Vr

extension RecordFailure {
    /// Where an upload goes on, as the platform tells it (`Upload-Offset`).
    var offset: Int64? {
        switch self {
        case .wrongOffset(let expected): expected
        case .incomplete(let received, _): received
        default: nil
        }
    }
}

/// The platform's ``RecordSession`` on a disk that is never slow and never fails.
struct InstantStorage {
    private var session: RecordSession
    private(set) var rows: [SegmentName: SegmentRow] = [:]
    private(set) var blobs: [SegmentBlob: [UInt8]] = [:]
    private(set) var told = DroppedSegments()
    private(set) var wakeAt: Instant?
    private var parts: [UploadAttempt: [UInt8]] = [:]
    private var count: UInt64 = 0

    init(limits: RecordSession.Limits = RecordSession.Limits(), at now: RecordMoment) {
        var limits = limits
        limits.asksForRoom = true
        session = RecordSession(
            RecordSessionID(unchecked: "session"),
            of: ChannelID(unchecked: "cam1-0"),
            limits: limits,
            at: now
        )
    }

    /// Segments that count, oldest first, with their bytes.
    var saved: [(row: SegmentRow, bytes: [UInt8])] {
        rows.values.filter { $0.state == .saved }.sorted { $0.name < $1.name }
            .map { ($0, blobs[$0.blob] ?? []) }
    }

    mutating func ask(_ request: SegmentRequest, at now: RecordMoment) -> RecordOutcome {
        count += 1
        let id = RecordRequestID(count)
        return take(.request(id, request, fresh: SegmentBlob(unchecked: "b\(count)")), id, [], at: now)
    }

    /// `body`: as much as came.
    mutating func put(
        _ name: SegmentName,
        _ range: UploadRange,
        body: [UInt8],
        at now: RecordMoment
    ) -> RecordOutcome {
        count += 1
        let id = RecordRequestID(count)
        return take(.put(id, name, range, attempt: UploadAttempt(count)), id, body, at: now)
    }

    /// What quotas and the disk say from now on; nil: there is room.
    var shortage: RecordFailure?

    mutating func wake(at now: RecordMoment) {
        wakeAt = nil
        _ = take(.wake, nil, [], at: now)
    }

    @discardableResult private mutating func take(
        _ input: RecordSession.Input,
        _ id: RecordRequestID?,
        _ body: [UInt8],
        at now: RecordMoment
    ) -> RecordOutcome {
        var inputs = [input]
        var outcome = RecordOutcome.failure(.busy)
        while !inputs.isEmpty {
            for action in session.receive(inputs.removeFirst(), at: now) {
                switch action {
                case .look(let names):
                    let found = names.compactMap { rows[$0] }.map {
                        StoredSegment(row: $0, blobSize: blobs[$0.blob].map { Int64($0.count) })
                    }
                    inputs.append(.found(found))
                case .askForRoom: inputs.append(.room(shortage))
                case .carryOut(let steps):
                    for step in steps { carryOut(step) }
                    inputs.append(.done)
                case .receive(_, let attempt, let after, let range):
                    let before = after.flatMap { parts.removeValue(forKey: $0) } ?? []
                    parts[attempt] = before + body.prefix(Int(range.count))
                    inputs.append(.ended(attempt, received: Int64(parts[attempt]?.count ?? 0)))
                case .abort(let attempt): parts[attempt] = nil
                case .answer(id, let answer): outcome = answer
                case .answer: Issue.record("an answer for nobody")
                case .wake(let at): wakeAt = at
                }
            }
        }
        return outcome
    }

    private mutating func carryOut(_ step: RecordStep) {
        switch step {
        case .writeRows(let changed): for row in changed { rows[row.name] = row }
        case .deleteRows(let gone): for name in gone { rows[name] = nil }
        case .addDropped(let more):
            told.count += more.count
            told.time += more.time
        case .putInPlace(let attempt, let blob): blobs[blob] = parts.removeValue(forKey: attempt)
        case .deleteBlob(let blob): blobs[blob] = nil
        case .syncBytes, .syncFolder: break
        }
    }
}
