import TestSupport
import Testing
import Vs

@Suite("Service re-connection, §9.3.1.3") struct ReconnectTests {
    @Test(arguments: [
        (attempt: 0, seconds: 0.0...0.0),
        (attempt: 1, seconds: 0.0...5.0),
        (attempt: 2, seconds: 0.0...10.0),
        (attempt: 12, seconds: 0.0...60.0),
        (attempt: 13, seconds: 60.0...60.0),
        (attempt: .max, seconds: 60.0...60.0),
        (attempt: .min, seconds: 0.0...0.0),
    ]) func delayStaysInItsRange(attempt: Int, seconds: ClosedRange<Double>) {
        var random = SeededGenerator(seed: 9313)
        for _ in 0..<500 {
            let delay = ReconnectDelay.before(attempt: attempt, using: &random)
            #expect((Duration.seconds(seconds.lowerBound)...(.seconds(seconds.upperBound))).contains(delay))
        }
    }

    @Test(arguments: 1...12) func delaysSpreadEvenly(attempt: Int) {
        var random = SeededGenerator(seed: UInt64(attempt))
        var inTenth = Array(repeating: 0, count: 10)
        for _ in 0..<10_000 {
            let share =
                ReconnectDelay.before(attempt: attempt, using: &random) / .milliseconds(5000 * attempt + 1)
            inTenth[Int(share * 10)] += 1
        }
        // 1,000 expected in each; 5 standard deviations are 150.
        #expect(inTenth.allSatisfy { (850...1150).contains($0) })
    }

    @Test func theSameChanceGivesTheSameDelay() {
        var first = SeededGenerator(seed: 1), second = SeededGenerator(seed: 1)
        for attempt in 1...12 {
            #expect(
                ReconnectDelay.before(attempt: attempt, using: &first)
                    == ReconnectDelay.before(attempt: attempt, using: &second)
            )
        }
    }
}

@Suite("Re-scheduling, §9.3.1.2") struct ReschedulingTests {
    @Test func isDueAfterMoreThanFifteenFailures() {
        var rule = Rescheduling()
        for _ in 1...15 {
            rule.connectionFailed()
            #expect(!rule.isDue)
        }
        rule.connectionFailed()
        #expect(rule.isDue)
        rule.connectionFailed()
        #expect(rule.isDue)
    }

    @Test func onlyFailuresInARowCount() {
        var rule = Rescheduling()
        for _ in 1...15 { rule.connectionFailed() }
        rule.startOver()
        for _ in 1...15 { rule.connectionFailed() }
        #expect(!rule.isDue)
    }
}
