import Crypto
package import HSSModel

/// Makes the token of each upload address from the address's name, so that the same address can be given out
/// again without storing its token: the database has only a hash.
package struct UploadKey: Sendable {
    /// Characters of a token: 160 bits.
    static let tokenLength = 32

    private let key: SymmetricKey

    /// Nil: the secret is shorter than 32 octets and easier to guess than what it protects.
    package init?(_ secret: Secret) {
        let bytes = Array(secret.reveal().utf8)
        guard bytes.count >= 32 else { return nil }
        key = SymmetricKey(data: bytes)
    }

    func token(of upload: UploadID) -> Secret {
        let code = HMAC<SHA256>.authenticationCode(
            for: Array("upload".utf8) + [0] + Array(upload.rawValue.utf8),
            using: key
        )
        return Secret(Base32.encode(code.prefix(20)))
    }

    /// The secret with which a webhook's deliveries are signed.
    func secret(of webhook: WebhookID) -> Secret {
        let code = HMAC<SHA256>.authenticationCode(
            for: Array("webhook".utf8) + [0] + Array(webhook.rawValue.utf8),
            using: key
        )
        return Secret(Base32.encode(code.prefix(20)))
    }

    /// What is stored of a token: nothing to salt, nothing to slow down.
    static func hash(_ token: Secret) -> String {
        SHA256.hash(data: Array(token.reveal().utf8)).map {
            String($0 >> 4, radix: 16) + String($0 & 15, radix: 16)
        }.joined()
    }

    /// A name of 128 random bits.
    static func freshName() -> String {
        Base32.encode(SymmetricKey(size: .bits128).withUnsafeBytes { Array($0) })
    }
}

/// RFC 4648 alphabet in lower case, without padding.
enum Base32 {
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        var pending = 0
        var bits = 0
        for byte in bytes {
            pending = pending << 8 | Int(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                text.append(alphabet[pending >> bits & 31])
            }
            pending &= (1 << bits) - 1
        }
        if bits > 0 { text.append(alphabet[pending << (5 - bits) & 31]) }
        return String(decoding: text, as: UTF8.self)
    }

    static func isText(_ text: String, length: Int) -> Bool {
        text.utf8.count == length && text.utf8.allSatisfy(alphabet.contains)
    }
}
