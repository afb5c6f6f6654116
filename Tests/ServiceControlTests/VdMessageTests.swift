import Bus
import HSSModel
import NIOCore
import ServerKit
import ServiceControl
import Testing

@Suite("Messages of a unit, §9.3.2.1") struct VdMessageTests {
    @Test(arguments: [false, true]) func keepaliveIsAnsweredAndTellsTheState(tls: Bool) async throws {
        try await SignallingBench.run(tls: tls) { bench in
            let unit = try await bench.unit(tls: tls)
            try await unit.send(SignallingBench.keepalive(1, state: 3, alarm: 5))
            #expect(await unit.text() == #"{"seq":1,"resp":{}}"#)
            let presence = try #require(await bench.presence())
            #expect(presence.connected && presence.state == .online && presence.firmwareModel == "2.0")
            #expect(
                presence.channels == [
                    .init(number: 0, state: .error, streaming: false, recording: false, alarms: 5)
                ]
            )
        }
    }

    /// Table I.2-1 gives a heartbeat every 10 s; the platform tells its own interval (Table I.2-2).
    @Test func getServerInfoTellsTheHeartbeatInterval() async throws {
        var settings = SignallingBench.settings
        settings.keepalive = .seconds(7)
        try await SignallingBench.run(settings: settings) { bench in
            let unit = try await bench.unit()
            try await unit.send(
                #"{"req":"GetServerInfo","params":{"mac_id":"\#(SignallingBench.mac1)","state":1},"seq":1}"#
            )
            #expect(await unit.text() == #"{"seq":1,"resp":{"hb_interval":7}}"#)
        }
    }

    /// Another spelling of the address is the same address; whatever else is wrong is error 12 with its name.
    @Test(arguments: [
        (#""mac_id":"00-11-22-33-44-01","state":1,"channels":[]"#, #""resp":{}"#),
        (#""mac_id":"00:11:22:33:44:02","state":1,"channels":[]"#, "mac_id: is not that of device cam-1"),
        (#""mac_id":"","state":1,"channels":[]"#, "mac_id: expected 1 to 64 bytes"),
        (#""state":1,"channels":[]"#, "mac_id: required"),
        (#""mac_id":"001122334401","state":9,"channels":[]"#, "state: expected an integer, 1 to 3"),
        (#""mac_id":"001122334401","state":1"#, "channels: required"),
        (#""mac_id":"001122334401","state":1,"channels":{}"#, "channels: expected an array"),
        (
            #""mac_id":"001122334401","state":1,"channels":[{"channel":0,"state":1},{"channel":1,"state":2}]"#,
            "channels[1].state: expected 0, 1, 3 or 4"
        ),
    ]) func aParameterThatIsWrongIsNamed(parameters: String, expected: String) async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            try await unit.send(#"{"req":"Keepalive","params":{\#(parameters)},"seq":1}"#)
            let result =
                expected.hasPrefix("\"") ? expected : #""err":{"code":12,"msg":"\#(expected)"}"#
            #expect(await unit.text() == #"{"seq":1,\#(result)}"#)
        }
    }

    @Test func anUnknownMethodIsError101() async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            try await unit.send(#"{"req":"MakeTea","seq":1}"#)
            #expect(
                await unit.text() == #"{"seq":1,"err":{"code":101,"msg":"unsupported RPC method MakeTea"}}"#
            )
        }
    }

    /// §9.3.2.1.1: answers come in the order of the requests.
    @Test func answersComeInOrderHoweverTheRequestsArrive() async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            var bytes: [UInt8] = []
            for seq in 1...50 {
                let text = seq % 3 == 0 ? #"{"req":"No","seq":\#(seq)}"# : SignallingBench.keepalive(seq)
                bytes += RawClient.frame(RawClient.Frame.text, Array(text.utf8))
            }
            // In pieces that end anywhere.
            for start in stride(from: 0, to: bytes.count, by: 97) {
                try await unit.send(Array(bytes[start..<min(start + 97, bytes.count)]))
            }
            for seq in 1...50 {
                #expect(await unit.text()?.hasPrefix(#"{"seq":\#(seq),"#) == true)
            }
        }
    }

    // MARK: Bind, Table I.2-3

    static func bind(_ code: String) -> String {
        #"{"event":"Bind","params":{"mac_id":"\#(SignallingBench.mac1)","bind_id":"\#(code)"}}"#
    }

    @Test func bindReachesTheRegistry() async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            try await unit.send(Self.bind("GOOD"))
            #expect(await eventually { bench.admission.binds == ["cam-1 GOOD"] })
            let counted = #"vedette_vd_binds_total{outcome="bound"} 1"#
            #expect(await eventually { bench.metrics.exposition().contains(counted) })
        }
    }

    @Test func aUnitThatTriesCodesHasOneTryAtATime() async throws {
        try await SignallingBench.run { bench in
            bench.admission.hold(binds: true)
            let unit = try await bench.unit()
            for number in 1...50 { try await unit.send(Self.bind("TRY-\(number)")) }
            try await unit.send(SignallingBench.keepalive(1))
            #expect(await unit.text() == #"{"seq":1,"resp":{}}"#, "an event has no answer")
            #expect(bench.admission.binds == ["cam-1 TRY-1"])
            bench.admission.hold(binds: false)
            #expect(
                await eventually {
                    try? await unit.send(Self.bind("GOOD"))
                    return bench.admission.binds.last == "cam-1 GOOD"
                }
            )
        }
    }

    // MARK: Broken peers

    /// Whatever a peer does wrong ends its own connection and no other. The code is that of RFC 6455, 7.4.1.
    @Test(arguments: [
        ("not JSON", [RawClient.frame(1, Array("{".utf8))], 1002),
        ("no template of Table 9-1", [RawClient.frame(1, Array(#"{"seq":"1"}"#.utf8))], 1002),
        ("not UTF-8", [RawClient.frame(1, [0x7B, 0xFF, 0x7D])], 1002),
        ("an answer to nothing", [RawClient.frame(1, Array(#"{"seq":1,"resp":{}}"#.utf8))], 1002),
        ("no mask (RFC 6455, 5.1)", [RawClient.frame(1, Array("{}".utf8), masked: false)], 1002),
        ("reserved bits (5.2)", [RawClient.frame(1, Array("{}".utf8), bits: 0x40)], 1002),
        ("a reserved opcode (5.2)", [RawClient.frame(3, [])], 1002),
        ("a continuation of nothing (5.4)", [RawClient.frame(0, Array("{}".utf8))], 1002),
        (
            "a message within a message (5.4)",
            [RawClient.frame(1, [0x7B], fin: false), RawClient.frame(1, Array("{}".utf8))], 1002
        ),
        ("too large in one frame", [RawClient.frame(1, [UInt8](repeating: 0x20, count: 2000))], 1009),
        (
            "too large in pieces",
            [UInt8](0..<3).map {
                RawClient.frame($0 == 0 ? 1 : 0, [UInt8](repeating: 0x20, count: 400), fin: false)
            }, 1009
        ),
        (
            "too many pieces",
            [RawClient.frame(1, [0x7B], fin: false)]
                + [[UInt8]](repeating: RawClient.frame(0, [], fin: false), count: 40), 1008
        ),
    ]) func whatIsWrongClosesThisConnectionOnly(what: String, frames: [[UInt8]], code: Int) async throws {
        var settings = SignallingBench.settings
        settings.messageSize = 1024
        try await SignallingBench.run(settings: settings) { bench in
            let other = try await bench.unit("cam-2")
            let unit = try await bench.unit("cam-1")
            for frame in frames { try? await unit.send(frame) }
            #expect(await unit.end() == code, "\(what)")
            let counted = bench.metrics.exposition()
            #expect(!counted.contains(#"reason="platform"} 1"#), "operators see who was at fault")
            try await other.send(SignallingBench.keepalive(1, mac: SignallingBench.mac2))
            #expect(await other.text() == #"{"seq":1,"resp":{}}"#)
        }
    }

    @Test func aMessageMayComeInPiecesWithAPingBetween() async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            let text = Array(SignallingBench.keepalive(1).utf8)
            try await unit.send(frame: 1, Array(text[..<20]), fin: false)
            try await unit.send(frame: RawClient.Frame.ping, [1, 2, 3])
            try await unit.send(frame: 0, Array(text[20..<50]), fin: false)
            try await unit.send(frame: 0, Array(text[50...]))
            #expect(await unit.frame() == RawClient.Frame(opcode: RawClient.Frame.pong, payload: [1, 2, 3]))
            #expect(await unit.text() == #"{"seq":1,"resp":{}}"#)
        }
    }

    /// Answers that nobody reads are not kept without end.
    @Test func aPeerThatReadsNothingIsClosed() async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit(reads: false)
            let pings = [[UInt8]](
                repeating: RawClient.frame(RawClient.Frame.ping, [UInt8](repeating: 0, count: 125)),
                count: 500
            ).flatMap { $0 }
            // 40 MB of answers: more than the buffers of both hosts hold.
            for _ in 0..<600 where unit.channel.isActive { try? await unit.send(pings) }
            #expect(await eventually { bench.service.connectedUnits == 0 })
            #expect(bench.metrics.exposition().contains(#"vedette_vd_closes_total{reason="platform"} 1"#))
        }
    }
}
