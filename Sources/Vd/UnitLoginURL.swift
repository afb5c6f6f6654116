/// The address with which a unit opens Vd (Table 9-3):
/// `wss://<domain:port>/Vd?login_code=…&login_passwd=…&hardware_model=…&firmware_model=…&sdk=…&reconnect=…`.
package struct UnitLoginURL: Sendable, Equatable {
    /// Path of the Recommendation, and the one of units built on the published device SDK.
    package static let path = "/Vd"
    package static let deployedPath = "/ovc"
    private static let longestQuery = 2048

    package var deviceID: String
    package var password: String
    package var hardwareModel: String
    package var firmwareModel: String
    /// Nil where the unit is not built on an SDK that tells its version.
    package var sdk: String?
    /// The connection follows a disconnection, not a start.
    package var reconnect: Bool

    package init(
        deviceID: String,
        password: String,
        hardwareModel: String,
        firmwareModel: String,
        sdk: String?,
        reconnect: Bool
    ) {
        self.deviceID = deviceID
        self.password = password
        self.hardwareModel = hardwareModel
        self.firmwareModel = firmwareModel
        self.sdk = sdk
        self.reconnect = reconnect
    }

    /// Reads what stands behind the `?`. Fields in any order; unknown ones are ignored, a known one that
    /// stands twice is refused.
    package init(parsing query: some StringProtocol) throws(FieldError) {
        guard query.utf8.count <= Self.longestQuery else {
            throw FieldError("query", "at most \(Self.longestQuery) bytes")
        }
        let names = ["login_code", "login_passwd", "hardware_model", "firmware_model", "sdk", "reconnect"]
        var fields: [String: String] = [:]
        for part in query.split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(pair[0])
            guard names.contains(name) else { continue }
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
        password = try required("login_passwd", 128)
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

    /// Path and query, percent-encoded.
    package var requestTarget: String {
        var fields = [
            ("login_code", deviceID), ("login_passwd", password), ("hardware_model", hardwareModel),
            ("firmware_model", firmwareModel),
        ]
        if let sdk { fields.append(("sdk", sdk)) }
        fields.append(("reconnect", reconnect ? "1" : "0"))
        return Self.path + "?" + fields.map { "\($0.0)=\(percentEncoded($0.1))" }.joined(separator: "&")
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
