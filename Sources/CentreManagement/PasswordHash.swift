import Crypto
import CryptoExtras
import Foundation
package import HSSModel

/// What is stored of a password that a person chose: `$scrypt$ln=15,r=8,p=3$<salt>$<key>` (base64). The
/// parameters travel with the hash, so that they can grow without locking anybody out.
package struct PasswordHash: Equatable {
    /// Cost of one check.
    package struct Cost: Equatable, Sendable {
        /// Memory is 128 · 2^`logN` · `blockSize` bytes, time grows with all three.
        package var logN: Int
        package var blockSize: Int
        package var parallelism: Int

        package init(logN: Int, blockSize: Int, parallelism: Int) {
            self.logN = logN
            self.blockSize = blockSize
            self.parallelism = parallelism
        }

        /// One of the equivalent settings that OWASP recommends for scrypt; of them the one with 32 MiB, as
        /// two checks run beside video.
        package static let recommended = Cost(logN: 15, blockSize: 8, parallelism: 3)

        /// Stored text may be damaged; a check must not take all memory because of it.
        var isSane: Bool {
            (1...20).contains(logN) && (1...16).contains(blockSize) && (1...16).contains(parallelism)
        }
    }

    private static let saltLength = 16
    private static let keyLength = 32

    let cost: Cost
    private let salt: Data
    private let key: Data

    /// Computes for as long as `cost` says: never on a thread of the cooperative pool.
    package init(of password: Secret, cost: Cost) throws {
        self.cost = cost
        salt = SymmetricKey(size: .init(bitCount: Self.saltLength * 8)).withUnsafeBytes { Data($0) }
        key = try Self.derive(password, salt, cost)
    }

    /// Matches nothing and costs as much as any other: for users that do not exist.
    init(ofNobodyAt cost: Cost) {
        self.cost = cost
        salt = Data(count: Self.saltLength)
        key = Data(count: Self.keyLength)
    }

    /// Nil for text that this version did not write.
    package init?(stored: Secret) {
        let parts = stored.reveal().split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt",
            let salt = Data(base64Encoded: String(parts[3])), salt.count == Self.saltLength,
            let key = Data(base64Encoded: String(parts[4])), key.count == Self.keyLength
        else { return nil }
        let numbers = zip(["ln=", "r=", "p="], parts[2].split(separator: ",")).compactMap { name, field in
            field.hasPrefix(name) ? Int(field.dropFirst(name.count)) : nil
        }
        guard numbers.count == 3 else { return nil }
        cost = Cost(logN: numbers[0], blockSize: numbers[1], parallelism: numbers[2])
        guard cost.isSane else { return nil }
        self.salt = salt
        self.key = key
    }

    package var stored: Secret {
        Secret(
            "$scrypt$ln=\(cost.logN),r=\(cost.blockSize),p=\(cost.parallelism)"
                + "$\(salt.base64EncodedString())$\(key.base64EncodedString())"
        )
    }

    /// As expensive as ``init(of:cost:)``; the comparison does not tell where the first difference is.
    package func matches(_ password: Secret) throws -> Bool {
        try equalInConstantTime(Self.derive(password, salt, cost), key)
    }

    private static func derive(_ password: Secret, _ salt: Data, _ cost: Cost) throws -> Data {
        try KDF.Scrypt.deriveKey(
            from: Data(password.reveal().utf8),
            salt: salt,
            outputByteCount: keyLength,
            rounds: 1 << cost.logN,
            blockSize: cost.blockSize,
            parallelism: cost.parallelism
        ).withUnsafeBytes { Data($0) }
    }
}

/// Looks at every byte whatever the outcome. The lengths are no secret.
func equalInConstantTime(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    return zip(left, right).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
}
