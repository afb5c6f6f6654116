internal import HSSModel

/// The settled states that one piece of work meets, and what it comes to in them.
struct RecordView {
    var open: [SegmentName: OpenSegment]
    /// Those that were looked up and are saved.
    let saved: [SegmentName: StoredSegment]
    let session: RecordSessionID
    let channel: ChannelID
    let limits: RecordSession.Limits
    let room: Room

    /// Whether there is room for a segment that is begun.
    enum Room: Sendable {
        /// Nobody has asked yet.
        case unknown
        case given
        case refused(RecordFailure)
    }

    func state(of name: SegmentName) -> SegmentLifecycle.State {
        open[name]?.state ?? (saved[name] == nil ? .absent : .saved)
    }

    // MARK: Requests

    func plan(
        _ request: SegmentRequest,
        _ id: RecordRequestID,
        until: WallTime?,
        fresh: SegmentBlob,
        at now: RecordMoment
    ) -> RecordPlan {
        switch request {
        case .create(let announcement, _, let previous):
            let isWanted = until.map { announcement.start < $0 } ?? true
            return create(announcement, isWanted, confirming: previous, id, fresh: fresh, at: now)
        case .save(let name):
            guard let name = SegmentName(name) else { return .refuse(id, .unknownSegment) }
            switch confirmation(of: name) {
            case .failure(let failure): return .refuse(id, failure)
            case .success(let steps): return confirm(steps, name, id)
            }
        case .fail(let name): return fail(name, id)
        case .currentTime: return .answer(id, .time(now.clock))
        case .statistics(let dropped):
            var plan = RecordPlan.answer(id, .done)
            guard dropped != DroppedSegments() else { return plan }
            plan.steps = [.addDropped(dropped)]
            plan.asking = [id]
            return plan
        }
    }

    /// What makes a segment count; no steps where it counts already.
    private func confirmation(of name: SegmentName) -> Result<[RecordStep], RecordFailure> {
        switch SegmentLifecycle.verdict(on: .save, in: state(of: name)) {
        case .save:
            guard let segment = open[name] else { return .failure(.unknownSegment) }
            var row = segment.row
            row.state = .saved
            let folder: [RecordStep] = segment.folderIsDoubtful ? [.syncFolder(row.blob)] : []
            return .success(folder + [.writeRows([row])])
        case .answerDone: return .success([])
        case .refuseIncomplete:
            let segment = open[name]
            return .failure(.incomplete(received: segment?.received ?? 0, size: segment?.row.size ?? 0))
        default: return .failure(.unknownSegment)
        }
    }

    private func confirm(_ steps: [RecordStep], _ name: SegmentName, _ id: RecordRequestID) -> RecordPlan {
        var plan = RecordPlan.answer(id, .done)
        plan.steps = steps
        plan.changes[name] = .some(nil)
        plan.asking = [id]
        return plan
    }

    /// The confirmation of the previous segment comes first and stands, whatever becomes of the new one. Where there is
    /// nothing to confirm the whole request is refused: 200 would acknowledge a segment that is lost.
    private func create(
        _ announcement: SegmentAnnouncement,
        _ isWanted: Bool,
        confirming previous: String?,
        _ id: RecordRequestID,
        fresh: SegmentBlob,
        at now: RecordMoment
    ) -> RecordPlan {
        guard let previous else { return begin(announcement, isWanted, id, fresh: fresh, at: now) }
        guard let name = SegmentName(previous) else { return .refuse(id, .unknownSegment) }
        switch confirmation(of: name) {
        case .failure(let failure): return .refuse(id, failure)
        case .success(let steps):
            // The same segment named twice: it is saved by the time it is announced, and not wanted again.
            var plan =
                name.start == announcement.start
                ? RecordPlan.answer(id, .unwanted) : begin(announcement, isWanted, id, fresh: fresh, at: now)
            plan.steps = Self.joined(steps, plan.steps)
            plan.changes[name] = .some(nil)
            plan.asking = [id]
            return plan
        }
    }

    /// Both rows in one commit: half the waiting for the disk (§9.3.4.1.3, "to improve efficiency").
    private static func joined(_ first: [RecordStep], _ second: [RecordStep]) -> [RecordStep] {
        guard case .writeRows(let saved)? = first.last, case .writeRows(let created)? = second.first else {
            return first + second
        }
        return first.dropLast() + [.writeRows(saved + created)] + second.dropFirst()
    }

    private func begin(
        _ announcement: SegmentAnnouncement,
        _ isWanted: Bool,
        _ id: RecordRequestID,
        fresh: SegmentBlob,
        at now: RecordMoment
    ) -> RecordPlan {
        guard let name = SegmentName(start: announcement.start) else {
            return .refuse(id, .malformed(.start))
        }
        let row = SegmentRow(
            session: session,
            channel: channel,
            name: name,
            duration: announcement.duration,
            size: announcement.size,
            discontinue: announcement.discontinue,
            blob: fresh,
            state: .created
        )
        let held = open[name]
        let isOther = held.map { !$0.row.announces(row) } ?? false
        switch SegmentLifecycle.verdict(on: isOther ? .createOther : .create, in: state(of: name)) {
        case .begin:
            guard isWanted else { return .answer(id, .unwanted) }
            if let refusal = refusal(of: announcement, at: now) { return .refuse(id, refusal) }
            switch room {
            case .given: return write(row, id, at: now)
            case .refused(let failure): return .refuse(id, failure)
            case .unknown:
                var plan = RecordPlan()
                plan.wantsRoom = row.size
                return plan
            }
        // Nobody was told of it: it may be announced as if for the first time.
        case .answerPlace, .refuseDifferent:
            guard let held, !held.isDoubtful else { return write(row, id, at: now) }
            guard !isOther else { return .refuse(id, .announcedDifferently) }
            var renewed = held
            renewed.deadline = now.instant + limits.confirmWithin
            var plan = RecordPlan.answer(id, place(of: held.row, at: now))
            plan.changes[name] = renewed
            return plan
        case .answerUnwanted: return .answer(id, .unwanted)
        default: return .refuse(id, .beingRemoved)
        }
    }

    private func refusal(of announcement: SegmentAnnouncement, at now: RecordMoment) -> RecordFailure? {
        if announcement.size > limits.largestSegment { return .segmentTooLarge(limit: limits.largestSegment) }
        if announcement.end > now.clock + limits.clockTolerance { return .clockAhead }
        return open.count < limits.mostOpen ? nil : .tooManyOpen
    }

    private func write(_ row: SegmentRow, _ id: RecordRequestID, at now: RecordMoment) -> RecordPlan {
        let segment = OpenSegment(row, state: .created, deadline: now.instant + limits.confirmWithin)
        var doubtful = segment
        doubtful.isDoubtful = true
        var plan = RecordPlan.answer(id, place(of: row, at: now))
        plan.steps = [.writeRows([row])]
        plan.changes[row.name] = segment
        plan.changesOnFailure[row.name] = doubtful
        plan.asking = [id]
        return plan
    }

    private func place(of row: SegmentRow, at now: RecordMoment) -> RecordOutcome {
        .place(row.name, size: row.size, expiresAt: now.clock + limits.confirmWithin)
    }

    private func fail(_ text: String, _ id: RecordRequestID) -> RecordPlan {
        // A name that is none of ours: there is nothing to clean up.
        guard let name = SegmentName(text) else { return .answer(id, .done) }
        switch SegmentLifecycle.verdict(on: .fail, in: state(of: name)) {
        case .drop:
            var plan = drop([name])
            plan.actions.append(.answer(id, .done))
            plan.asking = [id]
            return plan
        case .refuseSaved: return .refuse(id, .savedAlready)
        default: return .answer(id, .done)
        }
    }
}

extension SegmentRow {
    /// Says the same of the segment, wherever its bytes lie.
    fileprivate func announces(_ other: SegmentRow) -> Bool {
        duration == other.duration && size == other.size && discontinue == other.discontinue
    }
}
