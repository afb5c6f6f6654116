import Bus
import HSSModel
import ServiceControl
import Testing
import Vd

/// One call of the API and what it makes of a unit's socket.
struct UnitCall: Sendable, CustomTestStringConvertible {
    /// Of Appendix I.
    var table: String
    var call: String
    var body: String?
    /// What the unit receives, `SEQ` standing for the number of a request.
    var wire: String
    /// `resp` of the unit; nil: an event, which nobody answers.
    var answer: String?
    var status: Int
    var result = ""

    var testDescription: String { "\(table): \(call)" }
}

@Suite("Messages to units, Appendix I.2") struct UnitCallTests {
    private static let device = "/devices/cam-1"

    static let calls: [UnitCall] = [
        UnitCall(
            table: "I.2-4",
            call: "POST \(device)/channels/1/reboot",
            wire: #"{"event":"RebootChannel","params":{"channel":1}}"#,
            status: 202
        ),
        UnitCall(
            table: "I.2-5",
            call: "POST \(device)/reboot",
            wire: #"{"event":"RebootDevice"}"#,
            status: 202
        ),
        UnitCall(
            table: "I.2-6",
            call: "POST \(device)/reschedule",
            wire: #"{"event":"Reschedule"}"#,
            status: 202
        ),
        UnitCall(
            table: "I.2-8",
            call: "GET \(device)/upgrade",
            wire: #"{"req":"QueryUpgrade","seq":SEQ}"#,
            answer: #"{"upgrade_status":"donwloading","progress":40,"firmware_model":"2.0"}"#,
            status: 200,
            result: #"{"firmware_model":"2.0","progress":40,"state":"downloading"}"#
        ),
        UnitCall(
            table: "I.2-9",
            call: "POST \(device)/time",
            body: #"{"datetime":"2026-11-21T18:46:09","tz":8,"tolerance":5}"#,
            wire:
                #"{"req":"Settime","params":{"datetime":"2026-11-21T18:46:09","tz":8,"offset":5},"seq":SEQ}"#,
            answer: "{}",
            status: 204
        ),
        // A field that breaks its rule costs that field only.
        UnitCall(
            table: "I.2-11",
            call: "GET \(device)/status",
            wire: #"{"req":"DevStatus","seq":SEQ}"#,
            answer: #"""
                {"dev_id":"cam-1","hardware_model":"H","firmware_model":"2.0","last_upgrade_datetime":"","wifi_signal":-61}
                """#,
            status: 200,
            result: #"{"device_id":"cam-1","firmware_model":"2.0","hardware_model":"H"}"#
        ),
        UnitCall(
            table: "I.2-11",
            call: "GET \(device)/status",
            wire: #"{"req":"DevStatus","seq":SEQ}"#,
            answer: #"""
                {"dev_id":"cam-1","hardware_model":"H","firmware_model":"2.0","last_upgrade_datetime":"2016-12-05T02:15:32","wifi_signal":70,"battery":null}
                """#,
            status: 200,
            result: #"""
                {"device_id":"cam-1","firmware_model":"2.0","hardware_model":"H","last_upgrade_datetime":"2016-12-05T02:15:32","wifi_signal":70}
                """#
        ),
        UnitCall(
            table: "I.2-17",
            call: "POST \(device)/channels/1/ptz",
            body: #"{"op":"goto_preset","value":7}"#,
            wire: #"{"event":"CtrlPTZ","params":{"channel":1,"op":"goto_preset","value":7}}"#,
            status: 202
        ),
        UnitCall(
            table: "I.2-18",
            call: "GET \(device)/presets",
            wire: #"{"req":"GetPTZPresetList","params":{"channel":0},"seq":SEQ}"#,
            answer: #"{"presetList":[{"ptzId":3},{"ptzId":255}]}"#,
            status: 200,
            result: #"{"presets":[3,255]}"#
        ),
        UnitCall(
            table: "I.2-23",
            call: "POST \(device)/play",
            body: #"{"url":"https://example.org/dog.aac"}"#,
            wire: #"{"event":"PlayVideo","params":{"channel":0,"url":"https://example.org/dog.aac"}}"#,
            status: 202
        ),
        UnitCall(
            table: "I.2-24",
            call: "POST \(device)/channels/1/play",
            body: #"{"op":"pause"}"#,
            wire: #"{"event":"CtrlVideo","params":{"channel":1,"op":"pause"}}"#,
            status: 202
        ),
        UnitCall(
            table: "I.2-25",
            call: "GET \(device)/play",
            wire: #"{"req":"QueryVideoStatus","params":{"channel":0},"seq":SEQ}"#,
            answer: #"{"status":"pausing","url":"https://example.org/dog.aac?key=secret"}"#,
            status: 200,
            result: #"{"state":"pausing","url":"https://example.org/dog.aac"}"#
        ),
        UnitCall(
            table: "I.2-26",
            call: "POST \(device)/keep-awake",
            body: #"{"seconds":90}"#,
            wire: #"{"req":"KeepAwaken","params":{"channel":0,"expired":90},"seq":SEQ}"#,
            answer: "{}",
            status: 204
        ),
        UnitCall(
            table: "I.2-28",
            call: "GET \(device)/capabilities",
            wire: #"{"req":"GetCap","seq":SEQ}"#,
            answer: #"{"ptz":true,"media_protocol":"srt","alarms":{"motion":true},"unknown":1}"#,
            status: 200,
            result: """
                {"alarms":{"body":false,"cross":false,"cry":false,"face":false,"io":false,"motion":true,"voice":false},\
                "audio_out":false,"auto_reboot":false,"battery":false,"cloud_record":false,\
                "firmware_download_https":false,"led":false,"log_upload_https":false,"media_protocol":"srt",\
                "pic_upload_https":false,"ptz":true,"switch":false,"trace":false,"video_encrypt":false,\
                "voice_out":false}
                """
        ),
        UnitCall(
            table: "I.2-31",
            call: "GET \(device)/disk",
            wire: #"{"req":"GetDiskInfo","seq":SEQ}"#,
            answer: #"{"state":3,"total":64000,"free":0}"#,
            status: 200,
            result: #"{"free_mb":0,"state":"formatting","total_mb":64000}"#
        ),
        UnitCall(
            table: "I.2-32",
            call: "POST \(device)/format-disk",
            wire: #"{"req":"FormatDisk","seq":SEQ}"#,
            answer: "{}",
            status: 202
        ),
    ]

    /// From the API to the unit's socket and back.
    @Test(arguments: calls) func aCallCrossesTheConnection(_ call: UnitCall) async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            let api = UnitAPI(bench)
            async let result = api.send(call.call, call.body)
            let text = try #require(await unit.text(), "\(call.table) is awaited")
            #expect(text == call.wire.replacing("SEQ", with: "1"))
            if let answer = call.answer { try await unit.send(#"{"seq":1,"resp":\#(answer)}"#) }
            let given = try await result
            #expect(given.status == call.status)
            #expect(given.json == call.result)
        }
    }

    /// Changing a unit needs the right `control`; looking needs any; strangers see nothing.
    @Test(arguments: calls) func everyCallAsksForARight(_ call: UnitCall) async throws {
        try await SignallingBench.run { bench in
            let api = UnitAPI(bench)
            #expect(try await api.send(call.call, call.body, as: "eve").status == 404)
            let watcher = try await api.send(call.call, call.body, as: "carl")
            // The unit is offline: whoever is let through hears that.
            #expect(watcher.status == (call.call.hasPrefix("GET") ? 504 : 403), "\(watcher)")
            for user in ["anna", "root"] {
                let answer = try await api.send(call.call, call.body, as: user)
                #expect(answer.status == 504 && answer.json.contains("urn:vedette:unit-offline"), "\(answer)")
            }
        }
    }

    /// Table I.2-10, and Table I.2-9 without a time: the platform's, in the zone that the unit has.
    @Test func theClockIsReadAndSet() async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            let api = UnitAPI(bench)
            async let read = api.send("GET /devices/cam-1/time")
            #expect(await unit.text() == #"{"req":"QueryTime","seq":1}"#)
            try await unit.send(#"{"seq":1,"resp":{"datetime":"2026-11-21T18:46:09"}}"#)
            #expect(try await read.json.hasPrefix(#"{"datetime":"2026-11-21T18:46:09","platform_time":"#))

            async let set = api.send("POST /devices/cam-1/time")
            #expect(await unit.text() == #"{"req":"QueryTime","seq":2}"#)
            try await unit.send(#"{"seq":2,"resp":{"datetime":"2000-01-01T00:00:00","tz":-3}}"#)
            let (request, seq) = try await VdLiveTests.request(unit, "Settime")
            let time = try SetTime(request.parameters)
            #expect(seq == 3 && time.timeZone == -3 && time.tolerance == 2)
            try await VdLiveTests.agree(unit, 3)
            #expect(try await set.status == 204)
        }
    }

    /// Tables I.2-7, I.2-14 and I.2-15: those parts of the platform send them that hand out firmware and record.
    @Test func whatOtherPartsSendCrossesTheConnection() async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            let service = bench.service
            let upgrade = UpgradeFirmware(firmwareModel: "2.1", url: Secret("https://h/f"))
            try await service.tell(upgrade, to: Self.cam1)
            #expect(
                await unit.text()
                    == #"{"event":"UpgradeFirmware","params":{"firmware_model":"2.1","url":"https://h/f"}}"#
            )
            let start = StartRecord(
                session: "r1",
                channel: 1,
                maxBitrate: 0,
                segmentSeconds: 60,
                segmentMaxBytes: 9,
                segmentMaxCount: 3,
                startTimestamp: 0,
                callbackURL: Secret("https://h/r")
            )
            let starting = Task { try await service.ask(start, of: Self.cam1) }
            let (request, seq) = try await VdLiveTests.request(unit, "StartRecord")
            #expect(try StartRecord(request.parameters) == start)
            try await VdLiveTests.agree(unit, seq)
            _ = try await starting.value
            let stop = StopRecord(session: "r1", channel: 1)
            let stopping = Task { try await service.ask(stop, of: Self.cam1) }
            #expect(
                await unit.text()
                    == #"{"req":"StopRecord","params":{"session_id":"r1","channel":1},"seq":2}"#
            )
            try await VdLiveTests.agree(unit, 2)
            _ = try await stopping.value
        }
    }

    /// Units in the field that log in on `/ovc` use other names for some requests and events.
    @Test(arguments: [
        ("POST /devices/cam-1/play", #"{"op":"stop"}"#, "AudioOutCtrl"),
        ("POST /devices/cam-1/play", #"{"url":"https://a/b"}"#, "AudioOutPlay"),
        ("GET /devices/cam-1/play", nil, "AudioOutQuery"), ("GET /devices/cam-1/status", nil, "DevInfo"),
        ("POST /devices/cam-1/time", #"{"datetime":"2026-11-21T18:46:09"}"#, "SyncTime"),
        ("POST /devices/cam-1/reboot", nil, "RebootDevice"),
    ]) func deployedUnitsHearTheirOwnNames(call: String, body: String?, name: String) async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit(path: "/ovc")
            let api = UnitAPI(bench)
            let calling = Task { try await api.send(call, body) }
            let text = try #require(await unit.text())
            #expect(
                text.hasPrefix(#"{"req":"\#(name)""#) || text.hasPrefix(#"{"event":"\#(name)""#),
                "\(text)"
            )
            if text.contains(#""seq":1"#) { try await VdLiveTests.agree(unit, 1) }
            _ = try await calling.value
        }
    }

    // MARK: What goes wrong

    /// "time-outs, refusals and error codes come back as problem+json that says what the unit said".
    @Test(arguments: [
        (#""err":{"code":1,"msg":"broken"}"#, 502, "refused-by-unit", #""unit_error":1"#),
        (#""err":{"code":12,"msg":"no"}"#, 409, "refused-by-unit", #""unit_error":12"#),
        (#""err":{"code":101,"msg":""}"#, 409, "refused-by-unit", #""unit_error":101"#),
        (#""err":{"code":404}"#, 409, "refused-by-unit", #""unit_error":404"#),
        (#""err":{"code":500}"#, 502, "refused-by-unit", #""unit_error":500"#),
        (#""resp":{"state":9,"total":1,"free":1}"#, 502, "malformed-answer", #""field":"state""#),
        (#""resp":{}"#, 502, "malformed-answer", #""field":"state""#),
    ]) func whatTheUnitSaysReachesTheCaller(
        reply: String,
        status: Int,
        type: String,
        member: String
    ) async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            let api = UnitAPI(bench)
            async let result = api.send("GET /devices/cam-1/disk")
            _ = await unit.text()
            try await unit.send(#"{"seq":1,\#(reply)}"#)
            let problem = try await result
            #expect(problem.status == status && problem.type == "application/problem+json")
            #expect(
                problem.json.contains("urn:vedette:\(type)") && problem.json.contains(member),
                "\(problem)"
            )
            // Content that is wrong is no reason to end the connection.
            try await unit.send(SignallingBench.keepalive(1))
            #expect(await unit.text() == #"{"seq":1,"resp":{}}"#)
        }
    }

    /// A unit's text goes to terminals and pages: nothing in it may move a cursor, and it has an end.
    @Test func theUnitsTextIsCleanedAndCut() async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            let service = bench.service
            let answer = Task { try await service.ask(GetDiskInfo(), of: Self.cam1) }
            _ = await unit.text()
            let long = String(repeating: "x", count: 500)
            try await unit.send(#"{"seq":1,"err":{"code":1,"msg":"a\u001b[2J\u202e\#(long)"}}"#)
            let expected = "a [2J " + String(repeating: "x", count: 194)
            await #expect(throws: UnitCallError.refused(code: 1, message: expected)) {
                try await answer.value
            }
        }
    }

    @Test func silenceIsToldAndEndsTheConnection() async throws {
        var settings = SignallingBench.settings
        settings.sessionLimits.answerTime = .milliseconds(300)
        try await SignallingBench.run(settings: settings) { bench in
            let unit = try await bench.unit()
            let answer = try await UnitAPI(bench).send("GET /devices/cam-1/disk")
            #expect(answer.status == 504 && answer.json.contains("urn:vedette:unit-silent"))
            #expect(await unit.text() == #"{"req":"GetDiskInfo","seq":1}"#)
            #expect(await unit.end() == 1008)
        }
    }

    @Test func theNumberThatWaitsIsBounded() async throws {
        var settings = SignallingBench.settings
        settings.sessionLimits.waitingCalls = 1
        try await SignallingBench.run(settings: settings) { bench in
            let unit = try await bench.unit()
            let api = UnitAPI(bench)
            async let first = api.send("GET /devices/cam-1/disk")
            _ = await unit.text()
            let second = try await api.send("GET /devices/cam-1/disk")
            #expect(second.status == 503 && second.json.contains("urn:vedette:busy"))
            try await unit.send(#"{"seq":1,"resp":{"state":0,"total":2,"free":1}}"#)
            #expect(try await first.status == 200)
        }
    }

    /// §9.3.2.1.1: what one caller sends leaves in that order, requests and events alike.
    @Test func messagesToOneUnitKeepTheirOrder() async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            let service = bench.service
            let sending = Task {
                for number in 0..<20 {
                    try await service.tell(RebootChannel(channel: number % 2), to: Self.cam1)
                    _ = try await service.ask(GetPTZPresetList(channel: number % 2), of: Self.cam1)
                }
            }
            for number in 0..<20 {
                #expect(
                    await unit.text() == #"{"event":"RebootChannel","params":{"channel":\#(number % 2)}}"#
                )
                let (_, seq) = try await VdLiveTests.request(unit, "GetPTZPresetList")
                #expect(seq == number + 1)
                try await unit.send(#"{"seq":\#(seq),"resp":{"presetList":[]}}"#)
            }
            try await sending.value
        }
    }

    @Test func whatCannotBeIsRefusedBeforeTheUnitIsAsked() async throws {
        try await SignallingBench.run { bench in
            let unit = try await bench.unit()
            let api = UnitAPI(bench)
            for path in ["channels/7/ptz", "channels/x/ptz", "channels/-1/ptz"] {
                #expect(try await api.send("POST /devices/cam-1/\(path)", #"{"op":"up"}"#).status == 404)
            }
            for (path, body, field) in [
                ("ptz", #"{"op":"sideways"}"#, "op"), ("ptz", #"{"op":"goto_preset"}"#, "value"),
                ("ptz", #"{"op":"up","value":101}"#, "value"), ("ptz", "{}", "op"),
                ("play", #"{"url":"file:///etc/passwd"}"#, "url"), ("play", "{}", "url"),
                ("play", #"{"url":"https://a/b","op":"stop"}"#, "url"), ("play", #"{"op":"eject"}"#, "op"),
                ("keep-awake", #"{"seconds":0}"#, "seconds"), ("time", #"{"datetime":"now"}"#, "datetime"),
                ("time", #"{"datetime":"2026-02-30T00:00:00"}"#, "datetime"), ("time", #"{"tz":30}"#, "tz"),
            ] {
                let answer = try await api.send("POST /devices/cam-1/\(path)", body)
                #expect(answer.status == 400, "\(path) \(body): \(answer)")
                #expect(answer.json.contains(#""field":"\#(field)""#), "\(path) \(body): \(answer)")
            }
            try await unit.send(SignallingBench.keepalive(1))
            #expect(await unit.text() == #"{"seq":1,"resp":{}}"#, "nothing was sent")
        }
    }

    // MARK: Capabilities

    /// "what a unit cannot do is refused before it is asked, with the capability's name".
    @Test func whatTheUnitCannotIsRefusedWithItsName() async throws {
        var settings = SignallingBench.settings
        settings.documentQueries = 4
        try await SignallingBench.run(settings: settings) { bench in
            let (unit, seq) = try await Self.unitAskedForItsCapabilities(bench)
            try await unit.send(#"{"seq":\#(seq),"resp":{"audio_out":true}}"#)
            let api = UnitAPI(bench)
            #expect(
                await eventually {
                    let answer = try? await api.send("POST /devices/cam-1/ptz", #"{"op":"up_step"}"#)
                    return answer?.status == 409 && answer?.json.contains(#""capability":"ptz""#) == true
                }
            )
            // The unit is asked again only when its firmware changes.
            let again = try await bench.unit()
            try await again.send(SignallingBench.keepalive(1))
            #expect(await again.text() == #"{"seq":1,"resp":{}}"#)
        }
    }

    /// The Recommendation gives `GetCap` no body: a unit that answers with none is asked for everything.
    @Test(arguments: [#""resp":{}"#, #""err":{"code":101,"msg":"unsupported"}"#])
    func aUnitThatSaysNothingIsNotShutOut(reply: String) async throws {
        var settings = SignallingBench.settings
        settings.documentQueries = 4
        try await SignallingBench.run(settings: settings) { bench in
            let (unit, seq) = try await Self.unitAskedForItsCapabilities(bench)
            try await unit.send(#"{"seq":\#(seq),\#(reply)}"#)
            let answer = try await UnitAPI(bench).send("POST /devices/cam-1/ptz", #"{"op":"up_step"}"#)
            #expect(answer.status == 202)
            #expect(await unit.text() == #"{"event":"CtrlPTZ","params":{"channel":0,"op":"up_step"}}"#)
        }
    }

    /// A unit that has logged in and has been asked what it can do.
    static func unitAskedForItsCapabilities(_ bench: SignallingBench) async throws -> (RawClient, Int) {
        let unit = try await bench.client()
        try await unit.send(SignallingBench.request(SignallingBench.target()))
        #expect(await unit.answer()?.status == 101)
        return (unit, try await VdLiveTests.request(unit, "GetCap").seq)
    }

    static let cam1 = UnitID(unchecked: "cam-1")
}
