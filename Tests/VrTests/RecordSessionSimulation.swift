import HSSModel
import TestSupport
import Testing
import Vr

/// A unit that repeats, reorders and contradicts itself, one ``RecordSession``, and a ``RecordDisk`` that fails and
/// crashes at any step.
private struct RecordWorld {
    private enum Event {
        case steps([RecordStep])
        case found([SegmentName])
        /// A body on its way: the bytes that come, and whether they could be written.
        case body(UploadAttempt, UploadAttempt?, [UInt8], reaches: Int64, written: Bool)
        case input(RecordSession.Input)
    }

    static let session = RecordSessionID(unchecked: "session")
    static let channel = ChannelID(unchecked: "cam1-0")
    static let limits: RecordSession.Limits = {
        var limits = RecordSession.Limits()
        limits.confirmWithin = .seconds(60)
        limits.mostOpen = 4
        limits.asksForRoom = true
        return limits
    }()

    var disk: RecordDisk
    private var machine: RecordSession
    private var random: SeededGenerator
    private var now = RecordMoment(
        instant: Instant(nanoseconds: 0),
        clock: WallTime(milliseconds: 1_000_000)
    )
    private var events: [Event] = []
    private var wakeAt: Instant?
    private var count: UInt64 = 0
    /// What a request would acknowledge.
    private var confirms: [RecordRequestID: SegmentName] = [:]
    private var fails: [RecordRequestID: SegmentName] = [:]
    private var uploads: [UploadAttempt: SegmentName] = [:]
    /// The last request that named a segment.
    private var last: [SegmentName: RecordRequestID] = [:]
    private var asked: Set<RecordRequestID> = []
    private var isOut = false

    private(set) var answers: [RecordRequestID: Int] = [:]
    private(set) var crashes = 0
    /// Saves that were answered with 200.
    private(set) var acknowledged: [SegmentName: Int64] = [:]
    /// Segments that somebody asked to save.
    private(set) var wanted: Set<SegmentName> = []
    /// Answered `fail`, and nothing was asked of them since.
    private(set) var failed: Set<SegmentName> = []

    init(seed: UInt64, crashes: Int, failures: Int) {
        random = SeededGenerator(seed: seed)
        disk = RecordDisk(seed: seed ^ 0xd15c)
        disk.crashes = crashes
        disk.failures = failures
        machine = RecordSession(Self.session, of: Self.channel, limits: Self.limits, at: now)
    }

    static func content(_ name: SegmentName, _ size: Int64) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: name.start.milliseconds / 1000 * 31 + size * 7 + $0 + 1) }
    }

    // MARK: The unit

    mutating func run(_ steps: Int) {
        for _ in 0..<steps {
            if Int.random(in: 0..<4, using: &random) == 0 { act() } else { happen() }
            if Int.random(in: 0..<60, using: &random) == 0 { pass(.seconds(20)) }
        }
    }

    /// No more faults, everything on its way arrives, every time limit passes.
    mutating func settle() {
        disk.crashes = 0
        disk.failures = 0
        for _ in 0..<6 {
            rest()
            pass(.seconds(100))
        }
        rest()
    }

    var isAtRest: Bool { machine.isIdle && events.isEmpty }
    /// Every request of the last run of the process was answered once.
    var unanswered: Set<RecordRequestID> { asked.filter { answers[$0] != 1 } }

    private mutating func act() {
        let start = WallTime(milliseconds: Int64.random(in: 1...4, using: &random) * 1000)
        guard let name = SegmentName(start: start) else { return }
        count += 1
        let id = RecordRequestID(count)
        asked.insert(id)
        let fresh = SegmentBlob(unchecked: "b\(count)")
        touch(name, id)
        switch Int.random(in: 0..<10, using: &random) {
        case 0...3:
            let previous = SegmentName(start: WallTime(milliseconds: start.milliseconds - 1000))
            let confirms = Bool.random(using: &random) ? previous : nil
            if let confirms { want(confirms, id) }
            let announcement = SegmentAnnouncement(
                size: Int.random(in: 0..<8, using: &random) == 0 ? 12 : 8,
                start: start,
                duration: .seconds(1)
            )
            let request = SegmentRequest.create(
                announcement,
                secure: true,
                confirming: confirms?.description
            )
            take(.request(id, request, fresh: fresh))
        case 4...6:
            let size = disk.rows[name]?.size ?? 8
            let offset =
                Int.random(in: 0..<3, using: &random) > 0 ? 0 : Int64.random(in: 0..<size, using: &random)
            uploads[UploadAttempt(count)] = name
            take(.put(id, name, UploadRange(offset: offset, size: size), attempt: UploadAttempt(count)))
        case 7...8:
            want(name, id)
            take(.request(id, .save(name: name.description), fresh: fresh))
        default:
            fails[id] = name
            take(.request(id, .fail(name: name.description), fresh: fresh))
        }
    }

    private mutating func want(_ name: SegmentName, _ id: RecordRequestID) {
        confirms[id] = name
        wanted.insert(name)
        touch(name, id)
    }

    private mutating func touch(_ name: SegmentName, _ id: RecordRequestID) {
        last[name] = id
        failed.remove(name)
    }

    // MARK: The edge

    private mutating func take(_ input: RecordSession.Input) {
        for action in machine.receive(input, at: now) {
            switch action {
            case .look(let names): order(.found(names))
            case .carryOut(let steps): order(.steps(steps))
            case .askForRoom:
                let isFull = Int.random(in: 0..<8, using: &random) == 0
                order(.input(.room(isFull ? .overQuota : nil)))
            case .answer(let id, let outcome): hear(id, outcome)
            case .receive(_, let attempt, let after, let range):
                upload(attempt, after, range)
            case .abort(let attempt):
                disk.abort(attempt)
                for case .body(attempt, let before?, _, _, _) in events { disk.abort(before) }
                events.removeAll {
                    if case .body(attempt, _, _, _, _) = $0 { true } else { false }
                }
            case .wake(let at): wakeAt = at
            }
        }
    }

    private mutating func order(_ event: Event) {
        if case .steps = event {
            if isOut { Issue.record("two lists at a time") }
            isOut = true
        }
        events.append(event)
    }

    private mutating func upload(_ attempt: UploadAttempt, _ after: UploadAttempt?, _ range: UploadRange) {
        guard let name = uploads[attempt] else { return }
        let bytes = Self.content(name, range.size)[Int(range.offset)...]
        let come =
            Int.random(in: 0..<4, using: &random) > 0
            ? bytes.count : Int.random(in: 0...bytes.count, using: &random)
        events.append(
            .body(
                attempt,
                after,
                Array(bytes.prefix(come)),
                reaches: range.offset + Int64(come),
                written: Int.random(in: 0..<1000, using: &random) >= disk.failures
            )
        )
    }

    private mutating func hear(_ id: RecordRequestID, _ outcome: RecordOutcome) {
        answers[id, default: 0] += 1
        switch outcome {
        case .failure, .time: return
        case .place, .unwanted, .done: break
        }
        if let name = confirms[id] { acknowledged[name] = disk.rows[name]?.size ?? -1 }
        if let name = fails[id], last[name] == id { failed.insert(name) }
    }

    /// Something that is on its way arrives; bodies of different uploads overtake each other.
    private mutating func happen() {
        guard !events.isEmpty else { return pass(.seconds(1)) }
        switch events.remove(at: Int.random(in: 0..<events.count, using: &random)) {
        case .found(let names):
            let fails = Int.random(in: 0..<1000, using: &random) < disk.failures
            take(fails ? .failed(.failed) : .found(names.compactMap { disk.stored($0) }))
        case .input(let input): take(input)
        case .body(let attempt, let after, let bytes, let reaches, let written):
            disk.append(bytes, to: attempt, after: after)
            take(written ? .ended(attempt, received: reaches) : .spoiled(attempt, .noSpace))
        case .steps(var steps):
            do throws(RecordDisk.Fault) {
                try disk.carryOut(steps.removeFirst())
                if steps.isEmpty {
                    isOut = false
                    take(.done)
                } else {
                    events.append(.steps(steps))
                }
            } catch {
                isOut = false
                switch error {
                case .crash: crash()
                case .step(let failure): take(.failed(failure))
                }
            }
        }
    }

    private mutating func rest() {
        for _ in 0..<10_000 where !events.isEmpty { happen() }
    }

    private mutating func pass(_ duration: Duration) {
        now.instant = now.instant + duration
        now.clock = now.clock + duration
        guard let at = wakeAt, at <= now.instant else { return }
        wakeAt = nil
        take(.wake)
    }

    // MARK: The end of the process

    private mutating func crash() {
        crashes += 1
        events = []
        isOut = false
        wakeAt = nil
        asked = []
        disk.stop(by: Bool.random(using: &random) ? .powerCut : .kill)
        check("after crash \(crashes)")
        disk.start()
        let unfinished = disk.rows.values.filter { $0.state != .saved }.compactMap { disk.stored($0.name) }
        machine = RecordSession(
            Self.session,
            of: Self.channel,
            limits: Self.limits,
            unfinished: unfinished,
            at: now
        )
        take(.wake)
    }

    /// Nothing acknowledged is lost; nothing counts that nobody asked to save; what counts is whole; no bytes are without a
    /// row; what was failed does not come back.
    func check(_ when: String) {
        for (name, size) in acknowledged {
            let row = disk.rows[name]
            if row?.state != .saved || row?.size != size { Issue.record("\(name) is lost, \(when)") }
        }
        for row in disk.rows.values where row.state == .saved {
            if !wanted.contains(row.name) { Issue.record("\(row.name) counts unasked, \(when)") }
            let isWhole = disk.bytes(row.blob) == Self.content(row.name, row.size)
            if !isWhole { Issue.record("\(row.name) is damaged, \(when)") }
        }
        for name in failed where disk.rows[name].map({ $0.state != .dropping }) ?? false {
            Issue.record("\(name) is back, \(when)")
        }
        let orphans = RecordCheck.orphans(listed: disk.blobs, known: disk.rows.values)
        if !orphans.isEmpty { Issue.record("\(orphans), \(when)") }
    }
}

@Suite("Recording in a hostile world, §9.3.4.1") struct RecordSessionSimulation {
    private static let seeds: Range<UInt64> = 0..<600

    /// Power cuts and kills before, in and after any step; full and failing disks; repeated, late, contradicting and
    /// concurrent requests: what was acknowledged is there and whole, after each crash and in the end, and nothing else
    /// is left: no row, no bytes, no upload.
    @Test func nothingAcknowledgedIsLostAndNothingElseIsLeft() {
        var crashes = 0
        var saves = 0
        var drops = 0
        for seed in Self.seeds {
            var random = SeededGenerator(seed: seed)
            var world = RecordWorld(
                seed: seed,
                crashes: Int.random(in: 0...40, using: &random),
                failures: Int.random(in: 0...150, using: &random)
            )
            world.run(250)
            world.settle()
            world.check("seed \(seed)")
            #expect(world.isAtRest, "seed \(seed)")
            #expect(world.unanswered.isEmpty, "seed \(seed)")
            let rows = world.disk.rows.values
            #expect(rows.allSatisfy { $0.state == .saved }, "seed \(seed)")
            #expect(Set(world.disk.blobs) == Set(rows.map(\.blob)), "seed \(seed)")
            #expect(world.disk.partCount == 0, "seed \(seed)")
            crashes += world.crashes
            saves += world.acknowledged.count
            drops += world.failed.count
        }
        // The world must be hostile, and something must come through all the same.
        #expect(
            crashes > 500 && saves > 500 && drops > 100,
            "\(crashes) crashes, \(saves) saves, \(drops) drops"
        )
    }

    /// Faults alone, without a start of the platform in between.
    @Test func faultsAloneLeaveNothing() {
        for seed in Self.seeds.prefix(200) {
            var world = RecordWorld(seed: seed, crashes: 0, failures: 100)
            world.run(250)
            world.settle()
            world.check("seed \(seed)")
            #expect(Set(world.disk.blobs) == Set(world.disk.rows.values.map(\.blob)), "seed \(seed)")
        }
    }
}
