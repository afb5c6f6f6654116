import HSSModel
import TestSupport
import Testing
import Vr

@testable import PremisesUnit

/// A ``RecordUploader`` on a virtual clock; the test is the storage.
private struct UploaderBench {
    var uploader: RecordUploader
    var now = Instant(nanoseconds: 0)
    var number: UInt64 = 0
    var request: SegmentRequest?
    var upload: SegmentUpload?
    /// All but questions.
    var news: [RecordUploader.Action] = []

    init(
        mostSegments: Int = 8,
        url: String = "https://vr.example/live/cseg/c?k=s",
        faults: RecordFaultPlan = RecordFaultPlan(),
        adjust: (inout RecordUploader.Limits) -> Void = { _ in }
    ) {
        var limits = RecordUploader.Limits(mostSegments: mostSegments)
        adjust(&limits)
        uploader = RecordUploader(limits, url: Secret(url), faults: faults, seed: 1)
    }

    static func segment(_ number: Int, bytes: Int = 100, isDiscontinuous: Bool = false) -> RecordedSegment {
        RecordedSegment(
            bytes: [UInt8](repeating: UInt8(number), count: bytes),
            start: start(number),
            duration: .seconds(10),
            isDiscontinuous: isDiscontinuous
        )
    }

    static func start(_ number: Int) -> WallTime { WallTime(milliseconds: Int64(number) * 10_000) }

    mutating func give(_ input: RecordUploader.Input) {
        (request, upload) = (nil, nil)
        for action in uploader.receive(input, at: now) {
            switch action {
            case .ask(let number, let request): (self.number, self.request) = (number, request)
            case .put(let number, let upload): (self.number, self.upload) = (number, upload)
            default: news.append(action)
            }
        }
    }

    mutating func answer(_ reply: VrReply) { give(.reply(number: number, reply)) }
    mutating func refuse(_ status: Int, _ info: String = "no", offset: Int64? = nil) {
        answer(.refused(VrRefusal(status: status, info: info, offset: offset)))
    }

    mutating func place(_ name: String, at url: String = "https://vr.example/put") {
        answer(.place(UploadPlace(name: name, url: Secret(url))))
    }

    mutating func run(_ duration: Duration) {
        let end = now + duration
        while let next = uploader.nextWake, next <= end {
            now = max(now, next)
            give(.wake)
            if request != nil || upload != nil { return }
        }
        now = end
    }

    var saved: [WallTime] { news.compactMap { if case .saved(let span) = $0 { span.start } else { nil } } }
    var lost: [WallTime] {
        news.compactMap { if case .dropped(let span, _) = $0 { span.start } else { nil } }
    }
    var announced: SegmentAnnouncement? {
        if case .create(let announcement, _, _) = request { announcement } else { nil }
    }
    var confirmed: String? { if case .create(_, _, let name) = request { name } else { nil } }

    /// Segment `number` comes, is created and uploaded.
    mutating func bring(_ number: Int) {
        give(.segment(Self.segment(number)))
        place("s\(number)")
        answer(.done)
    }
}

@Suite("What a unit does to have its segments saved, §9.3.4.1") struct RecordUploaderTests {
    /// §9.3.4.1.1: "requests an upload URL … uploads the video segment"; Table I.3-1.
    @Test func aSegmentIsCreatedUploadedAndSaved() {
        var bench = UploaderBench()
        bench.give(.segment(UploaderBench.segment(1, isDiscontinuous: true)))
        #expect(
            bench.request
                == .create(
                    SegmentAnnouncement(
                        size: 100,
                        start: UploaderBench.start(1),
                        duration: .seconds(10),
                        discontinue: true
                    ),
                    secure: true,
                    confirming: nil
                )
        )
        bench.place("s1", at: "https://vr.example/put/1")
        #expect(bench.upload?.url == Secret("https://vr.example/put/1"))
        #expect(bench.upload?.content == UploaderBench.segment(1).bytes)
        #expect(bench.upload?.range == UploadRange(size: 100))
        bench.answer(.done)
        #expect(bench.saved == [] && bench.uploader.held == 1, "held until it counts")
        bench.run(.seconds(60))
        #expect(bench.request == .save(name: "s1"))
        bench.answer(.done)
        #expect(bench.saved == [UploaderBench.start(1)] && bench.uploader.held == 0)
    }

    /// §9.3.4.1.3: "it is recommended to confirm the two-stage requests at the same time".
    @Test func theNextCreateConfirmsTheOneBefore() {
        var bench = UploaderBench()
        bench.bring(1)
        bench.run(.seconds(10))
        bench.give(.segment(UploaderBench.segment(2)))
        #expect(bench.confirmed == "s1")
        #expect(bench.announced?.discontinue == false)
        bench.place("s2")
        #expect(bench.saved == [UploaderBench.start(1)])
    }

    /// One that cannot be confirmed is uploaded once more: it was held for that. The new segment waits.
    @Test func aConfirmationThatIsRefusedGoesAloneAndThenTheSegmentAnew() {
        var bench = UploaderBench()
        bench.bring(1)
        bench.give(.segment(UploaderBench.segment(2)))
        bench.refuse(404)
        #expect(bench.request == .save(name: "s1"), "which of the two was meant?")
        bench.refuse(404)
        #expect(bench.announced?.start == UploaderBench.start(1) && bench.confirmed == nil)
        bench.place("s1")
        bench.answer(.done)
        #expect(bench.confirmed == "s1" || bench.request == .save(name: "s1"))
        #expect(bench.lost == [])
    }

    /// Both fields of the answer empty: "this segment is not wanted, do not upload it".
    @Test func whatIsNotWantedIsNotUploaded() {
        var bench = UploaderBench()
        bench.give(.segment(UploaderBench.segment(1)))
        bench.answer(.place(nil))
        #expect(bench.upload == nil && bench.uploader.held == 0)
        #expect(bench.news == [.unwanted(UploaderBench.segment(1).span)])
    }

    /// §9.3.4.1.2: "required to re-upload several times"; "if the final uploading fails" `fail`, and `stat` tells the loss.
    @Test func anUploadThatKeepsFailingIsGivenUp() {
        var bench = UploaderBench()
        bench.give(.segment(UploaderBench.segment(1)))
        var uploads = 0
        for _ in 0..<40 where bench.lost.isEmpty {
            if bench.upload != nil {
                uploads += 1
                bench.answer(.lost("broken"))
            } else if bench.request != nil {
                bench.place("s1")
            } else {
                bench.run(.seconds(600))
            }
        }
        #expect(uploads == 6)
        #expect(bench.request == .fail(name: "s1"))
        bench.answer(.done)
        #expect(bench.request == .statistics(DroppedSegments(count: 1, time: .seconds(10))))
        bench.answer(.done)
        bench.give(.segment(UploaderBench.segment(2)))
        #expect(bench.announced?.discontinue == true, "what it followed is not there")
    }

    /// A save whose answer was lost, told of by the answer to `fail`: it counts, and no loss is reported.
    @Test func aFailThatComesAfterItsSaveIsNoLoss() {
        var bench = UploaderBench(adjust: { $0.mostFailures = 1 })
        bench.give(.segment(UploaderBench.segment(1)))
        bench.place("s1")
        bench.answer(.lost("broken"))
        #expect(bench.request == .fail(name: "s1"))
        bench.refuse(409, "name: the segment is saved already")
        #expect(bench.saved == [UploaderBench.start(1)])
        bench.run(.seconds(600))
        #expect(bench.request == nil)
    }

    /// `seg_max_count`: of too many the oldest that is not under way is dropped.
    @Test func theCacheIsBounded() {
        var bench = UploaderBench(mostSegments: 3)
        bench.give(.segment(UploaderBench.segment(1)))
        for number in 2...5 { bench.give(.segment(UploaderBench.segment(number))) }
        #expect(bench.uploader.held == 3)
        #expect(bench.lost == [UploaderBench.start(2), UploaderBench.start(3)])
        var bytes = UploaderBench(adjust: { $0.mostBytes = 250 })
        for number in 1...5 { bytes.give(.segment(UploaderBench.segment(number))) }
        #expect(bytes.uploader.held == 2)
    }

    /// Table I.3-5, told once the storage answers again.
    @Test func whatWasDroppedIsTold() {
        var bench = UploaderBench(mostSegments: 2)
        for number in 1...4 { bench.give(.segment(UploaderBench.segment(number))) }
        // The first `create`, whose answer is still out, is the first segment's.
        bench.answer(.place(nil))
        #expect(bench.request == .statistics(DroppedSegments(count: 2, time: .seconds(20))))
        bench.answer(.done)
        #expect(bench.announced?.start == UploaderBench.start(4))
        #expect(bench.announced?.discontinue == true)
    }

    /// A report whose answer is lost may not have come: it is told again, a loss that nobody hears of is worse.
    @Test func aReportWhoseAnswerWasLostIsRepeated() {
        var bench = UploaderBench(mostSegments: 2)
        for number in 1...4 { bench.give(.segment(UploaderBench.segment(number))) }
        bench.answer(.place(nil))
        let report = SegmentRequest.statistics(DroppedSegments(count: 2, time: .seconds(20)))
        #expect(bench.request == report)
        bench.answer(.lost("the network is gone"))
        var reports = 0
        for _ in 0..<20 where reports == 0 {
            if bench.request == report {
                reports += 1
                bench.answer(.done)
            } else if bench.request != nil {
                bench.answer(.place(nil))
            } else {
                bench.run(.seconds(61))
            }
        }
        #expect(reports == 1)
        bench.run(.seconds(600))
        #expect(bench.request != report, "what was taken is not told again")
    }

    @Test(arguments: [429, 500, 503, 507]) func aFullPlatformIsWaitedFor(status: Int) {
        var bench = UploaderBench()
        bench.give(.segment(UploaderBench.segment(1)))
        var waits: [Duration] = []
        for _ in 0..<10 {
            let before = bench.now
            bench.refuse(status)
            bench.run(.seconds(600))
            waits.append(bench.now - before)
        }
        #expect(bench.lost == [])
        #expect((.milliseconds(750) ... .milliseconds(1250)).contains(waits[0]))
        #expect((.seconds(45) ... .seconds(75)).contains(waits[9]))
        // One word of it, not ten.
        #expect(bench.news == [.interrupted("status \(status): no")])
        bench.place("s1")
        #expect(bench.upload != nil)
    }

    @Test func aPlatformThatSaysHowLongIsObeyed() {
        var bench = UploaderBench()
        bench.give(.segment(UploaderBench.segment(1)))
        bench.answer(.refused(VrRefusal(status: 503, info: "", retryAfter: .seconds(30))))
        #expect(bench.uploader.nextWake == bench.now + .seconds(30))
    }

    /// RFC 9110 §14.4: what the platform has of a broken upload is not sent again.
    @Test func anUploadGoesOnWhereItBroke() {
        var bench = UploaderBench()
        bench.give(.segment(UploaderBench.segment(1, bytes: 1 << 20)))
        bench.place("s1")
        bench.answer(.lost("the network is gone"))
        bench.run(.seconds(5))
        #expect(bench.announced?.size == 1 << 20, "the place is asked for again")
        bench.place("s1")
        #expect(bench.upload?.range == UploadRange(offset: (1 << 20) - 1, size: 1 << 20), "one byte asks")
        bench.refuse(409, "Content-Range: go on at byte 700000", offset: 700_000)
        #expect(bench.upload?.range == UploadRange(offset: 700_000, size: 1 << 20))
        bench.answer(.done)
        #expect(bench.uploader.held == 1 && bench.lost == [])
    }

    /// Elsewhere a part might be taken for the whole.
    @Test func onlyThePlatformItselfIsAskedWhereToGoOn() {
        var bench = UploaderBench()
        bench.give(.segment(UploaderBench.segment(1, bytes: 1 << 20)))
        bench.place("s1", at: "https://store.example/1")
        bench.answer(.lost("broken"))
        bench.run(.seconds(5))
        bench.place("s1", at: "https://store.example/1")
        #expect(bench.upload?.range == UploadRange(size: 1 << 20))
    }

    /// An upload never leaves TLS where the platform was spoken to with it.
    @Test(arguments: [
        ("https://vr.example/live/cseg/c", "https://vr.example/a", true),
        ("https://vr.example/live/cseg/c", "https://store.example:9000/a", true),
        ("https://vr.example/live/cseg/c", "http://vr.example/a", false),
        ("http://vr.example/live/cseg/c", "http://vr.example/a", true),
        ("https://vr.example/live/cseg/c", "file:///etc/passwd", false),
        ("https://vr.example/live/cseg/c", "https://u:p@vr.example/a", false),
    ])
    func addressesOfUploads(url: String, place: String, isTaken: Bool) {
        var bench = UploaderBench(url: url)
        bench.give(.segment(UploaderBench.segment(1)))
        bench.place("s1", at: place)
        #expect((bench.upload != nil) == isTaken)
        #expect(bench.lost.isEmpty == isTaken)
    }

    /// Table I.3-4: a unit whose clock is ahead is refused, asks for the time and announces the segment anew.
    @Test func aClockThatIsAheadIsCorrected() {
        var bench = UploaderBench()
        bench.give(.segment(UploaderBench.segment(9)))
        bench.refuse(400, "start: the segment ends in the future; set the clock by getcurrenttime")
        #expect(bench.request == .currentTime)
        let platform = WallTime(milliseconds: 100_000)
        bench.answer(.time(platform, host: WallTime(milliseconds: 160_000)))
        #expect(bench.news.last == .clock(platform: platform, host: WallTime(milliseconds: 160_000)))
        bench.uploader.clockMoved(by: .seconds(-60))
        bench.run(.seconds(1))
        #expect(bench.announced?.start == UploaderBench.start(3))
    }

    /// A segment that the platform does not take whatever is tried costs itself, not the recording.
    @Test(arguments: [400, 409, 413, 415]) func aSegmentThatIsRefusedIsLeftOut(status: Int) {
        var bench = UploaderBench()
        bench.give(.segment(UploaderBench.segment(1)))
        bench.give(.segment(UploaderBench.segment(2)))
        bench.number = 1
        bench.refuse(status)
        if bench.request == .currentTime {
            bench.answer(.time(WallTime(milliseconds: 0), host: WallTime(milliseconds: 0)))
            bench.run(.seconds(1))
            bench.refuse(status)
        }
        #expect(bench.lost == [UploaderBench.start(1)])
        #expect(bench.announced?.start == UploaderBench.start(2))
    }

    /// An address that does not count any more: segments are kept until the platform tells another one.
    @Test func aSessionThatIsForgottenIsWaitedFor() {
        var bench = UploaderBench()
        bench.give(.segment(UploaderBench.segment(1)))
        bench.refuse(403)
        #expect(bench.uploader.nextWake.map { $0 - bench.now >= .seconds(60) } == true)
        bench.give(.address(Secret("https://vr.example/live/cseg/c?k=new")))
        #expect(bench.announced?.start == UploaderBench.start(1))
        #expect(bench.lost == [])
    }

    /// Stopped: what is held is brought and confirmed, then it is over.
    @Test func theLastSegmentIsConfirmed() {
        var bench = UploaderBench()
        bench.bring(1)
        bench.give(.segment(UploaderBench.segment(2)))
        bench.give(.stop)
        bench.number = 3
        bench.place("s2")
        bench.answer(.done)
        #expect(bench.request == .save(name: "s2"))
        bench.answer(.done)
        #expect(bench.saved == [1, 2].map(UploaderBench.start))
        #expect(bench.news.last == .ended && bench.uploader.nextWake == nil)
    }

    @Test func whatCannotBeBroughtAfterTheEndIsGivenUp() {
        var bench = UploaderBench()
        bench.give(.segment(UploaderBench.segment(1)))
        bench.give(.stop)
        bench.number = 1
        for _ in 0..<100 where bench.news.last != .ended {
            bench.answer(.lost("no network"))
            bench.run(.seconds(10))
        }
        #expect(
            bench.news.suffix(2) == [
                .dropped(UploaderBench.segment(1).span, "it was not uploaded in time"), .ended,
            ]
        )
        #expect(bench.now - Instant(nanoseconds: 0) <= .seconds(310))
    }

    /// Late answers of what was given up, and answers that fit no question, change nothing.
    @Test func answersOfOthersAreNotHeard() {
        var bench = UploaderBench()
        bench.give(.segment(UploaderBench.segment(1)))
        bench.give(.reply(number: 99, .done))
        bench.number = 1
        bench.place("s1")
        #expect(bench.upload != nil)
        bench.give(.reply(number: 1, .place(nil)))
        #expect(bench.uploader.held == 1 && bench.news == [])
    }
}
