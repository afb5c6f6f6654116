internal import HSSModel

/// Uploads and clean-up.
extension RecordView {
    func put(
        _ name: SegmentName,
        _ range: UploadRange,
        _ id: RecordRequestID,
        attempt: UploadAttempt,
        at now: RecordMoment
    ) -> RecordPlan {
        let held = open[name]
        let isRest = range.offset == held?.received && range.offset > 0
        let event: SegmentLifecycle.Event = range.offset == 0 ? .put : isRest ? .putRest : .putElsewhere
        switch SegmentLifecycle.verdict(on: event, in: state(of: name)) {
        case .receive, .displace:
            // Of a doubtful segment nobody was told; an address that is shown for it is of an earlier life.
            guard var segment = held, !segment.isDoubtful, segment.row.size == range.size else {
                return .refuse(id, .unknownSegment)
            }
            var plan = RecordPlan()
            let before = segment.attempt
            if let uploader = segment.uploader {
                plan.actions.append(.answer(uploader, .failure(.displaced)))
            }
            if !isRest, let before { plan.actions.append(.abort(before)) }
            plan.actions.append(.receive(id, attempt, after: isRest ? before : nil, range))
            segment.state = .uploading
            segment.attempt = attempt
            segment.uploader = id
            segment.received = range.offset
            plan.changes[name] = segment
            return plan
        case .answerDone: return .answer(id, .done)
        case .refuseOffset:
            let expected = held?.state == .created ? held?.received ?? 0 : 0
            return .refuse(id, .wrongOffset(expected: expected))
        default: return .refuse(id, .unknownSegment)
        }
    }

    func ended(_ attempt: UploadAttempt, received: Int64, at now: RecordMoment) -> RecordPlan {
        guard let (name, segment) = uploading(attempt) else { return RecordPlan() }
        let event: SegmentLifecycle.Event = received == segment.row.size ? .complete : .broken
        guard SegmentLifecycle.verdict(on: event, in: segment.state) == .keep else {
            return retain(segment, received: received)
        }
        var plan = RecordPlan()
        plan.steps = [
            .syncBytes(attempt), .putInPlace(attempt, segment.row.blob), .syncFolder(segment.row.blob),
        ]
        var uploaded = segment.withoutUpload()
        uploaded.state = .uploaded
        uploaded.deadline = now.instant + limits.confirmWithin
        plan.changes[name] = uploaded
        if let uploader = segment.uploader {
            plan.actions = [.answer(uploader, .done)]
            plan.asking = [uploader]
        }
        // After a sync that failed nobody knows which bytes are on the disk: they have to come again.
        plan.changesOnFailure[name] = segment.withoutUpload()
        plan.actionsOnFailure = [.abort(attempt)]
        return plan
    }

    private func retain(_ segment: OpenSegment, received: Int64) -> RecordPlan {
        var kept = segment
        kept.state = .created
        kept.received = received
        kept.uploader = nil
        var plan = RecordPlan()
        plan.changes[segment.row.name] = kept
        if let uploader = segment.uploader {
            let failure = RecordFailure.incomplete(received: received, size: segment.row.size)
            plan.actions = [.answer(uploader, .failure(failure))]
        }
        return plan
    }

    func spoiled(_ attempt: UploadAttempt, _ failure: RecordStepFailure) -> RecordPlan {
        guard let (name, segment) = uploading(attempt) else { return RecordPlan() }
        var plan = RecordPlan()
        plan.changes[name] = segment.withoutUpload()
        plan.actions = [.abort(attempt)]
        if let uploader = segment.uploader {
            plan.actions.append(.answer(uploader, .failure(RecordFailure(failure))))
        }
        return plan
    }

    private func uploading(_ attempt: UploadAttempt) -> (SegmentName, OpenSegment)? {
        open.first { $0.value.attempt == attempt && $0.value.state == .uploading }.map { ($0.key, $0.value) }
    }

    // MARK: Clean-up

    /// What a check found and nobody is at: `held` are those that were open before it was looked up. What began anew
    /// meanwhile has other bytes.
    func abandon(
        _ name: SegmentName,
        _ blob: SegmentBlob,
        _ id: RecordRequestID,
        held: Set<SegmentName>
    ) -> RecordPlan {
        guard !held.contains(name), let segment = open[name], segment.row.blob == blob else {
            return .refuse(id, .busy)
        }
        var plan = segment.state == .dropping ? RecordPlan() : drop([name])
        if segment.state == .dropping { plan.dropped = [name] }
        plan.actions.append(.answer(id, .done))
        plan.asking = [id]
        return plan
    }

    /// Everything whose time is up: dropped, or removed once more.
    func expire(at now: RecordMoment) -> RecordPlan {
        let late = open.values.filter { $0.deadline <= now.instant }
        var plan = drop(late.filter { $0.state != .dropping }.map(\.row.name).sorted())
        let again = late.filter { $0.state == .dropping }.map(\.row.name).sorted()
        plan.dropped += again
        for name in plan.changes.keys {
            var later = open[name]
            later?.deadline = now.instant + limits.dropAgainAfter
            plan.changesOnFailure[name] = later
        }
        // Those that wait for their second half must not be late again at once.
        for name in again {
            var segment = open[name]
            segment?.deadline = now.instant + limits.dropAgainAfter
            plan.changes[name] = segment
            plan.changesOnFailure[name] = segment
        }
        return plan
    }

    /// First the rows say so: from then on no start of the platform brings the segments back.
    func drop(_ names: [SegmentName]) -> RecordPlan {
        var plan = RecordPlan()
        var rows: [SegmentRow] = []
        for name in names {
            guard var segment = open[name] else { continue }
            if let attempt = segment.attempt { plan.actions.append(.abort(attempt)) }
            if let uploader = segment.uploader {
                plan.actions.append(.answer(uploader, .failure(.unknownSegment)))
            }
            segment = segment.withoutUpload()
            segment.state = .dropping
            segment.row.state = .dropping
            rows.append(segment.row)
            plan.changes[name] = segment
            plan.dropped.append(name)
        }
        if !rows.isEmpty { plan.steps = [.writeRows(rows)] }
        return plan
    }

    /// Then the bytes, then the rows: a blob never stays without a row that knows of it.
    func remove(_ names: [SegmentName], at now: RecordMoment) -> RecordPlan {
        var plan = RecordPlan()
        let segments = names.compactMap { open[$0] }.filter { $0.state == .dropping }
        guard !segments.isEmpty else { return plan }
        for segment in segments {
            plan.steps += [.deleteBlob(segment.row.blob), .syncFolder(segment.row.blob)]
            plan.changes[segment.row.name] = .some(nil)
            var later = segment
            later.deadline = now.instant + limits.dropAgainAfter
            plan.changesOnFailure[segment.row.name] = later
        }
        plan.steps.append(.deleteRows(segments.map(\.row.name)))
        return plan
    }
}
