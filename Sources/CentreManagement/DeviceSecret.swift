import HSSModel

/// A unit's login password: 160 random bits, or an operator's own, of which length and variety are demanded and
/// randomness is expected.
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
}
