import HSSModel

// Fields that several tables share, and rules that several fields share.

extension JSONObject {
    /// Counts of bytes, bits and megabytes: what every reader of JSON holds exactly.
    static let counts = 0...(1 << 53)

    /// Any Vd address: the longest that the platform makes carries a ticket and a passphrase.
    private static let urlLengths = 1...2048

    func channel() throws(FieldError) -> Int {
        try integer("channel", 0...ChannelAddress.highestNumber)
    }

    func macID() throws(FieldError) -> String {
        try string("mac_id", 1...64)
    }

    func maxBitrate() throws(FieldError) -> Int {
        try integer("max_bitrate", 0...Int(Int32.max))
    }

    func url() throws(FieldError) -> Secret {
        Secret(try string("url", Self.urlLengths))
    }

    /// Empty means absent.
    func optionalURL(_ name: String) throws(FieldError) -> Secret? {
        try optionalText(name, most: Self.urlLengths.upperBound).map(Secret.init)
    }

    /// Text of which an empty one means none.
    func optionalText(_ name: String, most: Int) throws(FieldError) -> String? {
        guard let text = try optionalString(name, 0...most), !text.isEmpty else { return nil }
        return text
    }

    /// Text of which only some are allowed.
    func choice<Choice: RawRepresentable & CaseIterable>(_ name: String) throws(FieldError) -> Choice
    where Choice.RawValue == String {
        guard let choice = Choice(rawValue: try string(name, 0...64)) else {
            throw .expected(name, Choice.self)
        }
        return choice
    }
}

extension FieldError {
    /// Names what is allowed.
    static func expected<Choice: RawRepresentable & CaseIterable>(
        _ name: String,
        _ choices: Choice.Type
    ) -> FieldError where Choice.RawValue == String {
        FieldError(name, "expected " + choices.allCases.map(\.rawValue).joined(separator: ", "))
    }
}
