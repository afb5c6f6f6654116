import Crypto
import Foundation
package import HSSModel

/// Signs the addresses from which units fetch firmware.
///
/// A token says which unit may fetch which image until when: nothing has to be stored, and nodes that share the key
/// accept each other's. It is no more than 123 characters long: units keep addresses in small buffers.
package struct FirmwareKey: Sendable {
    /// What a token stands for.
    package struct Grant: Sendable, Equatable {
        package var firmware: FirmwareID
        package var unit: UnitID
        /// Whole seconds.
        package var expiresAt: WallTime

        package init(firmware: FirmwareID, unit: UnitID, expiresAt: WallTime) {
            self.firmware = firmware
            self.unit = unit
            self.expiresAt = expiresAt
        }
    }

    private static let shortestSecret = 32
    private static let longestToken = 256
    /// 128 bits of HMAC-SHA256 (RFC 2104, 5).
    private static let signatureLength = 16
    private static let expiryLength = 4
    private static let firmwareLength = 8

    private let key: SymmetricKey

    /// Nil for a secret that is too short. The key is derived: the secret may serve other purposes too.
    package init?(_ secret: Secret) {
        let bytes = Array(secret.reveal().utf8)
        guard bytes.count >= Self.shortestSecret else { return nil }
        key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: bytes),
            info: Array("vedette firmware addresses".utf8),
            outputByteCount: 32
        )
    }

    /// A name of an image: 64 random bits, so that a token stays short.
    static func freshName() -> FirmwareID {
        FirmwareID(unchecked: RandomText.hexadecimal(bits: firmwareLength * 8))
    }

    package func token(_ grant: Grant) -> Secret {
        let seconds = UInt32(clamping: grant.expiresAt.seconds)
        var bytes = (0..<Self.expiryLength).map { UInt8(truncatingIfNeeded: seconds >> (24 - 8 * $0)) }
        bytes += Self.bytes(ofHexadecimal: grant.firmware.rawValue) ?? []
        bytes += Array(grant.unit.rawValue.utf8)
        bytes += signature(of: bytes)
        return Secret(
            Data(bytes).base64EncodedString()
                .replacingOccurrences(of: "+", with: "-")
                .replacingOccurrences(of: "/", with: "_")
                .replacingOccurrences(of: "=", with: "")
        )
    }

    /// Nil alike for what was never signed and what has expired.
    package func grant(of token: String, at now: WallTime) -> Grant? {
        guard token.utf8.count <= Self.longestToken, let bytes = Self.bytes(ofToken: token),
            bytes.count > Self.expiryLength + Self.firmwareLength + Self.signatureLength
        else { return nil }
        let signed = bytes.dropLast(Self.signatureLength)
        let expected = signature(of: signed)
        // Takes the same time wherever the difference is.
        guard zip(bytes.suffix(Self.signatureLength), expected).reduce(0, { $0 | ($1.0 ^ $1.1) }) == 0,
            let unit = UnitID(
                rawValue: String(
                    decoding: signed.dropFirst(Self.expiryLength + Self.firmwareLength),
                    as: UTF8.self
                )
            )
        else { return nil }
        let seconds = signed.prefix(Self.expiryLength).reduce(Int64(0)) { $0 << 8 | Int64($1) }
        let expiry = WallTime(milliseconds: seconds * 1000)
        guard now < expiry else { return nil }
        let name = hexadecimal(signed.dropFirst(Self.expiryLength).prefix(Self.firmwareLength))
        return Grant(firmware: FirmwareID(unchecked: name), unit: unit, expiresAt: expiry)
    }

    private func signature(of bytes: some Sequence<UInt8>) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(bytes), using: key).prefix(Self.signatureLength))
    }

    private static func bytes(ofToken token: String) -> [UInt8]? {
        guard token.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "/") }) else {
            return nil
        }
        let text = token.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Data(base64Encoded: text + padding).map { Array($0) }
    }

    private static func bytes(ofHexadecimal text: String) -> [UInt8]? {
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == 2 * firmwareLength, text.utf8.count == digits.count else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
