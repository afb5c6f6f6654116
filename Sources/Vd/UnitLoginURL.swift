package import HSSModel

/// The address with which a unit opens Vd (Table 9-3):
/// `wss://<domain:port>/Vd?login_code=…&login_passwd=…&hardware_model=…&firmware_model=…&sdk=…&reconnect=…`.
///
/// In place of `login_passwd` there may be a ``LoginSignature``, or nothing where the connection itself shows who the
/// unit is.
package struct UnitLoginURL: Sendable, Equatable {
    /// Path of the Recommendation, and the one of units built on the published device SDK.
    package static let path = "/Vd"
    package static let deployedPath = "/ovc"
    private static let longestQuery = 2048
    private static let passwordField = "login_passwd"
    private static let names: Set = [
        "login_code", passwordField, "hardware_model", "firmware_model", "sdk", "reconnect",
        LoginSignature.macIdentityField, LoginSignature.timeField, LoginSignature.nonceField,
        LoginSignature.signField,
    ]

    package var deviceID: String
    /// Nil: there is none in the address.
    package var proof: LoginProof?
    package var hardwareModel: String
    package var firmwareModel: String
    /// Nil where the unit is not built on an SDK that tells its version.
    package var sdk: String?
    /// The connection follows a disconnection, not a start.
    package var reconnect: Bool

    package init(
        deviceID: String,
        proof: LoginProof?,
        hardwareModel: String,
        firmwareModel: String,
        sdk: String?,
        reconnect: Bool
    ) {
        self.deviceID = deviceID
        self.proof = proof
        self.hardwareModel = hardwareModel
        self.firmwareModel = firmwareModel
        self.sdk = sdk
        self.reconnect = reconnect
    }

    package init(
        deviceID: String,
        password: String,
        hardwareModel: String,
        firmwareModel: String,
        sdk: String?,
        reconnect: Bool
    ) {
        self.init(
            deviceID: deviceID,
            proof: .password(Secret(password)),
            hardwareModel: hardwareModel,
            firmwareModel: firmwareModel,
            sdk: sdk,
            reconnect: reconnect
        )
    }

    /// Reads what stands behind the `?`. Fields in any order; unknown ones are ignored, a known one that
    /// stands twice is refused. A signature stands last: it covers all that is before it.
    package init(parsing query: some StringProtocol) throws(FieldError) {
        guard query.utf8.count <= Self.longestQuery else {
            throw FieldError("query", "at most \(Self.longestQuery) bytes")
        }
        let parts = query.split(separator: "&")
        var fields: [String: String] = [:]
        for part in parts {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(pair[0])
            guard Self.names.contains(name) else { continue }
            guard let value = percentDecoded(pair.count > 1 ? pair[1] : "") else {
                throw FieldError(name, "broken percent-encoding")
            }
            guard fields.updateValue(value, forKey: name) == nil else {
                throw FieldError(name, "stands twice")
            }
        }
        func required(_ name: String, _ most: Int) throws(FieldError) -> String {
            guard let value = fields[name], !value.isEmpty else { throw FieldError(name, "required") }
            guard value.utf8.count <= most else { throw FieldError(name, "at most \(most) bytes") }
            return value
        }
        deviceID = try required("login_code", 64)
        if fields[LoginSignature.signField] != nil {
            proof = .signature(try Self.signature(fields, last: parts.last, of: query))
        } else if fields[Self.passwordField] != nil {
            proof = .password(Secret(try required(Self.passwordField, 128)))
        } else {
            proof = nil
        }
        hardwareModel = try required("hardware_model", 128)
        firmwareModel = try required("firmware_model", 128)
        let sdkText = fields["sdk"] ?? ""
        guard sdkText.utf8.count <= 128 else { throw FieldError("sdk", "at most 128 bytes") }
        sdk = sdkText.isEmpty ? nil : sdkText
        switch fields["reconnect"] ?? "" {
        case "", "0": reconnect = false
        case "1": reconnect = true
        default: throw FieldError("reconnect", "expected 0 or 1")
        }
    }

    private static func signature<Query: StringProtocol>(
        _ fields: [String: String],
        last: Query.SubSequence?,
        of query: Query
    ) throws(FieldError) -> LoginSignature {
        // A password beside a signature would be captured with it.
        guard fields[passwordField] == nil else {
            throw FieldError(passwordField, "must be absent where \(LoginSignature.signField) is")
        }
        // `login_code` is required, so that something is always before it, and an `&`.
        guard let last, last.hasPrefix(LoginSignature.signField + "="), last.endIndex == query.endIndex,
            last.startIndex > query.startIndex
        else { throw FieldError(LoginSignature.signField, "must stand last") }
        return try LoginSignature(fields, query: query[..<query.index(before: last.startIndex)])
    }

    /// What the login is judged by: the certificate that the connection has shown, whatever else the address carries.
    package func proof(besides certificate: LoginProof?) throws(FieldError) -> LoginProof {
        if let certificate { return certificate }
        guard let proof else { throw FieldError(Self.passwordField, "required") }
        return proof
    }

    /// Without the password, signed with `key` instead. `nonce` is random and used once.
    package func signed(
        by key: LoginKey,
        macIdentity: MACIdentity,
        at time: WallTime,
        nonce: LoginSignature.Nonce
    ) -> UnitLoginURL {
        var signed = self
        signed.proof = nil
        let query = Secret(
            Self.query(
                signed.fields + [
                    (LoginSignature.macIdentityField, macIdentity.rawValue),
                    (LoginSignature.timeField, String(time.milliseconds)),
                    (LoginSignature.nonceField, nonce.description),
                ]
            )
        )
        let signature = LoginSignature(
            macIdentity: macIdentity,
            time: time,
            nonce: nonce,
            query: query,
            code: key.sign(query)
        )
        signed.proof = .signature(signature)
        return signed
    }

    /// Path and query, percent-encoded.
    package var requestTarget: String {
        if case .signature(let signature) = proof { return Self.path + "?" + signature.signedQuery }
        return Self.path + "?" + Self.query(fields)
    }

    /// All but a signature.
    private var fields: [(String, String)] {
        var fields = [("login_code", deviceID)]
        if case .password(let password) = proof { fields.append((Self.passwordField, password.reveal())) }
        fields += [("hardware_model", hardwareModel), ("firmware_model", firmwareModel)]
        if let sdk { fields.append(("sdk", sdk)) }
        fields.append(("reconnect", reconnect ? "1" : "0"))
        return fields
    }

    private static func query(_ fields: [(String, String)]) -> String {
        fields.map { "\($0.0)=\(percentEncoded($0.1))" }.joined(separator: "&")
    }
}

private func percentEncoded(_ text: String) -> String {
    let hex = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            bytes.append(byte)
        default:
            bytes += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}

/// Nil for a broken escape or bytes that are not UTF-8. `+` stays `+`: this is no form.
private func percentDecoded(_ text: some StringProtocol) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8.makeIterator()
    while let byte = rest.next() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        guard let high = rest.next()?.hexDigit, let low = rest.next()?.hexDigit else { return nil }
        bytes.append(UInt8(high << 4 | low))
    }
    return String(validating: bytes, as: UTF8.self)
}
