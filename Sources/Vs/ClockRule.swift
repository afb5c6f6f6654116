package import HSSModel

/// When a unit takes over the platform's time (§9.3.1.1 step 3).
package enum ClockRule {
    /// A smaller difference is left alone: setting a clock makes segments and alarms jump.
    package static let tolerance: Duration = .seconds(10)

    /// The time to set, or nil where the unit's clock is near enough. Exactly 10 s is near enough: the
    /// Recommendation sets the clock when the difference is larger.
    package static func correction(platform: WallTime, unit: WallTime) -> WallTime? {
        let difference = platform > unit ? platform - unit : unit - platform
        return difference > tolerance ? platform : nil
    }
}
