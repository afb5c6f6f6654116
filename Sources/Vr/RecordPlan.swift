internal import HSSModel

/// A segment that is neither saved nor gone, as its session holds it.
struct OpenSegment: Sendable {
    var row: SegmentRow
    /// Never absent or saved.
    var state: SegmentLifecycle.State
    /// Its row may not be in the database: the write failed, and how far it came is not known.
    var isDoubtful = false
    /// The name of its blob was found, not made, so the folder may not be on the disk.
    var folderIsDoubtful = false
    /// The upload that runs, or that broke and left ``received`` bytes.
    var attempt: UploadAttempt?
    var received: Int64 = 0
    /// Whose `PUT` runs.
    var uploader: RecordRequestID?
    var deadline: Instant

    init(_ row: SegmentRow, state: SegmentLifecycle.State, deadline: Instant) {
        self.row = row
        self.state = state
        self.deadline = deadline
    }

    /// As the database has it. A clean-up that was broken off goes on at once.
    init(_ stored: StoredSegment, at now: Instant, confirmWithin: Duration) {
        row = stored.row
        let isThere = stored.blobSize == stored.row.size
        state = stored.row.state == .dropping ? .dropping : isThere ? .uploaded : .created
        folderIsDoubtful = isThere
        deadline = state == .dropping ? now : now + confirmWithin
    }

    /// What is left of it when its upload is over.
    func withoutUpload() -> OpenSegment {
        var segment = self
        segment.state = .created
        segment.attempt = nil
        segment.received = 0
        segment.uploader = nil
        return segment
    }
}

/// What one piece of work comes to: steps, then changes and actions.
struct RecordPlan: Sendable {
    var steps: [RecordStep] = []
    /// Nil: the segment is not held any more.
    var changes: [SegmentName: OpenSegment?] = [:]
    var actions: [RecordSession.Action] = []
    /// Rows that say `dropping` now.
    var dropped: [SegmentName] = []
    /// It has to be planned once more, when it is known whether there is room for so many bytes. Nothing else counts then.
    var wantsRoom: Int64?

    /// Where a step fails: what becomes of it, and who hears why.
    var changesOnFailure: [SegmentName: OpenSegment?] = [:]
    var actionsOnFailure: [RecordSession.Action] = []
    var asking: [RecordRequestID] = []

    static func answer(_ id: RecordRequestID, _ outcome: RecordOutcome) -> RecordPlan {
        var plan = RecordPlan()
        plan.actions = [.answer(id, outcome)]
        return plan
    }

    static func refuse(_ id: RecordRequestID, _ failure: RecordFailure) -> RecordPlan {
        answer(id, .failure(failure))
    }
}
