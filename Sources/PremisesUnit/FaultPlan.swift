/// How a simulated unit misbehaves on purpose, so that one can see the platform bear it.
package struct FaultPlan: Sendable, Equatable {
    /// Closes its Vd connection when it has held for so long, again and again.
    package var dropAfter: Duration?
    /// Sends no heartbeat.
    package var isMute = false
    /// Waits so long before it answers a request.
    package var slowAnswers: Duration?
    /// Says yes to `PushLive`, reports the stream, and pushes nothing.
    package var publishesNothing = false
    /// Answers `PushLive` with this error.
    package var refuseLive: Int?
    /// Sends a malformed packet after every login.
    package var sendsGarbage = false

    package init() {}

    private static let names =
        "drop-after=TIME, mute, slow-answers=TIME, no-publish, refuse-live=CODE, garbage"

    /// Adds one `--fault`. Times are written `500ms`, `10s` or `2m`.
    package mutating func add(_ text: String) throws(UnitSetupError) {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        let value = parts.count == 2 ? parts[1] : nil
        switch (parts.first, value) {
        case ("drop-after", let value?): dropAfter = try Self.duration(value)
        case ("slow-answers", let value?): slowAnswers = try Self.duration(value)
        case ("refuse-live", let value?):
            guard let code = Int(value), (1...999).contains(code) else {
                throw .option("fault", "refuse-live: expected a code of 1 to 999, found \(value)")
            }
            refuseLive = code
        case ("mute", nil): isMute = true
        case ("no-publish", nil): publishesNothing = true
        case ("garbage", nil): sendsGarbage = true
        default: throw .option("fault", "expected one of \(Self.names), found \(text)")
        }
    }

    private static func duration(_ text: String) throws(UnitSetupError) -> Duration {
        let units = [("ms", 1), ("s", 1000), ("m", 60_000)]
        for (suffix, milliseconds) in units where text.hasSuffix(suffix) {
            guard let number = Int(text.dropLast(suffix.count)), (0...86_400_000).contains(number) else {
                break
            }
            let total = number * milliseconds
            guard total <= 86_400_000 else { break }
            return .milliseconds(total)
        }
        throw .option("fault", "expected a time up to a day such as 500ms, 10s or 2m, found \(text)")
    }
}
