package import HSSModel

/// One record session: its open segments, and what its unit asks about them (§9.3.4.1).
///
/// It does one thing at a time. While something is being made durable, or looked up, requests wait in the order in which
/// they came, so each of them meets settled states and has one defined answer (``SegmentLifecycle``). A unit uploads one
/// segment after another and loses nothing by it; the bytes of uploads do not come this way.
///
/// Only what is open is held. A segment that is saved or gone is looked up when somebody asks for it.
package struct RecordSession: Sendable {
    package struct Limits: Sendable, Equatable {
        /// Bytes (`seg_max_size`, Table I.2-14).
        package var largestSegment: Int64 = SegmentAnnouncement.largestSize
        /// Segments that are neither saved nor failed; the next `create` is refused.
        package var mostOpen = 64
        /// Requests that wait; the next is refused.
        package var mostWaiting = 16
        /// A segment that is neither saved nor failed after this is dropped ("a time limit").
        package var confirmWithin: Duration = .seconds(900)
        /// After a clean-up that failed.
        package var dropAgainAfter: Duration = .seconds(30)
        /// How far ahead a unit's clock may be: what §9.3.1.1 step 3 leaves alone, and as much for the way here.
        package var clockTolerance: Duration = .seconds(20)
        /// Whether quotas and the disk are asked before a segment is begun.
        package var asksForRoom = false

        package init() {}
    }

    private enum Work {
        case request(RecordRequestID, SegmentRequest, until: WallTime?, fresh: SegmentBlob)
        case put(RecordRequestID, SegmentName, UploadRange, attempt: UploadAttempt)
        case abandon(RecordRequestID, SegmentName, SegmentBlob)
        case ended(UploadAttempt, received: Int64)
        case spoiled(UploadAttempt, RecordStepFailure)
        case expire
        /// The second half of a clean-up.
        case remove([SegmentName])
    }

    private enum Job {
        case looking(Work)
        /// With what was found before.
        case asking(Work, [SegmentName: StoredSegment])
        case carrying(RecordPlan)
    }

    package let id: RecordSessionID
    package let channel: ChannelID
    package let limits: Limits
    private var open: [SegmentName: OpenSegment] = [:]
    private var waiting: [Work] = []
    private var job: Job?
    private var announcedWake: Instant?

    /// `unfinished`: what the database has of this session and is not saved. The time limit begins anew: units may have
    /// been waiting for the platform. The first input is ``Input/wake``, which goes on with broken clean-ups.
    package init(
        _ id: RecordSessionID,
        of channel: ChannelID,
        limits: Limits = Limits(),
        unfinished: [StoredSegment] = [],
        at now: RecordMoment
    ) {
        self.id = id
        self.channel = channel
        self.limits = limits
        for stored in unfinished where stored.row.state != .saved {
            open[stored.row.name] = OpenSegment(
                stored,
                at: now.instant,
                confirmWithin: limits.confirmWithin
            )
        }
    }

    /// Nothing is open and nobody waits: the session may be forgotten until the next request.
    package var isIdle: Bool { open.isEmpty && waiting.isEmpty && job == nil }

    /// Whether anything is under way with this segment: it is open, or what runs or waits speaks of it.
    package func holds(_ name: SegmentName) -> Bool {
        if open[name] != nil || waiting.contains(where: { names(in: $0).contains(name) }) { return true }
        return switch job {
        case .looking(let work), .asking(let work, _): names(in: work).contains(name)
        case .carrying(let plan): plan.changes[name] != nil || plan.changesOnFailure[name] != nil
        case nil: false
        }
    }

    /// Settled state of a segment that is held; nil: look it up.
    package func state(of name: SegmentName) -> SegmentLifecycle.State? { open[name]?.state }

    /// Where the bytes of an upload go to; nil: it does not count any more.
    package func blob(of attempt: UploadAttempt) -> SegmentBlob? {
        open.values.first { $0.attempt == attempt }?.row.blob
    }

    package mutating func receive(_ input: Input, at now: RecordMoment) -> [Action] {
        var actions: [Action] = []
        switch input {
        case .request(let id, let request, let until, let fresh):
            enqueue(.request(id, request, until: until, fresh: fresh), id, &actions)
        case .put(let id, let name, let range, let attempt):
            enqueue(.put(id, name, range, attempt: attempt), id, &actions)
        case .abandon(let id, let name, let blob): enqueue(.abandon(id, name, blob), id, &actions)
        case .ended(let attempt, let received): waiting.append(.ended(attempt, received: received))
        case .spoiled(let attempt, let failure): waiting.append(.spoiled(attempt, failure))
        case .found(let stored):
            guard case .looking(let work) = job else { break }
            job = nil
            let known = Dictionary(stored.map { ($0.row.name, $0) }) { first, _ in first }
            actions += begin(work, known: known, at: now)
        case .room(let refusal):
            guard case .asking(let work, let known) = job else { break }
            job = nil
            actions += begin(work, known: known, room: refusal.map { .refused($0) } ?? .given, at: now)
        case .done:
            guard case .carrying(let plan) = job else { break }
            job = nil
            actions += settle(plan, at: now)
        case .failed(let failure):
            switch job {
            case .carrying(let plan): actions += giveUp(plan, failure)
            case .looking(let work), .asking(let work, _): actions += refuse(work, failure)
            case nil: break
            }
            job = nil
        case .wake:
            announcedWake = nil
            waiting.append(.expire)
        }
        while job == nil, !waiting.isEmpty {
            actions += begin(waiting.removeFirst(), known: nil, at: now)
        }
        let next = open.values.map(\.deadline).min()
        if let next, next != announcedWake {
            announcedWake = next
            actions.append(.wake(at: next))
        }
        return actions
    }

    private mutating func enqueue(_ work: Work, _ id: RecordRequestID, _ actions: inout [Action]) {
        guard waiting.count < limits.mostWaiting else {
            actions.append(.answer(id, .failure(.busy)))
            return
        }
        waiting.append(work)
    }

    // MARK: One after the other

    /// `known`: what was found of the names that are not open; nil: nobody has looked yet.
    private mutating func begin(
        _ work: Work,
        known: [SegmentName: StoredSegment]?,
        room: RecordView.Room? = nil,
        at now: RecordMoment
    ) -> [Action] {
        if known == nil {
            let names = names(in: work).filter { open[$0] == nil }
            if !names.isEmpty {
                job = .looking(work)
                return [.look(names)]
            }
        }
        var view = RecordView(
            open: open,
            saved: (known ?? [:]).filter { $0.value.row.state == .saved },
            session: self.id,
            channel: channel,
            limits: limits,
            room: room ?? (limits.asksForRoom ? .unknown : .given)
        )
        let held = Set(open.keys)
        // An unfinished row that nobody holds: its session was begun without it.
        for (name, stored) in known ?? [:] where stored.row.state != .saved {
            view.open[name] = OpenSegment(stored, at: now.instant, confirmWithin: limits.confirmWithin)
        }
        let plan: RecordPlan =
            switch work {
            case .request(let id, let request, let until, let fresh):
                view.plan(request, id, until: until, fresh: fresh, at: now)
            case .put(let id, let name, let range, let attempt):
                view.put(name, range, id, attempt: attempt, at: now)
            case .abandon(let id, let name, let blob): view.abandon(name, blob, id, held: held)
            case .ended(let attempt, let received): view.ended(attempt, received: received, at: now)
            case .spoiled(let attempt, let failure): view.spoiled(attempt, failure)
            case .expire: view.expire(at: now)
            case .remove(let names): view.remove(names, at: now)
            }
        if let size = plan.wantsRoom {
            job = .asking(work, known ?? [:])
            return [.askForRoom(size)]
        }
        open = view.open
        guard !plan.steps.isEmpty else { return settle(plan, at: now) }
        job = .carrying(plan)
        return [.carryOut(plan.steps)]
    }

    private func names(in work: Work) -> [SegmentName] {
        switch work {
        case .request(_, .create(let announcement, _, let previous), _, _):
            [SegmentName(start: announcement.start), previous.flatMap { SegmentName($0) }].compactMap(\.self)
        case .request(_, .save(let name), _, _), .request(_, .fail(let name), _, _):
            [SegmentName(name)].compactMap(\.self)
        case .put(_, let name, _, _), .abandon(_, let name, _): [name]
        case .request(_, .currentTime, _, _), .request(_, .statistics, _, _), .ended, .spoiled, .expire,
            .remove:
            []
        }
    }

    private mutating func settle(_ plan: RecordPlan, at now: RecordMoment) -> [Action] {
        for (name, segment) in plan.changes { open[name] = segment }
        if !plan.dropped.isEmpty { waiting.insert(.remove(plan.dropped), at: 0) }
        return plan.actions
    }

    private mutating func giveUp(_ plan: RecordPlan, _ failure: RecordStepFailure) -> [Action] {
        for (name, segment) in plan.changesOnFailure { open[name] = segment }
        let reason = RecordFailure(failure)
        return plan.actionsOnFailure + plan.asking.map { .answer($0, .failure(reason)) }
    }

    /// What was asked of segments that could not be looked up.
    private func refuse(_ work: Work, _ failure: RecordStepFailure) -> [Action] {
        switch work {
        case .request(let id, _, _, _), .put(let id, _, _, _), .abandon(let id, _, _):
            [.answer(id, .failure(RecordFailure(failure)))]
        case .ended, .spoiled, .expire, .remove: []
        }
    }
}

extension RecordFailure {
    init(_ failure: RecordStepFailure) {
        self = failure == .noSpace ? .noSpace : .storageFailed
    }
}
