package import HSSModel

/// A request that waits for its answer, numbered by the service.
package struct RecordRequestID: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package var description: String { "\(rawValue)" }
}

/// One upload of one segment. What a displaced upload still says is known by its number.
package struct UploadAttempt: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package var description: String { "\(rawValue)" }
}

/// Something that has to happen at the edge, and has happened when it is reported: what is said to be synced stays after a
/// power cut.
package enum RecordStep: Hashable, Sendable {
    /// Rows are replaced by name, all or none, durably.
    case writeRows([SegmentRow])
    /// Those that are there go, durably.
    case deleteRows([SegmentName])
    /// The statistics of the session grow by this (`stat`).
    case addDropped(DroppedSegments)
    /// The bytes of an upload are on the disk.
    case syncBytes(UploadAttempt)
    /// The upload gets the name of its blob.
    case putInPlace(UploadAttempt, SegmentBlob)
    /// The folder of a blob is on the disk: a name that came or went is durable.
    case syncFolder(SegmentBlob)
    /// Nothing happens where there is none.
    case deleteBlob(SegmentBlob)
}

/// Why a step did not happen. Whether anything of it did is not known.
package enum RecordStepFailure: Hashable, Sendable, CaseIterable {
    case noSpace
    case failed
}

/// What a request comes to.
package enum RecordOutcome: Hashable, Sendable {
    /// The edge makes the address of it (``UploadAddress``).
    case place(SegmentName, size: Int64, expiresAt: WallTime)
    /// 200, and no address: do not upload it.
    case unwanted
    /// 200, and nothing more.
    case done
    case time(WallTime)
    case failure(RecordFailure)
}

/// Now, by both clocks: deadlines must not jump, and segments are told of by the wall's.
package struct RecordMoment: Hashable, Sendable {
    package var instant: Instant
    package var clock: WallTime

    package init(instant: Instant, clock: WallTime) {
        self.instant = instant
        self.clock = clock
    }
}

extension RecordSession {
    package enum Input: Sendable {
        /// `until`: recording was stopped, and segments that start from then on are not wanted. `fresh` names the bytes of
        /// the segment, should this request begin one.
        case request(RecordRequestID, SegmentRequest, until: WallTime? = nil, fresh: SegmentBlob)
        /// A `PUT` whose address was genuine, before its body. `attempt` is its number, should it be taken.
        case put(RecordRequestID, SegmentName, UploadRange, attempt: UploadAttempt)
        /// An upload ended, by itself or by a broken connection, with this many bytes of the segment in all.
        case ended(UploadAttempt, received: Int64)
        /// An upload could not be written. What came of it counts for nothing.
        case spoiled(UploadAttempt, RecordStepFailure)
        /// What was looked for; names that are not there have no row.
        case found([StoredSegment])
        /// All steps of the last ``Action/carryOut(_:)`` have happened, in their order.
        case done
        /// One of them has not, and none behind it was begun; or a look could not be taken.
        case failed(RecordStepFailure)
        /// The answer to ``Action/askForRoom(_:)``; nil: there is room.
        case room(RecordFailure?)
        /// A check found this segment unfinished, with these bytes, and nobody at it: it goes, unless somebody is at it by
        /// now. Answered with ``RecordOutcome/done`` where it goes, with ``RecordFailure/busy`` where it stays.
        case abandon(RecordRequestID, SegmentName, SegmentBlob)
        case wake
    }

    package enum Action: Hashable, Sendable {
        /// Rows of these names, and the size of their blobs: to be answered with ``Input/found(_:)`` or
        /// ``Input/failed(_:)``.
        case look([SegmentName])
        /// In this order, each after the one before it: to be answered with ``Input/done`` or ``Input/failed(_:)``.
        /// There is never a second list, or a look, before that.
        case carryOut([RecordStep])
        /// A segment of so many bytes would be begun, and nothing else speaks against it: to be answered with
        /// ``Input/room(_:)``, on the same terms as a look. Only where ``RecordSession/Limits/asksForRoom`` says so.
        case askForRoom(Int64)
        case answer(RecordRequestID, RecordOutcome)
        /// Take the body of this `PUT`, `count` bytes and no more, behind the `offset` bytes that its segment's last
        /// upload left (none: begin with nothing). To be answered with ``Input/ended(_:received:)``.
        case receive(RecordRequestID, UploadAttempt, after: UploadAttempt?, UploadRange)
        /// End this upload if it runs, and drop what came of it, and what it was to go on from if it has not begun. It says
        /// nothing more.
        case abort(UploadAttempt)
        case wake(at: Instant)
    }
}
