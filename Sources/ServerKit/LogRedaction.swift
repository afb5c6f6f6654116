/// The last line of defence for logs: takes the values of parameters that are secrets out of any text.
///
/// Secrets of ours are ``HSSModel/Secret`` and never become text by accident. But the Vd login is a URL with a
/// password in it, play addresses carry tickets, and libraries put URLs into their errors.
package enum LogRedaction {
    package static let mark = "<secret>"

    /// Names before a `=` (or `":"` in JSON) whose value is secret, in lower case.
    private static let names: Set = [
        "login_passwd", "login_password", "login_sign", "ticket", "s", "passphrase", "password", "passwd",
        "token",
        "access_token", "refresh_token", "key", "secret", "sig", "signature",
    ]

    /// Whether metadata of this name is not to be shown at all. `key` and `s` are innocent there.
    package static func isSecret(_ name: String) -> Bool {
        name != "key" && name != "s" && names.contains(name.lowercased())
    }

    /// `text` with secret values and the password of `scheme://user:password@host` replaced.
    package static func redact(_ text: String) -> String {
        let bytes = Array(text.utf8)
        // Nearly every text ends here.
        guard
            bytes.contains(where: {
                $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: "@") || $0 == UInt8(ascii: ":")
            })
        else { return text }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var at = 0
        var word = ""
        while at < bytes.count {
            let byte = bytes[at]
            if isWord(byte) {
                let end = bytes[at...].firstIndex { !isWord($0) } ?? bytes.count
                word = String(decoding: bytes[at..<end], as: UTF8.self).lowercased()
                result += bytes[at..<end]
                at = end
                continue
            }
            if let value = valueStart(bytes, at), names.contains(word) {
                result += bytes[at..<value]
                at = valueEnd(bytes, value)
                if at > value { result += Array(mark.utf8) }
                word = ""
                continue
            }
            if let end = passwordOfURL(bytes, at) {
                result += bytes[at..<end.start] + Array(mark.utf8)
                at = end.end
                word = ""
                continue
            }
            // `"password" : "x"`: the name is remembered across its closing quote only.
            if byte != UInt8(ascii: "\"") { word = "" }
            result.append(byte)
            at += 1
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Where the value begins if a `=`, `%3D` or a JSON colon stands at `at`.
    private static func valueStart(_ bytes: [UInt8], _ at: Int) -> Int? {
        if bytes[at] == UInt8(ascii: "=") { return at + 1 }
        let rest = bytes[at...]
        if rest.starts(with: "%3D".utf8) || rest.starts(with: "%3d".utf8) { return at + 3 }
        for colon in ["\":\"", "\": \""] where rest.starts(with: colon.utf8) { return at + colon.utf8.count }
        return nil
    }

    private static func valueEnd(_ bytes: [UInt8], _ start: Int) -> Int {
        bytes[start...].firstIndex { byte in
            switch byte {
            case 0...0x20, UInt8(ascii: "&"), UInt8(ascii: ","), UInt8(ascii: "\""), UInt8(ascii: "'"),
                UInt8(ascii: "#"), UInt8(ascii: ";"), UInt8(ascii: ")"), UInt8(ascii: ">"):
                true
            default: false
            }
        } ?? bytes.count
    }

    /// The bounds of the password when `://user:password@` begins at `at`.
    private static func passwordOfURL(_ bytes: [UInt8], _ at: Int) -> (start: Int, end: Int)? {
        guard bytes[at...].starts(with: "://".utf8) else { return nil }
        let authority = bytes[(at + 3)...].prefix { $0 > 0x20 && !"/?#".utf8.contains($0) }
        guard let sign = authority.lastIndex(of: UInt8(ascii: "@")),
            let colon = authority[..<sign].firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        return (colon + 1, sign)
    }
}
