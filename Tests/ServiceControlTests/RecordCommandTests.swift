import Bus
import HSSModel
import HostClock
import ServiceControl
import Store
import Testing
import Vd
import Vr

@Suite("Starting and stopping of recording, Tables I.2-14 and I.2-15") struct RecordCommandTests {
    static let channel = SignallingBench.channel
    private typealias Calls = VdLiveTests

    /// Starts a recording in a task of its own: the call waits for the unit.
    static func start(
        _ bench: SignallingBench,
        _ order: RecordingOrder = RecordingOrder(),
        on channel: ChannelAddress = channel
    ) -> Task<RecordingStatus, any Error> {
        let service = bench.service
        return Task { try await service.startRecording(channel, order, by: SignallingBench.anna) }
    }

    static func becomes(
        _ bench: SignallingBench,
        _ isWanted: (RecordingStatus) -> Bool
    ) async -> Bool {
        await eventually {
            guard let status = try? await bench.service.recordingStatus(of: channel) else { return false }
            return isWanted(status)
        }
    }

    static func stop(_ bench: SignallingBench) -> Task<RecordingStatus, any Error> {
        let service = bench.service
        return Task { try await service.stopRecording(channel) }
    }

    /// A unit that records `channel` in a session of the platform's.
    static func recording(
        _ bench: SignallingBench,
        _ unit: RawClient
    ) async throws -> (StartRecord, RecordingStatus) {
        let task = start(bench)
        let (request, seq) = try await VdLiveTests.request(unit, StartRecord.name)
        try await VdLiveTests.agree(unit, seq)
        return (try StartRecord(request.parameters), try await task.value)
    }

    /// §9.3.2: the session exists before the unit hears of it, and ends where it is stopped; both names of the messages.
    @Test(arguments: [("/Vd", "StartRecord", "StopRecord"), ("/ovc", "StartCloudRecord", "StopCloudRecord")])
    func aCommandRecordsUntilItIsStopped(path: String, start: String, stop: String) async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit(path: path)
            let task = Self.start(bench)
            let (request, seq) = try await Calls.request(unit, start)
            let order = try StartRecord(request.parameters)
            let session = RecordSessionID(unchecked: order.session)
            #expect(house.running == [session], "durable before the order")
            #expect(order.channel == 0 && order.session.utf8.count == 16)
            try await Calls.agree(unit, seq)
            let status = try await task.value
            #expect(status.state == .recording && status.reasons == [.command])
            #expect(status.session == session && status.since == house.session(session)?.begunAt)
            #expect(status.command?.user == SignallingBench.anna && status.command?.until == nil)
            #expect(house.wishes(of: Self.channel)?.command != nil, "kept over a restart")

            let end = Self.stop(bench)
            let (last, lastSeq) = try await Calls.request(unit, stop)
            #expect(try StopRecord(last.parameters) == StopRecord(session: order.session, channel: 0))
            try await Calls.agree(unit, lastSeq)
            #expect(try await end.value.state == .idle)
            #expect(house.wishes(of: Self.channel) == nil)
            #expect(await eventually { house.running.isEmpty })
            #expect(await eventually { house.events.count == 2 })
            let details = house.events.map(\.detail)
            #expect(
                details.first
                    == #"{"state":"started","session_id":"\#(session)","reasons":["command"]}"#
            )
            #expect(
                details.last == #"{"state":"stopped","session_id":"\#(session)","reason":"stopped"}"#
            )
            #expect(house.events.allSatisfy { $0.kind == .recording && $0.channel == 0 })
        }
    }

    /// Table I.2-14, field by field.
    @Test func theOrderSaysWhatIsWanted() async throws {
        let house = FakeRecordings()
        var settings = SignallingBench.settings
        settings.maxBitrate = 4_000_000
        try await SignallingBench.run(settings: settings, recording: house.parts) { bench in
            let unit = try await bench.unit()
            let before = WallTime.now
            let task = Self.start(
                bench,
                RecordingOrder(segment: .seconds(20), prerecord: .seconds(5), until: before + .seconds(3600))
            )
            let (request, seq) = try await Calls.request(unit, StartRecord.name)
            let order = try StartRecord(request.parameters)
            #expect(order.maxBitrate == 4_000_000 && order.segmentSeconds == 20)
            // Twice what 20 s of 4 Mbit/s take, and a minute of it may wait in the unit.
            #expect(order.segmentMaxBytes == 20_000_000 && order.segmentMaxCount == 3)
            #expect(order.prerecordSeconds == 5)
            let first = WallTime(milliseconds: Int64((order.startTimestamp * 1000).rounded()))
            #expect(first + .seconds(5) >= before && first + .seconds(5) <= .now, "the first segment's start")
            #expect(order.callbackURL.reveal().hasPrefix("https://localhost/live/cseg/"))
            try await Calls.agree(unit, seq)
            let status = try await task.value
            #expect(status.segment == .seconds(20))
            #expect(status.command?.until == before + .seconds(3600))
            #expect(status.nextChange == status.command?.until)
            house.lose(3, .milliseconds(4500))
            let later = try await bench.service.recordingStatus(of: Self.channel)
            #expect(later.droppedCount == 3 && later.droppedTime == .milliseconds(4500))
        }
    }

    /// "https": a unit that can send nothing that way gets the plain address, where there is one.
    @Test(arguments: [true, false]) func theAddressIsOneThatTheUnitCanUse(hasPlainPort: Bool) async throws {
        let house = FakeRecordings()
        house.setPlainPort(hasPlainPort)
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            let asked = Task { try await bench.service.capabilities(of: Self.channel.unit) }
            let (_, capSeq) = try await Calls.request(unit, GetCap.name)
            try await unit.send(#"{"seq":\#(capSeq),"resp":{"cloud_record":true,"media_protocol":"srt"}}"#)
            _ = try await asked.value
            let task = Self.start(bench)
            let (request, seq) = try await Calls.request(unit, StartRecord.name)
            let url = try StartRecord(request.parameters).callbackURL.reveal()
            #expect(url.hasPrefix(hasPlainPort ? "http://" : "https://"))
            try await Calls.agree(unit, seq)
            _ = try await task.value
        }
    }

    /// Table I.2-14: the unit's error reaches the customer in words, and the wish stays.
    @Test(arguments: [
        (11, "live.max_bitrate"), (12, "address"), (101, "cannot record"), (103, "switched off"),
        (1, "the unit refused"),
    ]) func aRefusalIsExplained(code: Int, words: String) async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            let task = Self.start(bench)
            let (_, seq) = try await Calls.request(unit, StartRecord.name)
            try await unit.send(#"{"seq":\#(seq),"err":{"code":\#(code),"msg":"no"}}"#)
            let status = try await task.value
            #expect(status.state == .refused && status.reasons == [.command])
            #expect(status.problem?.unitError == code)
            #expect(status.problem?.text.contains(words) ?? false)
            #expect(house.wishes(of: Self.channel)?.command != nil)
            #expect(house.events.isEmpty, "nothing runs")
        }
    }

    /// "A command stays wanted until they come."
    @Test func aUnitThatIsAwayRecordsWhenItIsBack() async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let status = try await Self.start(bench).value
            #expect(status.state == .offline && status.reasons == [.command])
            #expect(house.sessionCount == 0, "nothing is kept of a session that no unit knows")
            let unit = try await bench.unit()
            let (_, seq) = try await Calls.request(unit, StartRecord.name)
            try await Calls.agree(unit, seq)
            #expect(await Self.becomes(bench) { $0.state == .recording })
        }
    }

    /// "The same session again is a success and changes nothing."
    @Test func aConnectionThatComesBackGoesOnWithItsSession() async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            let (order, _) = try await Self.recording(bench, unit)
            let again = try await bench.unit()
            let (request, seq) = try await Calls.request(again, StartRecord.name)
            #expect(try StartRecord(request.parameters).session == order.session)
            #expect(try StartRecord(request.parameters).prerecordSeconds == nil)
            try await Calls.agree(again, seq)
            #expect(house.sessionCount == 1)
            #expect(await eventually { house.events.count == 1 }, "no end, no second start")
        }
    }

    /// §9.3.2, `record_session` in Table I.2-1: what nobody wants is stopped, by the name that the unit gives it.
    @Test func aForeignSessionIsStopped() async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            try await unit.send(SignallingBench.keepalive(1, record: "left-over"))
            _ = await unit.text()
            let (request, seq) = try await Calls.request(unit, StopRecord.name)
            #expect(try StopRecord(request.parameters).session == "left-over")
            #expect(
                await bench.presence()?.channels.first?.recording == false,
                "not what the platform records"
            )
            try await Calls.agree(unit, seq)
        }
    }

    /// Table I.2-1: a unit that lost its session, and says so twice, is told again.
    @Test func aSessionThatTheUnitLostIsStartedAgain() async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            let (order, _) = try await Self.recording(bench, unit)
            #expect(await bench.presence()?.channels.isEmpty ?? false)
            try await unit.send(SignallingBench.keepalive(1, record: order.session))
            _ = await unit.text()
            #expect(await bench.presence()?.channels.first?.recording == true)
            var told: StartRecord?
            var seq = 1
            _ = await eventually {
                seq += 1
                try? await unit.send(SignallingBench.keepalive(seq, record: ""))
                guard let text = await unit.text(),
                    case .request(let request, _)? = try? RPCMessage(parsing: Array(text.utf8))
                else { return false }
                told = try? StartRecord(request.parameters)
                return true
            }
            #expect(told?.session == order.session)
        }
    }

    /// The storage is asked first: what it does not take is not ordered.
    @Test func nothingIsOrderedThatTheStorageDoesNotTake() async throws {
        let house = FakeRecordings()
        house.failAll(with: .conflict("the quota of anna is used up"))
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            let status = try await Self.start(bench).value
            #expect(status.state == .refused)
            #expect(status.problem?.text == "the quota of anna is used up")
            try await unit.send(frame: RawClient.Frame.ping, [])
            #expect(await unit.frame()?.opcode == RawClient.Frame.pong, "and no StartRecord before it")
        }
    }

    /// What was acknowledged as wanted is durable: a store that fails refuses the call, and nothing starts.
    @Test func aWishThatCannotBeKeptIsRefused() async throws {
        let house = FakeRecordings()
        house.failStore(with: .unavailable("disk full"))
        try await SignallingBench.run(recording: house.parts) { bench async throws in
            await #expect(throws: RecordControlError.self) { _ = try await Self.start(bench).value }
            #expect(try await bench.service.recordingStatus(of: Self.channel).state == .idle)
            #expect(house.sessionCount == 0)
        }
    }

    @Test func aUnitThatCannotRecordIsNotAsked() async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            let asked = Task { try await bench.service.capabilities(of: Self.channel.unit) }
            let (_, seq) = try await Calls.request(unit, GetCap.name)
            try await unit.send(#"{"seq":\#(seq),"resp":{"ptz":true,"media_protocol":"srt"}}"#)
            _ = try await asked.value
            await #expect(throws: RecordControlError.unit(.unsupported(capability: "cloud_record"))) {
                _ = try await Self.start(bench).value
            }
            #expect(house.wishes(of: Self.channel) == nil)
        }
    }

    /// A command with a time ends by itself, and nothing of it is kept.
    @Test func aCommandEndsAtItsTime() async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let unit = try await bench.unit()
            let end = WallTime.now + .seconds(1)
            let task = Self.start(bench, RecordingOrder(until: end))
            let (request, seq) = try await Calls.request(unit, StartRecord.name)
            try await Calls.agree(unit, seq)
            _ = try await task.value
            let (_, stopSeq) = try await Calls.request(unit, StopRecord.name)
            try await Calls.agree(unit, stopSeq)
            let session = RecordSessionID(unchecked: try StartRecord(request.parameters).session)
            #expect(await eventually { house.session(session)?.endedAt == end }, "to the millisecond")
            #expect(await eventually { house.wishes(of: Self.channel) == nil })
            #expect(await eventually { house.events.last?.detail.contains(#""reason":"over""#) ?? false })
        }
    }
}
