/// How long a unit waits before it connects again.
package enum ReconnectDelay {
    /// From the 13th attempt on the wait is constant.
    package static let lastSpreadAttempt = 12
    private static let millisecondsPerAttempt = 5000
    package static let longest: Duration = .seconds(60)

    /// Spreads the return of many units after an outage (H.627.2 §9.3.1.3). The Recommendation fixes the
    /// range, not the distribution; a uniform choice gives the flattest load.
    ///
    /// - Parameters:
    ///   - attempt: the number of the coming attempt, 1 for the first.
    ///   - random: the only source of chance, so that a test can repeat it.
    /// - Returns: 0 to 5·`attempt` seconds up to the 12th attempt, 60 s after it.
    package static func before(
        attempt: Int,
        using random: inout some RandomNumberGenerator
    ) -> Duration {
        guard attempt <= lastSpreadAttempt else { return longest }
        let longestMilliseconds = millisecondsPerAttempt * max(0, attempt)
        return .milliseconds(Int.random(in: 0...longestMilliseconds, using: &random))
    }
}

/// When a unit gives its signalling server up and asks Vs again (§9.3.1.2 item 1).
package struct Rescheduling: Equatable, Sendable {
    /// More failures than this, not as many: the 16th is the one that counts.
    package static let toleratedFailures = 15

    /// Connections that failed one after another since the last success or the last answer of Vs.
    package private(set) var failures = 0

    package init() {}

    package var isDue: Bool { failures > Self.toleratedFailures }

    package mutating func connectionFailed() {
        // A unit may be offline for years; past the limit the exact number says nothing.
        failures = min(failures + 1, Self.toleratedFailures + 1)
    }

    /// The signalling server admitted the unit, or Vs has named one anew.
    package mutating func startOver() {
        failures = 0
    }
}
