/// How a bind code may be written: whoever types one is told of a slip before it is sent.
package enum BindCodeForm {
    /// Of Crockford's alphabet, five bits each.
    package static let symbols = 16
    /// Longer text is not looked at: hyphens and spaces between all symbols fit.
    private static let longest = 64

    /// What two spellings of a code share: upper case, no separators, and the letters that Crockford's alphabet
    /// leaves out read as the digits they look like. Nil for what cannot be a code.
    package static func canonical(_ text: String) -> String? {
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
