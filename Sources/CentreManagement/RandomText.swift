import Crypto
import Foundation

/// Text that nobody can guess, from the system's generator.
enum RandomText {
    static func hexadecimal(bits: Int) -> String {
        CentreManagement.hexadecimal(bytes(bits))
    }

    /// RFC 4648 alphabet in lower case, without padding; `bits` is a multiple of 40.
    static func base32(bits: Int) -> String { base32(bytes(bits)) }

    /// A multiple of five octets.
    static func base32(_ bytes: [UInt8]) -> String {
        encode(bytes, alphabet: Array("abcdefghijklmnopqrstuvwxyz234567".utf8))
    }

    /// Crockford's alphabet: no letter that people or printers take for another. `bits` is a multiple of 40.
    static func crockford(bits: Int) -> String {
        encode(bytes(bits), alphabet: Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8))
    }

    /// RFC 4648 §5 without padding: fits into a header, a URL and a file name.
    static func base64URL(bits: Int) -> String {
        Data(bytes(bits)).base64EncodedString()
            .replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
    }

    static func bytes(_ bits: Int) -> [UInt8] {
        SymmetricKey(size: .init(bitCount: bits)).withUnsafeBytes { Array($0) }
    }

    private static func encode(_ bytes: [UInt8], alphabet: [UInt8]) -> String {
        var text: [UInt8] = []
        var pending = 0
        var pendingBits = 0
        for byte in bytes {
            pending = pending << 8 | Int(byte)
            pendingBits += 8
            while pendingBits >= 5 {
                pendingBits -= 5
                text.append(alphabet[pending >> pendingBits & 31])
            }
            pending &= 31
        }
        return String(decoding: text, as: UTF8.self)
    }
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}

/// What is stored of a random token or code: nothing to salt, nothing to slow down.
func tokenHash(_ token: some StringProtocol) -> String {
    hexadecimal(SHA256.hash(data: Array(token.utf8)))
}
