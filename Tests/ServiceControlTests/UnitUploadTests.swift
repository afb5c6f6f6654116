import Bus
import HSSModel
import ServiceControl
import Testing
import Vd

@Suite("Pictures and logs that units are asked for, Tables I.2-22, I.2-29 and I.2-30") struct UnitUploadTests
{
    /// "The answer comes after the picture has been uploaded."
    @Test func aSnapshotIsAPictureOfNow() async throws {
        let uploads = FakeUploads()
        try await SignallingBench.run(uploads: uploads) { bench in
            let unit = try await bench.unit()
            let api = UnitAPI(bench)
            async let picture = api.send("POST /devices/cam-1/channels/1/snapshot")
            #expect(
                await unit.text()
                    == #"{"req":"Snapshot","params":{"channel":1,"url":"https://h/upload/u1"},"seq":1}"#
            )
            uploads.put(Array("picture".utf8))
            try await VdLiveTests.agree(unit, 1)
            let answer = try await picture
            #expect(answer.status == 200 && answer.type == "image/jpeg" && answer.json == "picture")
        }
    }

    @Test func whyThereIsNoPictureIsSaid() async throws {
        let uploads = FakeUploads()
        try await SignallingBench.run(uploads: uploads) { bench in
            let api = UnitAPI(bench)
            #expect(try await api.send("POST /devices/cam-1/snapshot").status == 504)
            #expect(uploads.addresses.isEmpty, "no address for a unit that is away")
            let unit = try await bench.unit()
            async let refused = api.send("POST /devices/cam-1/snapshot")
            _ = try await VdLiveTests.request(unit, "Snapshot")
            try await unit.send(#"{"seq":1,"err":{"code":103,"msg":"off"}}"#)
            #expect(try await refused.status == 409)
            async let lied = api.send("POST /devices/cam-1/snapshot")
            _ = try await VdLiveTests.request(unit, "Snapshot")
            try await VdLiveTests.agree(unit, 2)
            let answer = try await lied
            #expect(answer.status == 504 && answer.json.contains("urn:vedette:no-upload"))
        }
    }

    /// `pic_upload_https`: "Where an *_https is false the platform hands out an http URL for that transfer".
    @Test func aUnitWithoutHTTPSGetsAnotherAddress() async throws {
        let uploads = FakeUploads()
        var settings = SignallingBench.settings
        settings.documentQueries = 4
        try await SignallingBench.run(settings: settings, uploads: uploads) { bench in
            let (unit, seq) = try await UnitCallTests.unitAskedForItsCapabilities(bench)
            try await unit.send(#"{"seq":\#(seq),"resp":{"ptz":true}}"#)
            #expect(
                await eventually { bench.service.knownCapabilities(of: UnitCallTests.cam1) != nil }
            )
            let api = UnitAPI(bench)
            async let picture = api.send("POST /devices/cam-1/snapshot")
            let (request, second) = try await VdLiveTests.request(unit, "Snapshot")
            #expect(try Snapshot(request.parameters).url.reveal() == "http://h/upload/u1")
            uploads.put([1])
            try await VdLiveTests.agree(unit, second)
            #expect(try await picture.status == 200)
        }
    }

    @Test func aLogIsAskedForSentAndRead() async throws {
        let uploads = FakeUploads()
        let documents = FakeDocuments()
        try await SignallingBench.run(documents: documents, uploads: uploads) { bench in
            let unit = try await bench.unit()
            let api = UnitAPI(bench)
            // Without times: the last day of the unit's clock.
            async let asked = api.send("POST /devices/cam-1/logs")
            #expect(await unit.text() == #"{"req":"QueryTime","seq":1}"#)
            try await unit.send(#"{"seq":1,"resp":{"datetime":"2026-11-21T10:00:00"}}"#)
            let (request, seq) = try await VdLiveTests.request(unit, "LogUploadAsync")
            let upload = try LogUploadAsync(request.parameters)
            #expect(upload.start.description == "2026-11-20T10:00:00")
            #expect(upload.end.description == "2026-11-21T10:00:00")
            try await VdLiveTests.agree(unit, seq)
            let task = upload.transaction.description
            let answer = try await asked
            #expect(answer.status == 202 && answer.json.contains(#""state":"asked","task":"\#(task)""#))

            let path = "GET /devices/cam-1/logs"
            #expect(try await api.send("\(path)/\(task)/file").status == 404, "nothing has come yet")
            // An empty log is a valid log.
            uploads.put([])
            // Table I.2-30 writes the identity as text.
            try await unit.send(
                #"{"event":"LogDone","params":{"mac_id":"\#(SignallingBench.mac1)","trans_id":"\#(task)","status":"success","start":"2026-11-21T03:00:00","end":"2026-11-21T04:00:00","url":"https://h/upload/u1","size":0}}"#
            )
            #expect(
                await eventually {
                    try await api.send("\(path)/\(task)").json.contains(#""state":"done""#)
                }
            )
            let list = try await api.send(path)
            #expect(list.json.contains(#""covers_end":"2026-11-21T04:00:00""#), "\(list)")
            let file = try await api.send("\(path)/\(task)/file")
            #expect(file.status == 200 && file.json.isEmpty)
            #expect(try await api.send("GET /devices/cam-2/logs/\(task)").status == 404, "not of this device")
        }
    }

    @Test func aRefusedLogHasFailed() async throws {
        let documents = FakeDocuments()
        try await SignallingBench.run(documents: documents, uploads: FakeUploads()) { bench in
            let unit = try await bench.unit()
            let api = UnitAPI(bench)
            let range = #"{"start":"2026-11-21T03:00:00","end":"2026-11-21T04:00:00"}"#
            async let asked = api.send("POST /devices/cam-1/logs", range)
            let (_, seq) = try await VdLiveTests.request(unit, "LogUploadAsync")
            try await unit.send(#"{"seq":\#(seq),"err":{"code":1,"msg":"no log"}}"#)
            #expect(try await asked.status == 502)
            #expect(try await api.send("GET /devices/cam-1/logs").json.contains(#""state":"failed""#))
            let reversed = #"{"start":"2026-11-21T05:00:00","end":"2026-11-21T04:00:00"}"#
            #expect(try await api.send("POST /devices/cam-1/logs", reversed).status == 400)
            #expect(try await api.send("POST /devices/cam-1/logs", range, as: "carl").status == 403)
        }
    }
}

/// A condition that may throw, which then does not hold yet.
func eventually(_ condition: () async throws -> Bool) async -> Bool {
    await eventually { () async -> Bool in (try? await condition()) ?? false }
}
