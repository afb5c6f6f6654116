internal import Crypto
package import HSSModel

/// Signs the addresses of recording under a key of the installation, so that neither has to be stored and every node
/// that shares the key knows its own.
///
/// "Knowing another unit's `channelID` is not enough to write to it": the Vr address of a channel is bound to the
/// record session that it was made for, the address of an upload to its segment, its size and a time.
package struct RecordKey: Sendable {
    /// Less would be easier to guess than what it protects.
    package static let shortestSecret = 32
    private static let tagLength = 32

    private let key: SymmetricKey

    /// Nil: the secret is shorter than ``shortestSecret`` octets.
    package init?(_ secret: Secret) {
        let bytes = Array(secret.reveal().utf8)
        guard bytes.count >= Self.shortestSecret else { return nil }
        key = SymmetricKey(data: bytes)
    }

    /// 43 characters of base64url.
    func tag(_ label: String, _ parts: [String]) -> String {
        Base64URL.encode(
            Array(HMAC<SHA256>.authenticationCode(for: Self.signed(label, parts), using: key))
        )
    }

    /// In constant time, whatever `text` is but for its length.
    func isTag(_ text: some StringProtocol, _ label: String, _ parts: [String]) -> Bool {
        guard text.utf8.count == (Self.tagLength * 8 + 5) / 6, let code = Base64URL.decode(String(text)),
            code.count == Self.tagLength
        else { return false }
        return HMAC<SHA256>.isValidAuthenticationCode(
            code,
            authenticating: Self.signed(label, parts),
            using: key
        )
    }

    /// The label keeps what is signed for one use from ever counting for another, the lengths one list of parts from
    /// being read as another.
    private static func signed(_ label: String, _ parts: [String]) -> [UInt8] {
        var bytes = Array("vedette vr \(label)\0".utf8)
        for part in parts {
            bytes.append(UInt8(truncatingIfNeeded: part.utf8.count >> 8))
            bytes.append(UInt8(truncatingIfNeeded: part.utf8.count))
            bytes += part.utf8
        }
        return bytes
    }
}
