import HSSModel
import PremisesUnit
import Testing

@Suite("What the command line gives a unit") struct UnitSetupTests {
    @Test func credentialsAreReadLineByLine() throws {
        let units = try UnitCredentials.list(
            parsing: "# made by admin\ncam-1 00:11:22:33:44:55 pass=word\n\n  cam-2\tA1 x \r\n"
        )
        #expect(units.map(\.device.rawValue) == ["cam-1", "cam-2"])
        #expect(units.map(\.macIdentity.rawValue) == ["00:11:22:33:44:55", "A1"])
        #expect(units.map { $0.password.reveal() } == ["pass=word", "x"])
    }

    @Test(arguments: [
        (text: "cam-1 A1\n", line: 1), (text: "\ncam 1 A1 x\n", line: 2), (text: "ca/m A1 x", line: 1),
        (text: "cam A/1 x", line: 1), (text: "cam A1 x\ncam A2 y", line: 2), (text: "# nothing", line: 1),
    ]) func aBadLineIsNamed(text: String, line: Int) {
        let error = #expect(throws: UnitSetupError.self) { try UnitCredentials.list(parsing: text) }
        guard case .credentials(let found, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(found == line)
    }

    @Test(arguments: [
        (pattern: "cam", count: 1, last: "cam"), (pattern: "cam", count: 12, last: "cam-12"),
        (pattern: "cam%d.x", count: 12, last: "cam12.x"), (pattern: "c%04d", count: 12, last: "c0012"),
        (pattern: "c%4d", count: 12345, last: "c12345"),
    ]) func unitsAreNumbered(pattern: String, count: Int, last: String) throws {
        let units = try UnitCredentials.numbered(
            device: pattern,
            macIdentity: "M%d",
            password: Secret("x"),
            count: count
        )
        #expect(units.count == count)
        #expect(units.last?.device.rawValue == last)
        #expect(units.last?.macIdentity.rawValue == "M\(count)")
    }

    @Test(arguments: [
        ("password", UnitLoginForm.password), ("offered", .offered), ("signed", .signed),
    ]) func howAUnitLogsIn(option: String, form: UnitLoginForm) throws {
        #expect(try UnitLoginForm(option: option) == form)
        let error = #expect(throws: UnitSetupError.self) { try UnitLoginForm(option: option + "x") }
        #expect(error?.description == "login: expected password, offered or signed, found \(option)x")
    }

    /// A certificate names one device, and comes with its own key.
    @Test func certificatesOfUnitsAreCheckedInWords() throws {
        func failure(_ chain: String, _ key: String, units: Int = 1) throws -> String? {
            let credentials = try UnitCredentials.numbered(
                device: "c%d",
                macIdentity: "M%d",
                password: Secret(""),
                count: units
            )
            var options = PremisesUnitOptions(platform: "https://localhost", units: credentials)
            options.certificate = UnitCertificateFiles(chain: chain, key: key)
            do throws(UnitSetupError) { _ = try UnitFleet(options) { _ in } } catch {
                return error.description
            }
            return nil
        }
        let (own, other) = (try TestCertificate(), try TestCertificate())
        #expect(try failure(own.certificatePath, own.keyPath) == nil)
        #expect(try failure(own.certificatePath, own.keyPath, units: 2)?.contains("found 2") == true)
        #expect(try failure("/absent", own.keyPath) == "/absent: not a readable PEM file of certificates")
        #expect(try failure(own.certificatePath, own.certificatePath)?.contains("private key") == true)
        #expect(try failure(own.certificatePath, other.keyPath)?.contains("not the key of") == true)
    }

    @Test(arguments: ["%", "%%", "%xd", "%-3d", "%99d", "a b"]) func aBrokenPatternIsRefused(pattern: String)
    {
        #expect(throws: UnitSetupError.self) {
            try UnitCredentials.numbered(device: pattern, macIdentity: "M", password: Secret("x"), count: 2)
        }
    }

    @Test func faultsAddUp() throws {
        var plan = FaultPlan()
        for text in [
            "drop-after=90s", "mute", "slow-answers=250ms", "no-publish", "refuse-live=103", "garbage",
            "vr-drop=10%", "vr-wrong-size=0.5%", "vr-duplicate=100%", "vr-late-save=2m", "vr-clock=60m",
            "vr-plain",
        ] {
            try plan.add(text)
        }
        #expect(plan.dropAfter == .seconds(90))
        #expect(plan.slowAnswers == .milliseconds(250))
        #expect(plan.refuseLive == 103)
        #expect(plan.isMute && plan.publishesNothing && plan.sendsGarbage)
        #expect(
            plan.recording.chances == [
                .brokenUpload: 100, .wrongSize: 5, .repeatedCreate: 1000, .plain: 1000,
            ]
        )
        #expect(plan.recording.lateSave == .seconds(120) && plan.recording.clockOffset == .seconds(3600))
    }

    @Test(arguments: [
        "", "=", "drop-after", "drop-after=", "drop-after=10", "drop-after=-1s", "drop-after=2000000000m",
        "mute=1",
        "refuse-live=0", "refuse-live=x", "explode", "vr-drop", "vr-drop=10", "vr-plain=5%", "vr-clock=1h",
    ]) func anUnknownFaultIsRefused(text: String) {
        var plan = FaultPlan()
        #expect(throws: UnitSetupError.self) { try plan.add(text) }
        #expect(plan == FaultPlan())
    }
}
