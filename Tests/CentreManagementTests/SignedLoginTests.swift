import Bus
import HSSModel
import HostClock
import ServerKit
import Store
import Testing
import Vd

@testable import CentreManagement

/// Beside Table 9-3: a signature in place of `login_passwd`.
@Suite("Signed login of units") struct SignedLoginTests {
    private static func signed(
        _ password: Secret,
        of device: String = "cam",
        mac: String? = nil,
        ahead: Duration = .zero,
        nonce: UInt64 = 1,
        change: (String) -> String = { $0 }
    ) throws -> LoginProof {
        let url = UnitLoginURL(
            deviceID: device,
            proof: nil,
            hardwareModel: "hw",
            firmwareModel: "fw",
            sdk: nil,
            reconnect: false
        )
        .signed(
            by: LoginKey(password: password),
            macIdentity: MACIdentity(unchecked: mac ?? "mac-\(device)"),
            at: .now + ahead,
            nonce: .init(high: 0, low: nonce)
        )
        let query = change(String(url.requestTarget.dropFirst("/Vd?".count)))
        return try #require(try UnitLoginURL(parsing: query).proof)
    }

    private static func login(
        _ proof: LoginProof,
        _ device: String = "cam",
        from address: String = "192.0.2.1"
    ) -> UnitLogin {
        UnitLogin(
            loginCode: device,
            proof: proof,
            hardwareModel: "hw",
            firmwareModel: "fw",
            sdk: nil,
            reconnect: false,
            remoteAddress: address
        )
    }

    @Test func opensOnce() async throws {
        try await Centre.run { centre in
            let cam = try await centre.device("cam")
            let login = Self.login(try Self.signed(cam.loginPassword))
            #expect(try await centre.registry.admit(login).unit == cam.device.unit)
            // Captured and sent again, from wherever.
            for address in ["192.0.2.1", "198.51.100.7"] {
                var replay = login
                replay.remoteAddress = address
                await #expect(throws: AdmissionError.refused) { try await centre.registry.admit(replay) }
            }
            #expect(centre.metrics.exposition().contains(#"refused_total{reason="replay"} 2"#))
            let next = try Self.signed(cam.loginPassword, nonce: 2)
            #expect(try await centre.registry.admit(Self.login(next)).unit == cam.device.unit)
        }
    }

    /// One that is sent twice at once opens once.
    @Test func opensOnceOfManyAtOnce() async throws {
        try await Centre.run { centre in
            let cam = try await centre.device("cam")
            let login = Self.login(try Self.signed(cam.loginPassword))
            let admitted = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<16 {
                    group.addTask { (try? await centre.registry.admit(login)) != nil }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(admitted == 1)
        }
    }

    @Test func theIdentityOfTheHardwareIsSignedInAnySpelling() async throws {
        try await Centre.run { centre in
            let cam = try await centre.device("cam", mac: "00:11:22:33:44:55")
            let right = try Self.signed(cam.loginPassword, mac: "001122334455")
            #expect(try await centre.registry.admit(Self.login(right)).unit == cam.device.unit)
            let other = try Self.signed(cam.loginPassword, mac: "00:11:22:33:44:56", nonce: 2)
            await #expect(throws: AdmissionError.refused) {
                try await centre.registry.admit(Self.login(other))
            }
        }
    }

    @Test func everyMistakeIsRefusedAlike() async throws {
        try await Centre.run { centre in
            let cam = try await centre.device("cam")
            let off = try await centre.device("off")
            _ = try await centre.registry.setDevice("off", disabled: true, by: Centre.root)
            let proofs: [(String, LoginProof)] = [
                ("cam", try Self.signed(Secret("not the password of it"))),
                ("cam", try Self.signed(off.loginPassword)),
                (
                    "cam",
                    try Self.signed(cam.loginPassword) { $0.replacing("reconnect=0", with: "reconnect=1") }
                ),
                (
                    "cam",
                    try Self.signed(cam.loginPassword) {
                        $0.replacing("firmware_model=fw", with: "firmware_model=f")
                    }
                ),
                ("cam", try Self.signed(off.loginPassword, of: "off")),
                ("cam", try Self.signed(cam.loginPassword, ahead: .seconds(400))),
                ("cam", try Self.signed(cam.loginPassword, ahead: .seconds(-301))),
                ("off", try Self.signed(off.loginPassword, of: "off")),
                ("nobody", try Self.signed(cam.loginPassword, of: "nobody")),
                ("", try Self.signed(cam.loginPassword)),
            ]
            for (index, (device, proof)) in proofs.enumerated() {
                await #expect(throws: AdmissionError.refused, "\(index)") {
                    try await centre.registry.admit(Self.login(proof, device, from: "192.0.2.\(index)"))
                }
            }
            // None of them used the nonce up.
            let right = try Self.signed(cam.loginPassword)
            #expect(try await centre.registry.admit(Self.login(right)).unit == cam.device.unit)
        }
    }

    @Test func wrongSignaturesLockOutAndWrongClocksDoNot() async throws {
        try await Centre.run { centre in
            let cam = try await centre.device("cam")
            for number in 0..<50 {
                let late = try Self.signed(cam.loginPassword, ahead: .seconds(-400), nonce: UInt64(number))
                await #expect(throws: AdmissionError.refused) {
                    try await centre.registry.admit(Self.login(late))
                }
            }
            #expect(centre.metrics.exposition().contains(#"refused_total{reason="time"} 50"#))
            let wrong = Self.login(try Self.signed(Secret("not the password of it")), from: "198.51.100.9")
            var isLockedOut = false
            for _ in 0..<10 {
                do throws(AdmissionError) { _ = try await centre.registry.admit(wrong) } catch {
                    if case .lockedOut = error { isLockedOut = true }
                }
            }
            #expect(isLockedOut)
        }
    }

    /// `vd.signed_login: required`
    @Test func requiredRefusesPasswordsLikeWrongOnes() async throws {
        try await Centre.run(verifier: LoginVerifier(refusesPasswords: true)) { centre in
            let cam = try await centre.device("cam")
            let error = await #expect(throws: AdmissionError.self) {
                try await centre.registry.admit(UnitLogin("cam", cam.loginPassword))
            }
            let wrong = await #expect(throws: AdmissionError.self) {
                try await centre.registry.admit(UnitLogin("cam", Secret("wrong")))
            }
            #expect(error == .refused && wrong == .refused)
            let signed = Self.login(try Self.signed(cam.loginPassword))
            #expect(try await centre.registry.admit(signed).unit == cam.device.unit)
        }
    }

    @Test func moreUnitsThanAreRememberedComeAgain() async throws {
        var limits = Registry.Limits()
        limits.signingUnits = 1
        try await Centre.run(limits: limits) { centre in
            let cam = try await centre.device("cam")
            let other = try await centre.device("other")
            _ = try await centre.registry.admit(Self.login(try Self.signed(cam.loginPassword)))
            let login = Self.login(try Self.signed(other.loginPassword, of: "other"), "other")
            let error = await #expect(throws: AdmissionError.self) {
                try await centre.registry.admit(login)
            }
            guard case .unavailable(let reason) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(reason.contains("limits.units"))
            _ = try await centre.registry.admit(UnitLogin("other", other.loginPassword))
        }
    }

    /// `vd.client_ca`: what the connection has shown is judged, and refused like a wrong password.
    @Test func certificatesOpenTheDeviceThatTheyName() async throws {
        try await Centre.run(verifier: LoginVerifier(refusesPasswords: true)) { centre in
            let cam = try await centre.device("cam")
            _ = try await centre.device("off")
            _ = try await centre.registry.setDevice("off", disabled: true, by: Centre.root)
            let own = Self.login(.certificate(cam.device.unit))
            #expect(try await centre.registry.admit(own).unit == cam.device.unit)
            let refused: [(String, LoginProof)] = [
                ("cam", .certificate(UnitID(unchecked: "other"))), ("cam", .certificate(nil)),
                ("off", .certificate(UnitID(unchecked: "off"))),
                ("nobody", .certificate(UnitID(unchecked: "nobody"))),
                ("-", .certificate(UnitID(unchecked: "-"))),
            ]
            for (device, proof) in refused {
                await #expect(throws: AdmissionError.refused, "\(device)") {
                    try await centre.registry.admit(Self.login(proof, device, from: "from \(device)"))
                }
            }
        }
    }

    @Test func oneDeviceMayBeSignedOnly() async throws {
        try await Centre.run { centre in
            var new = NewDevice(deviceID: "cam", macID: "mac-cam", loginPassword: nil, channels: 1, name: nil)
            new.signedOnly = true
            let cam = try await centre.registry.addDevice(new, by: Centre.root)
            let other = try await centre.device("other")
            #expect(cam.device.signedOnly && !other.device.signedOnly)
            #expect(try await centre.registry.device("cam", visibleTo: Centre.root).device.signedOnly)
            await #expect(throws: AdmissionError.refused) {
                try await centre.registry.admit(UnitLogin("cam", cam.loginPassword))
            }
            _ = try await centre.registry.admit(UnitLogin("other", other.loginPassword))
            let signed = Self.login(try Self.signed(cam.loginPassword))
            #expect(try await centre.registry.admit(signed).unit == cam.device.unit)
        }
    }

    // MARK: What is stored

    @Test func whatIsStoredOpensNothingByItself() throws {
        let unit = UnitID(unchecked: "cam")
        let password = DeviceSecret.generate()
        let verifier = LoginVerifier()
        let stored = verifier.stored(password, of: unit)
        let key = LoginKey(password: password).bytes
        let hex = hexadecimal(key)
        #expect(!stored.reveal().contains(hex) && !stored.reveal().contains(password.reveal()))
        #expect(verifier.accepts(.password(password), of: unit, stored))
        #expect(verifier.accepts(try Self.signed(password), of: unit, stored))
        // What the thief of a database reads is no password.
        for part in stored.reveal().split(separator: "$") {
            #expect(!verifier.accepts(.password(Secret(String(part))), of: unit, stored))
            #expect(!verifier.accepts(try Self.signed(Secret(String(part))), of: unit, stored))
        }
        // A row that is put in another's place, or comes to another installation, checks no signature.
        #expect(!verifier.accepts(try Self.signed(password), of: UnitID(unchecked: "other"), stored))
        #expect(!LoginVerifier().accepts(try Self.signed(password), of: unit, stored))
        #expect(LoginVerifier().accepts(.password(password), of: unit, stored), "passwords need no key")
        #expect(verifier.stored(password, of: unit) != stored, "equal passwords do not show it")
    }

    @Test func aDeviceMayBeOpenedBySignaturesOnly() throws {
        let unit = UnitID(unchecked: "cam")
        let verifier = LoginVerifier()
        let password = DeviceSecret.generate()
        let stored = verifier.stored(password, of: unit, signedOnly: true)
        #expect(!verifier.accepts(.password(password), of: unit, stored))
        #expect(!verifier.accepts(.password(Secret("-")), of: unit, stored))
        #expect(verifier.accepts(try Self.signed(password), of: unit, stored))
    }

    /// From before signatures, and what nobody wrote.
    @Test(arguments: [
        "$sha256$00$", "$sha256$", "$md5$0$0", "", "$", "$sha256$00$00$zz", "$sha256$00$00$00",
        "$sha256$a$b$c$d",
    ]) func damagedRowsOpenNothing(stored: String) throws {
        let verifier = LoginVerifier()
        for proof in [
            LoginProof.password(Secret("x")), try Self.signed(Secret("x")), try Self.signed(Secret("-")),
        ] {
            #expect(!verifier.accepts(proof, of: UnitID(unchecked: "cam"), Secret(stored)))
            #expect(!verifier.accepts(proof, of: UnitID(unchecked: "cam"), nil))
        }
    }

    @Test func rowsFromBeforeSignaturesTakePasswords() throws {
        let verifier = LoginVerifier()
        let unit = UnitID(unchecked: "cam")
        let password = Secret("password of 2025")
        let row = verifier.stored(password, of: unit).reveal().split(separator: "$").dropLast()
        let old = Secret("$" + row.joined(separator: "$"))
        #expect(!LoginVerifier.takesSignatures(old))
        #expect(LoginVerifier.takesSignatures(verifier.stored(password, of: unit)))
        #expect(verifier.accepts(.password(password), of: unit, old))
        #expect(!verifier.accepts(try Self.signed(password), of: unit, old))
    }
}
