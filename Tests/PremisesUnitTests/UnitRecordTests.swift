import Foundation
import HSSModel
import HostClock
import MediaFormats
import PremisesUnit
import Synchronization
import TestSupport
import Testing
import Vd
import Vr

/// Simulated units and cameras on the SDK that record to a storage over HTTP.
@Suite("A unit records, §9.3.4.1", .timeLimit(.minutes(2)), .serialized) struct UnitRecordTests {
    static func order(
        _ storage: FakeStorage,
        session: String = "r1",
        channel: Int = 0,
        seconds: Int = 2,
        prerecord: Int? = nil
    ) -> StartRecord {
        StartRecord(
            session: session,
            channel: channel,
            maxBitrate: 0,
            segmentSeconds: seconds,
            segmentMaxBytes: 4 << 20,
            segmentMaxCount: 8,
            prerecordSeconds: prerecord,
            startTimestamp: 0,
            callbackURL: storage.url(session)
        )
    }

    /// Waits until the storage has done something.
    static func until(_ storage: FakeStorage, _ isReached: () -> Bool) async {
        for await _ in storage.exchanges where isReached() { return }
    }

    /// The numbers of the pictures in a stream of the test pattern.
    static func pictures(_ bytes: [UInt8]) throws -> [Int] {
        let file = try MediaFile(packets: bytes)
        let raw = try file.run("ffmpeg", "-v", "error", "-i", file.path, "-map", "0:v", "-f", "rawvideo", "-")
        #expect(raw.errors == "")
        let size = 640 * 360 * 3 / 2
        return (0..<raw.output.count / size).map { index in
            TestPatternPicture.frameNumber(
                luma: raw.output[index * size..<index * size + 640 * 360],
                width: 640
            )
        }
    }

    /// What counts at the storage: every picture once, in order, each segment decodable alone, no gap in its times.
    static func examine(
        _ saved: [(row: SegmentRow, bytes: [UInt8])],
        first: Int? = 0,
        interval: Int = 50
    ) throws {
        let whole = try pictures(saved.flatMap(\.bytes))
        let start = first ?? whole.first ?? 0
        #expect(whole == Array(start..<start + whole.count))
        #expect(saved.map(\.row.discontinue) == saved.indices.map { $0 == 0 })
        for (one, next) in zip(saved, saved.dropFirst()) {
            #expect(abs((next.row.start - one.row.end).wholeMilliseconds) <= 40)
        }
        for segment in saved {
            #expect(Int64(segment.bytes.count) == segment.row.size)
            let alone = try pictures(segment.bytes)
            #expect(alone.first.map { ($0 - start) % interval == 0 } == true, "begins with a key frame")
            let seconds = Double(alone.count) / 25
            #expect(abs(segment.row.duration.inSeconds - seconds) < 0.05)
        }
    }

    @Test(
        "Tables I.2-14, I.3-1, I.3-2: what is ordered is recorded, confirmed with the next, and decodes to every picture"
    )
    func recording() async throws {
        let storage = try await FakeStorage()
        try await DeviceBench.run { bench in
            _ = try await bench.ask(Self.order(storage))
            try await bench.until { bench.heartbeats.last?.channels.first?.recordSession == "r1" }
            await Self.until(storage) { storage.saved("r1").count >= 2 }
            _ = try await bench.ask(StopRecord(session: "r1", channel: 0))
            try await bench.until { bench.heartbeats.last?.channels.first?.recordSession == nil }
            // The third is flushed by the stop.
            if storage.saved("r1").count < 3 { await Self.until(storage) { storage.saved("r1").count >= 3 } }
            try Self.examine(storage.saved("r1"))
            #expect(storage.told("r1") == DroppedSegments())
        }
        await storage.shutdown()
    }

    @Test("§9.3.4.1.2: uploads that break, answers that get lost and a full disk cost nothing that was held")
    func faults() async throws {
        let storage = try await FakeStorage(faults: [
            .refuse("create", status: 507), .loseAnswer(to: "create"), .breakUpload(after: 10_000),
            .breakUpload(after: 50_000), .loseAnswer(to: "save"), .refuse("create", status: 503),
        ])
        try await DeviceBench.run(
            prepare: { $0.patternBitrate = 3_000_000 },
            { bench in
                _ = try await bench.ask(Self.order(storage))
                await Self.until(storage) { storage.saved("r1").count >= 3 }
                try Self.examine(Array(storage.saved("r1").prefix(3)))
            }
        )
        await storage.shutdown()
    }

    @Test(
        "RFC 9110 §14.4: a broken upload goes on where it broke, and the bytes are those that were recorded"
    )
    func resume() async throws {
        let storage = try await FakeStorage(faults: [.breakUpload(after: 300_000)])
        try await DeviceBench.run(
            prepare: { $0.patternBitrate = 3_000_000 },
            { bench in
                _ = try await bench.ask(Self.order(storage))
                var seen: [String] = []
                for await exchange in storage.exchanges {
                    seen.append(exchange.what)
                    if !storage.saved("r1").isEmpty { break }
                }
                let uploads = seen.filter { $0.hasPrefix("put") }
                #expect(uploads.count >= 3 && uploads[0].hasPrefix("put 0+300000/"), "\(seen)")
                #expect(uploads[2].hasPrefix("put 300000+"), "\(seen)")
                _ = try Self.pictures(storage.saved("r1")[0].bytes)
            }
        )
        await storage.shutdown()
    }

    @Test("over TLS by the unit's own trust; one that is told another authority brings nothing")
    func security() async throws {
        let certificate = try TestCertificate()
        let foreign = try TestCertificate()
        let storage = try await FakeStorage(certificate: certificate)
        let impostor = try await FakeStorage(certificate: foreign)
        try await DeviceBench.run(channels: 2, certificate: certificate) { bench in
            _ = try await bench.ask(Self.order(impostor, channel: 1))
            _ = try await bench.ask(Self.order(storage))
            await Self.until(storage) { !storage.saved("r1").isEmpty }
            #expect(impostor.saved("r1").isEmpty)
        }
        await storage.shutdown()
        await impostor.shutdown()
    }

    @Test("prerecord_seconds: a recording begins with what was kept from before the order")
    func prerecord() async throws {
        let storage = try await FakeStorage()
        try await DeviceBench.run(
            channels: 1,
            prepare: { $0.prerecord = .seconds(60) },
            { bench in
                try await bench.until { bench.heartbeats.count >= 6 }
                let ordered = WallTime.now
                _ = try await bench.ask(Self.order(storage, prerecord: 3))
                await Self.until(storage) { storage.saved("r1").count >= 3 }
                let saved = storage.saved("r1")
                let ahead = ordered - saved[0].row.start
                // The key frame at or before it; there is one each two seconds.
                #expect((.milliseconds(2900) ... .milliseconds(5300)).contains(ahead), "\(ahead)")
                try Self.examine(Array(saved.prefix(3)), first: nil)
            }
        )
        await storage.shutdown()
    }

    @Test("--fault: what a unit does wrong at the storage does not break what the storage holds")
    func faultyUnits() async throws {
        for fault in ["vr-drop=50%", "vr-duplicate=100%", "vr-wrong-size=40%", "vr-late-save=1s"] {
            let storage = try await FakeStorage()
            try await DeviceBench.run(
                channels: 1,
                prepare: { options in
                    try? options.faults.add(fault)
                    options.seed = 7
                },
                { bench in
                    _ = try await bench.ask(Self.order(storage))
                    await Self.until(storage) { storage.saved("r1").count >= 2 }
                    for (row, bytes) in storage.saved("r1") {
                        #expect(row.size == Int64(bytes.count), "\(fault)")
                        _ = try Self.pictures(bytes)
                    }
                }
            )
            await storage.shutdown()
        }
    }

    // MARK: The SDK

    private struct Maker: CameraDelegate {
        let tell: AsyncStream<String>.Continuation

        func recordingStarted(channel: Int) { tell.yield("started \(channel)") }
        func recordingEnded(channel: Int) { tell.yield("ended \(channel)") }
        func segmentEnded(_ segment: CameraSegment) { tell.yield("\(segment.outcome) \(segment.channel)") }
    }

    @Test("a maker gives frames once: they are pushed and recorded from one source")
    func oneSourceForBoth() async throws {
        let storage = try await FakeStorage()
        let receiver = try SRTReceiver()
        let platform = try await FakePlatform()
        let (news, tell) = AsyncStream<String>.makeStream()
        let opened = Mutex<[String]>([])
        let frames = FrameSource(
            hasAudio: true,
            opened: { channel in opened.withLock { $0.append("opened \(channel)") } },
            closed: { channel in opened.withLock { $0.append("closed \(channel)") } },
            keyFrame: { channel in opened.withLock { $0.append("key frame \(channel)") } }
        )
        let camera = try Camera(
            CameraTests.configuration(platform.address),
            source: frames,
            delegate: Maker(tell: tell)
        )
        let encoder = Task {
            var pattern = TestPattern(keyFrameInterval: 25)
            for index in 0..<5000 where !Task.isCancelled {
                let unit = pattern.next()
                let time = Duration.milliseconds(40) * index
                frames.sendVideo(unit.bytes, presentation: time, isKeyFrame: unit.isKeyFrame)
                frames.sendAudio(
                    Array(repeatElement(TestPatternStream.silentFrame, count: 2).joined()),
                    presentation: time
                )
                try await Task.sleep(for: .milliseconds(39))
            }
        }
        defer { encoder.cancel() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await camera.run() }
            var connection: FakePlatform.Connection?
            for await event in platform.events {
                guard case .message(.request(_, let seq), let found) = event else { continue }
                found.send(.answer(.success(.empty), seq: seq))
                connection = found
                break
            }
            let answering = Task {
                for await event in platform.events {
                    guard case .message(.request(_, let seq), let found) = event else { continue }
                    found.send(.answer(.success(.empty), seq: seq))
                }
            }
            defer { answering.cancel() }
            connection?.send(.request(Self.order(storage, seconds: 1).request, seq: 1))
            await Self.until(storage) { storage.saved("r1").count >= 1 }
            connection?.send(.request(MachineBench.push(stream: "s1", url: receiver.url()), seq: 2))
            // One that joins sees whole pictures, too.
            let live = try CameraTests.pictures(await receiver.read(100_000))
            #expect(live.count > 20 && zip(live, live.dropFirst()).allSatisfy { $1 == $0 + 1 }, "\(live)")
            await Self.until(storage) { storage.saved("r1").count >= 4 }
            try Self.examine(Array(storage.saved("r1").prefix(4)), first: nil, interval: 25)
            connection?.send(.request(StopRecord(session: "r1", channel: 0).request, seq: 3))
            var heard: [String] = []
            for await word in news {
                heard.append(word)
                if word == "ended 0" { break }
            }
            #expect(heard.first == "started 0" && heard.count { $0 == "saved 0" } >= 3, "\(heard)")
            // The push has it still.
            #expect(opened.withLock { $0 } == ["opened 0", "key frame 0"])
            group.cancelAll()
        }
        #expect(opened.withLock { $0.last } == "closed 0")
        await platform.shutdown()
        await storage.shutdown()
    }

    @Test("what a maker asks for is within bounds, or refused by name")
    func settings() throws {
        for (name, recording) in [
            ("recording.prerecord", CameraRecording(prerecord: .seconds(61))),
            ("recording.memory", CameraRecording(memory: 1000)),
        ] {
            var configuration = CameraTests.configuration("https://localhost:1")
            configuration.abilities.recording = recording
            let error = #expect(throws: CameraError.self) {
                try Camera(configuration, source: FrameSource(hasAudio: false))
            }
            #expect(error?.description.hasPrefix(name) == true, "\(String(describing: error))")
        }
    }
}

@Suite("What is kept from before a recording, Table I.2-14") struct PrerecordRingTests {
    /// A picture each 40 ms, a key frame each second.
    private func ring(keeping: Duration, frames: Range<Int>, mostBytes: Int = 1 << 20) -> PrerecordRing {
        var ring = PrerecordRing(keeping: keeping, mostBytes: mostBytes)
        var writer = TransportStreamWriter(hasAudio: false)
        for frame in frames {
            var packets: [UInt8] = []
            writer.appendVideo(
                [0, 0, 0, 1, frame % 25 == 0 ? 0x65 : 0x41] + [UInt8](repeating: 0x55, count: 1000),
                presentation: 90_000 + Int64(frame) * 3600,
                decoding: 90_000 + Int64(frame) * 3600,
                isKeyFrame: frame % 25 == 0,
                to: &packets
            )
            ring.append(packets, arrival: Int64(frame) * 40)
        }
        return ring
    }

    @Test func itBeginsAtTheKeyFrameAtOrBefore() {
        let ring = ring(keeping: .seconds(5), frames: 0..<250)
        #expect(ring.groups(since: 7500).map(\.arrival) == [7000, 8000, 9000])
        #expect(ring.groups(since: 7000).first?.arrival == 7000)
        // No more than is kept, and always enough for the time that was asked for.
        #expect(ring.groups(since: 0).first?.arrival == 4000)
        #expect(ring.groups(since: 20_000).map(\.arrival) == [9000])
    }

    @Test func eachGroupBeginsWithItsTables() {
        for group in ring(keeping: .seconds(5), frames: 0..<250).groups(since: 0) {
            #expect(group.bytes[1] & 0x1F == 0 && group.bytes[2] == 0 && group.bytes.count % 188 == 0)
        }
    }

    @Test func whatLiesBeforeTheFirstKeyFrameIsNotKept() {
        #expect(ring(keeping: .seconds(5), frames: 10..<20).bytes == 0)
        #expect(ring(keeping: .seconds(5), frames: 10..<30).groups(since: 0).map(\.arrival) == [1000])
    }

    /// A group that is larger than all that may be kept costs no more than that.
    @Test func itsBytesAreBounded() {
        let bounded = ring(keeping: .seconds(60), frames: 0..<1000, mostBytes: 100_000)
        #expect(bounded.bytes <= 100_000 && bounded.groups(since: 0).count >= 2)
        let small = ring(keeping: .seconds(60), frames: 0..<1000, mostBytes: 10_000)
        #expect(small.bytes <= 10_000)
    }
}
