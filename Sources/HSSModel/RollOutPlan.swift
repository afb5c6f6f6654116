/// What an operator orders: one firmware for units of one hardware model.
package struct RollOutPlan: Sendable, Equatable {
    /// Version that a unit reports when it is through (`firmware_model`, Tables I.2-7 and 9-3).
    package var version: String
    /// Updates begin between `opens` and `closes`; one that has begun may end later.
    package var opens: WallTime
    package var closes: WallTime
    /// Units begin spread evenly over this time from `opens` on, so that they do not fetch the image at once.
    package var spread: Duration
    /// Units that update at the same time, 1 to ``mostAtOnceLimit``.
    package var mostAtOnce: Int
    /// Percent of finished units that may fail before the roll-out stops itself, 0 to 100: it stops above this.
    package var errorLimit: Int
    /// Finished units before the percentage means anything.
    package var errorSample: Int
    /// Times that a unit is told. An image that a unit cannot install must not make it install for ever.
    package var attempts: Int
    /// From the telling to the return with the new version.
    package var patience: Duration

    package static let mostAtOnceLimit = 1_000
    private static let longestWindow = Duration.seconds(366 * 86_400)

    package init(
        version: String,
        opens: WallTime,
        closes: WallTime,
        spread: Duration = .zero,
        mostAtOnce: Int = 20,
        errorLimit: Int = 5,
        errorSample: Int = 10,
        attempts: Int = 3,
        patience: Duration = .seconds(1800)
    ) {
        self.version = version
        self.opens = opens
        self.closes = closes
        self.spread = spread
        self.mostAtOnce = mostAtOnce
        self.errorLimit = errorLimit
        self.errorSample = errorSample
        self.attempts = attempts
        self.patience = patience
    }

    /// The rule that the plan breaks, and of which field of the API; nil for a sound one.
    package var objection: (field: String, rule: String)? {
        if !(1...128).contains(version.utf8.count) { return ("version", "expected 1 to 128 bytes") }
        if closes <= opens || closes - opens > Self.longestWindow {
            return ("closes_at", "expected a time after opens_at, at most a year later")
        }
        if spread < .zero || spread > closes - opens {
            return ("spread_seconds", "expected at most the time from opens_at to closes_at")
        }
        if !(1...Self.mostAtOnceLimit).contains(mostAtOnce) {
            return ("most_at_once", "expected 1 to \(Self.mostAtOnceLimit)")
        }
        if !(0...100).contains(errorLimit) { return ("error_limit", "expected 0 to 100 percent") }
        if !(1...1_000_000).contains(errorSample) { return ("error_sample", "expected 1 to 1000000") }
        if !(1...10).contains(attempts) { return ("attempts", "expected 1 to 10") }
        if patience < .seconds(60) || patience > .seconds(86_400) {
            return ("patience_seconds", "expected 60 to 86400")
        }
        return nil
    }

    /// Those of `units` that belong to the first `percent` of a fleet. The choice depends on nothing but the names,
    /// so 10 percent today are among the 50 percent of tomorrow, and on two nodes they are the same.
    package static func share(_ percent: Int, of units: [UnitID]) -> [UnitID] {
        guard percent < 100 else { return units }
        return units.filter { Int(place($0) % 100) < percent }
    }

    /// FNV-1a with a final mix: names of one series differ in their last character only.
    private static func place(_ unit: UnitID) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in unit.rawValue.utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
        }
        hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        return hash ^ (hash >> 33)
    }
}
