package import Crypto
import Foundation
import HSSModel
import Vd

/// Makes what is stored of a unit's login password, and checks logins against it:
/// `$sha256$<salt>$<hash>$<sealed key>`, hexadecimal.
///
/// Passwords are checked against the salted hash. One round of SHA-256 is right here, and a slow hash would be wrong:
/// there is no list to try 160 random bits against, while 5,000 units that return after an outage are all checked
/// within seconds. The salt keeps two devices with the same given password from showing it.
///
/// Whoever can check an HMAC can make one, so the key for signatures (``LoginKey``) has to be kept as it is. It is
/// sealed (ChaCha20-Poly1305, for this unit only) under a key of the installation, which is not in the database: a stolen
/// database lets nobody in, neither by password nor by signature. Whoever has both can sign for every device until the
/// devices are enrolled anew, and still does not know a password. Rows without a sealed key are from before signatures.
package struct LoginVerifier: Sendable {
    private static let saltBits = 128
    private static let scheme = "sha256"
    /// Stands for the hash where no password opens anything.
    private static let noPassword = "-"
    private static let nobody = UnitID(unchecked: "-")
    private static let nothing = Secret("-")

    let seal: SymmetricKey
    /// `vd.signed_login: required`. Passwords are hashed all the same, and then refused.
    private let refusesPasswords: Bool
    /// What unknown devices are checked against.
    private let stranger: String

    /// A key of this process only, for tests and tools.
    package init(refusesPasswords: Bool = false) {
        self.init(seal: SymmetricKey(size: .bits256), refusesPasswords: refusesPasswords)
    }

    package init(seal: SymmetricKey, refusesPasswords: Bool) {
        self.seal = seal
        self.refusesPasswords = refusesPasswords
        stranger = Self.text(
            salt: String(repeating: "0", count: Self.saltBits / 4),
            hash: String(repeating: "0", count: 64),
            key: Self.sealed(LoginKey(password: Self.nothing), of: Self.nobody, seal)
        )
    }

    /// What to store. With `signedOnly` no password opens the device, whatever `vd.signed_login` says.
    func stored(_ password: Secret, of unit: UnitID, signedOnly: Bool = false) -> Secret {
        let salt = RandomText.hexadecimal(bits: Self.saltBits)
        let hash = signedOnly ? Self.noPassword : Self.digest(salt, password)
        return Secret(
            Self.text(salt: salt, hash: hash, key: Self.sealed(LoginKey(password: password), of: unit, seal))
        )
    }

    /// Whether logins of a device can be checked by their signature.
    static func takesSignatures(_ stored: Secret) -> Bool { Row(stored.reveal())?.key != nil }

    /// Whether the device was enrolled to sign only.
    static func takesNoPassword(_ stored: Secret) -> Bool { Row(stored.reveal())?.hash == noPassword[...] }

    /// Does the same work where `stored` is nil, for a device that does not exist.
    func accepts(_ proof: LoginProof, of unit: UnitID, _ stored: Secret?) -> Bool {
        let row = stored.map { Row($0.reveal()) } ?? nil
        guard let measure = row ?? Row(stranger) else { return false }
        let isRight: Bool
        switch proof {
        case .password(let password):
            isRight =
                equalInConstantTime(Self.digest(measure.salt, password).utf8, measure.hash.utf8)
                && !refusesPasswords
        case .signature(let signature):
            let opened = measure.key.flatMap { open($0, of: row == nil ? Self.nobody : unit) }
            // A row without a key takes as long as any.
            isRight = (opened ?? LoginKey(password: Self.nothing)).verifies(signature) && opened != nil
        case .certificate(let named):
            isRight = named == unit
        }
        return isRight && row != nil
    }

    // MARK: The row

    private struct Row {
        var salt: Substring
        var hash: Substring
        var key: Substring?

        init?(_ text: String) {
            let parts = text.split(separator: "$")
            guard (3...4).contains(parts.count), parts[0] == scheme else { return nil }
            (salt, hash) = (parts[1], parts[2])
            key = parts.count == 4 ? parts[3] : nil
        }
    }

    private static func text(salt: String, hash: String, key: String) -> String {
        "$\(scheme)$\(salt)$\(hash)$\(key)"
    }

    private static func digest(_ salt: some StringProtocol, _ password: Secret) -> String {
        var hasher = SHA256()
        hasher.update(data: Array(salt.utf8))
        hasher.update(data: Array(password.reveal().utf8))
        return hexadecimal(hasher.finalize())
    }

    // MARK: The key

    private static func sealed(_ key: LoginKey, of unit: UnitID, _ seal: SymmetricKey) -> String {
        // Sealing a few octets fails for no input.
        let box = try? ChaChaPoly.seal(key.bytes, using: seal, authenticating: Array(unit.rawValue.utf8))
        return hexadecimal(box?.combined ?? Data())
    }

    /// Nil: sealed for another unit, or under another installation's key.
    private func open(_ sealed: Substring, of unit: UnitID) -> LoginKey? {
        guard let bytes = bytes(hexadecimal: sealed), let box = try? ChaChaPoly.SealedBox(combined: bytes),
            let key = try? ChaChaPoly.open(box, using: seal, authenticating: Array(unit.rawValue.utf8))
        else { return nil }
        return LoginKey(bytes: key)
    }
}

/// Nil where anything is no hexadecimal digit.
func bytes(hexadecimal text: Substring) -> [UInt8]? {
    let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count == text.utf8.count, digits.count.isMultiple(of: 2) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}
