import HSSModel
import MediaFormats
import TestSupport
import Testing
import Vd
import Vr

@testable import PremisesUnit

@Suite("Recording as the platform orders it, Tables I.2-14, I.2-15 and I.2-1") struct UnitRecordingTests {
    static func order(
        session: String = "r1",
        channel: Int = 0,
        bitrate: Int = 0,
        bytes: Int = 8 << 20,
        prerecord: Int? = nil,
        start: Double = 0,
        url: String = "https://vr.example/live/cseg/c?k=r1~tag"
    ) -> RPCRequest {
        StartRecord(
            session: session,
            channel: channel,
            maxBitrate: bitrate,
            segmentSeconds: 10,
            segmentMaxBytes: bytes,
            segmentMaxCount: 8,
            prerecordSeconds: prerecord,
            startTimestamp: start,
            callbackURL: Secret(url)
        ).request
    }

    static func stop(session: String = "r1", channel: Int = 0) -> RPCRequest {
        StopRecord(session: session, channel: channel).request
    }

    static func bench(
        channels: [Int: UnitProfile.Channel] = [0: .init(bitrate: 1_000_000), 1: .init(bitrate: 2_000_000)]
    ) -> MachineBench {
        MachineBench(channels: channels, abilities: .recording)
    }

    static func segment(_ number: Int64, arrival: Int64 = 0, isDiscontinuous: Bool = false) -> MediaSegment {
        MediaSegment(
            bytes: [UInt8](repeating: 0x47, count: 188),
            start: number * 900_000,
            duration: 900_000,
            isDiscontinuous: isDiscontinuous,
            beginsWithKeyFrame: true,
            arrival: arrival
        )
    }

    @Test func anOrderStartsARecording() {
        var bench = Self.bench()
        _ = bench.logIn()
        let actions = bench.ask(Self.order(prerecord: 5))
        #expect(actions.answers == [.success(.empty)])
        let order = actions.recordings.first
        #expect(
            order?.channel == 0 && order?.segmentDuration == .seconds(10) && order?.largestSegment == 8 << 20
        )
        // This unit keeps nothing from before.
        #expect(order?.prerecord == .zero)
        #expect(actions.events.contains(.recordingStarted(channel: 0, session: "r1")))
        // Table I.2-1, `record_session`.
        let channels = bench.machine.heartbeat.channels
        #expect(channels.map(\.recordSession) == ["r1", nil] && channels.map(\.stream) == [nil, nil])
    }

    /// Table I.2-14: the codes, and what a unit that cannot record says.
    @Test(arguments: [
        (order(channel: 7), 102), (order(channel: 1, bitrate: 1_999_999), 11), (order(bytes: 1000), 12),
        (order(url: "ftp://vr.example/"), 12), (order(url: "https://u:p@vr.example/"), 12),
    ])
    func refusals(request: RPCRequest, code: Int) {
        var bench = Self.bench()
        _ = bench.logIn()
        let actions = bench.ask(request)
        guard case .failure(let failure)? = actions.answers.first else {
            Issue.record("taken")
            return
        }
        #expect(failure.code == code && actions.recordings.isEmpty)
    }

    @Test func aChannelThatIsOffRecordsNothing() {
        var bench = Self.bench()
        _ = bench.logIn()
        _ = bench.ask(Self.order())
        let actions = bench.give(.channel(0, .disabled))
        #expect(actions.recordingStops.count == 1)
        guard case .failure(let failure)? = bench.ask(Self.order(session: "r2"), seq: 2).answers.first else {
            Issue.record("taken")
            return
        }
        #expect(failure.code == 103)
    }

    @Test func aUnitThatCannotRecordSaysSo() {
        var bench = MachineBench()
        _ = bench.logIn()
        guard case .failure(let failure)? = bench.ask(Self.order()).answers.first else {
            Issue.record("taken")
            return
        }
        #expect(failure.code == 101)
        #expect(bench.ask(Self.stop(), seq: 2).answers == [.success(.empty)])
    }

    /// "The same session again is a success and changes nothing, another one ends the old one first."
    @Test func oneSessionOfAChannel() {
        var bench = Self.bench()
        _ = bench.logIn()
        let first = bench.ask(Self.order()).recordings.first
        let again = bench.ask(Self.order(), seq: 2)
        #expect(
            again.answers == [.success(.empty)] && again.recordings.isEmpty && again.recordingStops.isEmpty
        )
        let other = bench.ask(Self.order(session: "r2"), seq: 3)
        #expect(other.recordingStops == [first?.id].compactMap(\.self) && other.recordings.count == 1)
        #expect(bench.machine.heartbeat.channels.first?.recordSession == "r2")
        // Each channel by itself.
        #expect(bench.ask(Self.order(session: "r3", channel: 1), seq: 4).recordingStops.isEmpty)
    }

    /// "Stop recording is completed, or the record session does not exist."
    @Test func aStopIsASuccessEitherWay() {
        var bench = Self.bench()
        _ = bench.logIn()
        #expect(bench.ask(Self.stop()).answers == [.success(.empty)])
        let id = bench.ask(Self.order(), seq: 2).recordings.first?.id
        // A session that is over must not end its successor.
        #expect(bench.ask(Self.stop(session: "r0"), seq: 3).recordingStops.isEmpty)
        let stopped = bench.ask(Self.stop(), seq: 4)
        #expect(stopped.answers == [.success(.empty)] && stopped.recordingStops == [id].compactMap(\.self))
        #expect(bench.machine.heartbeat.channels.first?.recordSession == nil)
    }

    /// Recording is its own HTTP: it outlives the connection over which it was ordered.
    @Test func aRecordingOutlivesTheConnection() throws {
        var bench = Self.bench()
        _ = bench.logIn()
        let id = try #require(bench.ask(Self.order()).recordings.first?.id)
        #expect(bench.give(.disconnected(bench.attempt, "gone")).recordingStops.isEmpty)
        let create = bench.give(.recording(id, .segment(Self.segment(1, arrival: 1_000_000))))
        let order = try #require(create.vr.first)
        guard case .ask(.create(let announcement, secure: true, confirming: nil), let url) = order.work else {
            Issue.record("\(order)")
            return
        }
        #expect(announcement.start == WallTime(milliseconds: 1_000_000))
        #expect(
            announcement.duration == .seconds(10) && url == Secret("https://vr.example/live/cseg/c?k=r1~tag")
        )
        let place = UploadPlace(name: "1000000.ts", url: Secret("https://vr.example/put"))
        let put = try #require(bench.give(.vr(id, order.number, .place(place))).vr.first)
        #expect(bench.give(.vr(id, put.number, .done)).vr.isEmpty)
        // Nobody sends a next one: it is confirmed by itself.
        let save = bench.run(.seconds(20)).vr
        #expect(save.first?.work == .ask(.save(name: "1000000.ts"), url: url))
    }

    /// Stopped, its last segment is still brought, beside the session that follows.
    @Test func theLastSegmentComesAfterTheStop() throws {
        var bench = Self.bench()
        _ = bench.logIn()
        let first = try #require(bench.ask(Self.order()).recordings.first?.id)
        let second = try #require(bench.ask(Self.order(session: "r2"), seq: 2).recordings.first?.id)
        var sent = bench.give(.recording(first, .segment(Self.segment(1)))).vr
        #expect(bench.give(.recording(first, .ended(nil))).events.isEmpty)
        #expect(sent.map(\.recording) == [first])
        let place = UploadPlace(name: "a", url: Secret("https://vr.example/put"))
        sent = bench.give(.vr(first, sent[0].number, .place(place))).vr
        sent = bench.give(.vr(first, sent[0].number, .done)).vr
        #expect(
            sent.first?.work == .ask(.save(name: "a"), url: Secret("https://vr.example/live/cseg/c?k=r1~tag"))
        )
        let actions = bench.give(.vr(first, sent[0].number, .done))
        #expect(actions.events.contains { if case .segmentSaved(channel: 0, _) = $0 { true } else { false } })
        #expect(bench.give(.recording(second, .segment(Self.segment(2)))).vr.map(\.recording) == [second])
    }

    /// Its source failed: the platform hears that nothing is recorded, and can order it again.
    @Test func aRecordingThatFailsIsTold() throws {
        var bench = Self.bench()
        _ = bench.logIn()
        let id = try #require(bench.ask(Self.order()).recordings.first?.id)
        let actions = bench.give(.recording(id, .ended("the encoder has failed")))
        #expect(
            actions.events.contains(
                .recordingFailed(channel: 0, session: "r1", "the encoder has failed")
            )
        )
        #expect(actions.heartbeats.first?.channels.first?.recordSession == .some(nil))
        #expect(bench.ask(Self.order(), seq: 2).recordings.count == 1)
    }

    /// §9.3.1.1 step 3 over Vr: more than 10 s and the unit's clock is set.
    @Test func theStorageSetsTheClock() throws {
        var bench = Self.bench()
        _ = bench.logIn()
        let id = try #require(bench.ask(Self.order()).recordings.first?.id)
        let create = try #require(
            bench.give(.recording(id, .segment(Self.segment(1, arrival: 1_000_000)))).vr.first
        )
        let refusal = VrRefusal(status: 400, info: "start: the segment ends in the future")
        let time = try #require(bench.give(.vr(id, create.number, .refused(refusal))).vr.first)
        guard case .ask(.currentTime, _) = time.work else {
            Issue.record("\(time)")
            return
        }
        let platform = WallTime(milliseconds: 1_000_000 - 60_000)
        let host = WallTime(milliseconds: 1_000_000)
        let actions = bench.give(.vr(id, time.number, .time(platform, host: host)))
        #expect(actions.clock == [.seconds(-60)])
        guard case .ask(.create(let announcement, _, _), _)? = bench.run(.seconds(1)).vr.first?.work else {
            Issue.record("\(actions)")
            return
        }
        #expect(announcement.start == WallTime(milliseconds: 940_000))
    }

    /// What is told of times: contiguous to the millisecond, near the unit's clock, `start_ts` where the platform names it.
    @Test func segmentsFollowEachOther() {
        var clock = RecordClock(orderedAt: nil)
        var times: [WallTime] = []
        var ends: [WallTime] = []
        for number in Int64(0)..<100 {
            // An encoder whose seconds are 1 ms too long, and a network that holds back.
            let arrival = 1_000_000 + number * 10_010 + number % 3 * 80
            let placed = clock.place(Self.segment(number), arrival: WallTime(milliseconds: arrival))
            times.append(placed.start)
            ends.append(placed.start + placed.duration)
        }
        for (end, next) in zip(ends, times.dropFirst()) {
            #expect(abs((next - end).wholeMilliseconds) <= 40)
        }
        let last = 1_000_000 + 99 * 10_010
        #expect(abs((times.last?.milliseconds ?? 0) - Int64(last)) < 500)
        #expect(zip(ends, times.dropFirst()).count { $0 == $1 } > 20)
    }

    /// `start_ts`: what is recorded starts by the platform's clock, each segment when its first picture was taken. A unit
    /// that has nothing from before does not pretend.
    @Test(arguments: [
        (prerecord: 0, arrival: Int64(5_002_000)), (prerecord: 10, arrival: 5_002_000),
        (prerecord: 10, arrival: 4_991_500),
    ])
    func startTimestampSetsTheClockOfTheRecording(prerecord: Int, arrival: Int64) throws {
        var bench = Self.bench()
        _ = bench.logIn()
        // The unit's clock is 7 s behind.
        let order = Self.order(prerecord: prerecord, start: 5_007.5 - Double(prerecord))
        let id = try #require(bench.ask(order).recordings.first?.id)
        _ = bench.give(.recording(id, .begun(at: WallTime(milliseconds: 5_000_500))))
        let create = bench.give(.recording(id, .segment(Self.segment(0, arrival: arrival)))).vr.first
        guard case .ask(.create(let announcement, _, _), _)? = create?.work else {
            Issue.record("\(String(describing: create))")
            return
        }
        #expect(announcement.start == WallTime(milliseconds: arrival + 7000))
    }

    /// Its clock is set right meanwhile: what was recorded was right before, and is after it.
    @Test func aClockThatIsSetDoesNotMoveWhatThePlatformTimed() {
        var clock = RecordClock(orderedAt: WallTime(milliseconds: 5_007_000))
        clock.begin(at: WallTime(milliseconds: 5_000_000))
        let first = clock.place(Self.segment(0), arrival: WallTime(milliseconds: 5_001_000))
        let moved = clock.clockMoved(by: .seconds(7))
        let second = clock.place(Self.segment(1), arrival: WallTime(milliseconds: 5_018_000))
        #expect(!moved && first.start == WallTime(milliseconds: 5_008_000))
        #expect(second.start == WallTime(milliseconds: 5_018_000))
    }

    @Test func aClockThatWasSetBeginsTheLineAnew() {
        var clock = RecordClock(orderedAt: nil)
        _ = clock.place(Self.segment(0), arrival: WallTime(milliseconds: 1_000_000))
        let second = clock.place(Self.segment(1), arrival: WallTime(milliseconds: 4_000_000))
        #expect(second.start == WallTime(milliseconds: 4_000_000))
    }

    /// A unit that records does not fall asleep (§9.3.1.2), nor one whose last segment is on its way.
    @Test func recordingKeepsAwake() throws {
        var recordings = UnitRecordings(channels: [0: .init(bitrate: 1)])
        let now = Instant(nanoseconds: 0)
        #expect(recordings.isIdle)
        _ = recordings.startRecord(Self.order().parameters, at: now)
        #expect(!recordings.isIdle && recordings.session(on: 0) == "r1")
        _ = recordings.stopRecord(Self.stop().parameters)
        #expect(!recordings.isIdle && recordings.session(on: 0) == nil)
        _ = recordings.receive(RecordingID(1), .ended(nil), time: { $0 }, at: now)
        #expect(recordings.isIdle)
    }
}

extension [UnitMachine.Action] {
    var recordings: [RecordingOrder] {
        compactMap { if case .startRecording(let order) = $0 { order } else { nil } }
    }
    var recordingStops: [RecordingID] {
        compactMap { if case .stopRecording(let id) = $0 { id } else { nil } }
    }
    var vr: [VrOrder] { compactMap { if case .vr(let order) = $0 { order } else { nil } } }
}
