import Crypto
package import HSSModel
package import Vd

/// Makes the token with which a sleeping unit shows that it was logged in here: an HMAC of its identity. So it needs
/// no store, survives restarts, is good at every node that shares the key, and is checked before anything is
/// looked up: a stranger costs one hash and learns nothing of which units there are.
///
/// A heartbeat is not encrypted: whoever reads one can pretend that the unit sleeps, and keep it from being woken.
/// The token opens nothing else.
package struct HibernationKey: Sendable {
    /// Less would be easier to guess than what it protects.
    package static let shortestSecret = 32
    /// 96 bits, 16 characters: as many as fit into `token`.
    private static let tokenBytes = 12

    private let key: SymmetricKey

    /// Nil: the secret is shorter than ``shortestSecret`` octets.
    package init?(_ secret: Secret) {
        let bytes = Array(secret.reveal().utf8)
        guard bytes.count >= Self.shortestSecret else { return nil }
        key = SymmetricKey(data: bytes)
    }

    package func token(of identity: HibernationIdentity) -> Secret {
        // Keeps what is signed for this use from ever counting for another.
        let text = Array("vedette hibernation token\0\(identity)".utf8)
        let code = HMAC<SHA256>.authenticationCode(for: text, using: key)
        return Secret(Self.base64URL(Array(code.prefix(Self.tokenBytes))))
    }

    /// In constant time, whatever part of the token is wrong.
    func accepts(_ heartbeat: HibernationHeartbeat) -> Bool {
        let expected = token(of: heartbeat.identity).reveal().utf8
        let presented = heartbeat.token.reveal().utf8
        guard presented.count == expected.count else { return false }
        return zip(expected, presented).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// RFC 4648 §5 of a multiple of 3 bytes.
    private static func base64URL(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count - 2, by: 3) {
            let group = UInt32(bytes[start]) << 16 | UInt32(bytes[start + 1]) << 8 | UInt32(bytes[start + 2])
            for shift in [18, 12, 6, 0] as [UInt32] { text.append(alphabet[Int(group >> shift & 63)]) }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
