import HSSModel
import TestSupport
import Testing
import Vr

@testable import PremisesUnit

/// A unit's ``RecordUploader`` and the platform's ``RecordSession``, with a network between them that loses requests,
/// answers and the rest of uploads, and holds requests back until their unit has given them up.
private struct StorageWorld {
    private enum Event {
        /// Arrives at the platform; nil: its answer gets lost.
        case request(SegmentRequest, number: UInt64?)
        case upload(SegmentUpload, number: UInt64?, most: Int)
        case reply(UInt64, VrReply)
        case segment
    }

    static let interval: Duration = .seconds(10)

    private var random: SeededGenerator
    private let hostility: Int
    private var unit: RecordUploader
    private var platform: InstantStorage
    private var now = Instant(nanoseconds: 0)
    private var events: [(at: Instant, Event)] = []
    private(set) var made: [WallTime: [UInt8]] = [:]
    private(set) var saved: Set<WallTime> = []
    private(set) var settled: Set<WallTime> = []
    private(set) var dropped = DroppedSegments()
    private(set) var resumes = 0
    private(set) var confirmations = 0
    private(set) var hasEnded = false
    private(set) var mostHeld = 0

    init(seed: UInt64, hostility: Int, mostSegments: Int) {
        random = SeededGenerator(seed: seed)
        self.hostility = hostility
        var limits = RecordUploader.Limits(mostSegments: mostSegments)
        limits.smallestResumed = 8
        unit = RecordUploader(
            limits,
            url: Secret("https://vr.example/live/cseg/c"),
            seed: seed
        )
        var sessionLimits = RecordSession.Limits()
        sessionLimits.confirmWithin = .seconds(90)
        platform = InstantStorage(
            limits: sessionLimits,
            at: RecordMoment(instant: now, clock: WallTime(milliseconds: 0))
        )
    }

    var rows: [SegmentName: SegmentRow] { platform.rows }
    var blobs: [SegmentBlob: [UInt8]] { platform.blobs }
    var told: DroppedSegments { platform.told }

    private var moment: RecordMoment {
        RecordMoment(instant: now, clock: WallTime(milliseconds: 1_000_000 + now.nanoseconds / 1_000_000))
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private mutating func add(_ event: Event, in milliseconds: ClosedRange<Int>) {
        let delay = Duration.milliseconds(Int.random(in: milliseconds, using: &random))
        events.append((now + delay, event))
    }

    // MARK: Running

    mutating func run(segments: Int, calmFrom: Int) {
        for number in 0..<segments {
            events.append((Instant(nanoseconds: 0) + Self.interval * (number + 1), .segment))
        }
        let end = Instant(nanoseconds: 0) + Self.interval * (segments + 1)
        let calm = Instant(nanoseconds: 0) + Self.interval * calmFrom
        advance(to: end, calmFrom: calm)
        give(.stop)
        advance(to: end + .seconds(400), calmFrom: calm)
    }

    private var isCalm = false

    private mutating func advance(to end: Instant, calmFrom calm: Instant) {
        while true {
            let next = events.indices.min { events[$0].at < events[$1].at }
            let wake = unit.nextWake
            let at = [next.map { events[$0].at }, wake].compactMap(\.self).min()
            guard let at, at <= end else { break }
            now = max(now, at)
            isCalm = now >= calm
            if let next, events[next].at == at {
                happen(events.remove(at: next).1)
            } else {
                give(.wake)
            }
        }
        now = end
    }

    private mutating func happen(_ event: Event) {
        switch event {
        case .segment:
            let start = moment.clock + (.zero - Self.interval)
            let bytes = (0..<Int.random(in: 20...60, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            made[start] = bytes
            give(
                .segment(
                    RecordedSegment(
                        bytes: bytes,
                        start: start,
                        duration: Self.interval,
                        isDiscontinuous: false
                    )
                )
            )
        case .reply(let number, let reply): give(.reply(number: number, reply))
        case .request(let request, let number):
            prepare()
            answer(number, platform.ask(request, at: moment))
        case .upload(let upload, let number, let most):
            guard let name = SegmentName(String(upload.url.reveal().split(separator: "/").last ?? "")) else {
                return
            }
            if upload.range.offset > 0 { resumes += 1 }
            prepare()
            let body = Array(upload.content[Int(upload.range.offset)...].prefix(most))
            answer(number, platform.put(name, upload.range, body: body, at: moment))
        }
    }

    // MARK: The unit

    private mutating func give(_ input: RecordUploader.Input) {
        for action in unit.receive(input, at: now) {
            switch action {
            case .ask(let number, let request):
                if case .create(_, _, .some) = request { confirmations += 1 }
                send(number) { .request(request, number: $0) }
            case .put(let number, let upload):
                let breaks = !isCalm && chance(hostility)
                let most = breaks ? Int.random(in: 0...Int(upload.range.count), using: &random) : Int.max
                send(number, isLost: breaks) { .upload(upload, number: $0, most: most) }
            case .saved(let span): check(span)
            case .unwanted(let span): settled.insert(span.start)
            case .dropped(let span, _):
                settled.insert(span.start)
                dropped.count += 1
                dropped.time += span.duration
            case .clock, .interrupted: break
            case .ended: hasEnded = true
            }
        }
        mostHeld = max(mostHeld, unit.held)
    }

    /// What the unit holds as saved is at the platform, and whole.
    private mutating func check(_ span: RecordedSpan) {
        saved.insert(span.start)
        settled.insert(span.start)
        guard let name = SegmentName(start: span.start), let row = rows[name], row.state == .saved,
            blobs[row.blob] == made[span.start]
        else {
            Issue.record("\(span) is held as saved and is not there")
            return
        }
    }

    private mutating func send(_ number: UInt64, isLost: Bool = false, _ event: (UInt64?) -> Event) {
        guard !isCalm else { return add(event(number), in: 1...50) }
        if isLost || chance(hostility) {
            add(.reply(number, .lost("the network")), in: 100...20_000)
            // It may arrive all the same: before the unit gives it up, or after.
            if isLost || chance(60) { add(event(nil), in: 1...30_000) }
        } else {
            add(event(number), in: 1...2000)
        }
    }

    // MARK: The platform

    /// Its disk may be full for a while, and its time limits pass.
    private mutating func prepare() {
        if !isCalm, chance(hostility / 4) { platform.shortage = .noSpace }
        if isCalm || chance(50) { platform.shortage = nil }
        if let wake = platform.wakeAt, wake <= now { platform.wake(at: moment) }
    }

    private mutating func answer(_ number: UInt64?, _ outcome: RecordOutcome) {
        guard let number else { return }
        let answer = SegmentAnswer(outcome) { name, _, _ in Secret("https://vr.example/\(name)") }
        // An answer may get lost, too.
        let isLost = !isCalm && chance(hostility)
        add(.reply(number, isLost ? .lost("the network") : VrReply(answer, at: moment.clock)), in: 1...500)
    }
}

extension VrReply {
    /// As the edge would read it.
    fileprivate init(_ answer: SegmentAnswer, at time: WallTime) {
        self =
            switch answer {
            case .place(let place): .place(place)
            case .none: .done
            case .time(let platform): .time(platform, host: time)
            case .failure(let failure):
                .refused(
                    VrRefusal(
                        status: failure.status,
                        info: failure.info,
                        offset: failure.offset
                    )
                )
            }
    }
}

@Suite("A unit and a storage on a bad line, §9.3.4.1") struct RecordUploaderSimulation {
    /// Whatever is lost on the way: what the unit holds as saved is at the platform and whole; each segment is saved, not
    /// wanted, or told to be lost; when the line is good again all that is held is brought.
    @Test func nothingThatIsHeldAsSavedIsLost() {
        var (saved, resumes, confirmations, lost) = (0, 0, 0, 0)
        for seed in SeededGenerator.environmentSeeds(count: 400) {
            var random = SeededGenerator(seed: seed)
            let mostSegments = Int.random(in: 2...12, using: &random)
            var world = StorageWorld(
                seed: seed,
                hostility: Int.random(in: 0...60, using: &random),
                mostSegments: mostSegments
            )
            world.run(segments: 40, calmFrom: 26)
            #expect(world.hasEnded, "seed \(seed)")
            #expect(world.settled == Set(world.made.keys), "seed \(seed)")
            // One that has to be brought once more joins those that came meanwhile.
            #expect(world.mostHeld <= mostSegments + 1, "seed \(seed)")
            // The last ones came on a good line.
            #expect(world.made.keys.sorted().suffix(4).allSatisfy(world.saved.contains), "seed \(seed)")
            let counted = world.rows.values.filter { $0.state == .saved }
            #expect(world.saved.isSubset(of: Set(counted.map(\.start))), "seed \(seed)")
            #expect(
                counted.allSatisfy { world.blobs[$0.blob] == world.made[$0.start] },
                "seed \(seed): what counts is what was recorded"
            )
            // Each is told, and once more where the answer was lost.
            #expect(world.told.count >= world.dropped.count, "seed \(seed): every loss is told")
            saved += world.saved.count
            resumes += world.resumes
            confirmations += world.confirmations
            lost += world.dropped.count
        }
        guard SeededGenerator.environmentSeeds(count: 400).count > 1 else { return }
        #expect(
            saved > 6000 && resumes > 300 && confirmations > 3000 && lost > 300,
            "\(saved) saved, \(resumes) resumed, \(confirmations) confirmed on the way, \(lost) lost"
        )
    }

    /// On a good line nothing is lost, nothing is sent twice, and each segment is confirmed with the next.
    @Test func aGoodLineNeedsTwoRequestsForASegment() {
        var world = StorageWorld(seed: 1, hostility: 0, mostSegments: 4)
        world.run(segments: 40, calmFrom: 0)
        #expect(world.saved.count == 40 && world.dropped.count == 0 && world.resumes == 0)
        #expect(world.confirmations == 39)
    }
}
