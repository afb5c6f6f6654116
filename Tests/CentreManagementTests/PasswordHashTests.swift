import CentreManagement
import HSSModel
import Testing

@Suite("Stored passwords") struct PasswordHashTests {
    @Test func theRecommendedCostIsWhatOWASPAsksFor() throws {
        // 2^15, 8, 3 is one of the settings that the Password Storage Cheat Sheet names as equal.
        let hash = try PasswordHash(of: Secret("password"), cost: .recommended)
        #expect(hash.stored.reveal().hasPrefix("$scrypt$ln=15,r=8,p=3$"))
        #expect(try hash.matches(Secret("password")))
        #expect(try !hash.matches(Secret("passwore")))
    }

    @Test func aStoredHashIsReadBack() throws {
        let hash = try PasswordHash(of: Secret("password"), cost: Centre.cheap)
        let read = try #require(PasswordHash(stored: hash.stored))
        #expect(read == hash)
        #expect(try read.matches(Secret("password")))
    }

    @Test func theSamePasswordIsNeverStoredAlike() throws {
        let first = try PasswordHash(of: Secret("password"), cost: Centre.cheap)
        let second = try PasswordHash(of: Secret("password"), cost: Centre.cheap)
        #expect(first.stored != second.stored)
    }

    /// RFC 7914 §12 with its salt and length replaced by ours would be no vector; this one is from Python's
    /// `hashlib.scrypt(b"pleaseletmein", salt=b"0123456789abcdef", n=1024, r=8, p=16, dklen=32)`.
    @Test func agreesWithAnotherImplementation() throws {
        let stored =
            "$scrypt$ln=10,r=8,p=16$MDEyMzQ1Njc4OWFiY2RlZg==$EchcI3+tRhgKL9BBuUmgzEznCjXFMrmkpglAnypCPHQ="
        let hash = try #require(PasswordHash(stored: Secret(stored)))
        #expect(try hash.matches(Secret("pleaseletmein")))
    }

    @Test(arguments: [
        "", "$", "$scrypt$", "$scrypt$ln=15,r=8,p=3$$", "password",
        "$argon2$ln=4,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "$scrypt$ln=63,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "$scrypt$ln=4,r=0,p=1$MDEyMzQ1Njc4OWFiY2RlZg==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "$scrypt$ln=4,r=8$MDEyMzQ1Njc4OWFiY2RlZg==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "$scrypt$ln=4,r=8,p=1$MDEy$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "$scrypt$ln=4,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg==$AAAA",
    ]) func whatCannotBeReadIsNoHash(text: String) {
        #expect(PasswordHash(stored: Secret(text)) == nil)
    }
}
