import Bus
import HSSModel
import ServiceControl
import Store
import Testing
import Vd

@Suite("Configuration, Tables I.2-19 to I.2-21") struct UnitConfigurationTests {
    private static let path = "/devices/cam-1/config"

    private static func answer(_ unit: RawClient, _ seq: Int, _ document: String) async throws {
        try await unit.send(#"{"seq":\#(seq),"resp":\#(document)}"#)
    }

    @Test func whatTheUnitHasIsShown() async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            let api = UnitAPI(bench)
            async let shown = api.send("GET \(Self.path)", as: "carl")
            #expect(await unit.text() == #"{"req":"GetConfig","seq":1}"#)
            try await Self.answer(unit, 1, #"{"channls":{"0":{"on":true}},"led":false,"unknown":1}"#)
            let answer = try await shown
            #expect(answer.status == 200)
            #expect(
                answer.json == """
                    {"desired":{},"difference":{},"refused":[],\
                    "reported":{"channels":{"0":{"on":true}},"led":false},"settled":true}
                    """
            )
        }
    }

    /// "SetConfig changes only what it names", and only what differs is named.
    @Test func onlyWhatDiffersIsSent() async throws {
        let documents = FakeDocuments()
        try await SignallingBench.run(documents: documents) { bench in
            let unit = try await bench.unit()
            let api = UnitAPI(bench)
            let wanted = #"{"led":true,"tz":8,"channels":{"1":{"image":{"horflip":true}}}}"#
            async let changed = api.send("PATCH \(Self.path)", wanted)
            #expect(await unit.text() == #"{"req":"GetConfig","seq":1}"#)
            try await Self.answer(
                unit,
                1,
                #"{"led":true,"tz":1,"channels":{"1":{"image":{"horflip":false}}}}"#
            )
            #expect(
                await unit.text()
                    == #"{"req":"SetConfig","params":{"channels":{"1":{"image":{"horflip":true}}},"tz":8},"seq":2}"#
            )
            try await Self.answer(
                unit,
                2,
                #"{"led":true,"tz":8,"channels":{"1":{"image":{"horflip":true}}}}"#
            )
            let answer = try await changed
            #expect(answer.status == 200 && answer.json.contains(#""difference":{},"#), "\(answer)")
            let kept = documents.body(.desired, of: UnitCallTests.cam1)
            #expect(
                kept == #"{"channels":{"1":{"image":{"horflip":true}}},"tz":8,"led":true}"#,
                "what is wanted is durable before the answer"
            )
            // RFC 7396: null wants a field no longer; the unit keeps what it has.
            let dropped = try await api.send("PATCH \(Self.path)", #"{"tz":null}"#)
            #expect(dropped.status == 200 && !dropped.json.contains(#""desired":{"tz""#), "\(dropped)")
            #expect(documents.body(.desired, of: UnitCallTests.cam1)?.contains("tz") == false)
        }
    }

    /// 12, 13 or 102 of Table I.2-20 speak of the whole change: the field is found by halving it.
    @Test(arguments: [12, 13, 102]) func theRefusedFieldIsFound(code: Int) async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            let api = UnitAPI(bench)
            async let changed = api.send("PATCH \(Self.path)", #"{"led":true,"tz":8,"log_level":3}"#)
            _ = try await VdLiveTests.request(unit, "GetConfig")
            try await Self.answer(unit, 1, #"{"led":false,"tz":1,"log_level":0}"#)
            var left: Set = ["led", "tz", "log_level"]
            while !left.isEmpty {
                let (request, seq) = try await VdLiveTests.request(unit, "SetConfig")
                let change = try SetConfig(request.parameters).document
                if change.number("tz") != nil {
                    try await unit.send(#"{"seq":\#(seq),"err":{"code":\#(code),"msg":"no zones"}}"#)
                    if change.fields.count == 1 { left.remove("tz") }
                } else {
                    try await Self.answer(unit, seq, String(decoding: change.object.bytes, as: UTF8.self))
                    left.subtract(change.fields.map(\.path.name))
                }
            }
            let answer = try await changed
            #expect(answer.status == 200, "settled: the rest is there")
            #expect(
                answer.json.contains(
                    #""refused":[{"field":"tz","reason":"no zones","unit_error":\#(code)}]"#
                ),
                "\(answer)"
            )
            #expect(answer.json.contains(#""difference":{"tz":8}"#))
        }
    }

    /// A unit that is away gets what is wanted when it is back, also after a restart of the platform.
    @Test func whatIsWantedWaitsForTheUnit() async throws {
        let documents = FakeDocuments()
        try await SignallingBench.run(documents: documents) { bench in
            let answer = try await UnitAPI(bench).send("PATCH \(Self.path)", #"{"led":true}"#)
            #expect(answer.status == 202 && answer.json.contains(#""settled":false"#), "\(answer)")
        }
        try await SignallingBench.run(documents: documents) { bench in
            let unit = try await bench.client()
            try await unit.send(SignallingBench.request(SignallingBench.target()))
            #expect(await unit.answer()?.status == 101)
            _ = try await VdLiveTests.request(unit, "GetConfig")
            try await Self.answer(unit, 1, "{}")
            #expect(await unit.text() == #"{"req":"SetConfig","params":{"led":true},"seq":2}"#)
            try await Self.answer(unit, 2, "{}")
            let kept = UnitCallTests.cam1
            #expect(await eventually { documents.body(.reported, of: kept) == #"{"led":true}"# })
        }
    }

    /// "Everything goes back to factory settings …; the platform then sends RebootDevice."
    @Test func aResetIsFollowedByAReboot() async throws {
        let documents = FakeDocuments()
        try await SignallingBench.run(documents: documents) { bench in
            let api = UnitAPI(bench)
            _ = try await api.send("PATCH \(Self.path)", #"{"led":true}"#)
            #expect(try await api.send("DELETE \(Self.path)").status == 504)
            #expect(documents.body(.desired, of: UnitCallTests.cam1) != nil, "nothing has happened")
            let unit = try await bench.client()
            try await unit.send(SignallingBench.request(SignallingBench.target()))
            #expect(await unit.answer()?.status == 101)
            _ = try await VdLiveTests.request(unit, "GetConfig")
            try await Self.answer(unit, 1, #"{"led":true}"#)
            async let reset = api.send("DELETE \(Self.path)")
            #expect(await unit.text() == #"{"req":"ResetConfig","seq":2}"#)
            try await Self.answer(unit, 2, "{}")
            #expect(await unit.text() == #"{"event":"RebootDevice"}"#)
            #expect(try await reset.status == 202)
            #expect(documents.body(.desired, of: UnitCallTests.cam1) == nil, "or it would undo the reset")
        }
    }

    @Test(arguments: [
        (#"{"led":1}"#, "led"), (#"{"nonsense":true}"#, "nonsense"),
        (#"{"channels":{"0":{"image":{"flip":true}}}}"#, "channels.0.image.flip"),
        (#"{"channels":{"0":{"video_encoding":{"fps":25}}}}"#, "channels.0.video_encoding.fps"),
        (#"{"channels":{"x":{"on":true}}}"#, "channels.x.on"), (#"{"tz":15}"#, "tz"), ("{}", "channels"),
    ]) func whatBreaksARuleIsNamed(body: String, field: String) async throws {
        try await SignallingBench.run { bench in
            let answer = try await UnitAPI(bench).send("PATCH \(Self.path)", body)
            #expect(answer.status == 400 && answer.json.contains(#""field":"\#(field)""#), "\(answer)")
        }
    }

    @Test func aStoreThatIsLostIsSaid() async throws {
        let documents = FakeDocuments()
        try await SignallingBench.run(documents: documents) { bench in
            documents.failAll(with: .unavailable("disk full"))
            let answer = try await UnitAPI(bench).send("PATCH \(Self.path)", #"{"led":true}"#)
            #expect(answer.status == 503 && !answer.json.contains("disk"))
        }
    }
}
