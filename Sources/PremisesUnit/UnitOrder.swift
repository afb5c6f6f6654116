import Foundation
package import HSSModel
package import Vd

/// What somebody at the keyboard, or a script, makes happen at simulated units while they run: one line each.
package enum UnitOrder: Sendable, Equatable {
    /// `alarm TYPE [start|end|pulse] [CHANNEL]`
    case alarm(AlarmType, AlarmPhase, channel: Int)
    /// `bind CODE`: a customer shows a code.
    case bind(String)
    /// `channel NUMBER online|offline|error|disabled`
    case channel(Int, ChannelState)

    package static let forms =
        "alarm TYPE [start|end|pulse] [CHANNEL], bind CODE, channel NUMBER online|offline|error|disabled"

    /// The order, and the unit that it is for; nil: all of them. Nil for an empty line and one that starts with `#`.
    package static func parse(_ line: String) throws(UnitSetupError) -> (order: UnitOrder, unit: UnitID?)? {
        var words = line.split(whereSeparator: \.isWhitespace).map(String.init)[...]
        guard let first = words.first, !first.hasPrefix("#") else { return nil }
        var unit: UnitID?
        if first.hasPrefix("@") {
            guard let id = UnitID(rawValue: String(first.dropFirst())) else {
                throw .option("command", "expected @DEVICE_ID, found \(first.prefix(80))")
            }
            unit = id
            words = words.dropFirst()
        }
        return (try order(Array(words)), unit)
    }

    private static func order(_ words: [String]) throws(UnitSetupError) -> UnitOrder {
        switch (words.first, words.count) {
        case ("alarm", 2...4): return try alarm(Array(words.dropFirst()))
        case ("bind", 2): return .bind(words[1])
        case ("channel", 3):
            let states: [String: ChannelState] = [
                "online": .online, "offline": .offline, "error": .error, "disabled": .disabled,
            ]
            guard let state = states[words[2]] else {
                throw .option(
                    "command",
                    "expected online, offline, error or disabled, found \(words[2].prefix(80))"
                )
            }
            return .channel(try channel(words[1]), state)
        default:
            throw .option("command", "expected \(forms), found \(words.joined(separator: " ").prefix(80))")
        }
    }

    private static func alarm(_ words: [String]) throws(UnitSetupError) -> UnitOrder {
        guard let type = AlarmType(word: words[0]) else {
            throw .option("alarm", "expected one of \(AlarmType.words), found \(words[0].prefix(80))")
        }
        var rest = words.dropFirst()
        var phase: AlarmPhase = type.isSingle ? .pulse : .start
        if let word = rest.first, let told = AlarmPhase(rawValue: word) {
            phase = told
            rest = rest.dropFirst()
        }
        let number = try rest.first.map { (word) throws(UnitSetupError) in try channel(word) } ?? 0
        guard rest.count <= 1 else { throw .option("command", "expected \(forms)") }
        return .alarm(type, phase, channel: number)
    }

    private static func channel(_ word: String) throws(UnitSetupError) -> Int {
        guard let number = Int(word), (0...ChannelAddress.highestNumber).contains(number) else {
            throw .option(
                "channel",
                "expected 0 to \(ChannelAddress.highestNumber), found \(word.prefix(80))"
            )
        }
        return number
    }
}

extension UnitFleet {
    /// Obeys the lines of standard input until its end, on a thread of its own; what is wrong is said, and the next
    /// line counts.
    package func obeyStandardInput(complain: @escaping @Sendable (String) -> Void) {
        Thread.detachNewThread { [self] in
            while let line = readLine() {
                do throws(UnitSetupError) {
                    guard let (order, unit) = try UnitOrder.parse(line) else { continue }
                    if !carryOut(order, of: unit) { complain("no unit \(unit?.rawValue ?? "") runs") }
                } catch {
                    complain(error.description)
                }
            }
        }
    }
}

extension VirtualDeviceSettings {
    /// `PERCENT` or `PERCENT:TIME`, the time that one percent lasts.
    package mutating func setBattery(_ text: String) throws(UnitSetupError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            .map(String.init)
        guard let first = parts.first, let percent = Int(first), (0...100).contains(percent) else {
            throw .option("battery", "expected 0 to 100, or PERCENT:TIME such as 80:10s, found \(text)")
        }
        battery = percent
        if parts.count == 2 {
            batteryStep = max(.milliseconds(10), try FaultPlan.duration(parts[1], option: "battery"))
        }
    }

    /// Names with commas between them, or `none`.
    package mutating func setAbilities(_ text: String) throws(UnitSetupError) {
        abilities = []
        for name in text.split(separator: ",") where name != "none" {
            guard let ability = UnitAbilities.names.first(where: { $0.name == name })?.ability else {
                let names = UnitAbilities.names.map(\.name).joined(separator: ", ")
                throw .option("abilities", "expected none or some of \(names), found \(name)")
            }
            abilities.insert(ability)
        }
    }
}
