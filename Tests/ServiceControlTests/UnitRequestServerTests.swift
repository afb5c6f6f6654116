import Bus
import HSSModel
import ServerKit
import ServiceControl
import Synchronization
import Testing
import Vd

/// Alarms, logs and batteries as a part of the platform may serve them.
private final class FakeServer: UnitRequestServer {
    private struct State {
        var heard: [String] = []
        var isHeld = false
    }

    private let state = Mutex(State())

    var heard: [String] { state.withLock { $0.heard } }
    /// Nothing is finished while this is true.
    func hold(_ held: Bool) { state.withLock { $0.isHeld = held } }

    private func serve(_ text: String) async {
        state.withLock { $0.heard.append(text) }
        _ = await eventually { !self.state.withLock { $0.isHeld } }
    }

    func register(in table: inout UnitRequestTable) {
        table.answer(AlarmNotify.self) { (alarm, unit) async throws(RPCFailure) in
            await self.serve("\(unit.unit) alarm \(alarm.timestamp.seconds)")
            guard unit.channels[alarm.channel] != nil else { throw .noSuchChannel(alarm.channel) }
            return AlarmAnswer(pictureURL: Secret("https://h/upload/\(alarm.timestamp.seconds)"))
        }
        table.take(BatteryChange.self) { event, unit in
            await self.serve("\(unit.unit) battery \(event.percent)")
        }
        table.take(LogDone.self) { event, unit in
            await self.serve("\(unit.unit) log \(event.sizeInBytes)")
        }
    }
}

@Suite("Requests and events of units that take time") struct UnitRequestServerTests {
    private static func alarm(_ seq: Int, channel: Int = 0, type: Int = 3) -> String {
        #"{"req":"AlarmNotify","params":{"channel":\#(channel),"timestamp":\#(seq),"type":\#(type),"state":"start","desc":""},"seq":\#(seq)}"#
    }

    private static func battery(_ percent: Int) -> String {
        #"{"event":"BatteryChange","params":{"battery":\#(percent)}}"#
    }

    /// Tables I.2-16, I.2-27 and I.2-30.
    @Test func eachReachesWhoeverServesIt() async throws {
        let server = FakeServer()
        try await SignallingBench.run(servers: [server]) { bench in
            let unit = try await bench.unit()
            try await unit.send(Self.alarm(1))
            #expect(
                await unit.text() == #"{"seq":1,"resp":{"pic_upload_url":"https://h/upload/1"}}"#
            )
            try await unit.send(Self.alarm(2, channel: 7))
            #expect(
                await unit.text() == #"{"seq":2,"err":{"code":102,"msg":"channel 7 does not exist"}}"#
            )
            try await unit.send(Self.battery(42))
            try await unit.send(
                #"{"event":"LogDone","params":{"mac_id":"\#(SignallingBench.mac1)","trans_id":7,"status":"success","start":"2026-11-21T00:00:00","end":"2026-11-21T01:00:00","url":"https://h/l","size":0}}"#
            )
            #expect(
                await eventually {
                    server.heard == ["cam-1 alarm 1", "cam-1 alarm 2", "cam-1 battery 42", "cam-1 log 0"]
                }
            )
        }
    }

    /// A broken parameter is answered with its name, and nobody is called.
    @Test func whatBreaksARuleIsNotServed() async throws {
        let server = FakeServer()
        try await SignallingBench.run(servers: [server]) { bench in
            let unit = try await bench.unit()
            try await unit.send(Self.alarm(1, type: 99))
            #expect(await unit.text()?.hasPrefix(#"{"seq":1,"err":{"code":12,"msg":"type: "#) == true)
            try await unit.send(Self.battery(101))
            try await unit.send(
                #"{"event":"LogDone","params":{"mac_id":"\#(SignallingBench.mac2)","trans_id":7,"status":"success","start":"2026-11-21T00:00:00","end":"2026-11-21T01:00:00","url":"https://h/l","size":0}}"#
            )
            try await unit.send(SignallingBench.keepalive(2))
            #expect(await unit.text() == #"{"seq":2,"resp":{}}"#)
            #expect(server.heard == [])
            #expect(bench.metrics.exposition().contains("vedette_vd_events_ignored_total 2\n"))
        }
    }

    /// §9.3.2.1.1: answers leave in the order of the requests; one unit's messages are served one after the other,
    /// so that an alarm's end cannot overtake its start, and no other unit waits for them.
    @Test func oneUnitsMessagesAreServedInTheirOrder() async throws {
        let server = FakeServer()
        try await SignallingBench.run(servers: [server]) { bench in
            let unit = try await bench.unit()
            let other = try await bench.unit("cam-2")
            server.hold(true)
            for seq in 1...3 { try await unit.send(Self.alarm(seq)) }
            try await unit.send(Self.battery(9))
            try await unit.send(SignallingBench.keepalive(4))
            #expect(await eventually { server.heard == ["cam-1 alarm 1"] })
            try await other.send(SignallingBench.keepalive(1, mac: SignallingBench.mac2))
            #expect(await other.text() == #"{"seq":1,"resp":{}}"#)
            server.hold(false)
            for seq in 1...4 { #expect(await unit.text()?.hasPrefix(#"{"seq":\#(seq),"#) == true) }
            #expect(
                await eventually {
                    server.heard == ["cam-1 alarm 1", "cam-1 alarm 2", "cam-1 alarm 3", "cam-1 battery 9"]
                }
            )
        }
    }

    @Test func theNumberThatWaitsIsBounded() async throws {
        let server = FakeServer()
        try await SignallingBench.run(servers: [server]) { bench in
            let unit = try await bench.unit()
            server.hold(true)
            // One is being served, 16 wait, the rest is dropped.
            for percent in 0..<100 { try await unit.send(Self.battery(percent)) }
            try await unit.send(frame: RawClient.Frame.ping, [])
            #expect(await unit.frame()?.opcode == RawClient.Frame.pong)
            server.hold(false)
            #expect(await eventually { server.heard.count == 17 })
            #expect(server.heard.last == "cam-1 battery 16")
            #expect(bench.metrics.exposition().contains("vedette_vd_events_ignored_total 83\n"))
            // Requests have the bound of the session: beyond it the connection ends.
            server.hold(true)
            for seq in 1...17 { try await unit.send(Self.alarm(seq)) }
            #expect(await unit.end() == 1008)
            server.hold(false)
        }
    }

    @Test func withoutAServerTheMethodIsUnknown() async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            try await unit.send(Self.alarm(1))
            #expect(
                await unit.text()
                    == #"{"seq":1,"err":{"code":101,"msg":"unsupported RPC method AlarmNotify"}}"#
            )
        }
    }
}
