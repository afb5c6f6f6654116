import HSSModel

/// The text of a bind code: 80 random bits as `XXXX-XXXX-XXXX-XXXX`, short enough for a QR code, a sound and a
/// person's fingers.
enum BindCodeText {
    private static let bits = 80
    private static let groupLength = 4

    static func generate() -> String {
        let plain = RandomText.crockford(bits: bits)
        return stride(from: 0, to: BindCodeForm.symbols, by: groupLength).map {
            plain.dropFirst($0).prefix(groupLength)
        }.joined(separator: "-")
    }
}
