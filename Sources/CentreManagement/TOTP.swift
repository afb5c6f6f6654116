import Crypto
import HSSModel

/// Codes of an authenticator (RFC 6238): HMAC-SHA-1, steps of 30 s, six digits, which is what every authenticator knows.
enum TOTP {
    static let digits = 6
    /// Seconds.
    static let period: Int64 = 30
    /// Steps before and after now that count: clocks of phones differ, and people type slowly (5.2).
    static let window: Int64 = 1
    /// RFC 4226, 4: "RECOMMENDing a shared secret length of 160 bits".
    static let secretLength = 20

    static func step(at time: WallTime) -> Int64 { time.seconds / period }

    static func code(_ secret: [UInt8], step: Int64, digits: Int = digits) -> String {
        let counter = (0..<8).map { UInt8(truncatingIfNeeded: step >> Int64(8 * (7 - $0))) }
        let hash = Array(
            HMAC<Insecure.SHA1>.authenticationCode(for: counter, using: SymmetricKey(data: secret))
        )
        // RFC 4226, 5.3: the low four bits of the last octet say where the number stands.
        let offset = Int(hash[hash.count - 1] & 15)
        let number = hash[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        let code = (0..<digits).reduce((rest: number, text: "")) { part, _ in
            (part.rest / 10, "\(part.rest % 10)" + part.text)
        }
        return code.text
    }

    /// Whether somebody may have meant it for a code: six digits, in whatever groups.
    static func canonical(_ code: Secret) -> String? {
        let text = code.reveal()
        guard text.utf8.count <= 2 * digits else { return nil }
        let figures = text.filter { !$0.isWhitespace && $0 != "-" }
        guard figures.utf8.count == digits, figures.utf8.allSatisfy({ (48...57).contains($0) }) else {
            return nil
        }
        return figures
    }

    /// Of which step it is the code. None up to `last`: each counts once (5.2).
    static func step(of code: String, _ secret: [UInt8], at time: WallTime, after last: Int64?) -> Int64? {
        let now = step(at: time)
        return (now - window...now + window).first { step in
            step > last ?? -1 && step >= 0
                && equalInConstantTime(Self.code(secret, step: step).utf8, code.utf8)
        }
    }

    /// What authenticators scan: the form of Google Authenticator, which all have taken over.
    static func uri(_ secret: [UInt8], of user: UserName) -> Secret {
        let account = user.rawValue.replacing(":", with: "%3A")
        return Secret(
            "otpauth://totp/Vedette:\(account)?secret=\(text(secret))&issuer=Vedette&algorithm=SHA1"
                + "&digits=\(digits)&period=\(period)"
        )
    }

    /// Base32 (RFC 4648), as people type it in.
    static func text(_ secret: [UInt8]) -> String { RandomText.base32(secret).uppercased() }
}

/// Words for whoever lost the authenticator: 80 random bits each.
enum RecoveryCode {
    static let count = 10

    /// A word like a bind code: made to be written down.
    static func make() -> Secret { Secret(BindCodeText.generate()) }

    /// What is kept of it. Nil: it cannot be one.
    static func hash(_ code: Secret) -> String? {
        BindCodeForm.canonical(code.reveal()).map { tokenHash("recovery " + $0) }
    }
}

extension LoginVerifier {
    /// Sealed like the keys of units, under the installation's key. No unit has a name with a space.
    func sealed(_ secret: [UInt8], of user: UserName) -> Secret {
        let box = try? ChaChaPoly.seal(secret, using: seal, authenticating: Self.label(user))
        return Secret(hexadecimal(box.map { Array($0.combined) } ?? []))
    }

    /// Nil: sealed for another user, or under another installation's key.
    func opened(_ sealed: Secret, of user: UserName) -> [UInt8]? {
        guard let bytes = bytes(hexadecimal: sealed.reveal()[...]),
            let box = try? ChaChaPoly.SealedBox(combined: bytes),
            let secret = try? ChaChaPoly.open(box, using: seal, authenticating: Self.label(user))
        else { return nil }
        return Array(secret)
    }

    private static func label(_ user: UserName) -> [UInt8] { Array("totp \(user)".utf8) }
}
