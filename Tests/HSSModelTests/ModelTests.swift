import Testing

@testable import HSSModel

@Suite("Values every part speaks of") struct ModelTests {
    @Test(arguments: ["a", "cam-1", "00:11:22:aa:bb:cc", "A.b_c", String(repeating: "x", count: 64)])
    func namesThatNeedNoEscaping(text: String) {
        #expect(UnitID(rawValue: text)?.rawValue == text)
    }

    @Test(arguments: ["", "a b", "a/b", "ä", "a\n", "%41", String(repeating: "x", count: 65)])
    func namesThatAreRefused(text: String) {
        #expect(UnitID(rawValue: text) == nil)
    }

    /// Units write the same address in several ways (§9.2).
    @Test(arguments: ["00:11:22:aa:bb:cc", "00-11-22-AA-BB-CC", "001122aabbcc"])
    func oneHardwareHasOneCanonicalIdentity(text: String) {
        #expect(MACIdentity(rawValue: text)?.canonical == "001122AABBCC")
    }

    @Test func epochsGrowAlsoWhenTheClockDoesNot() {
        let now = WallTime(milliseconds: 1000)
        let first = Epoch.following(nil, at: now)
        #expect(first == Epoch(1000))
        #expect(Epoch.following(first, at: now) == Epoch(1001))
        #expect(Epoch.following(first, at: WallTime(milliseconds: 10)) == Epoch(1001), "a clock set back")
        #expect(Epoch.following(first, at: WallTime(milliseconds: 5000)) == Epoch(5000))
    }

    @Test func timesBeforeTheEpochRoundDown() {
        #expect(WallTime(milliseconds: -1).seconds == -1)
        #expect(WallTime(milliseconds: 1999).seconds == 1)
        #expect(WallTime(milliseconds: 1000) + .seconds(2) == WallTime(milliseconds: 3000))
        #expect(Instant(nanoseconds: 5) - Instant(nanoseconds: 3) == .nanoseconds(2))
    }

    @Test func aSecretDoesNotPrintItself() {
        let secret = Secret("hidden")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), dumped, "\([secret])"] {
            #expect(!text.contains("hidden"))
        }
        #expect(secret.reveal() == "hidden")
    }
}
