/// State that a unit reports of itself (`state`, Table I.2-1).
package enum UnitState: Int, Sendable, Codable {
    case online = 1, upgrading = 2, error = 3
}

/// State of one channel (`channels[].state`, Table I.2-1).
package enum ChannelState: Int, Sendable, Codable {
    case offline = 0, online = 1, error = 3, disabled = 4
}

/// One channel of one unit. Channels count from 0; a single camera is channel 0.
package struct ChannelAddress: Hashable, Sendable, Codable, CustomStringConvertible {
    /// Units with more channels are recorders that log in as several units.
    package static let highestNumber = 255

    package let unit: UnitID
    package let number: Int

    package init(unit: UnitID, number: Int) {
        self.unit = unit
        self.number = number
    }

    package var description: String { "\(unit)/\(number)" }
}

/// Counts takeovers: of a unit by its newest login, of a stream by its newest publisher.
/// What carries a lower epoch than the current one is late news and changes nothing.
package struct Epoch: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The epoch after `last`. Taken from the clock when that is ahead, so that epochs grow over restarts too.
    package static func following(_ last: Epoch?, at now: WallTime) -> Epoch {
        Epoch(max((last?.rawValue ?? 0) + 1, UInt64(max(0, now.milliseconds))))
    }

    package static func < (left: Epoch, right: Epoch) -> Bool { left.rawValue < right.rawValue }

    package var description: String { String(rawValue) }
}
