import HSSModel
import Vr

/// What the platform's answers come to.
extension RecordUploader {
    mutating func hear(_ reply: VrReply, to work: Work, at now: Instant) -> [Action] {
        switch reply {
        case .place, .done, .time:
            retries = 0
            if dropped.count > 0, statAt == nil { statAt = now }
        case .refused(let refusal) where refusal.mayPass:
            return busy(refusal, work, at: now)
        case .refused, .lost: break
        }
        switch work {
        case .create(let confirms): return created(reply, confirms: confirms, at: now)
        case .put(let range): return uploaded(reply, range, at: now)
        case .save: return confirmed(reply, at: now)
        case .fail: return failed(reply, at: now)
        case .time: return clockTold(reply, at: now)
        case .stat(let told): return counted(reply, told, at: now)
        }
    }

    /// "Too many", "no space" and other troubles of the platform's own: nobody's segment is at fault.
    private mutating func busy(_ refusal: VrRefusal, _ work: Work, at now: Instant) -> [Action] {
        switch work {
        case .put: queue[0].place = nil
        case .fail: forgetFailing(after: 3)
        case .stat: statAt = now + limits.statEvery
        case .create, .save, .time: break
        }
        return wait(Self.text(refusal), atLeast: refusal.retryAfter, at: now)
    }

    // MARK: create, Table I.3-1

    private mutating func created(_ reply: VrReply, confirms: Bool, at now: Instant) -> [Action] {
        switch reply {
        case .place(let place):
            var actions: [Action] = []
            if confirms, let last = unconfirmed { actions.append(confirm(last)) }
            guard let place else {
                let span = queue.removeFirst().segment.span
                return actions + [.unwanted(span)]
            }
            guard mayUpload(to: place.url) else {
                return actions + drop(at: 0, "its address is none that the unit uploads to")
            }
            queue[0].place = place
            queue[0].name = place.name
            if !queue[0].isRepeated, faults.repeatsCreate() {
                queue[0].isRepeated = true
                queue[0].place = nil
            }
            return actions
        case .refused where confirms:
            // Which of the two is at fault is seen when the confirmation goes alone.
            confirmsAlone = true
            return []
        case .refused(let refusal): return refused(refusal, at: now)
        case .lost(let reason): return wait(reason, at: now)
        case .done, .time: return wait("create was answered without an address", at: now)
        }
    }

    private mutating func refused(_ refusal: VrRefusal, at now: Instant) -> [Action] {
        switch refusal.status {
        // The address does not count (any more). The next order brings another; until then segments are cached.
        case 401, 403, 404: return wait(Self.text(refusal), atLeast: limits.longestRetry, at: now)
        // What is wrong may be the time: a segment that ends in the future is refused so.
        case 400 where !queue[0].hasAskedTime && faults.plan.clockOffset == nil:
            queue[0].hasAskedTime = true
            asksTime = true
            return []
        default: return drop(at: 0, Self.text(refusal))
        }
    }

    // MARK: PUT

    private mutating func uploaded(_ reply: VrReply, _ range: UploadRange, at now: Instant) -> [Action] {
        switch reply {
        case .done:
            unconfirmed = queue.removeFirst()
            uploadedAt = now
            confirmsAlone = false
            return []
        case .refused(let refusal)
        where refusal.status == 409 && refusal.offset != nil && refusal.offset != range.offset:
            // Nothing has failed: it was asked for.
            if !queue[0].mayResume { queue[0].failures += 1 }
            queue[0].mayResume = false
            queue[0].offset = refusal.offset == 0 ? nil : refusal.offset
            return queue[0].failures < limits.mostFailures ? [] : drop(at: 0, Self.text(refusal))
        case .refused(let refusal):
            let wasResumed = range.offset > 0
            queue[0].offset = nil
            queue[0].mayResume = false
            if !wasResumed {
                queue[0].failures += 1
                // Expired, dropped or displaced: its place is asked for again.
                queue[0].place = nil
            }
            guard queue[0].failures < limits.mostFailures else { return drop(at: 0, Self.text(refusal)) }
            return wasResumed ? [] : wait(Self.text(refusal), at: now)
        case .lost(let reason):
            // The next try begins with `create`: while the platform does not answer that, nothing is counted.
            queue[0].failures += 1
            queue[0].place = nil
            queue[0].offset = nil
            queue[0].mayResume = true
            return queue[0].failures < limits.mostFailures ? wait(reason, at: now) : drop(at: 0, reason)
        case .place, .time: return wait("an upload was answered with something else", at: now)
        }
    }

    // MARK: save, Table I.3-2

    private mutating func confirm(_ last: Held) -> Action {
        unconfirmed = nil
        uploadedAt = nil
        confirmsAlone = false
        return .saved(last.segment.span)
    }

    private mutating func confirmed(_ reply: VrReply, at now: Instant) -> [Action] {
        guard var last = unconfirmed else { return [] }
        switch reply {
        case .done: return [confirm(last)]
        case .refused(let refusal):
            // The platform does not have it (any more): all of it once more, which is why it was held.
            unconfirmed = nil
            uploadedAt = nil
            confirmsAlone = false
            last.failures += 1
            last.place = nil
            last.offset = nil
            last.mayResume = refusal.status == 409
            last.wasUnknown = true
            queue.insert(last, at: 0)
            return last.failures < limits.mostFailures ? [] : drop(at: 0, Self.text(refusal))
        case .lost(let reason): return wait(reason, at: now)
        case .place, .time: return wait("save was answered with something else", at: now)
        }
    }

    // MARK: fail, Table I.3-3

    private mutating func failed(_ reply: VrReply, at now: Instant) -> [Action] {
        switch reply {
        case .refused(let refusal) where refusal.status == 409:
            // It was saved after all: the answer to that had been lost.
            let span = failing.removeFirst().span
            dropped.count = max(0, dropped.count - 1)
            dropped.time = max(.zero, dropped.time - span.duration)
            return [.saved(span)]
        case .lost(let reason):
            forgetFailing(after: 3)
            return wait(reason, at: now)
        case .done, .place, .time, .refused:
            failing.removeFirst()
            return []
        }
    }

    /// The platform drops what is neither saved nor failed by itself, after a while.
    private mutating func forgetFailing(after most: Int) {
        failing[0].tries += 1
        if failing[0].tries >= most { failing.removeFirst() }
    }

    // MARK: getcurrenttime and stat, Tables I.3-4 and I.3-5

    private mutating func clockTold(_ reply: VrReply, at now: Instant) -> [Action] {
        asksTime = false
        switch reply {
        case .time(let platform, let host):
            // The clock is set first: what is announced next is to have the right time.
            stage = .waiting(until: now + .milliseconds(1))
            return [.clock(platform: platform, host: host)]
        case .lost(let reason):
            asksTime = true
            return wait(reason, at: now)
        case .refused, .done, .place: return []
        }
    }

    private mutating func counted(_ reply: VrReply, _ told: DroppedSegments, at now: Instant) -> [Action] {
        statAt = now + limits.statEvery
        switch reply {
        case .lost(let reason):
            // Whether it was counted is not known, and `stat` has no name to know it by. A loss that is told twice is
            // better than one that nobody hears of.
            hasToldAll = false
            return wait(reason, at: now)
        case .done, .place, .time, .refused:
            subtract(told)
            return []
        }
    }

    private mutating func subtract(_ told: DroppedSegments) {
        dropped.count = max(0, dropped.count - told.count)
        dropped.time = max(.zero, dropped.time - told.time)
        if dropped.count == 0 { dropped.time = .zero }
    }

    private static func text(_ refusal: VrRefusal) -> String { "status \(refusal.status): \(refusal.info)" }
}
