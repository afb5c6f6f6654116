import HSSModel
import Testing

@testable import CentreManagement

/// RFC 6238.
@Suite("Codes of an authenticator, RFC 6238") struct TOTPTests {
    private static let secret = Array("12345678901234567890".utf8)

    /// Appendix B, SHA-1.
    @Test(
        arguments: [
            (59, "94287082"), (1_111_111_109, "07081804"), (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"), (2_000_000_000, "69279037"), (20_000_000_000, "65353130"),
        ] as [(Int64, String)]
    ) func areThoseOfAppendixB(seconds: Int64, code: String) {
        let step = TOTP.step(at: WallTime(milliseconds: seconds * 1000))
        #expect(TOTP.code(Self.secret, step: step, digits: 8) == code)
        #expect(TOTP.code(Self.secret, step: step) == String(code.suffix(6)))
    }

    /// 5.2: one step of delay either way, and each code once.
    @Test func aCodeCountsOneStepEitherWayAndOnce() {
        let time = WallTime(milliseconds: 1_111_111_111_000)
        let now = TOTP.step(at: time)
        for offset in -3...3 as ClosedRange<Int64> {
            let code = TOTP.code(Self.secret, step: now + offset)
            let found = TOTP.step(of: code, Self.secret, at: time, after: nil)
            #expect(found == (abs(offset) <= 1 ? now + offset : nil))
            #expect(TOTP.step(of: code, Self.secret, at: time, after: now + offset) == nil)
        }
        let early = TOTP.code(Self.secret, step: now - 1)
        #expect(TOTP.step(of: early, Self.secret, at: time, after: now) == nil, "older than the last one")
    }

    @Test(
        arguments: [
            ("123456", "123456"), ("123 456", "123456"), ("123-456", "123456"), ("12345", nil),
            ("1234567", nil),
            ("12345a", nil), ("١٢٣٤٥٦", nil), ("", nil), (String(repeating: " ", count: 100) + "123456", nil),
        ] as [(String, String?)]
    ) func sixDigitsAreACode(text: String, canonical: String?) {
        #expect(TOTP.canonical(Secret(text)) == canonical)
    }

    @Test func anAuthenticatorIsToldEverything() {
        let uri = TOTP.uri(Self.secret, of: UserName(unchecked: "an:na")).reveal()
        #expect(
            uri == "otpauth://totp/Vedette:an%3Ana?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Vedette"
                + "&algorithm=SHA1&digits=6&period=30"
        )
    }

    /// The secret is sealed for its user, under the key of the installation.
    @Test func aSealedSecretOpensForItsUserAlone() {
        let (anna, bert) = (UserName(unchecked: "anna"), UserName(unchecked: "bert"))
        let verifier = LoginVerifier()
        let sealed = verifier.sealed(Self.secret, of: anna)
        #expect(verifier.opened(sealed, of: anna) == Self.secret)
        #expect(verifier.opened(sealed, of: bert) == nil)
        #expect(LoginVerifier().opened(sealed, of: anna) == nil, "another installation's key")
        #expect(verifier.opened(Secret("00"), of: anna) == nil)
        #expect(!sealed.reveal().contains("3132333435"))
    }

    /// NIST SP 800-63B, 3.1.1.2.
    @Test(arguments: [
        ("short", false), ("12345678", false), ("PASSWORD", false), ("anna-the-first", false),
        ("11111111", false), ("correct horse", true), (String(repeating: "ab", count: 65), false),
    ]) func passwordsThatEverybodyTriesAreRefused(password: String, isTaken: Bool) {
        let user = UserName(unchecked: "Anna-the-First")
        #expect((PasswordRules.objection(to: Secret(password), of: user) == nil) == isTaken)
    }
}
