import Bus
import HSSModel
import HostClock
import Testing
import Vd

/// From HTTP to the unit's socket and back.
@Suite("Calls to recording") struct RecordAPITests {
    private static let plan =
        #"{"zone":"UTC","windows":[{"days":["mon","tue"],"from":"08:00","to":"18:00"},"#
        + #"{"days":["sat"],"from":"22:00","to":"00:00"}],"seg_duration":20}"#

    /// CONTRACT: `POST/DELETE …/record {seg_duration, prerecord_seconds}` → session; with and without a channel.
    @Test(arguments: ["/devices/cam-1/record", "/devices/cam-1/channels/0/record"])
    func startAndStop(path: String) async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let api = UnitAPI(bench)
            #expect(
                try await api.send("GET \(path)").json
                    == #"{"dropped_nb":0,"dropped_time":0,"seg_duration":10,"state":"idle","wanted_by":[]}"#
            )
            let unit = try await bench.unit()
            let task = Task {
                try await api.send("POST \(path)", #"{"seg_duration":30,"prerecord_seconds":5}"#)
            }
            let (request, seq) = try await VdLiveTests.request(unit, StartRecord.name)
            let order = try StartRecord(request.parameters)
            #expect(order.segmentSeconds == 30 && order.prerecordSeconds == 5)
            try await VdLiveTests.agree(unit, seq)
            let answer = try await task.value
            #expect(answer.status == 200)
            #expect(answer.json.contains(#""session":"\#(order.session)","#))
            #expect(answer.json.contains(#""state":"recording""#))
            #expect(answer.json.contains(#""wanted_by":["command"]"#))
            let end = Task { try await api.send("DELETE \(path)") }
            let (_, stopSeq) = try await VdLiveTests.request(unit, StopRecord.name)
            try await VdLiveTests.agree(unit, stopSeq)
            #expect(try await end.value.status == 200)
        }
    }

    /// 202: it is wanted, and the unit has not done it yet.
    @Test func aUnitThatIsAwayIsAccepted() async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let api = UnitAPI(bench)
            let answer = try await api.send("POST /devices/cam-1/record", #"{"duration_seconds":600}"#)
            #expect(answer.status == 202 && answer.json.contains(#""state":"offline""#))
            let until = try #require(house.wishes(of: SignallingBench.channel)?.command?.until)
            #expect(until > .now + .seconds(590) && until <= .now + .seconds(600))
            // Without a body it is until somebody stops it.
            #expect(try await api.send("POST /devices/cam-1/record").status == 202)
            #expect(house.wishes(of: SignallingBench.channel)?.command?.until == nil)
            #expect(try await api.send("DELETE /devices/cam-1/record").status == 200)
        }
    }

    @Test func plansAndRulesAreKeptAsTheyWereSaid() async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let api = UnitAPI(bench)
            let path = "/devices/cam-1/channels/1/record"
            #expect(try await api.send("GET \(path)/plan").status == 404)
            let plan = try await api.send("PUT \(path)/plan", Self.plan)
            let expected =
                #"{"seg_duration":20,"windows":[{"days":["mon","tue"],"from":"08:00","to":"18:00"},"#
                + #"{"days":["sat"],"from":"22:00","to":"24:00"}],"zone":"UTC"}"#
            #expect(plan.status == 200 && plan.json == expected)
            #expect(try await api.send("GET \(path)/plan").json == expected)
            let rule = try await api.send("PUT \(path)/rule", #"{"types":["human","motion"]}"#)
            let usual =
                #"{"clip_seconds":30,"max_seconds":600,"prerecord_seconds":5,"seg_duration":20,"#
                + #""types":["motion","human"]}"#
            #expect(rule.status == 200 && rule.json == usual)
            #expect(try await api.send("GET \(path)/rule").json == usual)
            #expect(try await api.send("DELETE \(path)/plan").status == 204)
            #expect(try await api.send("GET \(path)/plan").status == 404)
            #expect(try await api.send("GET \(path)/rule").status == 200)
            #expect(try await api.send("DELETE \(path)/rule").status == 204)
            #expect(house.wishes(of: ChannelAddress(unit: SignallingBench.channel.unit, number: 1)) == nil)
        }
    }

    /// Shares: who may see may read; `control` is needed to change; for others there is no such device.
    @Test func rights() async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let api = UnitAPI(bench)
            let path = "/devices/cam-1/record"
            for (call, body) in [
                ("POST \(path)", nil), ("DELETE \(path)", nil), ("PUT \(path)/plan", Self.plan),
                ("DELETE \(path)/plan", nil), ("PUT \(path)/rule", #"{"types":["motion"]}"#),
                ("DELETE \(path)/rule", nil),
            ] as [(String, String?)] {
                let watcher = try await api.send(call, body, as: "carl")
                let stranger = try await api.send(call, body, as: "eve")
                #expect(watcher.status == 403 && stranger.status == 404, "\(call)")
            }
            #expect(try await api.send("GET \(path)", as: "carl").status == 200)
            #expect(try await api.send("GET \(path)/plan", as: "carl").status == 404)
            #expect(try await api.send("GET \(path)", as: "eve").status == 404)
            #expect(house.wishes(of: SignallingBench.channel) == nil)
        }
    }

    @Test(arguments: [
        ("POST", "", #"{"seg_duration":1}"#, "seg_duration"),
        ("POST", "", #"{"seg_duration":-5}"#, "seg_duration"),
        ("POST", "", #"{"prerecord_seconds":61}"#, "prerecord_seconds"),
        ("POST", "", #"{"until":"tomorrow"}"#, "until"),
        ("POST", "", #"{"until":"2001-01-01T00:00:00Z"}"#, "until"),
        ("POST", "", #"{"until":"2099-01-01T00:00:00Z","duration_seconds":5}"#, "until"),
        ("POST", "", #"{"duration_seconds":0}"#, "duration_seconds"),
        (
            "PUT", "/plan",
            #"{"zone":"Mars/Olympus","windows":[{"days":["mon"],"from":"08:00","to":"09:00"}]}"#, "zone"
        ),
        ("PUT", "/plan", #"{"zone":"UTC","windows":[]}"#, "windows"),
        ("PUT", "/plan", #"{"zone":"UTC","windows":[{"days":["mon"],"from":"8","to":"09:00"}]}"#, "windows"),
        (
            "PUT", "/plan", #"{"zone":"UTC","windows":[{"days":["mon"],"from":"24:00","to":"09:00"}]}"#,
            "windows"
        ),
        (
            "PUT", "/plan", #"{"zone":"UTC","windows":[{"days":["monday"],"from":"08:00","to":"09:00"}]}"#,
            "windows.days"
        ),
        ("PUT", "/rule", #"{"types":["rain"]}"#, "types"), ("PUT", "/rule", #"{"types":[]}"#, "types"),
        ("PUT", "/rule", #"{"types":["motion"],"clip_seconds":60,"max_seconds":30}"#, "clip_seconds"),
        ("PUT", "/rule", #"{"types":["motion"],"clip_seconds":-1}"#, "clip_seconds"),
    ]) func whatIsWrongIsNamed(method: String, path: String, body: String, field: String) async throws {
        let house = FakeRecordings()
        try await SignallingBench.run(recording: house.parts) { bench in
            let answer = try await UnitAPI(bench).send("\(method) /devices/cam-1/record\(path)", body)
            #expect(answer.status == 400 && answer.json.contains(#""field":"\#(field)""#), "\(answer)")
            #expect(house.wishes(of: SignallingBench.channel) == nil)
        }
    }
}
