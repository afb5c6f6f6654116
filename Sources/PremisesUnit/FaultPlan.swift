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

    /// Installs no firmware to its end.
    package var failsUpgrades = false
    /// What happens to the messages that it sends.
    package var messages = MessageFaultPlan()
    /// What goes wrong at the storage.
    package var recording = RecordFaultPlan()

    package init() {}

    private static let names =
        "drop-after=TIME, mute, slow-answers=TIME, no-publish, refuse-live=CODE, garbage, upgrade-fails, "
        + "drop=SHARE, delay=SHARE[/TIME], reorder=SHARE, duplicate=SHARE, truncate=SHARE, lie=SHARE, "
        + "vr-drop=SHARE, vr-wrong-size=SHARE, vr-duplicate=SHARE, vr-late-save=TIME, vr-clock=TIME, vr-plain"

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
        case ("upgrade-fails", nil): failsUpgrades = true
        case ("vr-plain", nil): recording.chances[.plain] = 1000
        case (let name?, let value?):
            if let kind = RecordFaultPlan.Kind(rawValue: name), kind != .plain {
                recording.chances[kind] = try Self.share(value, of: name)
                break
            }
            if let shift = RecordFaultPlan.Shift(rawValue: name) {
                recording.shifts[shift] = try Self.duration(value)
                break
            }
            guard let kind = MessageFaultPlan.Kind(rawValue: name) else {
                throw .option("fault", "expected one of \(Self.names), found \(text)")
            }
            try add(kind, value)
        default: throw .option("fault", "expected one of \(Self.names), found \(text)")
        }
    }

    /// A share is written `5%` or `0.5%`.
    private mutating func add(_ kind: MessageFaultPlan.Kind, _ text: String) throws(UnitSetupError) {
        let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
        guard parts.count == 1 || kind == .delay else { throw Self.noShare(text, of: kind.rawValue) }
        messages.chances[kind] = try Self.share(parts.first ?? "", of: kind.rawValue)
        if parts.count == 2 { messages.delay = try Self.duration(parts[1]) }
    }

    /// Of a thousand.
    private static func share(_ text: String, of name: String) throws(UnitSetupError) -> Int {
        guard text.hasSuffix("%"), let percent = Double(text.dropLast()), (0...100).contains(percent) else {
            throw noShare(text, of: name)
        }
        return Int((percent * 10).rounded())
    }

    private static func noShare(_ text: String, of name: String) -> UnitSetupError {
        .option("fault", "\(name): expected a share of 0% to 100%, found \(text)")
    }

    package static func duration(_ text: String, option: String = "fault") throws(UnitSetupError) -> Duration
    {
        let units = [("ms", 1), ("s", 1000), ("m", 60_000)]
        for (suffix, milliseconds) in units where text.hasSuffix(suffix) {
            guard let number = Int(text.dropLast(suffix.count)), (0...86_400_000).contains(number) else {
                break
            }
            let total = number * milliseconds
            guard total <= 86_400_000 else { break }
            return .milliseconds(total)
        }
        throw .option(option, "expected a time up to a day such as 500ms, 10s or 2m, found \(text)")
    }
}
