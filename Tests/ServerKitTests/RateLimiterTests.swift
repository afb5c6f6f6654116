import HSSModel
import ServerKit
import TestSupport
import Testing

@Suite("Rate limits") struct RateLimiterTests {
    private func seconds(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

    @Test func aBurstThenTheRate() {
        var limiter = RateLimiter<String>(perSecond: 2, burst: 3, capacity: 10)
        let atOnce = (0..<5).map { _ in limiter.admit("a", at: seconds(0)) }
        #expect(atOnce == [true, true, true, false, false])
        let tooSoon = limiter.admit("a", at: seconds(0.4))
        let refilled = limiter.admit("a", at: seconds(0.6))
        let another = limiter.admit("b", at: seconds(0.6))
        #expect(!tooSoon && refilled && another)
    }

    @Test func aFullTableMakesRoomFromRestingKeysFirst() {
        var limiter = RateLimiter<Int>(perSecond: 1, burst: 2, capacity: 2)
        let first = [1, 2].map { limiter.admit($0, at: seconds(0)) }
        // Both have their burst back: they make room.
        let second = [3, 4].map { limiter.admit($0, at: seconds(5)) }
        #expect(first + second == [true, true, true, true])
        // Nobody has: the newcomers share one bucket.
        let newcomers = (5..<10).map { limiter.admit($0, at: seconds(5)) }
        #expect(newcomers == [true, true, false, false, false])
        // Those in the table keep their own.
        let known = limiter.admit(3, at: seconds(5))
        #expect(known)
    }

    @Test func aFloodOfNewKeysIsCheap() {
        var limiter = RateLimiter<Int>(perSecond: 0.001, burst: 2, capacity: 50_000)
        for key in 0..<50_000 { _ = limiter.admit(key, at: seconds(0)) }
        // With a sweep for each of them these took minutes.
        let duration = ContinuousClock().measure {
            for key in 50_000..<150_000 { _ = limiter.admit(key, at: seconds(1)) }
        }
        #expect(duration < .seconds(10))
    }

    @Test(arguments: 1...10) func nobodyGetsMoreThanBurstAndRate(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var limiter = RateLimiter<Int>(perSecond: 5, burst: 7, capacity: 1000)
        var admitted: [Int: Int] = [:]
        var now = seconds(0)
        for _ in 0..<5000 {
            now = now + .milliseconds(Int.random(in: 0...10, using: &random))
            let key = Int.random(in: 0...3, using: &random)
            if limiter.admit(key, at: now) { admitted[key, default: 0] += 1 }
        }
        let most = 7 + 5 * (now - seconds(0)).inSeconds
        #expect(admitted.values.allSatisfy { Double($0) <= most })
        // And those who ask all the time get nearly all of it.
        #expect(admitted.values.allSatisfy { Double($0) >= 0.9 * most })
    }
}
