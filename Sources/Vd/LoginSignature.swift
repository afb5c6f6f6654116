internal import Crypto
package import HSSModel

/// With what a unit shows who it is when it opens Vd.
package enum LoginProof: Sendable, Equatable {
    /// `login_passwd` of Table 9-3.
    case password(Secret)
    /// In place of the password, a signature over all of the login address.
    case signature(LoginSignature)
    /// The connection has shown a certificate; nil: it names no device.
    case certificate(UnitID?)
}

/// A login that is signed instead of carrying the password: an addition to Table 9-3, so that an address that was
/// captured (by a proxy, in a log) opens nothing.
///
/// What is signed is what is sent: every octet of the query before `&login_sign=`, which stands last. Nothing has to be
/// put into a canonical form, fields of later versions are covered too, and host and path are free to be changed by
/// what is between unit and platform.
package struct LoginSignature: Sendable, Equatable {
    /// Names of the additional fields.
    package static let macIdentityField = "login_mac"
    package static let timeField = "login_time"
    package static let nonceField = "login_nonce"
    package static let signField = "login_sign"
    /// In front of the query in what is signed: a signature of this key for another purpose is none for a login.
    static let label = "vedette-login-1\n"

    /// 128 bits, each value once in the life of a key: 32 hexadecimal digits.
    package struct Nonce: Sendable, Hashable, CustomStringConvertible {
        package let high: UInt64
        package let low: UInt64

        package init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }

        init?(parsing text: String) {
            guard text.utf8.count == 32, let bytes = bytes(ofHex: text) else { return nil }
            high = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
            low = bytes[8...].reduce(0) { $0 << 8 | UInt64($1) }
        }

        package var description: String {
            let bytes = [high, low].flatMap { part in
                (0..<8).map { UInt8(truncatingIfNeeded: part >> (56 - 8 * $0)) }
            }
            return hex(bytes)
        }
    }

    /// The identity of the hardware, in any spelling.
    package let macIdentity: MACIdentity
    /// The platform's time as the unit knows it.
    package let time: WallTime
    package let nonce: Nonce
    /// The query up to the signature.
    let query: Secret
    let code: [UInt8]

    init(macIdentity: MACIdentity, time: WallTime, nonce: Nonce, query: Secret, code: [UInt8]) {
        self.macIdentity = macIdentity
        self.time = time
        self.nonce = nonce
        self.query = query
        self.code = code
    }

    /// The whole query again.
    var signedQuery: String { "\(query.reveal())&\(Self.signField)=\(hex(code))" }

    /// The year 9999: arithmetic on it must not overflow.
    static let latestTime: Int64 = 253_402_300_799_999

    /// From the fields of a query whose last one is the signature; `query` is what stands before it.
    init(_ fields: [String: String], query: some StringProtocol) throws(FieldError) {
        guard let identity = MACIdentity(rawValue: fields[Self.macIdentityField] ?? "") else {
            throw FieldError(Self.macIdentityField, "expected 1 to 64 characters of A-Z a-z 0-9 . _ : -")
        }
        let digits = fields[Self.timeField] ?? ""
        guard (1...15).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let milliseconds = Int64(digits), milliseconds <= Self.latestTime
        else { throw FieldError(Self.timeField, "expected milliseconds since 1970") }
        guard let nonce = Nonce(parsing: fields[Self.nonceField] ?? "") else {
            throw FieldError(Self.nonceField, "expected 32 hexadecimal digits")
        }
        guard let text = fields[Self.signField], text.utf8.count == 2 * LoginKey.sizeInBytes,
            let code = bytes(ofHex: text)
        else { throw FieldError(Self.signField, "expected 64 hexadecimal digits") }
        self.init(
            macIdentity: identity,
            time: WallTime(milliseconds: milliseconds),
            nonce: nonce,
            query: Secret(String(query)),
            code: code
        )
    }
}

/// The key with which a device signs its logins: HMAC-SHA256 of a label under its login password.
///
/// It is made from the password so that there is one secret to hand out, and is not the value against which passwords
/// are checked: neither leads to the other, and a device that only signs may keep the key instead of the password.
/// One round is enough for passwords of 160 random bits (`DeviceSecret`).
package struct LoginKey: Sendable {
    package static let sizeInBytes = 32
    private static let label = "vedette-login-key-1"

    private let key: SymmetricKey

    package init(password: Secret) {
        let secret = SymmetricKey(data: Array(password.reveal().utf8))
        key = SymmetricKey(
            data: Array(HMAC<SHA256>.authenticationCode(for: Array(Self.label.utf8), using: secret))
        )
    }

    /// Nil: not ``sizeInBytes`` octets.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.sizeInBytes else { return nil }
        key = SymmetricKey(data: Array(bytes))
    }

    /// For whoever keeps it. As secret as the password.
    package var bytes: [UInt8] { key.withUnsafeBytes { Array($0) } }

    /// In constant time.
    package func verifies(_ signature: LoginSignature) -> Bool {
        HMAC<SHA256>.isValidAuthenticationCode(
            signature.code,
            authenticating: Self.message(signature.query),
            using: key
        )
    }

    func sign(_ query: Secret) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Self.message(query), using: key))
    }

    private static func message(_ query: Secret) -> [UInt8] {
        Array((LoginSignature.label + query.reveal()).utf8)
    }
}

/// Lower case.
private func hex(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

private func bytes(ofHex text: String) -> [UInt8]? {
    let digits = text.utf8.compactMap { $0.hexDigit.map { UInt8($0) } }
    guard digits.count == text.utf8.count, digits.count.isMultiple(of: 2) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
