import Crypto
import HSSModel

/// What is stored of a unit's login password: `$sha256$<salt>$<hash>`, hexadecimal.
///
/// One round of SHA-256 is right here, and a slow hash would be wrong: the password is 160 random bits (or an
/// operator's own, of which length and variety are demanded and randomness is expected), so there is no list
/// to try it against, while 5,000 units that return after an outage are all checked within seconds. The salt
/// keeps two devices with the same given password from showing it.
enum DeviceSecret {
    static let generatedBits = 160
    static let givenLength = 16...128
    static let fewestDifferentCharacters = 8

    static func generate() -> Secret {
        Secret(RandomText.base32(bits: generatedBits))
    }

    /// What is wrong with a password that an operator gives, nil where it will do. It travels in the query of
    /// the Vd address (Table 9-3), so it is printable ASCII.
    static func objection(to given: Secret) -> String? {
        let bytes = given.reveal().utf8
        guard givenLength.contains(bytes.count), Set(bytes).count >= fewestDifferentCharacters,
            bytes.allSatisfy({ (0x21...0x7e).contains($0) })
        else {
            return
                "expected \(givenLength.lowerBound) to \(givenLength.upperBound) printable ASCII characters, "
                + "\(fewestDifferentCharacters) of them different, random; or none, to have one made"
        }
        return nil
    }

    static func hash(_ password: Secret) -> Secret {
        let salt = RandomText.hexadecimal(bits: 128)
        return Secret("$sha256$\(salt)$\(digest(salt, password))")
    }

    /// Does the same work where `stored` is nil, for a device that does not exist.
    static func matches(_ password: Secret, _ stored: Secret?) -> Bool {
        let text = stored?.reveal() ?? stranger
        let parts = text.split(separator: "$")
        guard parts.count == 3, parts[0] == "sha256" else { return false }
        let equal = equalInConstantTime(digest(parts[1], password).utf8, parts[2].utf8)
        return equal && stored != nil
    }

    private static let stranger =
        "$sha256$\(String(repeating: "0", count: 32))$\(String(repeating: "0", count: 64))"

    private static func digest(_ salt: some StringProtocol, _ password: Secret) -> String {
        var hasher = SHA256()
        hasher.update(data: Array(salt.utf8))
        hasher.update(data: Array(password.reveal().utf8))
        return hexadecimal(hasher.finalize())
    }
}
