import Bus
import Foundation
import HSSModel
import HostClock
import Logging
import ServerKit
import ServiceControl
import Store
import Synchronization
import Testing
import Vd

@Suite("Alarms, Table I.2-16") struct AlarmDeskTests {
    private static let time = WallTime(milliseconds: 1_763_700_000_000)
    private static let unit = UnitRegistration(
        unit: UploadPlatform.unit,
        macIdentity: MACIdentity(unchecked: "00:11:22:33:44:55"),
        channels: [0: ChannelID(unchecked: "cam-0"), 1: ChannelID(unchecked: "cam-1")]
    )

    private static func desk(
        _ platform: UploadPlatform,
        _ settings: AlarmDesk.Settings = .init(),
        sendsByHTTPS: Bool = true
    ) -> AlarmDesk {
        AlarmDesk(
            store: platform.store,
            uploads: platform.desk,
            feed: platform.feed,
            settings: settings,
            metrics: platform.metrics,
            logger: Logger(label: "test"),
            sendsByHTTPS: { _ in sendsByHTTPS }
        )
    }

    private static func notify(
        _ type: AlarmType,
        _ phase: AlarmPhase,
        after seconds: Int = 0,
        channel: Int = 0
    ) -> AlarmNotify {
        AlarmNotify(
            channel: channel,
            timestamp: time + .seconds(seconds),
            type: type,
            phase: phase,
            description: "at the door"
        )
    }

    private static func all(_ platform: UploadPlatform) async throws -> [AlarmRecord] {
        try await platform.store.alarms(AlarmQuery(units: nil, limit: 100))
    }

    private static func events(_ platform: UploadPlatform) async throws -> [String] {
        try await platform.store.events(after: .none, of: nil, limit: 100).map(\.event.detail)
    }

    /// Rules for recording hear of each change once, after it is durable; a repeated report is none.
    @Test func whoFollowsHearsEachChangeOnce() async throws {
        try await UploadPlatform.with { platform async throws in
            let desk = Self.desk(platform)
            let told = Mutex<[String]>([])
            desk.onChange { alarm, change in told.withLock { $0.append("\(alarm.type) \(change.rawValue)") } }
            for _ in 0..<2 { _ = try await desk.alarm(Self.notify(.motion, .start), from: Self.unit) }
            _ = try await desk.alarm(Self.notify(.bellRing, .pulse, after: 1), from: Self.unit)
            for _ in 0..<2 { _ = try await desk.alarm(Self.notify(.motion, .end, after: 9), from: Self.unit) }
            #expect(told.withLock { $0 } == ["3 start", "10 pulse", "3 end"])
        }
    }

    /// "state alarms: start, end; single-trigger alarms: pulse".
    @Test(arguments: AlarmType.allCases) func everyTypeIsKept(_ type: AlarmType) async throws {
        try await UploadPlatform.with { platform async throws in
            let desk = Self.desk(platform)
            let single: [AlarmPhase] = [.pulse]
            for phase in type.isSingle ? single : [.start, .end] {
                let answer = try await desk.alarm(Self.notify(type, phase), from: Self.unit)
                #expect((answer.pictureURL != nil) == (phase != .end))
            }
            let alarm = try #require(try await Self.all(platform).first)
            #expect(alarm.type == type.rawValue)
            #expect(alarm.startedAt == Self.time && alarm.endedAt == Self.time)
            #expect(!alarm.startInferred && !alarm.endInferred)
            #expect(alarm.description == "at the door")
            #expect(WallTime.now - alarm.receivedAt < .seconds(60))
            #expect(try await Self.events(platform).count == (type.isSingle ? 1 : 2))
            for wrong in type.isSingle ? [.start, .end] : single {
                let rule = type.isSingle ? "pulse" : "start or end"
                await #expect(
                    throws: RPCFailure(12, "state: expected \(rule) for alarm type \(type.rawValue)")
                ) {
                    try await desk.alarm(Self.notify(type, wrong), from: Self.unit)
                }
            }
            #expect(try await Self.all(platform).count == 1)
        }
    }

    @Test func aRepeatGetsTheSameAnswer() async throws {
        try await UploadPlatform.serving { platform, port async throws in
            let desk = Self.desk(platform)
            let report = Self.notify(.motion, .start)
            let first = try await desk.alarm(report, from: Self.unit)
            #expect(first.pictureURL?.reveal().hasPrefix("https://vedette.example:8443/upload/") ?? false)
            // Also after a restart of the platform.
            let again = Self.desk(platform)
            #expect(try await again.alarm(report, from: Self.unit) == first)
            #expect(try await Self.all(platform).count == 1)
            #expect(try await Self.events(platform).count == 1)

            let path = try #require(URL(string: first.pictureURL?.reveal() ?? "")?.path)
            let url = "http://127.0.0.1:\(port)\(path)"
            #expect(try await UploadPlatform.put(url, UploadPlatform.picture) == 201)
            #expect(try await again.alarm(report, from: Self.unit) == AlarmAnswer())
            let alarm = try #require(try await Self.all(platform).first)
            #expect(alarm.picture != nil)
            let content = try await platform.desk.content(for: alarm.id.rawValue)
            #expect(content.size == Int64(UploadPlatform.picture.count))
        }
    }

    @Test func manyRepeatsAtOnceAreOneAlarm() async throws {
        try await UploadPlatform.with { platform async throws in
            let desk = Self.desk(platform)
            let answers = try await withThrowingTaskGroup(of: AlarmAnswer.self) { group in
                for _ in 0..<10 {
                    group.addTask { try await desk.alarm(Self.notify(.bellRing, .pulse), from: Self.unit) }
                }
                return try await group.reduce(into: Set<String>()) {
                    $0.insert($1.pictureURL?.reveal() ?? "")
                }
            }
            #expect(answers.count == 1)
            #expect(try await Self.all(platform).count == 1)
        }
    }

    @Test func whatDiffersInChannelTypeOrTimeIsAnotherAlarm() async throws {
        try await UploadPlatform.with { platform async throws in
            let desk = Self.desk(platform)
            for (type, seconds, channel) in [
                (AlarmType.bellRing, 0, 0), (.intrusion, 0, 0), (.bellRing, 1, 0), (.bellRing, 0, 1),
            ] {
                _ = try await desk.alarm(
                    Self.notify(type, .pulse, after: seconds, channel: channel),
                    from: Self.unit
                )
            }
            #expect(try await Self.all(platform).count == 4)
        }
    }

    @Test func aStartAfterALostEndEndsTheOldOne() async throws {
        try await UploadPlatform.with { platform async throws in
            let desk = Self.desk(platform)
            _ = try await desk.alarm(Self.notify(.motion, .start), from: Self.unit)
            _ = try await desk.alarm(Self.notify(.motion, .start, after: 60), from: Self.unit)
            let alarms = try await Self.all(platform).sorted { $0.startedAt < $1.startedAt }
            #expect(alarms.map(\.endedAt) == [Self.time + .seconds(60), nil])
            #expect(alarms.map(\.endInferred) == [true, false])
        }
    }

    @Test func anEndThatComesAloneIsKeptOnce() async throws {
        try await UploadPlatform.with { platform async throws in
            let desk = Self.desk(platform)
            for _ in 0..<2 { _ = try await desk.alarm(Self.notify(.sound, .end), from: Self.unit) }
            let alarms = try await Self.all(platform)
            #expect(alarms.count == 1)
            #expect(alarms.first?.startInferred ?? false)
        }
    }

    @Test func aForeignChannelIsRefused() async throws {
        try await UploadPlatform.with { platform async throws in
            await #expect(throws: RPCFailure.noSuchChannel(2)) {
                try await Self.desk(platform).alarm(Self.notify(.motion, .start, channel: 2), from: Self.unit)
            }
        }
    }

    @Test func aFloodIsRefusedAndTheOldestGo() async throws {
        try await UploadPlatform.with { platform async throws in
            let settings = AlarmDesk.Settings(reportsPerSecond: 0.001, burst: 8, alarmsPerUnit: 5)
            let desk = Self.desk(platform, settings)
            for number in 0..<8 {
                _ = try await desk.alarm(Self.notify(.bellRing, .pulse, after: number), from: Self.unit)
            }
            await #expect(throws: RPCFailure.self) {
                try await desk.alarm(Self.notify(.bellRing, .pulse, after: 9), from: Self.unit)
            }
            #expect(try await Self.all(platform).count == 5)
        }
    }

    @Test func aUnitWithoutTLSGetsAPlainAddress() async throws {
        try await UploadPlatform.with {
            $0.plainAddress = "http://vedette.example:8080"
        } _: { platform async throws in
            let desk = Self.desk(platform, sendsByHTTPS: false)
            let answer = try await desk.alarm(Self.notify(.motion, .start), from: Self.unit)
            #expect(answer.pictureURL?.reveal().hasPrefix("http://vedette.example:8080/upload/") ?? false)
        }
    }

    // MARK: Heartbeats

    private static func keepalive(_ bits: UInt32) -> Keepalive {
        Keepalive(
            macID: "00:11:22:33:44:55",
            state: .online,
            channels: [.init(number: 0, state: .online, alarms: bits)]
        )
    }

    /// Runs the desk beside `body`.
    private static func running(_ desk: AlarmDesk, _ body: () async throws -> Void) async throws {
        let task = Task { try await desk.run() }
        defer { task.cancel() }
        try await body()
    }

    /// "alarm: active alarms" (Table I.2-1): a bit without a report opens one, a bit that is gone ends it.
    @Test func heartbeatsOpenAndEndWhatNobodyReported() async throws {
        try await UploadPlatform.with { platform async throws in
            let desk = Self.desk(platform)
            try await Self.running(desk) {
                for _ in 0..<2 { desk.heard(Self.keepalive(AlarmType.motion.bit), from: Self.unit) }
                let isOpened = await eventually { (try? await Self.all(platform).count) == 1 }
                #expect(isOpened)
                var alarm = try #require(try await Self.all(platform).first)
                #expect(alarm.startInferred && alarm.endedAt == nil)
                // The report comes late: it is this alarm, and its picture is wanted.
                let answer = try await desk.alarm(Self.notify(.motion, .start), from: Self.unit)
                #expect(answer.pictureURL != nil)
                alarm = try #require(try await Self.all(platform).first)
                #expect(!alarm.startInferred && alarm.startedAt == Self.time)

                for _ in 0..<2 { desk.heard(Self.keepalive(0), from: Self.unit) }
                let isEnded = await eventually { (try? await Self.all(platform).first?.endedAt) != nil }
                #expect(isEnded)
                #expect(try await Self.all(platform).first?.endInferred ?? false)
                // And the end that was queued.
                _ = try await desk.alarm(Self.notify(.motion, .end, after: 5), from: Self.unit)
                let alarms = try await Self.all(platform)
                #expect(alarms.count == 1)
                #expect(alarms.first?.endedAt == Self.time + .seconds(5))
                #expect(alarms.first?.endInferred == false)
            }
        }
    }

    @Test func whatLastedBeforeARestartEndsAfterIt() async throws {
        try await UploadPlatform.with { platform async throws in
            _ = try await Self.desk(platform).alarm(Self.notify(.human, .start), from: Self.unit)
            let restarted = Self.desk(platform)
            try await Self.running(restarted) {
                let isEnded = await eventually {
                    restarted.heard(Self.keepalive(0), from: Self.unit)
                    return (try? await Self.all(platform).first?.endedAt) != nil
                }
                #expect(isEnded)
            }
        }
    }

    /// "Timestamps far off the platform's clock": both are kept.
    @Test func aWrongClockIsKeptAsItIs() async throws {
        try await UploadPlatform.with { platform async throws in
            let early = AlarmNotify(
                channel: 0,
                timestamp: WallTime(milliseconds: 0),
                type: .bellRing,
                phase: .pulse,
                description: ""
            )
            _ = try await Self.desk(platform).alarm(early, from: Self.unit)
            let alarm = try #require(try await Self.all(platform).first)
            #expect(alarm.startedAt == WallTime(milliseconds: 0))
            #expect(WallTime.now - alarm.receivedAt < .seconds(60))
        }
    }
}
