import HSSModel

/// The text of a bind code: 80 random bits as `XXXX-XXXX-XXXX-XXXX`, short enough for a QR code, a sound and a
/// person's fingers.
enum BindCodeText {
    private static let bits = 80
    private static let symbols = 16
    private static let groupLength = 4
    /// Longer text is not looked at: hyphens and spaces between all symbols fit.
    private static let longest = 64

    static func generate() -> String {
        let plain = RandomText.crockford(bits: bits)
        return stride(from: 0, to: symbols, by: groupLength).map {
            plain.dropFirst($0).prefix(groupLength)
        }.joined(separator: "-")
    }

    /// What two spellings of a code share: upper case, no separators, and the letters that Crockford's alphabet
    /// leaves out read as the digits they look like. Nil for what cannot be a code.
    static func canonical(_ text: String) -> String? {
        guard text.utf8.count <= longest else { return nil }
        var symbols: [UInt8] = []
        for byte in text.uppercased().utf8 {
            switch byte {
            case UInt8(ascii: "-"), UInt8(ascii: " "): continue
            case UInt8(ascii: "O"): symbols.append(UInt8(ascii: "0"))
            case UInt8(ascii: "I"), UInt8(ascii: "L"): symbols.append(UInt8(ascii: "1"))
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
                symbols.append(byte)
            default: return nil
            }
        }
        return symbols.count == Self.symbols ? String(decoding: symbols, as: UTF8.self) : nil
    }
}
