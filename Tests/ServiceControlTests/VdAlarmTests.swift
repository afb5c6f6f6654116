import Bus
import Foundation
import HSSModel
import HostClock
import Logging
import ServerKit
import ServiceControl
import Store
import Testing
import Vd

@Suite("Alarms and batteries over a connection, Tables I.2-1, I.2-16, I.2-27") struct VdAlarmTests {
    /// A connected unit `cam-1` and what is kept of it; `port` takes uploads.
    private static func run(
        _ body: @escaping @Sendable (SignallingBench, RawClient, UploadPlatform, Int) async throws -> Void
    ) async throws {
        try await UploadPlatform.serving { platform, port async throws in
            try await platform.store.add(
                StoredDevice(
                    unit: SignallingBench.channel.unit,
                    macIdentity: MACIdentity(unchecked: SignallingBench.mac1),
                    name: "Camera",
                    channels: [0: ChannelID(unchecked: "c0"), 1: ChannelID(unchecked: "c1")],
                    passwordHash: Secret("hash"),
                    createdAt: .now
                )
            )
            let alarms = AlarmDesk(
                store: platform.store,
                uploads: platform.desk,
                feed: platform.feed,
                metrics: platform.metrics,
                logger: Logger(label: "test")
            )
            let task = Task { try await alarms.run() }
            defer { task.cancel() }
            let servers: [any UnitRequestServer] = [
                alarms, BatteryDesk(store: platform.store, feed: platform.feed),
            ]
            try await SignallingBench.run(servers: servers) { bench in
                try await body(bench, try await bench.unit(), platform, port)
            }
        }
    }

    private static func details(_ platform: UploadPlatform) async throws -> [String] {
        try await platform.store.events(after: .none, of: nil, limit: 100).map(\.event.detail)
    }

    private static func report(_ type: Int, _ phase: String, seq: Int) -> String {
        #"{"req":"AlarmNotify","params":{"channel":1,"timestamp":1763700000,"type":\#(type),"#
            + #""state":"\#(phase)","desc":"gate"},"seq":\#(seq)}"#
    }

    @Test func aBellRingsWithItsPicture() async throws {
        try await Self.run { _, unit, platform, port async throws in
            try await unit.send(Self.report(10, "pulse", seq: 1))
            let answer = try #require(await unit.text())
            let address = try #require(answer.split(separator: "\"").first { $0.hasPrefix("https://") })
            let path = try #require(URL(string: String(address))?.path)
            #expect(answer == #"{"seq":1,"resp":{"pic_upload_url":"\#(address)"}}"#)
            // The answer was lost: the same again.
            try await unit.send(Self.report(10, "pulse", seq: 2))
            #expect(await unit.text() == answer.replacing(#""seq":1"#, with: #""seq":2"#))
            let url = "http://127.0.0.1:\(port)\(path)"
            #expect(try await UploadPlatform.put(url, UploadPlatform.picture) == 201)
            let alarm = try #require(try await platform.store.alarms(AlarmQuery(units: nil)).first)
            #expect(alarm.picture != nil && alarm.channel.number == 1)
            let content = try await platform.desk.content(for: alarm.id.rawValue)
            #expect(try await content.read(0, 2000) == UploadPlatform.picture)
            let details = try await Self.details(platform)
            let first =
                #"{"alarm_id":"\#(alarm.id)","type":10,"name":"bell_ring","state":"pulse","#
                + #""timestamp":1763700000,"desc":"gate","inferred":false}"#
            #expect(details == [first, #"{"alarm_id":"\#(alarm.id)","state":"picture"}"#])
        }
    }

    @Test func aWrongPhaseIsError12WithItsField() async throws {
        try await Self.run { _, unit, platform, _ async throws in
            try await unit.send(Self.report(10, "start", seq: 1))
            let text = #"{"seq":1,"err":{"code":12,"msg":"state: expected pulse for alarm type 10"}}"#
            #expect(await unit.text() == text)
            try await unit.send(Self.report(13, "start", seq: 2))
            #expect(await unit.text()?.hasPrefix(#"{"seq":2,"err":{"code":12,"msg":"type: "#) ?? false)
            #expect(try await platform.store.alarms(AlarmQuery(units: nil)).isEmpty)
        }
    }

    @Test func heartbeatsTellWhatNobodyReported() async throws {
        try await Self.run { _, unit, platform, _ async throws in
            func heartbeat(_ bits: Int, _ seq: Int) async throws {
                let mac = SignallingBench.mac1
                try await unit.send(
                    #"{"req":"Keepalive","params":{"mac_id":"\#(mac)","state":1,"#
                        + #""channels":[{"channel":0,"state":1,"alarm":\#(bits)}]},"seq":\#(seq)}"#
                )
                #expect(await unit.text() == #"{"seq":\#(seq),"resp":{}}"#)
            }
            for (seq, bits) in [8, 8].enumerated() { try await heartbeat(bits, seq + 1) }
            let begins = await eventually { (try? await Self.details(platform).count) == 1 }
            #expect(begins)
            for (seq, bits) in [0, 0].enumerated() { try await heartbeat(bits, seq + 3) }
            let ends = await eventually { (try? await Self.details(platform).count) == 2 }
            #expect(ends)
            let alarm = try #require(try await platform.store.alarms(AlarmQuery(units: nil)).first)
            #expect(alarm.type == 3 && alarm.startInferred && alarm.endInferred && alarm.endedAt != nil)
        }
    }

    @Test func aBatteryThatChangesIsAnEvent() async throws {
        try await Self.run { _, unit, platform, _ async throws in
            for percent in [80, 80, 79] {
                try await unit.send(#"{"event":"BatteryChange","params":{"battery":\#(percent)}}"#)
            }
            let areThere = await eventually { (try? await Self.details(platform).count) == 2 }
            #expect(areThere)
            #expect(try await Self.details(platform) == [#"{"percent":80}"#, #"{"percent":79}"#])
            // Another desk, as after a restart.
            let desk = BatteryDesk(store: platform.store, feed: platform.feed)
            let name = SignallingBench.channel.unit
            #expect(try await desk.batteries(of: [name])[name]?.percent == 79)
            let history = try await desk.batteryHistory(BatteryQuery(unit: name))
            #expect(history.map(\.report.percent) == [79, 80])
        }
    }
}
