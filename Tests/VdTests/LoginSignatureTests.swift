import Foundation
import HSSModel
import Testing
import Vd

/// An addition to Table 9-3, described in docs/device-guide.md.
@Suite("Signed login, beside Table 9-3") struct LoginSignatureTests {
    private static let password = Secret("ogfsjf2l36rrh7duk6g367iysaimfkyu")
    private static let key = LoginKey(password: password)
    private static let nonce = LoginSignature.Nonce(high: 0x0001_0203_0405_0607, low: 0x0809_0a0b_0c0d_0e0f)
    private static let identity = MACIdentity(unchecked: "00:11:22:33:44:55")

    private static let login = UnitLoginURL(
        deviceID: "cam-1",
        password: password.reveal(),
        hardwareModel: "Example",
        firmwareModel: "0.1",
        sdk: nil,
        reconnect: false
    )
    .signed(
        by: key,
        macIdentity: identity,
        at: WallTime(milliseconds: 1_795_257_971_142),
        nonce: nonce
    )
    private static let query = String(login.requestTarget.dropFirst("/Vd?".count))

    /// Python's hmac made them; they stand in docs/device-guide.md.
    private static let vectors = [
        (
            "ogfsjf2l36rrh7duk6g367iysaimfkyu",
            "e0d4b5b4acfdad40e53984ec9b6ca7628c60530a84d805025438808ca17ffb50",
            "login_code=cam-1&hardware_model=Example&firmware_model=0.1&reconnect=0"
                + "&login_mac=00%3A11%3A22%3A33%3A44%3A55&login_time=1795257971142"
                + "&login_nonce=000102030405060708090a0b0c0d0e0f",
            "f7f751512daade12038bb57aabc5347bc6e79aacbcb4716785152a5d933dca5c"
        ),
        (
            "a+b/c=%41 end of a password",
            "68211a0bdbaf5887fcae910a69fb47fe5448bf102905b287afe39c86d885d339",
            "login_code=cam-2&hardware_model=T%C3%BCr%201%2B&firmware_model=2.0%20beta&sdk=x%2F1&reconnect=1"
                + "&login_mac=0123456789abcdef&login_time=0&login_nonce=ffffffffffffffffffffffffffffffff",
            "1ad0ee3daff3ecd349dd3106c07d56d4e800b7937a299f01e2dc00aecad927a1"
        ),
    ]

    @Test(arguments: vectors)
    func vectorsOfAnotherImplementation(
        password: String,
        key: String,
        query: String,
        sign: String
    ) throws {
        let made = LoginKey(password: Secret(password))
        let digits = made.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        #expect(digits.joined() == key)
        let login = try UnitLoginURL(parsing: "\(query)&login_sign=\(sign)")
        guard case .signature(let signature) = login.proof else {
            Issue.record("it is signed")
            return
        }
        #expect(made.verifies(signature))
        #expect(login.requestTarget == "/Vd?\(query)&login_sign=\(sign)")
    }

    @Test func theGuideHasThem() throws {
        let guide = URL(filePath: #filePath).appending(path: "../../../docs/device-guide.md").standardized
        let text = try String(contentsOf: guide, encoding: .utf8)
        for (password, key, query, sign) in Self.vectors {
            let lines =
                "password    \(password)\nkey         \(key)\nquery       \(query)\nlogin_sign  \(sign)\n"
            #expect(text.contains(lines), "\(password)")
        }
    }

    @Test func theUnitWritesTheFirstVector() {
        #expect(
            Self.login.requestTarget
                == "/Vd?login_code=cam-1&hardware_model=Example&firmware_model=0.1&reconnect=0"
                + "&login_mac=00%3A11%3A22%3A33%3A44%3A55&login_time=1795257971142"
                + "&login_nonce=000102030405060708090a0b0c0d0e0f"
                + "&login_sign=f7f751512daade12038bb57aabc5347bc6e79aacbcb4716785152a5d933dca5c"
        )
        #expect(!Self.login.requestTarget.contains(Self.password.reveal()))
    }

    @Test func readsWhatItWrites() throws {
        let read = try UnitLoginURL(parsing: Self.query)
        #expect(read == Self.login)
        guard case .signature(let signature) = read.proof else {
            Issue.record("it is signed")
            return
        }
        #expect(signature.macIdentity == Self.identity && signature.nonce == Self.nonce)
        #expect(signature.time == WallTime(milliseconds: 1_795_257_971_142))
        #expect(Self.key.verifies(signature))
        #expect(!LoginKey(password: Secret("another password")).verifies(signature))
        let kept = try #require(LoginKey(bytes: Self.key.bytes))
        #expect(kept.verifies(signature), "a device may keep the key instead of the password")
    }

    /// "What is signed is what is sent": whichever octet changes, the signature is wrong or the address is refused.
    @Test func nothingCanBeChanged() {
        let octets = Array(Self.query.utf8)
        for index in octets.indices {
            var changed = octets
            changed[index] = changed[index] == UInt8(ascii: "1") ? UInt8(ascii: "2") : UInt8(ascii: "1")
            let text = String(decoding: changed, as: UTF8.self)
            guard let login = try? UnitLoginURL(parsing: text), case .signature(let signature) = login.proof
            else { continue }
            #expect(!Self.key.verifies(signature), "octet \(index): \(text)")
        }
    }

    @Test func fieldsOfLaterVersionsAreCoveredToo() throws {
        let (body, sign) = try #require(Self.query.firstRange(of: "&login_sign=")).split(Self.query)
        let longer = try UnitLoginURL(parsing: "\(body)&later=1&login_sign=\(sign)")
        guard case .signature(let signature) = longer.proof else {
            Issue.record("it is signed")
            return
        }
        #expect(!Self.key.verifies(signature))
    }

    @Test(arguments: [
        ("login_mac=00%3A11%3A22%3A33%3A44%3A55", "login_mac=", "login_mac"),
        ("login_mac=00%3A11%3A22%3A33%3A44%3A55", "login_mac=a%20b", "login_mac"),
        ("login_time=1795257971142", "login_time=", "login_time"),
        ("login_time=1795257971142", "login_time=-1", "login_time"),
        ("login_time=1795257971142", "login_time=1e9", "login_time"),
        ("login_time=1795257971142", "login_time=253402300800000", "login_time"),
        ("login_time=1795257971142", "login_time=9999999999999999999", "login_time"),
        ("login_nonce=000102030405060708090a0b0c0d0e0f", "login_nonce=0001", "login_nonce"),
        (
            "login_nonce=000102030405060708090a0b0c0d0e0f",
            "login_nonce=g00102030405060708090a0b0c0d0e0f", "login_nonce"
        ),
        ("reconnect=0", "reconnect=0&login_passwd=secret", "login_passwd"),
        ("reconnect=0", "reconnect=0&login_sign=00", "login_sign"),
        ("dca5c", "dca5", "login_sign"), ("dca5c", "dca5c0", "login_sign"), ("dca5c", "dca5x", "login_sign"),
        ("dca5c", "dca5c&x=1", "login_sign"), ("dca5c", "dca5c&", "login_sign"),
        ("login_code=cam-1&", "", "login_code"),
    ]) func refusesWhatIsMalformed(part: String, replacement: String, field: String) {
        let error = #expect(throws: FieldError.self) {
            try UnitLoginURL(parsing: Self.query.replacing(part, with: replacement))
        }
        #expect(error?.field == field)
    }

    /// Table 9-3 demands `login_passwd`; a certificate that the connection has shown stands for it.
    @Test func withoutAnyProof() throws {
        let login = try UnitLoginURL(parsing: "login_code=a&hardware_model=c&firmware_model=d")
        #expect(login.proof == nil)
        let error = #expect(throws: FieldError.self) { try login.proof(besides: nil) }
        #expect(error?.field == "login_passwd" && error?.description == "login_passwd: required")
        let certificate = LoginProof.certificate(UnitID(unchecked: "a"))
        #expect(try login.proof(besides: certificate) == certificate)
        #expect(try Self.login.proof(besides: certificate) == certificate)
    }
}

extension Range<String.Index> {
    fileprivate func split(_ text: String) -> (Substring, Substring) {
        (text[..<lowerBound], text[upperBound...])
    }
}
