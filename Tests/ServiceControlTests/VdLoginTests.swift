import Bus
import HSSModel
import ServerKit
import ServiceControl
import Testing
import Vd

@Suite("Login over Vd, Table 9-3") struct VdLoginTests {
    @Test(arguments: [false, true]) func opensTheWebSocket(tls: Bool) async throws {
        try await SignallingBench.run(tls: tls) { bench in
            let target = SignallingBench.target(reconnect: 1)
            let answer = try #require(try await bench.answer(target, tls: tls))
            #expect(answer.status == 101)
            // RFC 6455, 1.3.
            #expect(answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            let login = try #require(bench.admission.logins.first)
            #expect(login.loginCode == "cam-1" && login.proof == .password(Secret("pw")) && login.reconnect)
            #expect(login.hardwareModel == "H 1" && login.firmwareModel == "2.0" && login.sdk == "3")
            #expect(login.remoteAddress == "127.0.0.1", "without the port: lock-outs count it")
        }
    }

    @Test func isRefusedAlikeWhateverIsWrong() async throws {
        try await SignallingBench.run { bench in
            var answers: [RawClient.Answer?] = []
            for (unit, password) in [("nobody", "pw"), ("cam-1", "wrong"), ("cam-off", "pw")] {
                answers.append(try await bench.answer(SignallingBench.target(unit, password: password)))
            }
            let first = try #require(answers[0])
            #expect(first.status == 401)
            #expect(first.body == #"{"info":"unknown device ID or wrong login password"}"#)
            #expect(answers == [first, first, first])
        }
    }

    @Test(arguments: [
        (AdmissionError.lockedOut(retryAfter: .milliseconds(41_200)), 429, "42"),
        (.unavailable("disk /secret is full"), 503, "5"),
    ]) func tellsWhenToComeAgain(failure: AdmissionError, status: Int, delay: String) async throws {
        try await SignallingBench.run { bench in
            bench.admission.failAll(with: failure)
            let answer = try #require(try await bench.answer(SignallingBench.target()))
            #expect(answer.status == status && answer.headers["retry-after"] == delay)
            #expect(!answer.body.contains("secret"), "what is wrong inside is for the operator")
        }
    }

    @Test(arguments: ["/", "/vd", "/Vd/", "/Vs/getServerAddr", "/ovc/"]) func knowsNoOtherPath(
        path: String
    ) async throws {
        try await SignallingBench.run { bench in
            let answer = try await bench.answer(SignallingBench.target(path: path))
            #expect(answer?.status == 404)
            #expect(bench.admission.logins.isEmpty)
        }
    }

    @Test func answersPlainHTTPWithUpgradeRequired() async throws {
        try await SignallingBench.run { bench in
            let answer = try #require(try await bench.answer(SignallingBench.target(), more: []))
            #expect(answer.status == 426 && answer.headers["upgrade"] == "websocket")
            #expect(bench.admission.logins.isEmpty, "nothing is looked up for it")
        }
    }

    @Test(arguments: [
        ("/Vd", "login_code: required"),
        ("/Vd?login_code=a&login_passwd=b&hardware_model=c", "firmware_model: required"),
        (
            "/Vd?login_code=a&login_code=b&login_passwd=b&hardware_model=c&firmware_model=d",
            "login_code: stands twice"
        ),
        (
            "/Vd?login_code=a&login_passwd=%zz&hardware_model=c&firmware_model=d",
            "login_passwd: broken percent-encoding"
        ),
    ]) func namesTheFieldThatIsWrong(target: String, text: String) async throws {
        try await SignallingBench.run { bench in
            let answer = try await bench.answer(target)
            #expect(answer?.status == 400 && answer?.body == #"{"info":"\#(text)"}"#)
        }
    }

    /// CONTRACT: names of deployed units are served while `vd.deployed_names` is true.
    @Test func thePathOfDeployedUnitsCanBeSwitchedOff() async throws {
        try await SignallingBench.run { bench in
            let answer = try await bench.answer(SignallingBench.target(path: "/ovc"))
            #expect(answer?.status == 101)
        }
        var settings = SignallingBench.settings
        settings.deployedNames = false
        try await SignallingBench.run(settings: settings) { bench in
            let answer = try await bench.answer(SignallingBench.target(path: "/ovc"))
            #expect(answer?.status == 404)
        }
    }

    @Test func aWebSocketHandshakeWithoutItsKeyOpensNothing() async throws {
        try await SignallingBench.run { bench in
            let headers = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
            let answer = try await bench.answer(SignallingBench.target(), more: headers)
            #expect(answer?.status != 101)
            #expect(await bench.presence() == nil)
        }
    }

    // MARK: Limits

    @Test func connectionsOfOneAddressAreLimited() async throws {
        try await SignallingBench.run(limits: ListenerLimits(connectionsPerAddress: 2)) { bench in
            let first = try await bench.unit("cam-1")
            let second = try await bench.unit("cam-2")
            let third = try await bench.client()
            #expect(await third.answer() == nil, "closed before anything is read")
            await first.close()
            #expect(
                await eventually { (try? await bench.answer(SignallingBench.target())?.status) == 101 }
            )
            await second.close()
        }
    }

    @Test(arguments: [false, true]) func aSlowLoginIsCutOff(tls: Bool) async throws {
        let limits = ListenerLimits(headerTimeout: .milliseconds(300))
        try await SignallingBench.run(limits: limits, tls: tls) { bench in
            // Without a TLS client hello on the TLS port, with half a request line on the other.
            let client = try await RawClient(bench.ports[tls ? "vd" : "vd.plain"] ?? 0)
            // On a busy machine the time is up before this is sent.
            if !tls { try? await client.send(Array("GET /Vd?login".utf8)) }
            let begin = ContinuousClock.now
            #expect(await client.answer() == nil)
            #expect(ContinuousClock.now - begin < .seconds(20), "not at the end of our patience")
        }
    }

    @Test func aUnitThatHasLoggedInIsNotUnderTheLoginDeadline() async throws {
        let limits = ListenerLimits(headerTimeout: .seconds(2))
        try await SignallingBench.run(limits: limits) { bench in
            let unit = try await bench.unit()
            // This one is cut off after the deadline, by when that of the unit has passed too.
            let slow = try await bench.client()
            #expect(await slow.answer() == nil)
            try await unit.send(SignallingBench.keepalive(1))
            #expect(await unit.text() == #"{"seq":1,"resp":{}}"#)
        }
    }

    @Test func newcomersAboveTheLimitOfUnitsComeAgainLater() async throws {
        var settings = SignallingBench.settings
        settings.units = 1
        try await SignallingBench.run(settings: settings) { bench in
            let first = try await bench.unit("cam-1")
            let newcomer = try #require(try await bench.answer(SignallingBench.target("cam-2")))
            #expect(newcomer.status == 503 && newcomer.headers["retry-after"] == "5")
            let again = try await bench.unit("cam-1")
            #expect(await first.end() == 1001, "it displaces itself")
            #expect(bench.service.connectedUnits == 1)
            await again.close()
            #expect(await eventually { bench.service.connectedUnits == 0 })
            #expect(try await bench.answer(SignallingBench.target("cam-2"))?.status == 101)
        }
    }
}
